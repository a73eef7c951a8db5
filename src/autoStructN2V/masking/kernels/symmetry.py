"""Which turns and flips leave a kernel unchanged."""

import numpy as np
from numpy.typing import NDArray

from autoStructN2V.symmetry import SYMMETRIES, Symmetry


def symmetries_of_cells(cells: NDArray[np.bool_]) -> tuple[Symmetry, ...]:
    """Return the turns and flips that leave a kernel unchanged; the identity comes first.

    Parameters
    ----------
    cells : (1 or 3, H, W) bool
        Cells of a kernel; where H and W differ, they are embedded in a square.

    Returns
    -------
    tuple of Symmetry
        1, 2, 4 or 8 of them.
    """
    square = _padded_to_square(cells)
    return tuple(s for s in SYMMETRIES if np.array_equal(s(square), square))


def _padded_to_square(cells: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Embed cells (S, H, W) in the smallest square with the same center."""
    side = max(cells.shape[1:])
    margins = ((side - length) // 2 for length in cells.shape[1:])
    return np.pad(cells, [(0, 0), *((margin, margin) for margin in margins)])
