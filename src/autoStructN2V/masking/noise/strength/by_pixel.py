"""How strong the noise of a pixel is, told by the pixel itself and by those around it.

Noise z that is drawn for a noisy image y can be charged rightly only if, for every function f of a
pixel, the mean product of f(y) with its noise n is that of f'(y) with the variance w of z: w is
the Stein kernel of the noise. For Gaussian noise w is its variance, whatever the pixel; for photons
it grows with the pixel; where a detector adds noise of its own, or values are cut off, it is
neither. Averages around a pixel say how strong noise is there, but not this.

It is measured without a model of the detector. High differences along a row and a column hold the
noise of the pixel in their middle and hardly any structure, and the noise of the other pixels that
they reach has nothing to do with that pixel, nor with those off its row and column. So the mean
product of such a difference with any function of the pixel and of the mean of those off its row
and column is that of the noise itself. With functions that grow by one step each, between two
values of the noisier pixel that a network sees, this gives w step by step, at several levels of
brightness.

Shapes: N pixels, L levels, K knots.

References
----------
Stein, C. M.: Estimation of the mean of a multivariate normal distribution. Annals of Statistics 9,
1135 (1981). doi:10.1214/aos/1176345632
Ledoux, M., Nourdin, I., Peccati, G.: Stein's method, logarithmic Sobolev and transport
inequalities. GAFA 25, 256 (2015). doi:10.1007/s00039-015-0312-0
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from scipy.optimize import nnls
from scipy.stats import median_abs_deviation

from autoStructN2V.masking.limits import limit
from autoStructN2V.masking.noise.background import filled_pixels
from autoStructN2V.masking.noise.differences import difference_taps, fine_energy
from autoStructN2V.sampling import evenly

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from autoStructN2V.masking.noise.strength.levels import Levels

    Values = NDArray[np.float64]

AROUND = 2
"""Rows and columns on either side of a pixel in which others are averaged, but those of itself."""
ADDED = 0.5
"""Noise that a network sees beside that of the images, relative to it: as much as a refinement
adds, which the steps between pixels are told by."""
REACH = float(np.arcsinh(12.0))
"""Largest distance of a pixel from those around it at which strength is told: 12 standard
deviations of the noise, as an inverse hyperbolic sine."""

_ORDER = 12  # of the differences: the higher, the less structure they hold
_KNOTS = np.linspace(-REACH, REACH, 15)
# of Gauss and Hermite, for a normal law: noise that is added stands for itself, without any chance
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(6)
_ROUNDS = 3  # what is added is as strong as what was found in the round before
_MOST_PIXELS = 2**20  # of all levels together
_TILE = 512  # px: largest side of what is looked at together
_FARTHEST = 12.0  # deviations of the differences of a level: what lies beyond is no noise
_CLEAR = 3.0  # standard errors by which a variance has to exceed nothing


@dataclass(frozen=True)
class ByPixelLimits:
    """How finely the strength of noise is told by pixels."""

    per_level: int = limit(
        4000,
        unit="pixels",
        separates="levels of brightness whose strength means something from those of chance",
        source="chance moves the variance of a level by 4 %",
        kind="budget",
    )
    per_bright_level: int = limit(
        1000,
        unit="pixels",
        separates="brightness at which few pixels are, but detectors may saturate, from chance",
        source="chance moves the variance of a level by 8 %",
        kind="budget",
    )
    most_levels: int = limit(
        16,
        unit="levels",
        separates="brightness that is told apart from time that is spent on it",
        source="as many as the levels of brightness alone are, but for the brightest",
        kind="budget",
    )
    bend: float = limit(
        0.15,
        unit="of the variance, standard deviation of second differences between knots",
        separates="what the strength does from pixel to pixel from chance",
        source="photons, read noise and saturation in FMD and Hagen bend it as much",
        kind="theory",
    )
    least: float = limit(
        0.05,
        unit="of the variance of a level",
        separates="pixels that noise cannot have lowered from the root of nothing",
        source="guards a square root",
        kind="budget",
    )


BY_PIXEL_LIMITS = ByPixelLimits()


@dataclass(frozen=True)
class PixelStrength:
    """Variance of the noise of a pixel by its own value and by the mean of some around it.

    Attributes
    ----------
    levels : tuple of (brightness, variance)
        Mean around a pixel off its row and column, the darkest first, and the variance of the
        noise there, in units of the images.
    shares : (L, K) float64
        Variance relative to that of the level at K pixels: their distances from the mean around
        them, in its standard deviations, are evenly far apart from -:data:`REACH` to
        :data:`REACH` as inverse hyperbolic sines.
    """

    levels: Levels
    shares: Values

    def shares_for(self, added: float, limits: ByPixelLimits = BY_PIXEL_LIMITS) -> Values:
        """Return the shares (L, K) where networks see other noise than :data:`ADDED`.

        What grows along a line charges the third moment rightly if it grows 2 / (2 - a^2) times
        as fast as where hardly any noise is added.
        """
        growth = (2.0 - ADDED**2) / (2.0 - added**2)
        return np.maximum(1.0 + growth * (self.shares - 1.0), limits.least)


def strength_by_pixel(
    stacks: Sequence[NDArray[np.float32]],
    correlation: Values,
    limits: ByPixelLimits = BY_PIXEL_LIMITS,
) -> PixelStrength | None:
    """Measure the strength of noise of which neighbors share hardly anything.

    Parameters
    ----------
    stacks : sequence of (Z, Y, X) float32
        Noisy images.
    correlation : (H, W) float64
        What neighbors share of the noise.
    limits : ByPixelLimits
        How finely.

    Returns
    -------
    PixelStrength or None
        None if too few pixels can be used, or hold no noise.
    """
    around, distance, noise = _pixels(stacks)
    noise /= _reckoned_share(correlation)
    levels, shares = [], []
    for chosen in _of_levels(around, limits):
        kept = chosen[_is_no_outlier(noise[chosen])]
        products = distance[kept] * (noise[kept] - noise[kept].mean())
        variance = float(products.mean())
        if variance > _CLEAR * products.std() / kept.size**0.5:
            levels.append((float(around[kept].mean()), variance))
            std = variance**0.5
            shares.append(_shares(distance[kept] / std, noise[kept] / std, limits))
    return PixelStrength(tuple(levels), np.stack(shares)) if levels else None


def _is_no_outlier(noise: Values) -> NDArray[np.bool_]:
    """Tell which differences (N,) of a level are noise, and not of hot pixels or beside them."""
    scale = float(median_abs_deviation(noise, scale="normal"))
    return (np.abs(noise - np.median(noise)) <= _FARTHEST * scale) | (
        scale == 0.0
    )  # none where most pixels are the same


def _pixels(stacks: Sequence[NDArray[np.float32]]) -> tuple[Values, Values, Values]:
    """Return the mean around N pixels, their distance from it, and differences with their noise."""
    taps = _half_taps()
    weights = np.ones(2 * AROUND + 1) / (2 * AROUND)
    weights[AROUND] = 0.0
    found: list[list[Values]] = [[], [], []]
    for tile in _tiles(stacks):
        used = _usable(tile)
        exact = tile.astype(np.float64)
        row_means = ndimage.convolve1d(exact, weights, axis=0, mode="mirror")
        around = ndimage.convolve1d(row_means, weights, axis=1, mode="mirror")
        noise = np.zeros_like(exact)
        for axis in (0, 1):
            noise += ndimage.convolve1d(exact, taps, axis=axis, mode="mirror")
        for values, plane in zip(found, (around, exact - around, noise), strict=True):
            values.append(plane[used])
    around, distance, noise = (np.concatenate(values) for values in found)
    return around, distance, noise


def _half_taps() -> Values:
    """Weights (N,) of a difference along one axis that holds one half of its middle pixel."""
    taps = difference_taps(_ORDER)
    half: Values = taps / (2.0 * taps[_ORDER // 2])
    return half


def _tiles(stacks: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
    """Return tiles (Y, X) of slices, evenly chosen, that are enough pixels together."""
    tiles = [
        tile
        for stack in stacks
        for plane in stack
        for rows in _cut(plane, axis=0)
        for tile in _cut(rows, axis=1)
    ]
    mean_size = sum(tile.size for tile in tiles) / len(tiles)
    return [tiles[index] for index in evenly(len(tiles), int(_MOST_PIXELS / mean_size))]


def _cut(plane: NDArray[np.float32], axis: int) -> list[NDArray[np.float32]]:
    """Cut (Y, X) into parts of about the same length along an axis."""
    return np.array_split(plane, -(-plane.shape[axis] // _TILE), axis)


def _usable(tile: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Tell which pixels (Y, X) hold noise in all that differences reach.

    What is cut off is noise, too: near saturation noise is drawn as well, and has to be as weak.
    """
    filled = filled_pixels(fine_energy(tile[None]))[0]
    return ndimage.binary_erosion(~filled, np.ones((_ORDER + 1, _ORDER + 1), bool))


def _reckoned_share(correlation: Values) -> float:
    """Return what differences are divided by because neighbors share noise, with (H, W).

    The mean product of the differences and the noise of their pixel is a share of its square: it is
    halfway between that and 1. A detector that is too slow for its scanner hands noise on in one
    direction: variances share it both ways, third moments in that one.
    """
    taps = _half_taps()
    middle = correlation.shape[0] // 2
    reach = min(_ORDER // 2, middle)
    inner = slice(middle - reach, middle + reach + 1)
    kept = taps[_ORDER // 2 - reach : _ORDER // 2 + reach + 1]
    of_variance = float(kept @ correlation[middle, inner] + kept @ correlation[inner, middle])
    return (1.0 + of_variance) / 2.0


def _of_levels(around: Values, limits: ByPixelLimits) -> Iterator[NDArray[np.intp]]:
    """Yield the pixels of each level, the darkest first; the brightest few have levels as well."""
    n_levels = min(around.size // limits.per_level, limits.most_levels)
    if n_levels == 0:
        return
    borders = list(np.linspace(0.0, 1.0, n_levels + 1))
    while (1.0 - borders[-2]) * around.size >= 2 * limits.per_bright_level:
        borders.insert(-1, (borders[-2] + 1.0) / 2.0)
    level = np.searchsorted(np.quantile(around, borders[1:-1]), around, side="right")
    for index in range(len(borders) - 1):
        chosen = np.flatnonzero(level == index)
        if chosen.size >= limits.per_bright_level:  # pixels of one value fall into one level
            yield chosen


def _shares(distance: Values, noise: Values, limits: ByPixelLimits) -> Values:
    """Return the shares (K,) of a level, given what pixels (N,) have in its standard deviations.

    Their mean over the pixels is 1. Between single photons there are no pixels to tell the strength
    at, and what functions gain there is charged at all of them.
    """
    place = (np.clip(np.arcsinh(distance), -REACH, REACH) + REACH) / (_KNOTS[1] - _KNOTS[0])
    below = np.minimum(place.astype(np.intp), len(_KNOTS) - 2)
    share = place - below

    def of_pixels(shares: Values) -> Values:
        between: Values = shares[below] * (1.0 - share) + shares[below + 1] * share
        return between

    found = np.ones(len(_KNOTS))
    for _ in range(_ROUNDS):
        spread = ADDED * np.sqrt(of_pixels(found))
        steps = _Steps(noise)
        for node, weight in zip(_NODES, _WEIGHTS / _WEIGHTS.sum(), strict=True):
            steps.add(distance + spread * node, (below, share), weight)
        found = steps.fitted(limits)
        found /= of_pixels(found).mean()
    return found


class _Steps:
    """Mean products of noise with functions that grow from one border to the next alone.

    Each is as large as the share of the pixels between both borders, times the variance of the
    noise there, which gives as many equations as there are knots (K), from K - 1 borders.
    """

    def __init__(self, noise: Values) -> None:
        n_knots = len(_KNOTS)
        self._borders = np.sinh((_KNOTS[1:] + _KNOTS[:-1]) / 2.0)
        # (K,): beyond the first and the last border a function grows on and on
        self._origins = np.concatenate([self._borders[:1], self._borders])
        self._heights = np.concatenate([[0.0], np.diff(self._borders), [0.0]])
        self._products = np.zeros(n_knots)
        self._means = np.zeros((2, n_knots))  # of the functions and of their squares
        self._pixels = np.zeros((n_knots, n_knots))
        self._noise = noise - noise.mean()  # (N,)

    def add(
        self,
        seen: Values,
        knots: tuple[NDArray[np.intp], Values],
        weight: float,
    ) -> None:
        """Count pixels (N,) that are seen with added noise.

        They lie between knots, of which the lower (N,) is given, and how near (N,) the upper is.
        """
        n_knots = len(_KNOTS)
        step = np.searchsorted(self._borders, seen)
        grown = seen - self._origins[step]
        self._products += weight * self._sum(step, grown, 1, self._noise)
        for means, power in zip(self._means, (1, 2), strict=True):
            means += weight * self._sum(step, grown, power, np.ones_like(grown))
        below, share = knots
        for knot, part in ((below, 1.0 - share), (below + 1, share)):
            counts = np.bincount(step * n_knots + knot, part, minlength=n_knots**2)
            self._pixels += weight * counts.reshape(n_knots, n_knots)

    def _sum(self, step: NDArray[np.intp], grown: Values, power: int, factors: Values) -> Values:
        """Sum the powers of each function (K,) times factors (N,), over pixels (N,)."""
        on_step, counted = (
            np.bincount(step, values, minlength=len(_KNOTS)).astype(np.float64)
            for values in (factors * grown**power, factors)
        )
        above = counted.sum() - counted.cumsum()
        summed: Values = on_step + self._heights**power * above
        return summed

    def fitted(self, limits: ByPixelLimits) -> Values:
        """Return the shares (K,) that fit best, as smooth as strengths are."""
        n_pixels = self._noise.size
        mean, square = self._means / n_pixels
        variance = float(np.square(self._noise).mean())
        chance = variance * np.maximum(square - mean**2, 0.0) / n_pixels
        certainty = 1.0 / np.sqrt(chance + 1.0 / n_pixels**2)  # a step without pixels has no chance
        equations = self._pixels / n_pixels * certainty[:, None]
        known = self._products / n_pixels * certainty
        bends = np.diff(np.eye(len(_KNOTS)), 2, axis=0) / limits.bend
        matrix = np.concatenate([equations, bends])
        values = np.concatenate([known, np.zeros(len(bends))])
        above, _ = nnls(matrix, values - matrix.sum(axis=1) * limits.least)
        found: Values = above + limits.least
        return found
