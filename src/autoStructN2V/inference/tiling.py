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
    side = _core_side(shape, max_window, halo, stride)
    return [
        Tile(core_y, core_x, _window(core_y, shape[0], halo), _window(core_x, shape[1], halo))
        for core_y in _cores(shape[0], side[0], stride)
        for core_x in _cores(shape[1], side[1], stride)
    ]


def _core_side(shape: tuple[int, int], max_window: int, halo: int, stride: int) -> tuple[int, int]:
    """Choose the core size: strips over the full width when they are not too thin."""
    rows = max_window // shape[1] - 2 * halo
    if rows >= 4 * halo:
        return rows, shape[1]
    side = max(int(max_window**0.5) - 2 * halo, 2 * halo, stride)
    return side, side


def _cores(length: int, side: int, stride: int) -> list[Span]:
    """Cut a line into nearly equal pieces of at most about ``side``, starting on the grid."""
    n_pieces = -(-length // side)
    step = -(-length // n_pieces)
    step = -(-step // stride) * stride
    return [(start, min(start + step, length)) for start in range(0, length, step)]


def _window(core: Span, length: int, halo: int) -> Span:
    return max(0, core[0] - halo), min(length, core[1] + halo)
