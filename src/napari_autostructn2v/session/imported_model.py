"""Models that were chosen from disk, and what a configuration takes from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autoStructN2V.errors import ConfigError, ModelError
from autoStructN2V.inference.model_files import MODEL_FILES
from autoStructN2V.inference.packaged import is_package, unpacked
from autoStructN2V.pipeline import find_models, go_on, validate_config
from autoStructN2V.pipeline.configuration.file import read_config
from autoStructN2V.trainers import load_model
from napari_autostructn2v.session.state import ModelCard

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from autoStructN2V.pipeline import PipelineConfig
    from autoStructN2V.trainers import TrainedModel
    from autoStructN2V.vocabulary import GoingOn

_CONFIG_NAME = "config.json"
# of a saved configuration, what belongs to the model and not to the run that made it
_OF_THE_MODEL = ("preset", "n2v", "stage1", "stage2", "num_epochs", "split_ratio")


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
            f"{model.mode_text}",
            f"trained {made}" if made else "",
            f"on {images}" if images else "",
        ]
        details = ", ".join(part for part in parts if part)
        if model.method == "n2v":
            return f"Found an N2V model ({details}). It is complete: apply it in Inference."
        if 1 not in self.models:
            return f"Found stage 2 ({details}). It is complete: apply it in Inference."
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

    def changes(
        self, config: PipelineConfig, how: GoingOn | None = None, *, keep_kernel: bool = True
    ) -> dict[str, Any]:
        """Return the fields of a configuration, nested, that have to change to go on from them.

        Parameters
        ----------
        config : PipelineConfig
            Configuration that the models are to be used in.
        how : {"continue", "fine_tune"}, optional
            Train the networks of the models on; default: take stage 1 as it is.
        keep_kernel : bool
            Whether stage 2 keeps its kernel then.
        """
        if how is not None:
            changes = go_on(self._path, how) | {"keep_kernel": keep_kernel}
            return changes | {"stage1_model": None}
        return self._as_it_is(config) | {"start_model": None}

    @property
    def _path(self) -> Path:
        """The folder that all models are in, or the file of the last."""
        last = self.files[max(self.files)]
        beside = {stage: last.parent / name for stage, name in MODEL_FILES.items()}
        is_whole = self.files == {stage: path for stage, path in beside.items() if path.is_file()}
        return last.parent if is_whole else last

    def _as_it_is(self, config: PipelineConfig) -> dict[str, Any]:
        changes: dict[str, Any] = {}
        if self.made_with is not None:
            changes = {name: self.made_with.model_dump()[name] for name in _OF_THE_MODEL}
            # where the kernel comes from is a choice of the run to come
            changes["stage2"] |= {
                name: config.stage2[name] for name in ("mask_source", "mask_file_path")
            }
        model = self.models[min(self.models)]
        changes |= {"mode": model.mode, "method": model.method}
        changes |= {"triplets_along": model.triplets_along}
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
        One folder, one package (.zip), or one or two .pth files with or without their .json file.

    Raises
    ------
    UserError
        When there is no model, files do not belong together or cannot be used.
    """
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
    first = models[min(models)]
    if saved or not is_package(found[0]):
        made_with = _made_with(saved[0] if saved else found[0].with_name(_CONFIG_NAME), first)
    else:
        with unpacked(found[0]) as file:
            made_with = _made_with(file.with_name(_CONFIG_NAME), first)
    return ImportedModel(models, files, made_with)


def _require_same_training(models: dict[int, TrainedModel]) -> None:
    if len({(model.mode, model.method) for model in models.values()}) > 1:
        raise ModelError("The two models differ in mode or method; choose those of one training.")


def _made_with(config_file: Path, model: TrainedModel) -> PipelineConfig | None:
    """Return what a model was trained with; None if the file that says so is not there."""
    if not config_file.is_file():
        return None
    config = validate_config(read_config(config_file))
    if (config.mode, config.method) != (model.mode, model.method):
        raise ConfigError(
            f"{config_file.name} is for {config.mode} and {config.method}, but the model "
            f"for {model.mode} and {model.method}; choose files of the same training."
        )
    return config
