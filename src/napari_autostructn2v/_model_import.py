"""Start from a model of an earlier training instead of from scratch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_autostructn2v._sections import sentence, show_sentence
from napari_autostructn2v._state import ModelCard

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autoStructN2V.pipeline import PipelineConfig
    from autoStructN2V.trainers import TrainedModel
    from napari_autostructn2v._state import TaskState

_CONFIG_NAME = "config.json"
# of a saved configuration, what belongs to the model and not to the run that made it
_OF_THE_MODEL = ("preset", "n2v", "stage1", "stage2", "num_epochs", "split_ratio")
_FILES = "Model and configuration (*.pth *.json)"


@dataclass(frozen=True)
class ImportedModel:
    """Models of an earlier training and the configuration that they bring along.

    Attributes
    ----------
    models : dict of stage to TrainedModel
    files : dict of stage to Path
    made_with : PipelineConfig or None
        What they were trained with, if that is known.
    """

    models: dict[int, TrainedModel]
    files: dict[int, Path]
    made_with: PipelineConfig | None = None

    @property
    def description(self) -> str:
        """What was found, in a sentence or two."""
        model = self.models[min(self.models)]
        made = str(model.provenance.get("created", ""))[:10]
        images = ", ".join(map(str, model.provenance.get("images", [])[:2]))
        parts = [
            f"{model.mode}",
            f"trained {made}" if made else "",
            f"on {images}" if images else "",
        ]
        details = ", ".join(part for part in parts if part)
        if model.method == "n2v":
            return f"Found an N2V model ({details}). It is complete; apply it in Inference."
        if 1 not in self.models:
            return f"Found stage 2 ({details}). It is complete; apply it in Inference."
        if 2 in self.models:
            return (
                f"Found stage 1 and stage 2 ({details}). Apply them in Inference, or train a new "
                "stage 2 on top of stage 1."
            )
        return f"Found stage 1 ({details}). It will be applied, and stage 2 trained."

    @property
    def is_complete(self) -> bool:
        """Whether the models can be applied as they are, with nothing left to train."""
        return 2 in self.models or self.models[min(self.models)].method == "n2v"

    @property
    def card(self) -> ModelCard:
        """The models of the folder of the last stage, to be applied as they are."""
        folder = self.files[max(self.files)].parent
        stages = [stage for stage, file in self.files.items() if file.parent == folder]
        return ModelCard({stage: self.models[stage] for stage in stages}, folder)

    def changes(self, config: PipelineConfig) -> dict[str, Any]:
        """Return the fields of a configuration, nested, that have to change to go on from them.

        Parameters
        ----------
        config : PipelineConfig
            Configuration that the models are to be used in.
        """
        changes: dict[str, Any] = {}
        if self.made_with is not None:
            changes = {name: self.made_with.model_dump()[name] for name in _OF_THE_MODEL}
            # where the kernel comes from is a choice of the run to come
            changes["stage2"] |= {
                name: config.stage2[name] for name in ("mask_source", "mask_file_path")
            }
        model = self.models[min(self.models)]
        changes |= {"mode": model.mode, "method": model.method}
        if model.method == "autostructn2v" and 1 in self.files:
            return changes | {
                "stage1_model": self.files[1],
                "run_stage1": True,
                "run_stage2": True,
            }
        # one that was imported before belongs to another training
        return changes | {"stage1_model": None}


def import_model(paths: Sequence[Path]) -> ImportedModel:
    """Read the models, and the configuration if there is one.

    Parameters
    ----------
    paths : sequence of Path
        One folder, or one or two .pth files with or without their .json file.

    Raises
    ------
    UserError
        When there is no model, files do not belong together or cannot be used.
    """
    from autoStructN2V.errors import ModelError
    from autoStructN2V.pipeline import find_models
    from autoStructN2V.trainers import load_model

    saved = [path for path in paths if path.suffix == ".json"]
    chosen = [path for path in paths if path not in saved]
    if not chosen:
        raise ModelError("No model was chosen; choose one or two .pth files, or a model folder.")
    found = [file for path in chosen for file in find_models(path).values()]
    models: dict[int, TrainedModel] = {}
    files: dict[int, Path] = {}
    for file in found:
        model = load_model(file)
        if model.stage in models:
            raise ModelError(f"{files[model.stage].name} and {file.name} are both of one stage.")
        models[model.stage], files[model.stage] = model, file
    _require_same_training(models)
    beside = found[0].parent / _CONFIG_NAME
    config_file = saved[0] if saved else beside if beside.is_file() else None
    return ImportedModel(models, files, _made_with(config_file, models[min(models)]))


def _require_same_training(models: dict[int, TrainedModel]) -> None:
    from autoStructN2V.errors import ModelError

    if len({(model.mode, model.method) for model in models.values()}) > 1:
        raise ModelError("The two models differ in mode or method; choose those of one training.")


def _made_with(config_file: Path | None, model: TrainedModel) -> PipelineConfig | None:
    from autoStructN2V.errors import ConfigError
    from autoStructN2V.pipeline import validate_config
    from autoStructN2V.pipeline.config_file import read_config

    if config_file is None:
        return None
    config = validate_config(read_config(config_file))
    if (config.mode, config.method) != (model.mode, model.method):
        raise ConfigError(
            f"{config_file.name} is for {config.mode} and {config.method}, but the model "
            f"for {model.mode} and {model.method}; choose files of the same training."
        )
    return config


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
        self._folder = QPushButton("Model folder…")
        self._folder.setToolTip("Folder of a training with stage1_model.pth and config.json.")
        self._files = QPushButton("Files…")
        self._files.setToolTip("One or two .pth files, with their config.json if you have it.")
        self._cancel = QPushButton("Cancel")
        self._cancel.hide()
        self._problem = sentence()
        self._found = sentence()
        self._open = QPushButton("Open Inference")
        self._open.setToolTip("Apply the model as it is.")
        self._open.hide()
        row = QHBoxLayout()
        row.addWidget(self._folder, 1)
        row.addWidget(self._files, 1)
        row.addWidget(self._cancel)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row)
        column.addWidget(self._problem)
        column.addWidget(self._found)
        column.addWidget(self._open)
        self._folder.clicked.connect(self._choose_folder)
        self._files.clicked.connect(self._choose_files)
        self._cancel.clicked.connect(self.cancel_requested)
        self._open.clicked.connect(self.inference_requested)

    def show_found(self, text: str, *, is_complete: bool = False) -> None:
        """Say what was found."""
        show_sentence(self._problem, "")
        show_sentence(self._found, text)
        self._open.setVisible(is_complete)

    def show_task(self, task: TaskState) -> None:
        """Show that a model is being read, or why it cannot be used; the one before stays."""
        for button in (self._folder, self._files):
            button.setEnabled(not task.is_running)
        self._cancel.setVisible(task.is_importing)
        if task.kind != "import":
            return
        if task.is_running and task.progress is not None:
            show_sentence(self._problem, task.progress.text)
        else:
            show_sentence(self._problem, f"⚠ {task.error}" if task.error else "")

    @property
    def is_complete(self) -> bool:
        """Whether a model is shown that can be applied as it is."""
        return not self._open.isHidden()

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
