"""Find rows and columns of a detector that are stuck at one value."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from autoStructN2V.masking.invalid.limits import INVALID_LIMITS, OutlierLimits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Image = NDArray[np.float32]
    Mask = NDArray[np.bool_]

_CLEAR = 5.0  # standard deviations from the pixels around, on average


def has_runs(image: Image, limits: OutlierLimits = INVALID_LIMITS.outliers) -> bool:
    """Tell whether a row or column of an image (Y, X) may hold a run of one value."""
    return any(
        (turned[1:] == turned[:-1]).sum(0).max() >= _shortest(turned, limits) - 1
        for turned in (image, image.T)
    )


def find_stuck_lines(
    image: Image,
    units: NDArray[np.floating],
    limits: OutlierLimits = INVALID_LIMITS.outliers,
) -> Mask:
    """Mark runs of one value along a row or column that lie far from the pixels beside them.

    Parameters
    ----------
    image : (Y, X) float32
        Any unit.
    units : (Y, X) float
        How far each pixel lies from the median around it, in standard deviations; nearly 0 within
        areas of one value that are wider than two pixels.
    limits : OutlierLimits
        How long a run is.

    Returns
    -------
    (Y, X) bool
    """
    columns = _stuck_columns(image, units, limits)
    return columns | _stuck_columns(image.T, units.T, limits).T


def _shortest(image: Image, limits: OutlierLimits) -> int:
    """Return how long a run along the columns of an image (Y, X) is at least."""
    return max(limits.shortest_line, int(image.shape[0]) // 4)


def _stuck_columns(image: Image, units: NDArray[np.floating], limits: OutlierLimits) -> Mask:
    found = np.zeros(image.shape, bool)
    shortest = _shortest(image, limits)
    is_equal = image[1:] == image[:-1]
    for x in np.flatnonzero(is_equal.sum(0) >= shortest - 1):
        for start, end in _runs(is_equal[:, x]):
            run = slice(start, end + 1)
            is_long = end - start >= shortest - 1
            found[run, x] = is_long and abs(float(units[run, x].mean())) > _CLEAR
    return found


def _runs(flags: Mask) -> list[tuple[int, int]]:
    """Return where runs of True begin and end (behind the last) in (N,)."""
    edges = np.diff(np.concatenate([[0], flags.astype(np.int8), [0]]))
    starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    return list(zip(starts.tolist(), ends.tolist(), strict=True))
