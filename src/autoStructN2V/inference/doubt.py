"""Where a denoised image should be doubted: what was removed there is not like noise.

Around every pixel, what was removed is compared with the measured noise in two ways. Its variance
should be that of the noise at that brightness: more means that structure was lost, less that noise
was kept. And it should have nothing in common with the structure of the result: if it has, edges
and specks came out too weak or too strong. Both are z-scores: differences in units of what chance
alone makes them vary by.

Both are sums over a Gaussian window, so that their variance under noise alone follows from the
autocorrelation of the noise (Isserlis' theorem).

References
----------
Wilson, Hilferty: The distribution of chi-square. PNAS (1931). doi:10.1073/pnas.17.12.684
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage, signal

from autoStructN2V.masking.noise.resolution import significant
from autoStructN2V.sampling import evenly

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.masking.noise.autocorrelation import Autocorrelation

SCALE = 4.0
"""Standard deviation in pixels of the window over which noise and structure are compared."""

CLEAR = 4.0
"""z-score from which on a place is doubtful: of noise alone, one place in 16000 is."""

_MOST_SLICES = 8  # of all stacks together: enough to know a share of the area
_SQUARED_WINDOW = 1.0 / (4.0 * np.pi * SCALE**2)  # sum of the squared weights of the window
_LEAST_STRUCTURE = 0.25  # variance of structure over that of noise: less has no shape to compare


@dataclass(frozen=True)
class Doubt:
    """How much what was removed around each pixel differs from noise.

    Attributes
    ----------
    variance : (y, x) float32
        z-score of its variance against that of the noise at that brightness: positive where more
        was removed than noise, negative where noise was kept.
    likeness : (y, x) float32
        z-score of its correlation with the structure of the result: positive where structure came
        out too weak, negative where too strong.
    weight : (y, x) float32
        Variance of the noise there relative to the mean one: the same z-score means a larger error
        where noise is stronger.
    """

    variance: NDArray[np.float32]
    likeness: NDArray[np.float32]
    weight: NDArray[np.float32]

    @property
    def score(self) -> NDArray[np.float32]:
        """The larger one of both z-scores without its sign, (y, x) float32, >= 0."""
        score: NDArray[np.float32] = np.maximum(np.abs(self.variance), np.abs(self.likeness))
        return score

    @property
    def map(self) -> NDArray[np.float32]:
        """The score times the weight, (y, x) float32, >= 0: highest where the error may be."""
        return self.score * self.weight

    @property
    def area(self) -> float:
        """Share of the pixels, 0..1, around which what was removed is clearly not noise alone."""
        return float((self.score > CLEAR).mean())


def doubt_of(
    noisy: NDArray[np.floating],
    denoised: NDArray[np.floating],
    noise: Autocorrelation,
    invalid: NDArray[np.bool_] | None = None,
) -> Doubt:
    """Compare what was removed from an image with the measured noise.

    Parameters
    ----------
    noisy, denoised : (y, x) array
        One slice before and after, in the same units; NaN is not compared.
    noise : Autocorrelation
        What was measured of the noise, in images of these units and of this pixel size.
    invalid : (y, x) bool, optional
        Further pixels that are not compared, as outliers.

    Returns
    -------
    Doubt
        Without doubt in pixels that are not compared.

    Raises
    ------
    ValueError
        If the shapes differ or are not those of one slice.
    """
    if noisy.ndim != 2 or noisy.shape != denoised.shape:
        raise ValueError(
            f"One slice before and after is needed, of the same shape (y, x); got {noisy.shape} "
            f"and {denoised.shape}."
        )
    is_known = np.isfinite(noisy) & np.isfinite(denoised)
    if invalid is not None:
        is_known &= ~invalid
    result = np.where(is_known, denoised, denoised[is_known].mean() if is_known.any() else 0.0)
    result = result.astype(np.float64)
    variance = noise.variance_at(result)
    strength = np.sqrt(variance)
    # of what is not known nothing speaks for more than noise or for less
    removed = np.where(is_known, (noisy - result) / strength, 1.0)
    structure = np.where(is_known, (result - _around(result)) / strength, 0.0)
    correlation = significant(noise)[len(noise.values) // 2]
    scores = (
        _variance_score(removed, correlation, max(noise.scaled_kurtosis, 0.0)),
        _likeness_score(removed, structure, correlation),
    )
    more, alike = (np.where(is_known, score, 0.0).astype(np.float32) for score in scores)
    return Doubt(more, alike, (variance / variance.mean()).astype(np.float32))


def doubtful_area(
    noisy: Sequence[ImageSource], denoised: Sequence[ImageSource], noise: Autocorrelation
) -> float:
    """Return the share of the area around which what was removed is clearly not noise alone.

    Parameters
    ----------
    noisy, denoised : sequence of ImageSource
        Stacks before and after, pairwise of equal shape; a few slices are compared.
    noise : Autocorrelation
        What was measured of the noise of the former.

    Returns
    -------
    float
        0..1.
    """
    pairs = zip(noisy, denoised, strict=True)
    places = [(*pair, z) for pair in pairs for z in range(pair[0].shape[0])]
    compared = (places[i] for i in evenly(len(places), _MOST_SLICES))
    areas = [doubt_of(a.read_slice(z), b.read_slice(z), noise).area for a, b, z in compared]
    return float(np.mean(areas))


def _around(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean of an image (y, x) in the window around each pixel."""
    mean: NDArray[np.float64] = ndimage.gaussian_filter(image, SCALE)
    return mean


def _variance_score(
    removed: NDArray[np.float64], correlation: NDArray[np.float64], kurtosis: float
) -> NDArray[np.float64]:
    """Return the z-score (y, x) of the variance of what was removed, in units of the noise.

    A mean of squares is spread like a chi-squared variable, whose cube root is nearly normal.
    """
    lag_y, lag_x = (np.arange(side) - side // 2 for side in correlation.shape)
    overlap = np.exp(-np.add.outer(lag_y**2, lag_x**2) / (4.0 * SCALE**2))
    pairs = 2.0 * float((np.square(correlation) * overlap).sum()) + kurtosis
    spread = pairs * _SQUARED_WINDOW / 9.0  # of the cube root
    root = np.cbrt(_around(np.square(removed)))
    score: NDArray[np.float64] = (root - (1.0 - spread)) / np.sqrt(spread)
    return score


def _likeness_score(
    removed: NDArray[np.float64],
    structure: NDArray[np.float64],
    correlation: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the z-score (y, x) of what was removed along the structure of the result."""
    common = _around((removed - _around(removed)) * structure)
    products = structure * signal.fftconvolve(structure, correlation, mode="same")
    # the square of a Gaussian window is one as well, narrower by the square root of 2
    variance = ndimage.gaussian_filter(products, SCALE / np.sqrt(2.0))
    score: NDArray[np.float64] = common / np.sqrt(
        (np.maximum(variance, 0.0) + _LEAST_STRUCTURE) * _SQUARED_WINDOW
    )
    return score
