"""What a kernel hides, in words and numbers."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from autoStructN2V.masking.kernels.kernel import Kernel, center_of

PatternType = Literal["none", "horizontal", "vertical", "diagonal", "cross", "blob", "irregular"]


@dataclass(frozen=True)
class KernelStatistics:
    """What a person wants to know about a kernel.

    Attributes
    ----------
    size : tuple of int
        Shape of the kernel.
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


def describe_kernel(kernel: object) -> KernelStatistics:
    """Count and name what a kernel hides.

    Parameters
    ----------
    kernel : (H, W) or (3, H, W) array_like
        A valid kernel.

    Returns
    -------
    KernelStatistics
    """
    valid = np.asarray(kernel, bool)
    n_active = int(valid.sum())
    middle = valid if valid.ndim == 2 else valid[1]
    pattern = _pattern_type(middle)
    return KernelStatistics(
        size=valid.shape,
        n_active=n_active,
        coverage_percent=100.0 * n_active / valid.size,
        pattern_type=pattern,
        sentence=_sentence(valid, pattern),
    )


def _offsets(plane: Kernel) -> NDArray[np.intp]:
    """Return the (N, 2) offsets (y, x) of the hidden pixels other than the center."""
    offsets = np.argwhere(plane) - np.array(center_of(plane))
    others: NDArray[np.intp] = offsets[np.any(offsets != 0, axis=1)]
    return others


def _pattern_type(plane: Kernel) -> PatternType:
    offsets = _offsets(plane)
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


def _is_compact(plane: Kernel, offsets: NDArray[np.intp]) -> bool:
    """Whether a kernel fills most of a disk or box about its center."""
    reach_y, reach_x = np.abs(offsets).max(axis=0)
    if min(reach_y, reach_x) == 0 or max(reach_y, reach_x) > 3 * min(reach_y, reach_x):
        return False
    return bool(plane.sum() >= 0.6 * (2 * reach_y + 1) * (2 * reach_x + 1))


def _reach_text(plane: Kernel, pattern: PatternType) -> str:
    offsets = _offsets(plane)
    reach_y, reach_x = (int(r) for r in np.abs(offsets).max(axis=0))
    pixels = f"{max(reach_y, reach_x)} pixel" + ("s" if max(reach_y, reach_x) > 1 else "")
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
    return (
        f"hides {len(offsets)} neighbors within {2 * reach_y + 1} x {2 * reach_x + 1} pixels: "
        + ("correlation on all sides" if pattern == "blob" else "an irregular pattern")
    )


def _sentence(kernel: Kernel, pattern: PatternType) -> str:
    middle = kernel if kernel.ndim == 2 else kernel[1]
    text = (
        "hides only the predicted pixel itself: no correlated neighbors"
        if pattern == "none"
        else _reach_text(middle, pattern)
    )
    if kernel.ndim == 3:
        above, below = int(kernel[0].sum()), int(kernel[2].sum())
        text += (
            f", and {above} in the slice above and {below} in the slice below"
            if above or below
            else ", and none in the slices above and below"
        )
    return text
