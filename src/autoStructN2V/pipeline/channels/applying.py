"""The models of all channels applied to images, each of which becomes one result."""

from __future__ import annotations

import hashlib
import secrets
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from autoStructN2V.datasets.images.channels import AllChannels, n_channels
from autoStructN2V.datasets.images.names import doubt_file, output_files
from autoStructN2V.datasets.images.reading import open_images
from autoStructN2V.errors import ConfigError, InputError
from autoStructN2V.files import ensure_writable_folder
from autoStructN2V.inference.model_files import channel_folders, find_models
from autoStructN2V.inference.trained_model import load_model
from autoStructN2V.pipeline.applying.own_files import (
    OwnFiles,
    history_of,
    history_of_map,
    without_map,
)
from autoStructN2V.pipeline.applying.to_files import denoise_events
from autoStructN2V.pipeline.channels.joining import joined_files, write_whole
from autoStructN2V.pipeline.events import ImageFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from pathlib import Path

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.inference.trained_model import TrainedModel
    from autoStructN2V.pipeline.decisions import Decision
    from autoStructN2V.pipeline.events import Event
    from autoStructN2V.vocabulary import DeviceName, OutputDtype


@dataclass(frozen=True)
class DenoisedChannels:
    """What the models of all channels made of images.

    Attributes
    ----------
    files : list of Path
        Images with all channels that were written, or kept.
    n_images : int
        How many there were to be.
    """

    files: list[Path]
    n_images: int


def models_of_channels(folder: Path, stage: int | None = None) -> list[TrainedModel]:
    """Load the model of each channel.

    Parameters
    ----------
    folder : Path
        Of a training of a model for each channel.
    stage : int, optional
        Stage; default: the last of each.

    Raises
    ------
    UserError
        If a channel has no such model, or it cannot be read.
    """
    return [_model_of(place, stage) for place in channel_folders(folder)]


def denoise_channels(
    source: Path,
    models: Sequence[TrainedModel],
    output: Path,
    *,
    device: DeviceName = "auto",
    threads: int = 0,
    axes: str | None = None,
    timepoint: int | None = None,
    output_dtype: OutputDtype = "float32",
    should_stop: Callable[[], bool] = lambda: False,
    overwrite: bool = False,
    keep_existing: bool = False,
    doubt: bool = False,
    resume: bool = False,
) -> Generator[Event, Decision | None, DenoisedChannels]:
    """Apply the models of all channels, and write each image with all channels.

    One image that cannot be denoised does not keep the others from it; it is reported.

    Parameters
    ----------
    source : Path
        Images, see :func:`open_images`.
    models : sequence of TrainedModel
        One for each channel, of :func:`models_of_channels`.
    output : Path
        A file for a single image, else a folder.
    device, threads, output_dtype, should_stop, overwrite, doubt, resume
        As in :func:`denoise_events`.
    keep_existing : bool
        Whether new files get numbers where files of their names exist.
    axes, timepoint
        As in :func:`open_images`.

    Yields
    ------
    Event
        As :func:`denoise_events`, for one channel after the other.

    Returns
    -------
    DenoisedChannels

    Raises
    ------
    UserError
        One of the errors of :mod:`autoStructN2V.errors`; an InputError only if no image at all
        can be denoised.
    """
    how = _How(device, threads, output_dtype, should_stop, doubt=doubt, resume=resume)
    given = _Given(source, models, axes, timepoint)
    images = _Images(given.opened(0), models, output_dtype)
    require_channels(images.first, len(models))
    targets = output_files(
        images.wholes,
        source,
        output,
        stage=models[0].stage_in_names,
        overwrite=overwrite,
        keep_existing=keep_existing,
        resume=resume,
    )
    there = OwnFiles()
    if resume:
        there = OwnFiles.find(images.wholes, targets, images.histories, doubt=doubt)
    if not overwrite:
        there.refuse_others(targets, doubt=doubt)
    made = set(there.finished)
    with _folder_for_parts(targets, images.histories, how) as parts:
        wanted = [i for i, target in enumerate(targets) if target not in made]
        yield from _told_once(_all_parts(given, images, wanted, parts, how))
        for number in wanted if not should_stop() else ():
            if images.join(number, parts, targets[number], doubt=doubt):
                made.add(targets[number])
    written = [target for target in targets if target in made]
    return DenoisedChannels(written, len(targets) + len(given.unreadable))


@dataclass(frozen=True)
class _How:
    """How models are applied, as :func:`denoise_events` takes it."""

    device: DeviceName
    threads: int
    output_dtype: OutputDtype
    should_stop: Callable[[], bool]
    doubt: bool
    resume: bool


@dataclass
class _Given:
    """Images with channels, and the model of each."""

    source: Path
    models: Sequence[TrainedModel]
    axes: str | None
    timepoint: int | None
    unreadable: dict[str, InputError] = field(default_factory=dict)

    def opened(self, channel: int) -> list[ImageSource]:
        """Open a channel of all images; what cannot be opened is kept in mind."""
        failed: list[InputError] = []
        images = open_images(
            self.source,
            mode=self.models[channel].mode,
            axes=self.axes,
            channel=channel,
            timepoint=self.timepoint,
            triplets_along=self.models[channel].triplets_along,
            unreadable=failed,
        )
        self.unreadable |= {str(error): error for error in failed}
        return images


def _all_parts(
    given: _Given, images: _Images, wanted: Sequence[int], parts: Path, how: _How
) -> Generator[Event, Decision | None, None]:
    """Denoise each channel of the images that are wanted into a file of its own."""
    for channel, model in enumerate(given.models):
        sources = {image.metadata.path: image for image in given.opened(channel)}
        chosen = [i for i in wanted if images.paths[i] in sources]
        if not chosen or how.should_stop():
            continue
        yield from denoise_events(
            [sources[images.paths[i]] for i in chosen],
            model,
            [parts / f"{channel}_{i}.tif" for i in chosen],
            device=how.device,
            threads=how.threads,
            output_dtype=how.output_dtype,
            should_stop=how.should_stop,
            unreadable=tuple(given.unreadable.values()),
            doubt=how.doubt,
            resume=how.resume,
        )


def require_channels(images: Sequence[ImageSource], n_models: int) -> None:
    """Refuse images with another number of channels than there are models.

    Raises
    ------
    InputError
    """
    found = n_channels(images)
    if found != n_models:
        raise InputError(
            f"There are models for {n_models} channels, and {images[0].name} has {found}; choose "
            "images with as many, or the model of one channel."
        )


class _Images:
    """Images with channels, opened with the first of them."""

    def __init__(
        self, first: Sequence[ImageSource], models: Sequence[TrainedModel], dtype: OutputDtype
    ) -> None:
        self.first = first
        self.paths = [image.metadata.path for image in first]
        self.wholes: list[ImageSource] = [
            AllChannels([image] * len(models), image) for image in first
        ]
        made_by = [model.provenance for model in models]
        self.histories = [
            {**history_of(models[0], image, dtype), "channels": made_by} for image in first
        ]
        self._n_models = len(models)

    def join(self, number: int, parts: Path, target: Path, *, doubt: bool) -> bool:
        """Write one image with all channels, if all could be denoised; tell whether."""
        files = [parts / f"{channel}_{number}.tif" for channel in range(self._n_models)]
        if not all(file.exists() for file in files):
            return False
        image, history = self.first[number], self.histories[number]
        ensure_writable_folder(target.parent)
        if doubt:
            maps = [doubt_file(file) for file in files]
            if all(file.exists() for file in maps):
                write_whole(doubt_file(target), joined_files(maps, image), history_of_map(history))
            else:
                history = without_map(history)
        write_whole(target, joined_files(files, image), history)
        return True


def _told_once(
    events: Generator[Event, Decision | None, None],
) -> Generator[Event, Decision | None, None]:
    """Hand on events; what is wrong with an image in all channels is told once."""
    told: set[str] = set()
    for event in events:
        if isinstance(event, ImageFailed):
            if event.message in told:
                continue
            told.add(event.message)
        yield event


def _model_of(folder: Path, stage: int | None) -> TrainedModel:
    models = find_models(folder)
    if stage is not None and stage not in models:
        raise ConfigError(f"{folder} holds no model of stage {stage}; available: {sorted(models)}.")
    return load_model(models[stage or max(models)])


@contextmanager
def _folder_for_parts(
    targets: Sequence[Path], histories: Sequence[dict[str, object]], how: _How
) -> Iterator[Path]:
    """Give a hidden folder for results of single channels, and remove it at the end.

    Of work that can be gone on with it has a name that the same work finds again, and it stays if
    the work was ended before its end.
    """
    made_of = repr((list(map(str, targets)), histories)).encode()
    again = hashlib.blake2b(made_of, digest_size=8).hexdigest()
    name = again if how.resume else secrets.token_hex(4)
    folder = ensure_writable_folder(targets[0].parent) / f".channels-{name}"
    is_over = not how.resume
    try:
        yield folder
        is_over |= not how.should_stop()
    finally:
        if is_over:
            shutil.rmtree(folder, ignore_errors=True)
