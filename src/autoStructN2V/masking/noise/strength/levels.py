"""How strong the noise is at each brightness, where a straight line does not describe it.

Detectors saturate, cameras compress bright values, and what is drawn through a dark background says
little about bright structure. Here the strength is read at every brightness that the images have,
from differences of neighbors that are almost blind to structure. It is known up to a factor that
depends on how much neighbors share, which follows from the autocorrelation.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from autoStructN2V.masking.noise.background import NoiseField, blur
from autoStructN2V.masking.noise.differences import fine_energy
from autoStructN2V.masking.noise.limits import NOISE_LIMITS

# shares of the pixels between the levels: few are bright, and their noise is the strongest
_BORDERS = (*np.linspace(0.0, 0.9375, 16), 0.97, 0.985, 0.995, 1.0)
# of averaged differences of Gaussian noise; counts: 0.981 of 20 photons, 0.973 of half a photon
_MEDIAN_OVER_MEAN = 0.979
_LEAST_RESPONSE = 0.5  # energy of the differences: 1 for white noise; less is a small remainder
_EXTRAPOLATED_FROM = 4  # levels: two alone scatter too much to tell the growth
_CLEARLY_LESS = 0.8  # chance makes 0.1 of a variance
_FEWEST = 200  # pixels of a level: two areas of the averaging

Levels = tuple[tuple[float, float], ...]
"""Pairs of brightness and variance, the darkest first, in units of the images."""


def strength_levels(
    stacks: Sequence[NDArray[np.float32]],
    fields: Sequence[NoiseField],
    response: float,
    known: tuple[float, float],
) -> Levels:
    """Measure the variance of the noise at the levels of brightness of images.

    Parameters
    ----------
    stacks : sequence of (Z, Y, X) float32
        Noisy images.
    fields : sequence of NoiseField
        Say which pixels can be used.
    response : float
        Fine energy for each unit of variance of the noise: 1 if it is white.
    known : tuple of float
        A brightness, and the variance of the noise there: what the levels are scaled by where the
        differences hold too little of the noise.

    Returns
    -------
    tuple of (brightness, variance)
        Empty if no level has enough pixels.
    """
    usable = [np.isfinite(field.structure) for field in fields]
    pairs = list(zip(stacks, usable, strict=True))
    scale = NOISE_LIMITS.background.brightness_scale
    bright = np.concatenate([blur(stack, scale)[used] for stack, used in pairs])
    energy = np.concatenate([blur(fine_energy(stack), scale)[used] for stack, used in pairs])
    if bright.size < _FEWEST:
        return ()
    level = np.searchsorted(np.quantile(bright, _BORDERS[1:-1]), bright)
    found = [level == index for index in range(len(_BORDERS) - 1)]
    kept = [chosen for chosen in found if np.count_nonzero(chosen) >= _FEWEST]
    if not kept:
        return ()
    centers = [float(bright[chosen].mean()) for chosen in kept]
    medians = [float(np.median(energy[chosen])) for chosen in kept]
    if response >= _LEAST_RESPONSE:
        response *= _MEDIAN_OVER_MEAN
    else:
        response = float(np.interp(known[0], centers, medians)) / max(known[1], 1e-30)
    if response <= 0.0:  # flat images
        return ()
    return tuple(
        (center, median / response) for center, median in zip(centers, medians, strict=True)
    )


def variance_at_levels(levels: Levels, brightness: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the variance at a brightness, on straight lines between the levels.

    Fine specks are brighter than the brightest level, which is the mean of an area: there the
    variance grows as it did before, but does not fall.

    Parameters
    ----------
    levels : tuple of (brightness, variance)
        At least one.
    brightness : array
        Of any shape, in units of the images.

    Returns
    -------
    float64 array of the same shape
        In squared units of the images.
    """
    bright, variance = np.array(levels).T
    beyond = np.maximum(brightness - bright[-1], 0.0)
    at_levels = np.interp(brightness, bright, variance)
    found: NDArray[np.float64] = at_levels + growth_beyond(levels) * beyond
    return found


def growth_beyond(levels: Levels) -> float:
    """Return by how much the variance grows for each unit of brightness above the last level.

    Where it falls clearly at the end, as where detectors saturate, it does not grow again.
    """
    bright, variance = np.array(levels[-_EXTRAPOLATED_FROM:]).T
    if len(bright) < 2 or variance[-1] < _CLEARLY_LESS * variance[-2]:
        return 0.0
    return max(float(np.polyfit(bright, variance, 1)[0]), 0.0)


def spread_over_images(images: Sequence[NDArray[np.float32]], levels: Levels) -> float:
    """Return by how much the strength of the noise differs from image to image.

    Parameters
    ----------
    images : sequence of (Y, X) float32
        Noisy images, of any sizes. Those that are darker than the middle level count for nothing:
        of hardly any light, medians do not tell the strength.
    levels : tuple of (brightness, variance)
        At least one; what was measured in all of them.

    Returns
    -------
    float
        Standard deviation of the variance at one brightness, relative to its mean.
    """
    scale = NOISE_LIMITS.background.brightness_scale
    darkest = levels[len(levels) // 2][0]
    shares = []
    for image in images:
        bright, energy = blur(image[None], scale), blur(fine_energy(image[None]), scale)
        compared = bright >= darkest
        if np.count_nonzero(compared) >= _FEWEST:
            expected = np.maximum(variance_at_levels(levels, bright[compared]), 1e-30)
            shares.append(float(np.median(energy[compared] / expected)))
    mean = float(np.mean(shares)) if shares else 0.0
    return float(np.std(shares)) / mean if mean > 0.0 else 0.0


def scaled_kurtosis(fields: Sequence[NoiseField], threshold: float) -> float:
    """Return the excess kurtosis of the noise in the background, equally strong everywhere.

    Parameters
    ----------
    fields : sequence of NoiseField
        Images without coarse structure, divided by the strength of their noise.
    threshold : float
        Structure score below which a pixel counts as background.
    """
    squares = np.concatenate(
        [np.square(f.residual[f.structure < threshold], dtype=np.float64) for f in fields]
    )
    variance = float(squares.mean()) if squares.size else 0.0
    return float(np.square(squares).mean()) / variance**2 - 3.0 if variance > 0.0 else 0.0
