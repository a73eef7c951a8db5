"""Measure the noise of any layer, to have evidence for a kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget
from superqt.utils import signals_blocked

from autoStructN2V.pipeline import PipelineConfig
from napari_autostructn2v.lifetime import connect
from napari_autostructn2v.widgets.editors import ChoiceBox
from napari_autostructn2v.widgets.forms import choices_of, field_help
from napari_autostructn2v.widgets.layer_chooser import LayerChooser

if TYPE_CHECKING:
    from napari_autostructn2v.session.session import Session

_MEASURE_HELP = (
    "Measure which neighboring pixels of this layer share noise, and propose a kernel. Takes "
    "seconds; no training is needed."
)


class MeasurementPanel(QWidget):
    """Choice of a layer and a mode, a button that measures, and the progress of it.

    Parameters
    ----------
    session : Session
        Does the work.
    parent : QWidget, optional
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.chooser = LayerChooser(session.viewer)
        self.mode_box = ChoiceBox(choices_of(PipelineConfig, "mode"))
        self.mode_box.setAccessibleName("Mode")
        self.mode_box.setToolTip(field_help(PipelineConfig, "mode").tooltip)
        self.measure_button = QPushButton("Inspect noise")
        self.cancel_button = QPushButton("Cancel")
        self.bar = QProgressBar()
        self.message = QLabel()
        self.message.setWordWrap(True)
        self._arrange()
        self._connect()
        self._on_source()
        self._on_config()
        self._refresh()

    def measure(self) -> None:
        """Measure the chosen layer."""
        stacks = self.chooser.stacks()
        if stacks is not None:
            document = self._session.document
            self._session.noise.measure(
                stacks, document.mode, document.extractor, self._session.config
            )

    def _arrange(self) -> None:
        row = QHBoxLayout()
        row.addWidget(self.mode_box, 1)
        row.addWidget(self.measure_button, 2)
        row.addWidget(self.bar, 2)
        row.addWidget(self.cancel_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.chooser)
        column.addLayout(row)
        column.addWidget(self.message)

    def _connect(self) -> None:
        session = self._session
        self.chooser.changed.connect(self._refresh)
        self.mode_box.valueChanged.connect(self._on_mode)
        self.measure_button.clicked.connect(self.measure)
        self.cancel_button.clicked.connect(session.tasks.cancel)
        connect(self, session.source_changed, self._on_source)
        connect(self, session.config_changed, self._on_config)
        connect(self, session.tasks.changed, self._refresh)
        connect(self, session.training.changed, self._refresh)
        connect(self, session.document.changed, self._refresh)

    def _on_mode(self) -> None:
        self._session.document.set_mode(self.mode_box.value())

    def _on_source(self, source: object = None) -> None:
        """Suggest the layer that was chosen for training."""
        if self._session.source is not None:
            self.chooser.set_layer(self._session.source.layer)
            self.chooser.set_chosen(self._session.source.chosen)

    def _on_config(self, config: object = None) -> None:
        """Start from the configuration until there is a kernel."""
        document, settings = self._session.document, self._session.config
        self.chooser.set_along_time(settings.is_along_time)
        if document.is_untouched:
            document.set_mode(settings.mode)
            document.regenerate(settings.stage2.extractor)

    def _why_not(self) -> str:
        """Return why nothing can be measured now; empty if it can."""
        if self._session.tasks.state.is_running:
            return "Wait until the task that runs has ended."
        if self.chooser.layer() is None:
            return "There is no image layer."
        return self.chooser.problem()

    def _refresh(self, *_: object) -> None:
        task, reason = self._session.tasks.state, self._why_not()
        with signals_blocked(self.mode_box):
            self.mode_box.setValue(self._session.document.mode)
        is_measuring = task.is_measuring
        self.measure_button.setVisible(not is_measuring)
        self.measure_button.setEnabled(not reason)
        self.measure_button.setToolTip(reason or _MEASURE_HELP)
        self.bar.setVisible(is_measuring)
        self.cancel_button.setVisible(is_measuring)
        self.cancel_button.setEnabled(not task.is_stopping)
        if is_measuring and task.progress is not None:
            self.bar.setRange(0, 100 if task.progress.fraction else 0)
            self.bar.setValue(round(100 * task.progress.fraction))
            self.bar.setAccessibleName(task.progress.text)
        self.message.setText(self._text())
        self.message.setVisible(bool(self.message.text()))

    def _text(self) -> str:
        """Return errors and warnings of the task; the advice is shown beside the kernel."""
        task, advice = self._session.tasks.state, self._session.document.advice
        if task.kind != "measure":
            return ""
        known = advice.messages if advice is not None else ()
        news = [message for message in task.messages if message not in known]
        if task.is_stopping:
            news = ["Cancelling..."]
        return " ".join([*news, task.error or ""]).strip()
