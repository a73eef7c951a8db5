"""Which ones to take when not all can be, and until when."""

from collections.abc import Sequence

import numpy as np

MOST_PIXELS = 2**27
"""Pixels that are read at most to get to know images of any size: half a gigabyte of float32."""
MOST_SLICES = 16
"""Slices of which figures about whole stacks are made."""


def evenly(n: int, most: int) -> list[int]:
    """Choose at most so many of `n` indices, evenly.

    Parameters
    ----------
    n, most : int
        Number of indices, and of those to choose.

    Returns
    -------
    list of int
        In order; the first and the last one among them.
    """
    return [int(i) for i in np.unique(np.linspace(0, n - 1, min(most, n)).round())]


def affordable(most: int, shape: Sequence[int], fewest: int = 4) -> int:
    """Return how many slices of a stack may be read.

    Parameters
    ----------
    most, fewest : int
        Bounds of it.
    shape : sequence of int
        Sizes of the stack, rows and columns last.
    """
    return max(fewest, min(most, MOST_PIXELS // max(1, shape[-2] * shape[-1])))


def never() -> bool:
    """Tell a long work that nobody wants it to stop."""
    return False
