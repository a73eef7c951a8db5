"""Geometry of tiled prediction: which window to read for which part of the result.

A tile is a *core* that is kept and a *window* around it that the network sees::

    +--------------------+  window: core and halo, cut at the image border
    |  halo              |
    |    +----------+    |
    |    |   core   |    |  cores cover the image without overlap
    |    +----------+    |
    |                    |
    +--------------------+

The stitched prediction equals the untiled one when the halo is at least the receptive radius of
the network and every window starts on the grid of its coarsest level.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Span = tuple[int, int]


@dataclass(frozen=True)
class Tile:
    """One step of a tiled prediction; all spans are [start, stop) in image pixels."""

    core_y: Span
    core_x: Span
    window_y: Span
    window_x: Span

    @property
    def core(self) -> tuple[slice, slice]:
        """Where the result goes."""
        return slice(*self.core_y), slice(*self.core_x)

    @property
    def window(self) -> tuple[slice, slice]:
        """What the network sees."""
        return slice(*self.window_y), slice(*self.window_x)

    @property
    def core_in_window(self) -> tuple[slice, slice]:
        """The part of the prediction of the window that is kept."""
        (y0, y1), (x0, x1) = self.core_y, self.core_x
        top, left = self.window_y[0], self.window_x[0]
        return slice(y0 - top, y1 - top), slice(x0 - left, x1 - left)


def plan_tiles(shape: tuple[int, int], max_window: int, halo: int, stride: int) -> list[Tile]:
    """Divide an image into tiles.

    Parameters
    ----------
    shape : (height, width)
        Image size in pixels.
    max_window : int
        Largest number of pixels in a window, as far as the halo permits.
    halo : int
        Context around each core in pixels; rounded up to a multiple of ``stride``.
    stride : int
        Grid on which windows start, in pixels (the network's :attr:`FlexibleUNet.stride`).
    """
    halo = -(-halo // stride) * stride
    if shape[0] * shape[1] <= max_window:
        return [Tile((0, shape[0]), (0, shape[1]), (0, shape[0]), (0, shape[1]))]
    side_y, side_x = _core_size(shape, max_window, halo, stride)
    return [
        Tile(core_y, core_x, _window(core_y, shape[0], halo), _window(core_x, shape[1], halo))
        for core_y in _cores(shape[0], side_y)
        for core_x in _cores(shape[1], side_x)
    ]


def _core_size(shape: tuple[int, int], max_window: int, halo: int, stride: int) -> tuple[int, int]:
    """Choose the core size (y, x) whose windows are small enough and have the fewest pixels.

    Cores of less than twice the halo would be more waste than use; where no other windows are
    small enough, the smallest are taken.
    """
    sides = [_core_sides(length, halo, stride) for length in shape]
    n_cuts = [-(-length // side) - 1 for length, side in zip(shape, sides, strict=True)]
    total_y, total_x = (length + 2 * halo * n for length, n in zip(shape, n_cuts, strict=True))
    largest_y, largest_x = (
        np.minimum(length, side + halo * np.minimum(n, 2))
        for length, side, n in zip(shape, sides, n_cuts, strict=True)
    )
    excess = np.maximum(np.outer(largest_y, largest_x) - max_window, 0)
    best = np.lexsort((np.outer(total_y, total_x).ravel(), excess.ravel()))[0]
    y, x = np.unravel_index(best, excess.shape)
    return int(sides[0][y]), int(sides[1][x])


def _core_sides(length: int, halo: int, stride: int) -> NDArray[np.int64]:
    """Return the sides that divide a line into 1, 2, ... nearly equal pieces on the grid."""
    n_pieces = np.arange(1, -(-length // max(2 * halo, stride)) + 1)
    sides = -(-length // n_pieces)
    return np.unique(-(-sides // stride) * stride)


def _cores(length: int, side: int) -> list[Span]:
    return [(start, min(start + side, length)) for start in range(0, length, side)]


def _window(core: Span, length: int, halo: int) -> Span:
    return max(0, core[0] - halo), min(length, core[1] + halo)
