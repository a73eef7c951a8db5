"""How far odd rows lie beside even ones, from what they have in common.

An odd row is compared with the mean of the rows above and below it. What slants is cut by both in
opposite ways, so that the phase of their cross spectrum grows with frequency by the shift alone.
Where rows share noise along a diagonal, the row above has it on one side and the row below on the
other: the cross spectrum is real then, and fits a shift to either side equally well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import fft

from autoStructN2V.masking.scanning.limits import SCAN_LIMITS, ScanLimits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Image = NDArray[np.float32]

_STEP = 1.0 / 32.0  # px: of the shifts that are tried
_MARGIN = 16  # px: beyond both ends of a row, filled with its mirror image
_MOST_COHERENT = 0.999  # guards a division
_CHANCE = 8.0  # of the coherence of one pair of rows: a high frequency in 3000 has more by chance
_WINDOW_LOSS = 1.5  # frequencies that a Hann window makes one


@dataclass(frozen=True)
class _Cross:
    """Sums over pairs of rows: cross spectrum, both power spectra (F,), and number of pairs."""

    product: NDArray[np.complex128]
    even: NDArray[np.float64]
    odd: NDArray[np.float64]
    n_rows: int

    def __add__(self, other: _Cross) -> _Cross:
        return _Cross(
            self.product + other.product,
            self.even + other.even,
            self.odd + other.odd,
            self.n_rows + other.n_rows,
        )

    def shift(self, limits: ScanLimits) -> tuple[float, float, float]:
        """Return the shift of the odd rows to the right, its standard error, and its side.

        Both in pixels. The side is 1 for a shift, and 0 for what lies equally far to the right and
        to the left.
        """
        power = np.maximum(self.even * self.odd, np.finfo(np.float64).tiny)
        coherence = np.abs(self.product) ** 2 / power
        coherence = np.clip(coherence - _CHANCE / self.n_rows, 0.0, _MOST_COHERENT)
        weight = coherence / (1.0 - coherence)
        frequency = np.arange(len(power)) / (2.0 * (len(power) - 1))
        weight[0] = 0.0
        tried = np.arange(-limits.most_shift, limits.most_shift + _STEP, _STEP)
        phase = np.angle(self.product)
        left = phase + 2.0 * np.pi * tried[:, None] * frequency
        best = float(tried[np.argmax(np.cos(left) @ weight)])
        information = 2.0 * self.n_rows / _WINDOW_LOSS
        information *= float(np.square(2.0 * np.pi * frequency) @ weight)
        expected = np.sin(2.0 * np.pi * best * frequency)
        side = float(weight @ (-np.sin(phase) * expected))
        side /= max(float(weight @ np.square(expected)), np.finfo(np.float64).tiny)
        return best, float(information**-0.5) if information > 0.0 else np.inf, side


def find_row_shift(slices: Sequence[Image], limits: ScanLimits = SCAN_LIMITS) -> float:
    """Measure how far the odd rows of images are shifted against the even ones.

    Parameters
    ----------
    slices : sequence of (Y, X) float32
        Of one shape, any unit; the first row is even.
    limits : ScanLimits
        What counts as a shift.

    Returns
    -------
    float
        Pixels, positive to the right; 0 if there is no clear shift, or the images are smaller than
        32 x 32 pixels.

    References
    ----------
    Knapp, Carter: The generalized correlation method for estimation of time delay. IEEE Trans. ASSP
    24 (1976). doi:10.1109/TASSP.1976.1162830
    """
    if not slices or min(slices[0].shape) < limits.smallest_side:
        return 0.0
    halves = _halves(slices)
    shift, error, side = (halves[0] + halves[1]).shift(limits)
    is_known = error <= limits.most_error and side >= limits.least_side
    if not is_known or abs(shift) < max(limits.least_shift, limits.clear_errors * error):
        return 0.0
    (first, error_1, _), (second, error_2, _) = (half.shift(limits) for half in halves)
    tolerance = limits.clear_errors * float(np.hypot(error_1, error_2)) + _STEP
    return shift if abs(first - second) <= max(tolerance, limits.least_shift) else 0.0


def _halves(slices: Sequence[Image]) -> tuple[_Cross, _Cross]:
    """Return the sums over the upper and over the lower halves of all slices."""
    found: list[list[_Cross]] = [[], []]
    for image in slices:
        middle = image.shape[0] // 4 * 2  # even, so that both halves begin with an even row
        for sums, part in zip(found, (image[: middle + 1], image[middle:]), strict=True):
            sums.append(_cross(part))
    (first, *upper), (second, *lower) = found
    return sum(upper, first), sum(lower, second)


def _cross(image: Image) -> _Cross:
    rows = image.astype(np.float64)
    rows -= rows.mean(axis=1, keepdims=True)
    rows *= np.hanning(rows.shape[1])
    odd = rows[1:-1:2]
    even = (rows[0:-2:2][: len(odd)] + rows[2::2][: len(odd)]) / 2.0
    of_odd, of_even = fft.rfft(odd, axis=1), fft.rfft(even, axis=1)
    return _Cross(
        (np.conj(of_even) * of_odd).sum(0),
        np.square(np.abs(of_even)).sum(0),
        np.square(np.abs(of_odd)).sum(0),
        len(odd),
    )


def shifted_odd_rows(image: Image, shift: float) -> Image:
    """Return an image (Y, X) whose odd rows are moved to the right, by a fraction of pixels too.

    Parameters
    ----------
    image : (Y, X) float32
        Any unit.
    shift : float
        Pixels.

    Returns
    -------
    (Y, X) float32
        A new array. What moves in is the mirror image of what lies at the border.
    """
    rows = image[1::2]
    margin = min(_MARGIN + int(abs(shift)) + 1, rows.shape[1])
    padded = np.pad(rows.astype(np.float64), ((0, 0), (margin, margin)), mode="symmetric")
    spectrum = fft.rfft(padded, axis=1)
    turn = np.exp(-2j * np.pi * shift * fft.rfftfreq(padded.shape[1]))
    moved = fft.irfft(spectrum * turn, padded.shape[1], axis=1)
    result = image.copy()
    result[1::2] = moved[:, margin : margin + rows.shape[1]]
    return result
