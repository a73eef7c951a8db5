"""A trained model applied to other images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from autoStructN2V.datasets.images.checks import check_images
from autoStructN2V.datasets.images.tiff.trial import header_notes
from autoStructN2V.datasets.images.writing import StackWriter
from autoStructN2V.files import ensure_writable_folder
from autoStructN2V.inference.predictor import Predictor
from autoStructN2V.masking.patterns.removal import without_global_patterns
from autoStructN2V.models.device import choose_device
from autoStructN2V.pipeline.clock import PredictionClock
from autoStructN2V.pipeline.denoising import Denoiser
from autoStructN2V.pipeline.suitability import differences
from autoStructN2V.trainers.events import Warned

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.datasets.images.writing import OutputDtype
    from autoStructN2V.inference.trained_model import TrainedModel
    from autoStructN2V.models.device import DeviceName
    from autoStructN2V.pipeline.decisions import Decision
    from autoStructN2V.pipeline.events import Event


def denoise_events(
    sources: Sequence[ImageSource],
    model: TrainedModel,
    outputs: Sequence[Path],
    *,
    device: DeviceName = "auto",
    output_dtype: OutputDtype = "float32",
    should_stop: Callable[[], bool] = lambda: False,
) -> Generator[Event, Decision | None, list[Path]]:
    """Apply a trained model to images and write the results.

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
    output_dtype : {"float32", "input"}
        Data type of the results.
    should_stop : callable
        Asked after every tile; True ends the run, finished files stay.

    Yields
    ------
    PredictionProgress, Warned
        Progress over all sources.

    Returns
    -------
    list of Path
        Files that were written.

    Raises
    ------
    UserError
        One of the errors of :mod:`autoStructN2V.errors`.
    """
    ready = _denoiser(sources, model, device, should_stop)
    yield from ready.warnings
    yield from map(Warned, header_notes(ready.sources, output_dtype))
    written: list[Path] = []
    for source, path in zip(ready.sources, outputs, strict=True):
        ensure_writable_folder(path.parent)
        history = {"model": model.provenance, "stage": model.stage}
        with StackWriter(path, source, output_dtype=output_dtype, history=history) as stack:
            yield from ready.denoise(source, stack.write)
            if should_stop():
                stack.discard()
                return written
        written.append(path)
    return written


def denoise_array_events(
    sources: Sequence[ImageSource],
    model: TrainedModel,
    *,
    device: DeviceName = "auto",
    should_stop: Callable[[], bool] = lambda: False,
) -> Generator[Event, Decision | None, list[NDArray[np.float32]] | None]:
    """Apply a trained model to images and keep the results in memory.

    Parameters
    ----------
    sources, model, device, should_stop
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
    ready = _denoiser(sources, model, device, should_stop)
    yield from ready.warnings
    stacks = []
    for source in ready.sources:
        stack = np.empty(source.shape, np.float32)
        yield from ready.denoise(source, stack.__setitem__)
        if should_stop():
            return None
        stacks.append(stack)
    return stacks


def _denoiser(
    sources: Sequence[ImageSource],
    model: TrainedModel,
    device: DeviceName,
    should_stop: Callable[[], bool],
) -> Denoiser:
    """Check images and model, and prepare both."""
    network = model.build(choose_device(device))
    found = check_images(sources, patch_size=1, mode=model.mode, should_stop=should_stop)
    cleaned = without_global_patterns(
        sources,
        remove_periodic=bool(model.provenance.get("remove_periodic")),
        remove_stripes=model.provenance.get("remove_stripes", "off"),
        should_stop=should_stop,
    )
    images = cleaned.sources
    if cleaned.patterns:
        found.append(cleaned.sentence)
    found += differences(images, model, should_stop)
    predictor = Predictor(network, model.normalization, model.mode, symmetries=model.symmetries)
    clock = PredictionClock(model.stage, sum(predictor.n_tiles(s) for s in images))
    warnings = [Warned(message) for message in found]
    return Denoiser(predictor, images, clock, warnings, should_stop)
