"""Find pixels that stand alone: hot, dead, hit by a cosmic ray, salt and pepper, short specks.

A pixel is compared with the median of eight others two pixels away, so that a speck of 3 x 3
pixels does not hide itself. How far a pixel may lie from it follows from the scatter of all pixels
at that brightness and from how the tail of that scatter falls, extrapolated to a probability that
no pixel of an image reaches. What lies beyond is an outlier only if it ends like a cliff: light
that came through optics reaches the pixels beside it, however faint or bright a spot is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from autoStructN2V.masking.invalid.filling import filled
from autoStructN2V.masking.invalid.limits import INVALID_LIMITS, OutlierLimits
from autoStructN2V.masking.invalid.lines import find_stuck_lines, has_runs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Image = NDArray[np.float32]
    Mask = NDArray[np.bool_]

_REACH = 2  # px: from a pixel to those that it is compared with
_AROUND = ((-2, -2), (-2, 0), (-2, 2), (0, -2), (0, 2), (2, -2), (2, 0), (2, 2))
_BESIDE = ((-1, 0), (0, -1), (0, 1), (1, 0))
_EIGHT = np.ones((3, 3), bool)
_MEDIAN_OF_EIGHT = (
    *((0, 1), (2, 3), (4, 5), (6, 7), (0, 2), (1, 3), (4, 6), (5, 7), (1, 2), (5, 6)),
    *((0, 4), (1, 5), (2, 6), (3, 7), (2, 4), (3, 5), (3, 4)),
)
"""Comparisons that sort eight values (Batcher), as far as the middle two need them."""

_N_LEVELS = 16  # of brightness
_PIXELS_AT_ONCE = 2**15  # whose neighbors stay in the cache of a processor
_MAD_TO_SIGMA = 1.4826
_PROBABILITIES = (0.05, 0.005)  # between which the fall of a tail is measured


def find_outliers(
    image: Image, unusable: Mask | None = None, limits: OutlierLimits = INVALID_LIMITS.outliers
) -> Mask:
    """Mark pixels that no noise and no optics explain.

    Parameters
    ----------
    image : (Y, X) float32
        Finite values, any unit.
    unusable : (Y, X) bool, optional
        Pixels that say nothing, filled from their surroundings; not marked.
    limits : OutlierLimits
        What counts as an outlier.

    Returns
    -------
    (Y, X) bool
        All False if the image is smaller than 16 x 16 pixels, or if a fifth of it would be marked.
    """
    none = np.zeros(image.shape, bool)
    if min(image.shape) < limits.smallest_side:
        return none
    left_out = none if unusable is None else unusable
    background = median_around(image)
    deviation = image - background
    scatter = Scatter(image, background, deviation, left_out, limits)
    lines = _stuck(image, deviation, scatter, left_out, limits)
    if lines is not None:  # seen without them, for what lies beside them
        return lines | find_outliers(filled(image, lines), left_out | lines, limits)
    if not scatter.is_known:
        return none
    found = none
    for sign in (1.0, -1.0):
        height = deviation if sign > 0 else -deviation
        candidates = scatter.candidates(height, background, sign) & ~left_out
        if candidates.any():
            found = found | _alone(image * np.float32(sign), height, candidates, scatter, limits)
    found = found & ~left_out
    return found if found.mean() <= limits.most_share else none


def _stuck(
    image: Image, deviation: Image, scatter: Scatter, left_out: Mask, limits: OutlierLimits
) -> Mask | None:
    """Mark stuck lines (Y, X); None if there are none."""
    if not scatter.is_known or not has_runs(image, limits):
        return None
    lines = find_stuck_lines(image, deviation / scatter.sigma(image - deviation), limits)
    lines &= ~left_out
    return lines if lines.any() else None


def median_around(image: Image) -> Image:
    """Return for each pixel (Y, X) the median of eight others two pixels away."""
    padded = np.pad(image, _REACH, mode="reflect")
    height, width = image.shape
    median: Image = np.empty_like(image)
    n_rows = max(1, _PIXELS_AT_ONCE // width)
    for top in range(0, height, n_rows):
        bottom = min(top + n_rows, height)
        median[top:bottom] = _median_of_padded(padded[top : bottom + 2 * _REACH])
    return median


def _median_of_padded(padded: Image) -> Image:
    """Return the medians (Y, X) for the inner pixels of (Y + 4, X + 4)."""
    height, width = (side - 2 * _REACH for side in padded.shape)
    values = [
        padded[_REACH + y : _REACH + y + height, _REACH + x : _REACH + x + width].copy()
        for y, x in _AROUND
    ]
    spare = np.empty_like(values[0])
    for low, high in _MEDIAN_OF_EIGHT:
        np.minimum(values[low], values[high], out=spare)
        np.maximum(values[low], values[high], out=values[high])
        values[low], spare = spare, values[low]
    median: Image = (values[3] + values[4]) * np.float32(0.5)
    return median


class Scatter:
    """How far pixels lie from the median around them, at each brightness and at each probability.

    Pixels of the highest or lowest value of all are left out: where many are salt and pepper, or
    saturated, those are.

    Parameters
    ----------
    image, background, deviation : (Y, X) float32
        An image, the median around each pixel, and the difference.
    left_out : (Y, X) bool
        Pixels that do not count.
    limits : OutlierLimits
        How improbable an outlier is.
    """

    def __init__(
        self,
        image: Image,
        background: Image,
        deviation: Image,
        left_out: Mask,
        limits: OutlierLimits,
    ) -> None:
        every = max(1, image.size // limits.most_sampled)
        every += every % 2 == 0  # an odd step meets all columns
        values = image.ravel()[::every]
        is_inside = (values > image.min()) & (values < image.max())
        is_inside &= ~left_out.ravel()[::every]
        brightness = background.ravel()[::every][is_inside]
        rest = deviation.ravel()[::every][is_inside]
        self._limits = limits
        self._step = _quantization(values)
        self.is_known = rest.size >= limits.fewest_sampled
        if not self.is_known:
            return
        groups = np.array_split(np.argsort(brightness, kind="stable"), _N_LEVELS)
        self._levels = np.array([np.median(brightness[group]) for group in groups])
        self._sigmas = np.array([self._sigma(rest[group]) for group in groups])
        self._units = rest / self.sigma(brightness)

    def _sigma(self, rest: Image) -> float:
        floor = max(self._step, float(np.finfo(np.float32).tiny))
        return max(_MAD_TO_SIGMA * float(np.median(np.abs(rest))), floor)

    def sigma(self, brightness: Image) -> NDArray[np.float64]:
        """Return the standard deviation at a brightness; arrays of any shape."""
        sigma: NDArray[np.float64] = np.interp(brightness, self._levels, self._sigmas)
        return sigma

    @property
    def least_sigma(self) -> float:
        """The standard deviation at the brightness where it is least: noise, not structure."""
        return float(self._sigmas.min())

    def candidates(self, height: Image, background: Image, sign: float) -> Mask:
        """Mark pixels (Y, X) that lie improbably far to one side."""
        far = _reach_of_tail(self._units if sign > 0 else -self._units, self._limits)
        marked = height > far * self.least_sigma + self._step
        places = np.flatnonzero(marked)
        sigma = self.sigma(background.ravel()[places])
        marked.ravel()[places] = height.ravel()[places] > far * sigma + self._step
        return marked


def _reach_of_tail(units: Image, limits: OutlierLimits) -> float:
    """Return how far (in standard deviations) a tail reaches at the least probability.

    The tail is that of a Weibull distribution, whose quantiles are a power of the logarithm of the
    probability: that of Gaussian, exponential and heavier noise alike.
    """
    probabilities = _PROBABILITIES
    values = np.quantile(units, [1.0 - p for p in probabilities])
    if values[0] <= 0.0:  # counts of few photons: most pixels are equal
        above = float((units > 0.0).mean())
        if above == 0.0:
            return np.inf
        probabilities = (above / 2.0, above / 20.0)
        values = np.quantile(units, [1.0 - p for p in probabilities])
    near, beyond, least = (-np.log(p) for p in (*probabilities, limits.chance))
    rise = np.log(max(values[1] / values[0], 1.0)) / np.log(beyond / near)
    return float(values[1] * (least / beyond) ** max(rise, limits.gaussian_shape))


def _quantization(values: Image) -> float:
    """Return the usual step between values that occur; close to 0 for those not rounded."""
    steps = np.diff(np.unique(values))
    return float(np.quantile(steps, 0.1)) if steps.size else 0.0


def _alone(
    image: Image, height: Image, candidates: Mask, scatter: Scatter, limits: OutlierLimits
) -> Mask:
    """Mark those candidates (Y, X) that end like a cliff; bright is what is far off."""
    labels, n = ndimage.label(candidates, _EIGHT)
    peaks = np.asarray(ndimage.maximum(height, labels, np.arange(n + 1)))
    upper = candidates & (height > 0.5 * peaks[labels])
    labels, n = ndimage.label(upper, _EIGHT)
    places = np.flatnonzero(labels)
    of_place = labels.ravel()[places]
    areas = np.bincount(of_place, minlength=n + 1)
    tops = np.zeros(n + 1)
    np.maximum.at(tops, of_place, height.ravel()[places])
    total = np.bincount(of_place, (image - height).ravel()[places], minlength=n + 1)
    background = np.asarray(total / np.maximum(areas, 1), np.float64)
    beside, count = _mean_beside(image, labels, places, background)
    chance = scatter.least_sigma / np.sqrt(count)
    is_alone = (areas <= limits.most_area) & (beside < limits.cliff * tops + chance)
    is_alone[0] = False
    marked: Mask = is_alone[labels]
    return marked


def _mean_beside(
    image: Image,
    labels: NDArray[np.signedinteger],
    places: NDArray[np.int64],
    background: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean height above the background of the pixels beside each area; their number."""
    rows, columns = np.divmod(places, labels.shape[1])
    own = labels.ravel()[places]
    total, count = np.zeros_like(background), np.zeros_like(background)
    for y, x in _BESIDE:
        row, column = rows + y, columns + x
        inside = (row >= 0) & (row < labels.shape[0]) & (column >= 0) & (column < labels.shape[1])
        row, column, label = row[inside], column[inside], own[inside]
        outside = labels[row, column] != label
        row, column, label = row[outside], column[outside], label[outside]
        total += np.bincount(label, image[row, column] - background[label], len(total))
        count += np.bincount(label, minlength=len(total))
    count = np.maximum(count, 1)
    return total / count, count
