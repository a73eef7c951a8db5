"""The models of all trainings below a folder, and which of them fits images best."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from autoStructN2V.errors import ModelError
from autoStructN2V.inference.model_files import (
    MODEL_FILES,
    PICTURE_FILE,
    REPORT_FILE,
    find_model_folders,
)
from autoStructN2V.inference.model_words import (
    comes_from,
    images_seen,
    kernel_seen,
    noise_seen,
    trained_at,
    trained_on,
)
from autoStructN2V.inference.trained_model import load_description
from autoStructN2V.masking.invalid.finding import only_signal
from autoStructN2V.pipeline.shelf.labels import read_label
from autoStructN2V.pipeline.suitability import SeenImages

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.inference.trained_model import TrainedModel
    from autoStructN2V.pipeline.suitability import Fit
    from autoStructN2V.vocabulary import Method, Mode

_PASSED_OVER = ("models",)  # in names: every experiment has this folder


@dataclass(frozen=True)
class ShelvedModel:
    """One training, as it is listed.

    Attributes
    ----------
    name : str
        As a person called it, or as it is called without that.
    unlabeled : str
        The first image that it was trained on, or its place.
    place : str
        Experiment and training: the folders from the one that was searched to that of the model.
    folder : Path
        Model folder, which a model is loaded from.
    method : {'n2v', 'autostructn2v'}
    mode : {'2D', '2.5D'}
    stages : tuple of int
        Stages that there are models of; what follows is said of the last.
    date : str
        When it was trained, in local time; empty if the file does not tell.
    trained_on, noise, kernel : str
        The images, the noise and intensities, and what the kernel hides, in words.
    origin : str
        Which model it was continued or fine-tuned from; empty if from none.
    picture, report : Path or None
        Before and after, and the page that explains the result, if they are there.
    misfit : float or None
        How badly it suits the chosen images: 0 for such as those of the training, and 1 more for
        each difference that matters; None without images.
    reason : str
        Why, in words; empty without images.
    note : str
        What a person noted on it; empty if nothing.
    """

    name: str
    unlabeled: str
    place: str
    folder: Path
    method: Method
    mode: Mode
    stages: tuple[int, ...]
    date: str
    trained_on: str
    noise: str
    kernel: str
    origin: str
    picture: Path | None
    report: Path | None
    misfit: float | None = None
    reason: str = ""
    note: str = ""


@dataclass(frozen=True)
class Shelf:
    """The models below a folder.

    Attributes
    ----------
    models : tuple of ShelvedModel
        Those that fit the images best come first; without images the newest.
    unreadable : tuple of str
        One sentence for each folder or model that could not be read.
    """

    models: tuple[ShelvedModel, ...]
    unreadable: tuple[str, ...]


def list_models(
    folder: Path | str,
    sources: Sequence[ImageSource] = (),
    should_stop: Callable[[], bool] = lambda: False,
) -> Shelf:
    """List the models of all trainings below a folder, without reading their weights.

    Parameters
    ----------
    folder : path-like
        As the output folder of a configuration. Packages (.zip) are not listed.
    sources : sequence of ImageSource, optional
        Images to be denoised. Their noise is measured, which takes seconds.
    should_stop : callable
        True ends the measurement; what is said of how models fit is of no use then.

    Returns
    -------
    Shelf
        What cannot be read, or is of another program, does not keep the others from it.

    Raises
    ------
    ModelError
        If there is no such folder.
    InputError
        If the images hold no finite value.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ModelError(
            f"{folder} is no folder; choose one that trainings have written to, as the output "
            "folder of a configuration."
        )
    places, unreadable = find_model_folders(folder)
    seen = SeenImages(only_signal(sources, should_stop), should_stop) if sources else None
    found: list[ShelvedModel] = []
    for where in places:
        stages = tuple(n for n, name in MODEL_FILES.items() if (where / name).is_file())
        if not stages:  # deleted while others were compared
            continue
        try:
            model = load_description(where / MODEL_FILES[stages[-1]])
        except (ModelError, OSError) as error:
            unreadable.append(str(error))
            continue
        fit = None if seen is None else seen.fit(model)
        found.append(_shelved(_place(where, folder), where, stages, model, fit))
    found.sort(key=lambda listed: (listed.date, listed.folder.name), reverse=True)
    found.sort(key=lambda listed: listed.misfit or 0.0)  # of those that fit alike, newest first
    return Shelf(tuple(found), tuple(unreadable))


def _shelved(
    place: str, folder: Path, stages: tuple[int, ...], model: TrainedModel, fit: Fit | None
) -> ShelvedModel:
    picture, report = folder / PICTURE_FILE, folder / REPORT_FILE
    label, unlabeled = read_label(folder), images_seen(model, 1) or place
    return ShelvedModel(
        name=label.name or unlabeled,
        unlabeled=unlabeled,
        place=place,
        folder=folder,
        method=model.method,
        mode=model.mode,
        stages=stages,
        date=trained_at(model),
        trained_on=trained_on(model),
        noise=noise_seen(model),
        kernel=kernel_seen(model),
        origin=comes_from(model),
        picture=picture if picture.is_file() else None,
        report=report if report.is_file() else None,
        misfit=None if fit is None else fit.misfit,
        reason="" if fit is None else fit.reason,
        note=label.note,
    )


def _place(where: Path, folder: Path) -> str:
    parts = [part for part in where.relative_to(folder).parts if part not in _PASSED_OVER]
    return "/".join(parts) or where.resolve().name
