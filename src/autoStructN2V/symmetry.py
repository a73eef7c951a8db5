"""Turns and flips of the square."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Symmetry:
    """One of the eight turns and flips of the square.

    Apply it to the last two axes of an array: first flip the X axis if ``flip``, then turn by
    ``quarter_turns`` times 90 degrees from Y towards X (``numpy.rot90`` with axes (-2, -1)).
    """

    quarter_turns: int
    flip: bool

    def __call__(self, array: NDArray[np.generic]) -> NDArray[np.generic]:
        """Return the turned and flipped view of an (..., Y, X) array."""
        flipped = array[..., ::-1] if self.flip else array
        return np.rot90(flipped, self.quarter_turns, axes=(-2, -1))

    def undo(self, array: NDArray[np.generic]) -> NDArray[np.generic]:
        """Return the view of an (..., Y, X) array that was turned and flipped as it was before."""
        turned = np.rot90(array, -self.quarter_turns, axes=(-2, -1))
        return turned[..., ::-1] if self.flip else turned

    def shape_of(self, shape: tuple[int, int]) -> tuple[int, int]:
        """Return the shape (Y, X) that an array of shape (Y, X) has once it is turned."""
        return shape[::-1] if self.quarter_turns % 2 else shape


SYMMETRIES = tuple(Symmetry(turns, flip) for flip in (False, True) for turns in range(4))
