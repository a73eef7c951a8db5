"""Models of earlier trainings, found by file or folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from autoStructN2V.errors import ModelError
from autoStructN2V.inference.packaged import is_package, packaged_stage
from autoStructN2V.inference.trained_model import TrainedModel, load_model

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autoStructN2V.vocabulary import Mode, TripletsAlong

MODEL_FILES = {1: "stage1_model.pth", 2: "stage2_model.pth"}
REPORT_FILE = "report.html"
"""Beside them: the page that explains the result of the training."""
PICTURE_FILE = "before_after.png"
"""Beside them: the middle of a slice, noisy (left) and denoised (right)."""
_SEARCHED_LEVELS = 4  # <experiment>/models/<day>/<training>
_CHANNELS_LEVELS = 2  # <output>/<experiment>/<training>
_FIRST_CHANNEL = "channel_0"
_SHELF_LEVELS = 6  # <experiment>/<training>/channel_0/models/<day>/<training>


def channel_folders(path: Path | str) -> list[Path]:
    """Return the folders of the models of all channels, in order; none if there is one model.

    Parameters
    ----------
    path : path-like
        Folder of a training of one model for each channel, or a folder that holds exactly one
        training with models, at most two levels below as in ``<output>/<experiment>/<training>``.

    Returns
    -------
    list of Path

    Raises
    ------
    ModelError
        When it holds more trainings than one, and models for each channel are among them.
    """
    path = Path(path)
    if _is_folder(path / _FIRST_CHANNEL):
        return _folders_of_channels(path)
    trainings = [
        folder
        for folder in folders_below(path, _CHANNELS_LEVELS)
        # other folders can have that name, and of a training that was stopped there are no models
        if _is_folder(folder / _FIRST_CHANNEL) and any(_model_folders(folder / _FIRST_CHANNEL))
    ]
    if not trainings:
        return []
    _only_one(path, [*trainings, *sorted(_model_folders(path))])
    return _folders_of_channels(trainings[0])


def _folders_of_channels(training: Path) -> list[Path]:
    folders: list[Path] = []
    while _is_folder(folder := training / f"channel_{len(folders)}"):
        folders.append(folder)
    return folders


def _is_folder(path: Path) -> bool:
    return os.path.isdir(path)  # noqa: PTH112 - never raises


def _only_one(path: Path, trainings: list[Path]) -> None:
    """Raise an error that names the trainings below a folder if there are several."""
    if len(trainings) > 1:
        names = ", ".join(str(folder.relative_to(path)) for folder in trainings[:5])
        raise ModelError(
            f"{path} holds models of {len(trainings)} trainings; choose one of them, as {names}."
        )


def find_models(path: Path | str) -> dict[int, Path]:
    """Find the model files of one training.

    Parameters
    ----------
    path : path-like
        A .pth file, a package (.zip), a model folder, or a folder that holds exactly one model
        folder, at most four levels below as in ``<experiment>/models/<day>/<training>``; hidden
        folders do not count.

    Returns
    -------
    dict of stage to Path
        A single file is listed under the stage that its name says, otherwise under 2.

    Raises
    ------
    ModelError
        When nothing is found, or models of more than one training or channel.
    """
    path = Path(path)
    if path.is_file() and is_package(path):
        return {packaged_stage(path): path}
    if path.is_file():
        return {1 if path.name == MODEL_FILES[1] else 2: path}
    if not path.is_dir():
        raise ModelError(
            f"{path} does not exist; choose a model folder, a .pth file or a package (.zip)."
        )
    folders = sorted(_model_folders(path))
    if len(folders) != 1 and len(channels := channel_folders(path)) > 1:
        raise ModelError(
            f"{path} holds a model for each of {len(channels)} channels; choose one of them, "
            f"as {channels[0].relative_to(path)}."
        )
    if not folders:
        raise ModelError(
            f"{path} holds neither {MODEL_FILES[1]} nor {MODEL_FILES[2]}; choose the model "
            "folder of a training."
        )
    _only_one(path, folders)
    return {n: folders[0] / f for n, f in MODEL_FILES.items() if (folders[0] / f).exists()}


def find_model_folders(path: Path) -> tuple[list[Path], list[str]]:
    """Find the model folders of all trainings below a folder.

    Parameters
    ----------
    path : Path
        A folder, as the output folder of a configuration: they are at most six levels below it.
        Hidden folders do not count.

    Returns
    -------
    folders : list of Path
        Each holds a model file of a stage, or of both.
    unreadable : list of str
        One sentence for each folder that could not be looked into.
    """
    failed: list[OSError] = []
    folders = sorted(_model_folders(path, _SHELF_LEVELS, failed))
    return folders, [
        f"{error.filename} cannot be looked into ({error.strerror}); its models are not listed."
        for error in failed
    ]


def _model_folders(
    path: Path, levels: int = _SEARCHED_LEVELS, failed: list[OSError] | None = None
) -> Iterator[Path]:
    """Find folders with models breadth first; what cannot be read is passed over."""
    for folder in folders_below(path, levels, failed):
        if any(os.path.isfile(folder / name) for name in MODEL_FILES.values()):  # noqa: PTH113 - never raises
            yield folder


def folders_below(
    path: Path, levels: int = _SHELF_LEVELS, failed: list[OSError] | None = None
) -> Iterator[Path]:
    """Give the folders that can hold models breadth first, hidden ones and Zarr stores left out.

    Parameters
    ----------
    path : Path
        Where it begins; it is given as well.
    levels : int
        How deep it goes.
    failed : list, optional
        Takes the errors of folders that cannot be looked into.

    Yields
    ------
    Path
    """
    level = [path]
    for depth in range(levels + 1):
        deeper: list[Path] = []
        for folder in level:
            yield folder
            if depth < levels:
                deeper += _subfolders(folder, failed)
        level = deeper


def _subfolders(folder: Path, failed: list[OSError] | None) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return [
                Path(entry.path)
                for entry in entries
                if not entry.name.startswith(".")
                and not entry.name.endswith(".zarr")  # of thousands of folders
                and entry.is_dir(follow_symlinks=False)
            ]
    except OSError as error:
        if failed is not None:
            failed.append(error)
        return []


def load_stage1(path: Path | str, mode: Mode, triplets_along: TripletsAlong = "z") -> TrainedModel:
    """Load the stage 1 model of an earlier training.

    Raises
    ------
    ModelError
        When there is none, or it was trained for the other mode or other triplets.
    """
    files = find_models(path)
    model = load_model(files.get(1) or files[2])
    if model.stage != 1:
        raise ModelError(f"{path} holds a stage 2 model only; choose a training with a stage 1.")
    require_mode(model, mode, triplets_along)
    return model


def require_mode(model: TrainedModel, mode: Mode, triplets_along: TripletsAlong = "z") -> None:
    """Refuse a model of the other mode, or of triplets along something else.

    Raises
    ------
    ModelError
    """
    if model.mode != mode:
        raise ModelError(
            f"The model was trained in {model.mode} mode but {mode} is configured; choose mode "
            f"{model.mode} or another model."
        )
    if mode == "2.5D" and model.triplets_along != triplets_along:
        raise ModelError(
            f"The triplets of the model are along {model.triplets_along} but {triplets_along} is "
            f"configured; use triplets_along='{model.triplets_along}' or another model."
        )
