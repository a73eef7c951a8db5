"""A trained model applied to images, into memory or what takes slices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoStructN2V.models.workers import using_threads
from autoStructN2V.pipeline.applying.preparing import (
    known_images,
    prepared_to_apply,
    usable_images,
)
from autoStructN2V.pipeline.results import ArraySink
from autoStructN2V.pipeline.steps.denoising import Denoiser

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.inference.trained_model import TrainedModel
    from autoStructN2V.pipeline.decisions import Decision
    from autoStructN2V.pipeline.events import Event
    from autoStructN2V.pipeline.results import ResultSink
    from autoStructN2V.vocabulary import DeviceName


def denoise_array_events(
    sources: Sequence[ImageSource],
    model: TrainedModel,
    *,
    device: DeviceName = "auto",
    threads: int = 0,
    should_stop: Callable[[], bool] = lambda: False,
    sink: ResultSink | None = None,
) -> Generator[Event, Decision | None, list[NDArray[np.float32]] | None]:
    """Apply a trained model to images and keep the results in memory.

    Parameters
    ----------
    sources, model, device, threads, should_stop
        As in :func:`denoise_events`.
    sink : ResultSink, optional
        Where denoised slices go; default: arrays in memory.

    Yields
    ------
    PredictionProgress, Warned
        Progress over all sources.

    Returns
    -------
    list of (z, y, x) float32 arrays, or None
        Input intensities, one for each source; None when stopped, or when the sink holds none.

    Raises
    ------
    UserError
        One of the errors of :mod:`autoStructN2V.errors`.
    """
    known = known_images(sources, model, should_stop)
    _, notes, refused = usable_images(known, should_stop)
    if refused:
        raise next(iter(refused.values()))
    sink = sink or ArraySink()
    with using_threads(threads):
        images, denoiser = yield from prepared_to_apply(known, model, device, should_stop, notes)
        assert isinstance(denoiser, Denoiser)
        for source in images:
            with sink.writer(model, source) as target:
                yield from denoiser.denoise(source, target)
            if should_stop():
                return None
    return sink.arrays(model.stage)
