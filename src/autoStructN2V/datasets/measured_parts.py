"""Which parts of large stacks are read to measure their noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from autoStructN2V.datasets.images.validity import missing_pixels
from autoStructN2V.sampling import evenly

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.sources import ImageSource

_BUDGET = 1_600_000  # px used at most; more only makes the standard error smaller
_PLANE_SIDE = 1024  # px: larger images are sampled in blocks of half this side
_RUN = 3  # slices: as many as a kernel has in 2.5D


@dataclass(frozen=True)
class _Block:
    """A part of a stack that is still to be read."""

    source: ImageSource
    slices: range
    rows: slice
    columns: slice

    @property
    def size(self) -> int:
        """Number of its pixels."""
        _, height, width = self.source.shape
        n_rows, n_columns = (
            len(range(length)[part])
            for length, part in ((height, self.rows), (width, self.columns))
        )
        return len(self.slices) * n_rows * n_columns

    def runs(self) -> list[_Block]:
        """Cut it into runs of a few slices."""
        starts = range(0, len(self.slices), _RUN)
        parts = [self.slices[start : start + _RUN] for start in starts]
        return [_Block(self.source, part, self.rows, self.columns) for part in parts]

    def read(self, should_stop: Callable[[], bool]) -> NDArray[np.float32] | None:
        """Read it (Z, Y, X); None if stopped."""
        planes = []
        for z in self.slices:
            if should_stop():
                return None
            planes.append(_without_fill(self.source, z)[self.rows, self.columns])
        return np.stack(planes)


def sampled(
    sources: Sequence[ImageSource],
    slices: Sequence[range],
    should_stop: Callable[[], bool] = lambda: False,
) -> list[NDArray[np.float32]] | None:
    """Read a limited number of pixels: runs of slices, and blocks of very large planes.

    Parameters
    ----------
    sources : sequence of ImageSource
        Stacks.
    slices : sequence of range
        The slices of each that may be read.
    should_stop : callable
        Asked before every slice that is read; True ends it.

    Returns
    -------
    list of (Z, Y, X) float32, or None
        None if stopped.
    """
    pairs = zip(sources, slices, strict=True)
    blocks = [block for source, chosen in pairs for block in _blocks(source, chosen)]
    total = sum(block.size for block in blocks)
    if total > _BUDGET:
        runs = [run for block in blocks for run in block.runs()]
        n_kept = max(1, round(len(runs) * _BUDGET / total))
        blocks = [runs[index] for index in evenly(len(runs), n_kept)]
    stacks = []
    for block in blocks:
        stack = block.read(should_stop)
        if stack is None:
            return None
        stacks.append(stack)
    return stacks


def _without_fill(source: ImageSource, z: int) -> NDArray[np.float32]:
    """Read a slice (Y, X) with one value where pixels are missing, which counts as no noise."""
    image = source.read_slice(z)
    missing = missing_pixels(source, z)
    if missing is None:
        return image
    return np.where(missing, np.float32(np.median(image)), image)


def _blocks(source: ImageSource, slices: range) -> list[_Block]:
    """Cut planes larger than ``_PLANE_SIDE`` into blocks."""
    shape = source.shape[1:]
    if max(shape) <= _PLANE_SIDE:
        return [_Block(source, slices, slice(None), slice(None))]
    side = _PLANE_SIDE // 2
    starts = [range(0, max(1, length - side // 2), side) for length in shape]
    return [
        _Block(source, slices, slice(y, y + side), slice(x, x + side))
        for y in starts[0]
        for x in starts[1]
    ]
