"""Inspect the noise of a layer, and say which method fits and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_autostructn2v.configuration.findings import Findings
from napari_autostructn2v.widgets.sections import sentence, show_sentence

if TYPE_CHECKING:
    from autoStructN2V.pipeline import PipelineConfig
    from napari_autostructn2v.session.state import Measurement, TaskState


class NoiseCheck(QWidget):
    """Button to inspect the noise, progress, and what came of it.

    Attributes
    ----------
    findings : Findings
        What was found.
    """

    requested = Signal()
    """The noise is to be inspected."""
    cancel_requested = Signal()
    """The inspection is to end."""

    def __init__(self) -> None:
        super().__init__()
        self.inspect_button = QPushButton("Inspect noise")
        self.inspect_button.setToolTip(
            "Measure which pixels share noise, find patterns that cover the images, and say which "
            "method fits. Takes seconds."
        )
        self._busy = QProgressBar()
        self._busy.setRange(0, 0)
        self._busy.setTextVisible(False)
        self._busy.hide()
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.hide()
        self._error = sentence()
        self.findings = Findings()
        row = QHBoxLayout()
        row.addWidget(self.inspect_button)
        row.addWidget(self._busy, 1)
        row.addWidget(self.cancel_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row)
        column.addWidget(self._error)
        column.addWidget(self.findings)
        self.inspect_button.clicked.connect(self.requested)
        self.cancel_button.clicked.connect(self.cancel_requested)

    def text(self) -> str:
        """Return what is said about the noise."""
        return self._error.text() or self.findings.text()

    def show_measurement(
        self,
        measurement: Measurement | None,
        task: TaskState,
        config: PipelineConfig,
        of: str = "",
    ) -> None:
        """Show what a measurement of the layer means, or why it failed.

        ``of`` says what of the layer it is of.
        """
        is_failed = measurement is not None and measurement.proposal is None
        is_told = is_failed and task.kind == "measure"
        show_sentence(self._error, (task.error or "") if is_told else "")
        self.findings.show_measurement(measurement, config, of)

    def show_task(self, task: TaskState, can_measure: bool) -> None:
        """Show whether a measurement runs."""
        self._busy.setVisible(task.is_measuring)
        self.cancel_button.setVisible(task.is_measuring)
        self.cancel_button.setEnabled(not task.is_stopping)
        self.inspect_button.setEnabled(can_measure and not task.is_running)
