"""Previews that take no more than a small share of the time of a training."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from autoStructN2V.trainers.events import Preview

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from autoStructN2V.inference.preview import Previewer
    from autoStructN2V.models.unet import FlexibleUNet

_SHARE = 0.05  # of the training time, at most


class SparePreviews:
    """Show what the network makes of a slice, unless previews took too much time already.

    Parameters
    ----------
    previewer : Previewer or None
        None: there are no previews.
    stage : {1, 2}
        Number that the events carry.
    """

    def __init__(self, previewer: Previewer | None, stage: int) -> None:
        self._previewer = previewer
        self._stage = stage
        self._started = time.perf_counter()
        self._seconds = 0.0

    def of(self, network: FlexibleUNet, should_stop: Callable[[], bool]) -> Iterator[Preview]:
        """Yield a preview, or none."""
        start = time.perf_counter()
        if self._previewer is None or self._seconds > _SHARE * (start - self._started):
            return
        index, image = self._previewer.denoise(network.eval(), should_stop)
        self._seconds += time.perf_counter() - start
        if image is not None:
            yield Preview(self._stage, index, image)
