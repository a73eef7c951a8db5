"""Stacks whose brightness falls or rises steadily, as when a dye bleaches, read evenly bright.

A network takes most from what is brightest, and sees dark slices as nearly flat. So each slice is
brought to the contrast and the mean of the one in the middle, as they are seen in the means of
small blocks, in which little noise is left. A dye that bleaches takes contrast and brightness
down together and leaves the shape of the histogram; other contents of a slice change that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import optimize

from autoStructN2V.datasets.images.matching import EvenedSource, Scale, scale_of
from autoStructN2V.datasets.images.validity import invalid_pixels
from autoStructN2V.datasets.mixed import MATCHING_SWITCH
from autoStructN2V.datasets.normalization import estimate_noise_level
from autoStructN2V.masking.limits import limit
from autoStructN2V.sampling import affordable, evenly, never

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.masking.noise.autocorrelation import Autocorrelation

_BLOCK = 8  # px: side of the blocks
_QUANTILES = np.linspace(0.05, 0.95, 19)  # of the blocks: a few bright ones do not decide
_SMALLEST_SIDE = 4 * _BLOCK  # px


@dataclass(frozen=True)
class FadingLimits:
    """When the brightness of a stack is said to fall or rise steadily."""

    least_change: float = limit(
        1.5,
        unit="ratio of the contrasts of the brightest and the darkest slice",
        separates="stacks that are evened from those that lose nothing as they are",
        source="shot noise of the darkest slice, evened, is then 1.5 times that of the brightest",
        kind="theory",
    )
    most_scatter: float = limit(
        0.1,
        unit="of the variance of the logarithm of the contrast",
        separates="a steady change, with the scatter of measuring it, from slices that differ",
        source="slices around an even fall to a third scatter by 10 % of their contrast then",
        kind="theory",
    )
    most_reshaped: float = limit(
        0.2,
        unit="of the contrast, in the quantiles of a slice",
        separates="slices that show the same, brighter or darker, from those of other contents",
        source="twice the standard error of the quantiles of 200 blocks",
        kind="theory",
    )
    fewest_slices: int = limit(
        4,
        unit="slices",
        separates="stacks that can be said to change steadily from those that cannot",
        source="four in the right order by chance are one in twelve",
        kind="theory",
    )
    most_slices: int = limit(
        64,
        unit="slices of each stack",
        separates="slices that are looked at from those that follow from them",
        source="bounds the time",
        kind="budget",
    )


FADING_LIMITS = FadingLimits()


def evened(
    sources: Sequence[ImageSource],
    *,
    is_wanted: bool = True,
    should_stop: Callable[[], bool] = never,
    limits: FadingLimits = FADING_LIMITS,
) -> list[ImageSource]:
    """Return stacks whose slices are read evenly bright; the same where none fade.

    Parameters
    ----------
    sources : sequence of ImageSource
        Stacks; some slices of each are read.
    is_wanted : bool
        False returns the stacks as they are.
    should_stop : callable
        Asked before every slice that is read; True ends the search.
    limits : FadingLimits
        What counts as a steady change.
    """
    if not is_wanted:
        return list(sources)
    return [_evened(source, should_stop, limits) for source in sources]


def fading_sentences(sources: Sequence[ImageSource]) -> list[str]:
    """Say by how much the brightness of stacks changes, in one sentence; in none if it does not."""
    changes = [source.change for source in sources if isinstance(source, EvenedSource)]
    if not changes:
        return []
    low, high = f"{min(changes):.2g}", f"{max(changes):.2g}"
    number = low if low == high else f"{low} to {high}"
    return [
        f"The brightness changes steadily from slice to slice, as when a dye bleaches: the last "
        f"has {number} of the contrast of the first. For the network all are brought to the same, "
        f"and each result has its own intensities; train with {MATCHING_SWITCH} off to leave them."
    ]


def noise_after_evening(
    sources: Sequence[ImageSource], noise: Autocorrelation, mean: float
) -> float:
    """Return the mean variance of the noise in evened slices, relative to that in the stacks.

    Parameters
    ----------
    sources : sequence of ImageSource
        Stacks, some of which :func:`evened` has made.
    noise : Autocorrelation
        What was measured in the stacks as they are.
    mean : float
        Brightness to which slices were brought.
    """
    stacks = [source for source in sources if isinstance(source, EvenedSource)]
    if not stacks:
        return 1.0
    scales = [scale_of(source, z) for source in sources for z in range(source.shape[0])]
    gains, shifts = np.array(scales, np.float64).T
    variances = gains**2 * noise.variance_at(Scale(gains, shifts).before(mean))
    return float(variances.mean() / noise.variance_at(np.array(mean)))


def _evened(
    source: ImageSource, should_stop: Callable[[], bool], limits: FadingLimits
) -> ImageSource:
    n_slices = source.shape[0]
    if n_slices < limits.fewest_slices or min(source.shape[1:]) < _SMALLEST_SIDE:
        return source
    seen, found = [], []
    for z in evenly(n_slices, affordable(limits.most_slices, source.shape)):
        if should_stop():
            return source
        quantiles = _quantiles(source, z)
        if quantiles is not None:
            seen.append(z)
            found.append(quantiles)
    if len(found) < limits.fewest_slices or not is_steady(np.array(found), limits):
        return source
    middle, contrast = np.mean(found, axis=1), np.std(found, axis=1)
    between = np.arange(n_slices)
    contrasts = np.exp(np.interp(between, seen, np.log(contrast)))
    middles = np.interp(between, seen, middle)
    usual = np.argsort(contrast)[len(contrast) // 2]
    gains = contrast[usual] / contrasts
    return EvenedSource(source, gains, middle[usual] - gains * middles)


def is_steady(quantiles: NDArray[np.float64], limits: FadingLimits = FADING_LIMITS) -> bool:
    """Tell whether slices become darker or brighter steadily, and nothing else.

    Parameters
    ----------
    quantiles : (Z, Q) float64
        Of the brightness of each slice.
    limits : FadingLimits
        What counts as a steady change.
    """
    contrast = quantiles.std(axis=1)
    if contrast.min() <= 0.0:
        return False
    logarithm = np.log(contrast)
    trends = [optimize.isotonic_regression(logarithm, increasing=up).x for up in (False, True)]
    trend = min(trends, key=lambda fitted: float(np.square(logarithm - fitted).sum()))
    is_clear = abs(trend[-1] - trend[0]) > math.log(limits.least_change)
    is_smooth = np.square(logarithm - trend).mean() < limits.most_scatter * logarithm.var()
    shapes = (quantiles - quantiles.mean(axis=1, keepdims=True)) / contrast[:, None]
    usual = np.median(shapes, axis=0)
    reshaped = np.sqrt(np.square(shapes - usual).mean(axis=1))
    return bool(is_clear and is_smooth and np.median(reshaped) < limits.most_reshaped)


def _quantiles(source: ImageSource, z: int) -> NDArray[np.float64] | None:
    """Return quantiles (Q,) of the means of blocks of a slice, without what noise adds to them.

    None if hardly more than noise is seen in them.
    """
    image = source.read_slice(z)
    invalid = invalid_pixels(source, z)
    valid = np.ones(image.shape, np.float64) if invalid is None else (~invalid).astype(np.float64)
    n_valid, total = _sums(valid), _sums(np.where(valid, image, 0.0).astype(np.float64))
    is_used = n_valid > _BLOCK**2 / 2
    if not is_used.any():
        return None
    means = total[is_used] / n_valid[is_used]
    found: NDArray[np.float64] = np.quantile(means, _QUANTILES)
    middle, variance = found.mean(), found.var()
    left = variance - (estimate_noise_level(image) / _BLOCK) ** 2
    return middle + (found - middle) * math.sqrt(left / variance) if left > variance / 2 else None


def _sums(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sums over all whole blocks of an image (y, x)."""
    rows, columns = (side // _BLOCK for side in image.shape)
    blocks = image[: rows * _BLOCK, : columns * _BLOCK].reshape(rows, _BLOCK, columns, _BLOCK)
    sums: NDArray[np.float64] = blocks.sum(axis=(1, 3))
    return sums
