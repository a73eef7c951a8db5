"""Start from a model of an earlier training instead of from scratch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from autoStructN2V.pipeline import PipelineConfig
from napari_autostructn2v.widgets.editors import SegmentedChoice
from napari_autostructn2v.widgets.forms import choices_of, field_help
from napari_autostructn2v.widgets.sections import sentence, show_sentence

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autoStructN2V.vocabulary import GoingOn
    from napari_autostructn2v.session.state import TaskState

_USES: Mapping[GoingOn | None, str] = {
    None: "Apply it in Inference, or train a new stage 2 on top of its stage 1.",
    "continue": "Train its last stage for as many epochs again, on the images of then, with the "
    "state of the optimizer.",
    "fine_tune": "Adapt its last stage to this layer, which shows the same kind of images, in a "
    "fifth of the epochs.",
}
_FILES = "Model and configuration (*.pth *.json *.zip)"


def import_problem(config: PipelineConfig, *, is_complete: bool) -> str | None:
    """Return why no training can go on from an imported model; None if one can.

    Parameters
    ----------
    config : PipelineConfig
        What the training would be started with.
    is_complete : bool
        Whether a model was found that can be applied as it is.
    """
    if config.start_model is not None:
        return None
    has_model = config.stage1_model is not None
    if has_model and config.method == "autostructn2v" and config.trained_stages:
        return None
    if is_complete:
        problem = "The imported model leaves nothing to train; apply it in Inference"
    elif not has_model:
        problem = "No model is imported; choose one"
    elif config.method == "n2v":
        problem = "Only autoStructN2V can go on from a stage 1; choose it"
    else:
        problem = "Stage 1 is imported and stage 2 is switched off; switch it on"
    return f"{problem}, or train from scratch."


class ModelImport(QWidget):
    """Buttons to choose a model, and what was found."""

    chosen = Signal(list)
    """Paths that the person chose."""
    cancel_requested = Signal()
    """The model that is being read is not wanted."""
    inference_requested = Signal()
    """The model is to be applied as it is."""
    use_changed = Signal()
    """The model is to be used in another way, see :attr:`how` and :attr:`keeps_kernel`."""

    def __init__(self) -> None:
        super().__init__()
        self.folder_button = QPushButton("Model folder…")
        self.folder_button.setToolTip("Folder of a training with stage1_model.pth and config.json.")
        self.files_button = QPushButton("Files…")
        self.files_button.setToolTip(
            "One or two .pth files, with their config.json if you have it, or a package (.zip)."
        )
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.hide()
        self._problem = sentence()
        self._found = sentence()
        self.open_button = QPushButton("Open Inference")
        self.open_button.setToolTip("Apply the model as it is.")
        self.open_button.hide()
        self.use = SegmentedChoice([("As it is", None), *choices_of(PipelineConfig, "start_as")])
        self.use.setAccessibleName("What becomes of the model")
        for value, tooltip in _USES.items():
            self.use.button(value).setToolTip(tooltip)
        described = field_help(PipelineConfig, "keep_kernel")
        self.kernel = QCheckBox(described.title)
        self.kernel.setToolTip(described.tooltip)
        self.kernel.setChecked(True)
        self._explained = sentence()
        self._has_kernel = False
        row = QHBoxLayout()
        row.addWidget(self.folder_button, 1)
        row.addWidget(self.files_button, 1)
        row.addWidget(self.cancel_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row)
        column.addWidget(self._problem)
        column.addWidget(self._found)
        for widget in (self.use, self._explained, self.kernel, self.open_button):
            column.addWidget(widget)
        self.folder_button.clicked.connect(self._choose_folder)
        self.files_button.clicked.connect(self._choose_files)
        self.cancel_button.clicked.connect(self.cancel_requested)
        self.open_button.clicked.connect(self.inference_requested)
        self.use.valueChanged.connect(self._on_use)
        self.kernel.clicked.connect(self._on_use)
        self._show_use()

    @property
    def how(self) -> GoingOn | None:
        """How the networks are trained on; None if they are taken as they are."""
        value: GoingOn | None = self.use.value()
        return value

    @property
    def keeps_kernel(self) -> bool:
        """Whether a stage 2 that is trained on keeps its kernel."""
        return self.kernel.isChecked()

    def show_found(self, text: str, *, is_complete: bool = False, has_kernel: bool = False) -> None:
        """Say what was found, and whether it can be applied and is a stage 2 with a kernel."""
        show_sentence(self._problem, "")
        show_sentence(self._found, text)
        self.open_button.setVisible(is_complete)
        self._has_kernel = has_kernel
        self._show_use()

    def show_config(self, config: PipelineConfig) -> None:
        """Show the model of a configuration, and what becomes of it."""
        model = config.stage1_model or config.start_model
        if model is not None and not self.found():
            self.show_found(f"Model from {model}.", has_kernel=config.run_stage2)
        self.use.setValue(config.start_as if config.start_model is not None else None)
        self.kernel.setChecked(config.keep_kernel)
        self._show_use()

    def show_task(self, task: TaskState) -> None:
        """Show that a model is being read, or why it cannot be used; the one before stays."""
        for button in (self.folder_button, self.files_button):
            button.setEnabled(not task.is_running)
        self.cancel_button.setVisible(task.is_importing)
        if task.kind != "import":
            return
        if task.is_running and task.progress is not None:
            show_sentence(self._problem, task.progress.text)
        else:
            show_sentence(self._problem, f"⚠ {task.error}" if task.error else "")

    @property
    def is_complete(self) -> bool:
        """Whether a model is shown that can be applied as it is."""
        return not self.open_button.isHidden()

    def found(self) -> str:
        """Return what is said about the model."""
        return self._found.text()

    def problem(self) -> str:
        """Return what is said about a model that is being read, or could not be."""
        return self._problem.text()

    def _on_use(self) -> None:
        self._show_use()
        self.use_changed.emit()

    def _show_use(self) -> None:
        has_model = bool(self._found.text())
        self.use.setVisible(has_model)
        self.kernel.setVisible(has_model and self._has_kernel and self.how is not None)
        is_explained = has_model and self.how is not None
        show_sentence(self._explained, _USES[self.how] if is_explained else "")

    def _choose_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Choose a model folder")
        if folder:
            self.chosen.emit([Path(folder)])

    def _choose_files(self) -> None:
        files, _ = QFileDialog.getOpenFileNames(self, "Choose the files of a model", "", _FILES)
        if files:
            self.chosen.emit([Path(file) for file in files])
