"""Follow sinusoids through images by their local amplitude and phase, and subtract them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from autoStructN2V.masking.patterns.pattern_limits import PATTERN_LIMITS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from autoStructN2V.masking.patterns.limits import DemodulationLimits
    from autoStructN2V.masking.patterns.pattern import Sinusoid


_LIMITS = PATTERN_LIMITS.removal.sinusoids


def without_wave(
    plane: NDArray[np.floating], pattern: Sinusoid, *, limits: DemodulationLimits = _LIMITS
) -> NDArray[np.float32]:
    """Subtract a sinusoid with an amplitude and phase that may drift slowly.

    Parameters
    ----------
    plane : (Y, X) array
        Finite values, any units.
    pattern : Sinusoid
        Its period and direction.
    limits : DemodulationLimits
        How fast it may drift.

    Returns
    -------
    (Y, X) float32
        A new slice in the same units.
    """
    cleaned = np.array(plane, np.float32)
    wave, sigma = _wave(pattern, cleaned.shape, limits)
    cleaned -= 2.0 * (_envelope(cleaned, wave, sigma) * wave).real
    return cleaned


def covers(
    images: Sequence[NDArray[np.floating]],
    pattern: Sinusoid,
    *,
    limits: DemodulationLimits = _LIMITS,
) -> bool:
    """Tell whether a sinusoid covers images: a detector's pattern does, structure does not.

    Parameters
    ----------
    images : sequence of (Z, Y, X) array
        Finite values, any units.
    pattern : Sinusoid
        Its period, direction and amplitude.
    limits : DemodulationLimits
        Where it is, and in how many places it has to be.

    Returns
    -------
    bool
    """
    shares = [coverage(stack, pattern, limits=limits) for stack in images]
    return float(np.mean(shares)) >= limits.coverage.least


def coverage(
    stack: NDArray[np.floating], pattern: Sinusoid, *, limits: DemodulationLimits = _LIMITS
) -> float:
    """Measure where a sinusoid is.

    Parameters
    ----------
    stack : (Z, Y, X) array
        Finite values, any units.
    pattern : Sinusoid
        Its period, direction and amplitude.
    limits : DemodulationLimits
        Where it is, and in how many places it has to be.

    Returns
    -------
    float
        Share (0..1) of the pixels at which its local amplitude is at least half of what it is over
        all images.
    """
    wave, sigma = _wave(pattern, stack.shape[1:], limits)
    least = limits.least_amplitude * pattern.amplitude
    shares = [(2.0 * np.abs(_envelope(plane, wave, sigma)) >= least).mean() for plane in stack]
    return float(np.mean(shares))


def _wave(
    pattern: Sinusoid, shape: tuple[int, ...], limits: DemodulationLimits
) -> tuple[NDArray[np.complex64], float]:
    """Return the sinusoid as a complex wave (y, x), and the scale of its drift in pixels."""
    y = np.arange(shape[0], dtype=np.float64)[:, None]
    x = np.arange(shape[1], dtype=np.float64)[None, :]
    angle = np.radians(pattern.angle_deg)
    phase = (2.0 * np.pi / pattern.period_px) * (np.cos(angle) * x + np.sin(angle) * y)
    sigma = max(limits.shading.scale, limits.drift_periods * pattern.period_px)
    return np.exp(1j * phase).astype(np.complex64), sigma


def _envelope(
    plane: NDArray[np.floating], wave: NDArray[np.complex64], sigma: float
) -> NDArray[np.complex64]:
    """Return half the local amplitude and the phase (y, x) of a wave in an image."""
    centered = plane - plane.mean()
    # divided by the weight inside: at the border there is less to average over
    weight = ndimage.gaussian_filter(np.ones(plane.shape, np.float32), sigma, mode="constant")
    summed = ndimage.gaussian_filter(centered * wave.conj(), sigma, mode="constant")
    return np.asarray(summed / weight, np.complex64)
