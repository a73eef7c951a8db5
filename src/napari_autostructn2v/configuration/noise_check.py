"""Measure the noise of a layer, and say which method fits and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from autoStructN2V.inference.noise_report import InputNoise
from napari_autostructn2v.widgets.forms import choice_label
from napari_autostructn2v.widgets.sections import sentence, show_sentence

if TYPE_CHECKING:
    from autoStructN2V.masking import Advice, KernelProposal
    from napari_autostructn2v.session.state import Measurement, TaskState


class NoiseCheck(QWidget):
    """Button to measure, progress, and the advice that came of it.

    Attributes
    ----------
    advice : Advice or None
        What is shown.
    """

    requested = Signal()
    """The noise is to be measured."""
    cancel_requested = Signal()
    """The measurement is to end."""
    method_chosen = Signal(str)
    """The recommended method is to be used."""

    def __init__(self) -> None:
        super().__init__()
        self.advice: Advice | None = None
        self.inspect_button = QPushButton("Inspect noise")
        self.inspect_button.setToolTip(
            "Measure which pixels share noise, and say which method fits. Takes seconds."
        )
        self._busy = QProgressBar()
        self._busy.setRange(0, 0)
        self._busy.setTextVisible(False)
        self._busy.hide()
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.hide()
        self._text = sentence()
        self.apply_button = QPushButton()
        self.apply_button.hide()
        row = QHBoxLayout()
        row.addWidget(self.inspect_button)
        row.addWidget(self._busy, 1)
        row.addWidget(self.cancel_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row)
        column.addWidget(self._text)
        column.addWidget(self.apply_button)
        self.inspect_button.clicked.connect(self.requested)
        self.cancel_button.clicked.connect(self.cancel_requested)
        self.apply_button.clicked.connect(self._choose)

    def text(self) -> str:
        """Return what is said about the noise."""
        return self._text.text()

    def show_measurement(
        self, measurement: Measurement | None, task: TaskState, method: str, of: str = ""
    ) -> None:
        """Show what a measurement of the layer means, or why it failed.

        Its method is offered if another one is configured; ``of`` says what of the layer it is of.
        """
        proposal = measurement.proposal if measurement is not None else None
        self.advice = proposal.advice if proposal is not None else None
        if proposal is None:
            is_failed = measurement is not None and task.kind == "measure"
            show_sentence(self._text, (task.error or "") if is_failed else "")
            self.apply_button.hide()
            return
        label = choice_label("method", proposal.advice.recommended_method)
        show_sentence(self._text, f"{of}{_outcome(proposal, label)}")
        self.apply_button.setText(f"Use {label}")
        self.apply_button.setVisible(proposal.advice.recommended_method != method)

    def show_task(self, task: TaskState, can_measure: bool) -> None:
        """Show whether a measurement runs."""
        self._busy.setVisible(task.is_measuring)
        self.cancel_button.setVisible(task.is_measuring)
        self.cancel_button.setEnabled(not task.is_stopping)
        self.inspect_button.setEnabled(can_measure and not task.is_running)

    def _choose(self) -> None:
        if self.advice is not None:
            self.method_chosen.emit(self.advice.recommended_method)


def _outcome(proposal: KernelProposal, method: str) -> str:
    """Say how strong the noise is, what it shares, and which method fits."""
    noise = InputNoise.measured(proposal.autocorrelation)
    lines = [f"Noise: standard deviation {noise.std_text}.", *proposal.advice.messages]
    return "\n".join([*lines, f"Recommended method: {method}."])
