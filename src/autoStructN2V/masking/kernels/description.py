"""What a kernel hides, in words and numbers."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from autoStructN2V.masking.kernels.cells import neighbors_of_center

_LEAST_FILLED = 0.6  # of the box around it: between a diamond, 1/2, and a disk, pi/4
_MOST_ELONGATED = 3  # times as long as wide; what is longer is a band

PatternType = Literal["none", "horizontal", "vertical", "diagonal", "cross", "blob", "irregular"]


@dataclass(frozen=True)
class KernelStatistics:
    """What a person wants to know about a kernel.

    Attributes
    ----------
    size : tuple of int
        Shape of the kernel in its documented form, (H, W) or (3, H, W).
    n_active : int
        Number of hidden pixels, the center included.
    coverage_percent : float
        Share of the kernel's cells that are hidden, 0..100.
    pattern_type : str
        ``'none'`` (center alone), ``'horizontal'``, ``'vertical'``, ``'diagonal'``,
        ``'cross'``, ``'blob'`` or ``'irregular'``; of the middle slice, in 2.5D.
    sentence : str
        The kernel in plain words.
    """

    size: tuple[int, ...]
    n_active: int
    coverage_percent: float
    pattern_type: PatternType
    sentence: str


def describe_cells(cells: NDArray[np.bool_]) -> KernelStatistics:
    """Count and name what a kernel hides.

    Parameters
    ----------
    cells : (1 or 3, H, W) bool
        Cells of a valid kernel.

    Returns
    -------
    KernelStatistics
    """
    n_active = int(cells.sum())
    pattern = _pattern_type(cells[len(cells) // 2])
    return KernelStatistics(
        size=cells.shape if len(cells) > 1 else cells.shape[1:],
        n_active=n_active,
        coverage_percent=100.0 * n_active / cells.size,
        pattern_type=pattern,
        sentence=_sentence(cells, pattern),
    )


def _pattern_type(plane: NDArray[np.bool_]) -> PatternType:
    """Name what the cells (H, W) of a slice look like."""
    offsets = neighbors_of_center(plane)
    if len(offsets) == 0:
        return "none"
    y, x = offsets.T
    if not y.any():
        return "horizontal"
    if not x.any():
        return "vertical"
    if np.array_equal(y, x) or np.array_equal(y, -x):
        return "diagonal"
    if np.all((y == 0) | (x == 0)) or np.all(np.abs(y) == np.abs(x)):
        return "cross"
    return "blob" if _is_compact(plane, offsets) else "irregular"


def _is_compact(plane: NDArray[np.bool_], offsets: NDArray[np.intp]) -> bool:
    """Whether (H, W) cells, of (N, 2) offsets, fill most of a disk or box about their center."""
    reach_y, reach_x = np.abs(offsets).max(axis=0)
    shorter, longer = sorted((reach_y, reach_x))
    if shorter == 0 or longer > _MOST_ELONGATED * shorter:
        return False
    return bool(plane.sum() >= _LEAST_FILLED * (2 * reach_y + 1) * (2 * reach_x + 1))


def _has_gaps(plane: NDArray[np.bool_]) -> bool:
    """Whether the hidden of (H, W) cells are not connected, not even across corners."""
    _, n_parts = ndimage.label(plane, structure=np.ones((3, 3)))
    return bool(n_parts > 1)


def _reach_text(plane: NDArray[np.bool_], pattern: PatternType) -> str:
    """Say what the cells (H, W) of a slice hide."""
    offsets = neighbors_of_center(plane)
    reach_y, reach_x = (int(r) for r in np.abs(offsets).max(axis=0))
    pixels = f"{max(reach_y, reach_x)} pixel" + ("s" if max(reach_y, reach_x) > 1 else "")
    pixels += ", with gaps," if _has_gaps(plane) else ""
    if pattern == "horizontal":
        return (
            f"hides up to {pixels} left and right of each pixel: horizontal correlation of "
            f"{2 * reach_x + 1} px"
        )
    if pattern == "vertical":
        return (
            f"hides up to {pixels} above and below each pixel: vertical correlation of "
            f"{2 * reach_y + 1} px"
        )
    if pattern == "diagonal":
        falling = bool(offsets[0, 0] * offsets[0, 1] > 0)
        slope = "from top left to bottom right" if falling else "from bottom left to top right"
        return f"hides up to {pixels} to both sides along the diagonal {slope}"
    if pattern == "cross":
        return f"hides up to {pixels} along each arm of a cross"
    gaps = ", with gaps" if _has_gaps(plane) else ""
    box = f"{2 * reach_y + 1} x {2 * reach_x + 1} pixels"
    return f"hides {len(offsets)} neighbors within {box}{gaps}: " + (
        "correlation on all sides" if pattern == "blob" else "an irregular pattern"
    )


def _sentence(cells: NDArray[np.bool_], pattern: PatternType) -> str:
    """Say what cells (1 or 3, H, W) hide."""
    text = (
        "hides only the predicted pixel itself: no correlated neighbors"
        if pattern == "none"
        else _reach_text(cells[len(cells) // 2], pattern)
    )
    if len(cells) == 3:
        above, below = int(cells[0].sum()), int(cells[2].sum())
        text += (
            f", and {above} in the slice above and {below} in the slice below"
            if above or below
            else ", and none in the neighboring slices"
        )
    return text
