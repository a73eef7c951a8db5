"""Where patches hold enough signal to learn from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from autoStructN2V.datasets.patches import PatchRegion

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from autoStructN2V.datasets.patches import PatchBank

_LEAST_SIGNAL = 0.5  # of the pixels of a patch


def mostly_valid(bank: PatchBank, patch_size: int) -> PatchRegion | None:
    """Find the patches half of whose pixels, at least, are signal.

    Parameters
    ----------
    bank : PatchBank
        Pixels, and which of them are signal.
    patch_size : int
        Side of a patch in pixels.

    Returns
    -------
    PatchRegion or None
        None if all patches are.
    """
    if bank.valid is None:
        return None
    allowed = {i: _allowed_corners(bank, i, patch_size) for i in bank.shapes}
    if all(corners.all() for corners in allowed.values()):
        return None
    rectangles = [[i, *r] for i, corners in allowed.items() for r in _rectangles(corners)]
    return PatchRegion(np.array(rectangles, dtype=np.int64).reshape(-1, 5))


def _allowed_corners(bank: PatchBank, i: int, patch_size: int) -> NDArray[np.bool_]:
    """Tell at which corners (y, x) a patch of a slice holds enough signal."""
    height, width = bank.shapes[i]
    invalid = bank.invalid(i)
    if invalid is None:
        return np.ones((height - patch_size + 1, width - patch_size + 1), bool)
    summed = np.pad(invalid, ((1, 0), (1, 0))).cumsum(0, dtype=np.int64).cumsum(1)
    p = patch_size
    counts = summed[p:, p:] - summed[:-p, p:] - summed[p:, :-p] + summed[:-p, :-p]
    allowed: NDArray[np.bool_] = counts <= (1.0 - _LEAST_SIGNAL) * p**2
    return allowed


def _rectangles(allowed: NDArray[np.bool_]) -> list[tuple[int, int, int, int]]:
    """Cut places (y, x) into rectangles: first and last row, first and last column."""
    found = []
    open_runs: dict[tuple[int, int], int] = {}  # by first and last column, the first row
    for y, row in enumerate([*allowed, np.zeros(allowed.shape[1], bool)]):
        edges = np.diff(np.concatenate([[0], row.astype(np.int8), [0]]))
        starts, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1) - 1
        runs = list(zip(starts.tolist(), ends.tolist(), strict=True))
        for run in [run for run in open_runs if run not in runs]:
            found.append((open_runs.pop(run), y - 1, *run))
        for run in runs:
            open_runs.setdefault(run, y)
    return found
