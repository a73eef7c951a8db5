"""Start from a model of an earlier training instead of from scratch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_autostructn2v.widgets.sections import sentence, show_sentence

if TYPE_CHECKING:
    from autoStructN2V.pipeline import PipelineConfig
    from napari_autostructn2v.session.state import TaskState

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
        row = QHBoxLayout()
        row.addWidget(self.folder_button, 1)
        row.addWidget(self.files_button, 1)
        row.addWidget(self.cancel_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row)
        column.addWidget(self._problem)
        column.addWidget(self._found)
        column.addWidget(self.open_button)
        self.folder_button.clicked.connect(self._choose_folder)
        self.files_button.clicked.connect(self._choose_files)
        self.cancel_button.clicked.connect(self.cancel_requested)
        self.open_button.clicked.connect(self.inference_requested)

    def show_found(self, text: str, *, is_complete: bool = False) -> None:
        """Say what was found."""
        show_sentence(self._problem, "")
        show_sentence(self._found, text)
        self.open_button.setVisible(is_complete)

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

    def _choose_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Choose a model folder")
        if folder:
            self.chosen.emit([Path(folder)])

    def _choose_files(self) -> None:
        files, _ = QFileDialog.getOpenFileNames(self, "Choose the files of a model", "", _FILES)
        if files:
            self.chosen.emit([Path(file) for file in files])
