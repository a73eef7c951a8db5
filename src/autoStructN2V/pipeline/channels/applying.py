"""The models of all channels applied to images, each of which becomes one result."""

from __future__ import annotations

import secrets
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from autoStructN2V.datasets.images.channels import AllChannels, n_channels
from autoStructN2V.datasets.images.names import output_files
from autoStructN2V.datasets.images.reading import open_images
from autoStructN2V.errors import ConfigError, InputError
from autoStructN2V.files import ensure_writable_folder
from autoStructN2V.inference.model_files import channel_folders, find_models
from autoStructN2V.inference.trained_model import load_model
from autoStructN2V.pipeline.applying import denoise_events
from autoStructN2V.pipeline.channels.training import write_joined

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from pathlib import Path

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.inference.trained_model import TrainedModel
    from autoStructN2V.pipeline.decisions import Decision
    from autoStructN2V.pipeline.events import Event
    from autoStructN2V.vocabulary import DeviceName, OutputDtype


def denoise_channels(
    source: Path,
    model: Path,
    output: Path,
    *,
    stage: int | None = None,
    device: DeviceName = "auto",
    threads: int = 0,
    axes: str | None = None,
    timepoint: int | None = None,
    output_dtype: OutputDtype = "float32",
    should_stop: Callable[[], bool] = lambda: False,
    overwrite: bool = False,
) -> Generator[Event, Decision | None, list[Path]]:
    """Apply the models of all channels, and write each image with all channels.

    Parameters
    ----------
    source : Path
        Images, see :func:`open_images`.
    model : Path
        Folder with a model for each channel.
    output : Path
        A file for a single image, else a folder.
    stage : int, optional
        Stage to apply; default: the last.
    device, threads, output_dtype, should_stop, overwrite
        As in :func:`denoise_events`.
    axes, timepoint
        As in :func:`open_images`.

    Yields
    ------
    Event
        As :func:`denoise_events`, for one channel after the other.

    Returns
    -------
    list of Path
        Files that were written; none when stopped.

    Raises
    ------
    UserError
        One of the errors of :mod:`autoStructN2V.errors`.
    """
    models = [_model_of(folder, stage) for folder in channel_folders(model)]

    def opened(channel: int) -> list[ImageSource]:
        mode = models[channel].mode
        return open_images(source, mode=mode, axes=axes, channel=channel, timepoint=timepoint)

    sources = opened(0)
    found = n_channels(sources)
    if found != len(models):
        raise InputError(
            f"{model} has models for {len(models)} channels, and {sources[0].name} has {found}; "
            "choose images with as many, or the model of one channel."
        )
    targets = output_files(
        [AllChannels([image] * len(models), image) for image in sources],
        source,
        output,
        stage=models[0].stage_in_names,
        overwrite=overwrite,
    )
    with _folder_for_parts(targets[0].parent) as folder:
        for channel, trained in enumerate(models):
            files = [folder / f"{channel}_{i}.tif" for i in range(len(sources))]
            events = denoise_events(
                opened(channel),
                trained,
                files,
                device=device,
                threads=threads,
                output_dtype=output_dtype,
                should_stop=should_stop,
            )
            yield from events
            if should_stop():
                return []
        return _joined(folder, sources, targets, models)


def _joined(
    folder: Path,
    sources: Sequence[ImageSource],
    targets: Sequence[Path],
    models: Sequence[TrainedModel],
) -> list[Path]:
    """Write the images of which all channels were denoised, with all of them."""
    written = []
    for number, image in enumerate(sources):
        parts = [folder / f"{channel}_{number}.tif" for channel in range(len(models))]
        if all(part.exists() for part in parts):
            history = {"model": models[0].provenance, "stage": models[0].stage}
            write_joined(targets[number], parts, image, history)
            written.append(targets[number])
    if len(written) < len(sources):
        raise InputError(
            f"{len(sources) - len(written)} of {len(sources)} images could not be denoised in all "
            "channels, see the notes above; the others were written."
        )
    return written


def _model_of(folder: Path, stage: int | None) -> TrainedModel:
    models = find_models(folder)
    if stage is not None and stage not in models:
        raise ConfigError(f"{folder} holds no model of stage {stage}; available: {sorted(models)}.")
    return load_model(models[stage or max(models)])


@contextmanager
def _folder_for_parts(beside: Path) -> Iterator[Path]:
    """Give a hidden folder for results of single channels, and remove it."""
    folder = ensure_writable_folder(beside) / f".channels-{secrets.token_hex(4)}"
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
