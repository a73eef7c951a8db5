"""Whether noise is the same in all images, and how strong it is in one of them if it is not.

Images that were stretched one by one, each to its own range, have a photon of another worth each:
what is measured in all of them together is right in none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from autoStructN2V.datasets.images.validity import invalid_pixels
from autoStructN2V.errors import InputError
from autoStructN2V.masking.limits import limit
from autoStructN2V.masking.noise.measuring import measure_cleaned
from autoStructN2V.masking.noise.strength.levels import spread_over_images
from autoStructN2V.sampling import MOST_SLICES, affordable, evenly

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.masking.noise.autocorrelation import Autocorrelation

MOST_INVALID = 0.02  # of a square: what was filled has no noise, and would count as denoised
_SIDE = 256  # px: of what is compared of each


@dataclass(frozen=True)
class UnevenNoiseLimits:
    """From when on images count as of different noise."""

    spread: float = limit(
        0.12,
        unit="standard deviation over the mean, of the variance at one brightness",
        separates="images of one detector and gain from those that were stretched one by one",
        source="chance makes up to 0.10 of squares of 48 px and 0.08 of 64 px; 0.3 in W2S",
        kind="theory",
    )


_LIMITS = UnevenNoiseLimits()


def noise_differs(
    sources: Sequence[ImageSource],
    noise: Autocorrelation,
    should_stop: Callable[[], bool] = lambda: False,
) -> bool:
    """Whether noise is not equally strong in all images, where they are equally bright.

    Parameters
    ----------
    sources : sequence of ImageSource
        Noisy stacks as noise was measured in them.
    noise : Autocorrelation
        What was measured, with its levels.
    should_stop : callable
        Asked before every slice that is read; True ends the comparison.
    """
    if not noise.levels:
        return False
    return spread_over_images(_some_squares(sources, should_stop), noise.levels) > _LIMITS.spread


def noise_of(image: NDArray[np.float32], noise: Autocorrelation) -> Autocorrelation | None:
    """Return noise as strong as it is in one image, shared as it is in all of them.

    Parameters
    ----------
    image : (Y, X) float32
        Noisy, in the units in which noise was measured.
    noise : Autocorrelation
        Of all images.

    Returns
    -------
    Autocorrelation or None
        None where the image alone does not tell.
    """
    try:
        own = measure_cleaned([image[None]], (), mode="2D", equalize=True, max_lag=noise.max_lag)
    except InputError:  # it has too few pixels that show noise
        return None
    if not (own.is_strength_known and own.levels):
        return None
    return replace(
        noise,
        noise_variance=own.noise_variance,
        brightness=own.brightness,
        variance_slope=own.variance_slope,
        levels=own.levels,
        excess_kurtosis=own.excess_kurtosis,
        scaled_kurtosis=own.scaled_kurtosis,
        skewness=own.skewness,
        asymmetry=own.asymmetry,
        by_pixel=own.by_pixel,
        is_told_by_levels=own.is_told_by_levels,
    )


def _some_squares(
    sources: Sequence[ImageSource], should_stop: Callable[[], bool]
) -> list[NDArray[np.float32]]:
    """Read the middle of a few slices of all images, where nearly all pixels are signal."""
    places = [(source, z) for source in sources for z in range(source.shape[0])]
    largest = max((source.shape[1:] for source in sources), key=math.prod, default=(1, 1))
    squares = []
    for source, z in (places[i] for i in evenly(len(places), affordable(MOST_SLICES, largest))):
        if should_stop():
            break
        corners = [max(0, (length - _SIDE) // 2) for length in source.shape[1:]]
        rows, columns = (slice(corner, corner + _SIDE) for corner in corners)
        square = source.read_slice(z)[rows, columns].copy()  # else it keeps all of the slice
        invalid = invalid_pixels(source, z)
        if invalid is None or invalid[rows, columns].mean() <= MOST_INVALID:
            squares.append(square)
    return squares
