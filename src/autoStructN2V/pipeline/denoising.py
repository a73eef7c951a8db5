"""A model applied to a stack, slice by slice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from autoStructN2V.inference.predictor import Predictor, SliceFinished, TileFinished

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    import numpy as np
    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.pipeline.clock import PredictionClock
    from autoStructN2V.pipeline.events import Event
    from autoStructN2V.trainers.events import Warned


@dataclass(frozen=True)
class Denoiser:
    """A model that is ready to be applied, and what is to be said about the images."""

    predictor: Predictor
    sources: list[ImageSource]
    clock: PredictionClock
    warnings: list[Warned]
    should_stop: Callable[[], bool]

    def denoise(
        self, source: ImageSource, write: Callable[[int, NDArray[np.float32]], None]
    ) -> Generator[Event]:
        """Denoise one stack; each slice (y, x) is handed to ``write`` with its index."""
        for event in self.predictor.denoise(source, self.should_stop):
            if isinstance(event, SliceFinished):
                write(event.index, event.image)
            elif isinstance(event, TileFinished):
                yield self.clock.advance()
