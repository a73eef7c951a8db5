"""The grid that images were recorded on, found from where the power of their noise ends.

A detector gives every pixel noise of its own, whose power is the same at all frequencies. If it
ends below the fastest change that the pixels can show, the images were enlarged or filtered after
they were recorded: their pixels say less than there are of them. On the grid that they were
recorded on, noise is nearly independent again, and a network sees farther for the same effort.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from autoStructN2V.masking.noise.autocorrelation import Autocorrelation
from autoStructN2V.masking.noise.limits import NOISE_LIMITS, ResolutionLimits

_FASTEST = 0.5  # cycles/px: the fastest change that pixels can show
_SIDE = 64  # frequencies along each axis at which the power is computed


def recorded_share(
    noise: Autocorrelation, limits: ResolutionLimits = NOISE_LIMITS.resolution
) -> float:
    """Return how many rows and columns images were recorded with, relative to those they have.

    Parameters
    ----------
    noise : Autocorrelation
        What was measured in the images.
    limits : ResolutionLimits
        Other limits than the usual ones, for a trial.

    Returns
    -------
    float
        1 unless the power of the noise ends before that of the pixels.
    """
    if not noise.is_strength_known:
        return 1.0
    power, ring = _power(noise)
    if power[ring > _FASTEST * limits.fastest].mean() > limits.most_of_fastest * power.mean():
        return 1.0
    plateau = power[ring <= limits.plateau].mean()
    edges = np.arange(_SIDE // 2 + 1) / _SIDE
    of_rings = np.array([power[np.isclose(ring, edge)].mean() for edge in edges])
    is_there = of_rings > limits.ended * plateau
    share = 2.0 * (float(edges[is_there].max()) + 0.5 / _SIDE)
    return min(max(share, limits.coarsest), 1.0)


def noise_on_grid(noise: Autocorrelation, share: float) -> Autocorrelation:
    """Return the noise of images that are resampled to ``share`` of their rows and columns.

    It is computed rather than measured: on the coarser grid, noise and structure are less
    different, and what was measured there held structure.

    Parameters
    ----------
    noise : Autocorrelation
        Of the images as they are.
    share : float
        Rows and columns of the coarser grid relative to those of the images.
    """
    if share == 1.0:
        return noise
    reach = int(noise.max_lag * share)
    lowered = _lowered(significant(noise), share, reach)
    middle = len(lowered) // 2
    variance = float(lowered[middle, reach, reach])
    squared = _lowered(np.square(noise.standard_error), share, reach, is_squared=True)
    raw = _lowered(noise.raw, share, reach)
    return replace(
        noise,
        values=lowered / variance,
        standard_error=np.sqrt(squared) / variance,
        raw=raw / raw[middle, reach, reach],
        noise_variance=noise.noise_variance * variance,
        levels=tuple((bright, level * variance) for bright, level in noise.levels),
        grid_share=share,
        leak=noise.leak / variance,  # structure is smooth, and stays
        asymmetry=0.0,  # means of pixels are hardly skewed
        by_pixel=None,
    )


def significant(noise: Autocorrelation) -> NDArray[np.float64]:
    """Return the autocorrelation (S, H, W) without values that may be zero."""
    limit = NOISE_LIMITS.significance.least_clear(noise.standard_error)
    return np.where(np.abs(noise.values) > limit, noise.values, 0.0)


def _power(noise: Autocorrelation) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Power (F, F) at each frequency of a slice, and the faster of those along y and x (F, F)."""
    correlation = significant(noise)[len(noise.values) // 2]
    reach = noise.max_lag
    padded = np.zeros((_SIDE, _SIDE))
    padded[: 2 * reach + 1, : 2 * reach + 1] = correlation
    power = np.fft.fft2(np.roll(padded, (-reach, -reach), (0, 1))).real
    frequency = np.abs(np.fft.fftfreq(_SIDE))
    return power, np.maximum.outer(frequency, frequency)


def _lowered(
    values: NDArray[np.float64], share: float, reach: int, *, is_squared: bool = False
) -> NDArray[np.float64]:
    """Autocorrelation (S, H, W) after an ideal low-pass, at the lags of the coarser grid."""
    fine = np.arange(values.shape[-1]) - values.shape[-1] // 2
    coarse = np.arange(-reach, reach + 1)
    weights = share * np.sinc(coarse[:, None] - share * fine)
    weights = np.square(weights) if is_squared else weights
    lowered: NDArray[np.float64] = weights @ values @ weights.T
    return lowered
