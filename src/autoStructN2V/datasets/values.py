"""What the values of an image are like: not finite, saturated, cut off at the bottom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from autoStructN2V.errors import InputError
from autoStructN2V.quantities import percent_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

WarningKind = Literal["reading", "constant", "saturated", "clipped"]

_SATURATED_SHARE = 0.01
_CLIPPED_SHARE = 0.05
_FEWEST_EXTREME = 10
"""Pixels below which a share says nothing: in a tiny image one is more than a percent."""
_COUNTS_DECAY = 0.6
"""Of pixels with two counts to those with one: half the mean count where photons are counted and
zero is the most frequent count, hence below 0.5; near 1 where noise is cut off at zero."""


@dataclass
class NotFinite:
    """Counts of values that are not finite, and where the first one is."""

    n_nan: int = 0
    n_infinite: int = 0
    first_slice: int | None = None

    def add(self, image: NDArray[np.float32], z: int) -> bool:
        """Return True if the slice (y, x) has such values."""
        with np.errstate(invalid="ignore"):
            total = image.sum(dtype=np.float64)
        if np.isfinite(total):
            return False
        self.n_nan += int(np.isnan(image).sum())
        self.n_infinite += int(np.isinf(image).sum())
        if self.first_slice is None:
            self.first_slice = z
        return True

    def refuse(self, name: str) -> None:
        """Raise an InputError that tells of such values, if there are some."""
        if self.first_slice is None:
            return
        counts = ((self.n_nan, "NaN"), (self.n_infinite, "infinite"))
        found = " and ".join(f"{n} {word}" for n, word in counts if n)
        raise InputError(
            f"{name} has {found} values, the first in slice {self.first_slice}; replace them by "
            "numbers, for example by those of neighboring pixels."
        )


@dataclass
class Extremes:
    """Lowest and highest value, and how many pixels have them."""

    is_integer: bool = False
    offset: float = 0.0
    lowest: float = np.inf
    highest: float = -np.inf
    n_lowest: int = 0
    n_highest: int = 0
    n_below_highest: int = 0
    n_ones: int = 0
    n_twos: int = 0
    n_pixels: int = 0

    def add(self, image: NDArray[np.float32]) -> None:
        """Count the pixels of a slice, of any shape."""
        low, high = float(image.min()), float(image.max())
        self.n_pixels += image.size
        if low < self.lowest:
            self.lowest, self.n_lowest = low, 0
        if high > self.highest:
            self.highest, self.n_highest, self.n_below_highest = high, 0, 0
        if low == self.lowest:
            self.n_lowest += int((image == low).sum())
        if high == self.highest:
            self.n_highest += int((image == high).sum())
        if self.is_integer:
            self.n_below_highest += int((image == self.highest - 1).sum())
            self.n_ones += int((image == 1).sum())
            self.n_twos += int((image == 2).sum())

    @property
    def _is_saturated(self) -> bool:
        """Whether values pile up at the top; counts of few photons end there without a pile."""
        is_piled = not self.is_integer or self.n_highest > self.n_below_highest
        is_share = self.n_highest > _SATURATED_SHARE * self.n_pixels
        return is_share and is_piled and self.n_highest >= _FEWEST_EXTREME

    @property
    def _is_clipped(self) -> bool:
        """Whether values pile up at the bottom, and are not counts of which zero is one."""
        is_counting = self.is_integer and self.lowest == 0 and self.offset == 0
        is_counts = is_counting and (
            self.n_ones >= self.n_lowest or self.n_twos < _COUNTS_DECAY * self.n_ones
        )
        is_share = self.n_lowest > _CLIPPED_SHARE * self.n_pixels
        return is_share and not is_counts and self.n_lowest >= _FEWEST_EXTREME

    def warnings(self, name: str) -> list[tuple[WarningKind, str]]:
        """Say what a person should know of an image of that name."""
        found: list[tuple[WarningKind, str]] = []
        if self._is_saturated:
            sentence = (
                f"{percent_text(self.n_highest / self.n_pixels)} of the pixels of {name} have the "
                f"highest value ({self.highest + self.offset:g}): they are saturated, and what "
                "they hide cannot be restored."
            )
            found.append(("saturated", sentence))
        if self._is_clipped:
            sentence = (
                f"{percent_text(self.n_lowest / self.n_pixels)} of the pixels of {name} have the "
                f"lowest value ({self.lowest + self.offset:g}): the noise is cut off there, and "
                "dark regions will come out too bright."
            )
            found.append(("clipped", sentence))
        return found


def require_finite(image: NDArray[np.float32], name: str, z: int) -> NDArray[np.float32]:
    """Return a slice (y, x) if all of its values are finite.

    Raises
    ------
    InputError
        If they are not; ``name`` is that of its stack, ``z`` its place there.
    """
    flawed = NotFinite()
    flawed.add(image, z)
    flawed.refuse(name)
    return image
