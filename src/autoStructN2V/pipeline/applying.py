"""A trained model applied to other images."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from autoStructN2V.datasets.images.checks import check_each
from autoStructN2V.datasets.images.names import refuse_existing
from autoStructN2V.datasets.images.offset import without_offset
from autoStructN2V.datasets.images.tiff.trial import header_notes
from autoStructN2V.datasets.images.writing import StackWriter
from autoStructN2V.errors import InputError
from autoStructN2V.files import ensure_writable_folder
from autoStructN2V.masking.patterns.finding import find_patterns
from autoStructN2V.models.device import choose_device
from autoStructN2V.models.workers import using_threads
from autoStructN2V.pipeline.events import ImageFailed
from autoStructN2V.pipeline.results import ArraySink
from autoStructN2V.pipeline.steps.denoising import Denoiser
from autoStructN2V.pipeline.suitability import differences
from autoStructN2V.trainers.events import Warned

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.inference.trained_model import TrainedModel
    from autoStructN2V.pipeline.decisions import Decision
    from autoStructN2V.pipeline.events import Event
    from autoStructN2V.vocabulary import DeviceName, OutputDtype


def denoise_events(
    sources: Sequence[ImageSource],
    model: TrainedModel,
    outputs: Sequence[Path],
    *,
    device: DeviceName = "auto",
    threads: int = 0,
    output_dtype: OutputDtype = "float32",
    should_stop: Callable[[], bool] = lambda: False,
    unreadable: Sequence[InputError] = (),
    overwrite: bool = False,
) -> Generator[Event, Decision | None, list[Path]]:
    """Apply a trained model to images and write the results.

    One image that cannot be denoised does not keep the others from it; it is reported at the end.

    Parameters
    ----------
    sources : sequence of ImageSource
        Noisy images.
    model : TrainedModel
        Model of an earlier training.
    outputs : sequence of Path
        One TIFF file for each source.
    device : {"auto", "cpu", "cuda", "mps"}
        Device that computes.
    threads : int
        See :func:`autoStructN2V.models.workers.using_threads`.
    output_dtype : {"float32", "input"}
        Data type of the results.
    should_stop : callable
        Asked after every tile; True ends the run, finished files stay.
    unreadable : sequence of InputError
        What is wrong with files that could not even be opened; reported with the others.
    overwrite : bool
        Whether files that exist are replaced; else they are refused before any work.

    Yields
    ------
    PredictionProgress, Warned, ImageFailed
        Progress over all sources.

    Returns
    -------
    list of Path
        Files that were written.

    Raises
    ------
    UserError
        One of the errors of :mod:`autoStructN2V.errors`; an InputError only if no image at all
        can be denoised.
    """
    if not overwrite:
        refuse_existing(outputs)
    usable, notes, refused = _usable(sources, should_stop)
    failed = [*unreadable, *refused.values()]
    written: list[Path] = []
    with using_threads(threads):
        images, denoiser = yield from _prepared(
            [sources[i] for i in usable], model, device, should_stop, notes
        )
        yield from map(Warned, header_notes(images, output_dtype))
        for source, path in zip(images, [outputs[i] for i in usable], strict=True):
            ensure_writable_folder(path.parent)
            history = {"model": model.provenance, "stage": model.stage}
            try:
                with StackWriter(path, source, output_dtype=output_dtype, history=history) as stack:
                    yield from denoiser.denoise(source, stack.write)
                    if should_stop():
                        stack.discard()
                        break
            except InputError as error:
                failed.append(error)
            else:
                written.append(path)
    if failed and not written and not should_stop():
        raise failed[0]
    yield from (ImageFailed(f"Left out: {error}") for error in failed)
    return written


def _usable(
    sources: Sequence[ImageSource], should_stop: Callable[[], bool]
) -> tuple[list[int], list[str], dict[int, InputError]]:
    """Return which images can be denoised, notes, and what is wrong with the others."""
    if not sources:
        raise InputError("There are no images; choose a file or folder that holds some.")
    notes, refused = check_each(without_offset(sources), should_stop=should_stop)
    usable = [i for i in range(len(sources)) if i not in refused]
    if not usable:
        raise next(iter(refused.values()))
    return usable, notes, refused


def denoise_array_events(
    sources: Sequence[ImageSource],
    model: TrainedModel,
    *,
    device: DeviceName = "auto",
    threads: int = 0,
    should_stop: Callable[[], bool] = lambda: False,
) -> Generator[Event, Decision | None, list[NDArray[np.float32]] | None]:
    """Apply a trained model to images and keep the results in memory.

    Parameters
    ----------
    sources, model, device, threads, should_stop
        As in :func:`denoise_events`.

    Yields
    ------
    PredictionProgress, Warned
        Progress over all sources.

    Returns
    -------
    list of (z, y, x) float32 arrays, or None
        Input intensities, one for each source; None when stopped.

    Raises
    ------
    UserError
        One of the errors of :mod:`autoStructN2V.errors`.
    """
    _, notes, refused = _usable(sources, should_stop)
    if refused:
        raise next(iter(refused.values()))
    sink = ArraySink()
    with using_threads(threads):
        images, denoiser = yield from _prepared(sources, model, device, should_stop, notes)
        for source in images:
            with sink.writer(model.stage, source) as write:
                yield from denoiser.denoise(source, write)
            if should_stop():
                return None
    return sink.arrays(model.stage)


def _prepared(
    sources: Sequence[ImageSource],
    model: TrainedModel,
    device: DeviceName,
    should_stop: Callable[[], bool],
    notes: Sequence[str],
) -> Generator[Event, Decision | None, tuple[list[ImageSource], Denoiser]]:
    """Prepare a model and images that can be denoised; yield what is to be said about these."""
    network = model.build(choose_device(device))
    found = list(notes)
    sources = without_offset(sources)
    removal = find_patterns(
        sources,
        remove_periodic=bool(model.provenance.get("remove_periodic")),
        remove_stripes=model.provenance.get("remove_stripes", "off"),
        should_stop=should_stop,
    )
    images = [removal.applied_to(source) for source in sources]
    if removal.patterns:
        found.append(removal.sentence)
    found += differences(images, model, should_stop, removal=removal)
    for message in found:
        yield Warned(message)
    offset = sources[0].metadata.offset
    fitted = replace(model, normalization=model.normalization.relative_to(offset))
    return images, Denoiser(fitted, network, images, should_stop)
