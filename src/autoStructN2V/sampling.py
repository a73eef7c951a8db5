"""Which ones to take when not all can be, and until when."""

import numpy as np

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


def never() -> bool:
    """Tell a long work that nobody wants it to stop."""
    return False
