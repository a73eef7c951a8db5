"""Follow sinusoids through images by their local amplitude and phase, and subtract them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from autoStructN2V.masking.patterns.pattern import PeriodicPattern

_LEAST_COVERAGE = 0.75
_DEMODULATION_SCALE = 24.0  # px: distance over which amplitude and phase hardly drift


def remove_sinusoids(
    stack: NDArray[np.floating], patterns: Sequence[PeriodicPattern]
) -> NDArray[np.float32]:
    """Subtract sinusoidal patterns, each with an amplitude and phase that may drift slowly.

    Parameters
    ----------
    stack : (Z, Y, X) array
        Finite values, any units.
    patterns : sequence of PeriodicPattern
        Offsets of lines are left alone.

    Returns
    -------
    (Z, Y, X) float32
        A new stack in the same units.
    """
    cleaned = np.array(stack, np.float32)
    for pattern in patterns:
        if pattern.lines is None:
            wave, sigma = _wave(pattern, cleaned.shape[1:])
            for plane in cleaned:
                plane -= 2.0 * (_envelope(plane, wave, sigma) * wave).real
    return cleaned


def covers(images: Sequence[NDArray[np.floating]], pattern: PeriodicPattern) -> bool:
    """Tell whether a sinusoid covers images: a detector's pattern does, structure does not.

    Parameters
    ----------
    images : sequence of (Z, Y, X) array
        Finite values, any units.
    pattern : PeriodicPattern
        Of finite period.

    Returns
    -------
    bool
    """
    return float(np.mean([coverage(stack, pattern) for stack in images])) >= _LEAST_COVERAGE


def coverage(stack: NDArray[np.floating], pattern: PeriodicPattern) -> float:
    """Measure where a sinusoid is.

    Parameters
    ----------
    stack : (Z, Y, X) array
        Finite values, any units.
    pattern : PeriodicPattern
        Of finite period.

    Returns
    -------
    float
        Share (0..1) of the pixels at which its local amplitude is at least half of what it is over
        all images.
    """
    wave, sigma = _wave(pattern, stack.shape[1:])
    least = pattern.amplitude / 2.0
    shares = [(2.0 * np.abs(_envelope(plane, wave, sigma)) >= least).mean() for plane in stack]
    return float(np.mean(shares))


def _wave(pattern: PeriodicPattern, shape: tuple[int, ...]) -> tuple[NDArray[np.complex64], float]:
    """Return the sinusoid as a complex wave (y, x), and the scale of its drift in pixels."""
    y = np.arange(shape[0], dtype=np.float64)[:, None]
    x = np.arange(shape[1], dtype=np.float64)[None, :]
    angle = np.radians(pattern.angle_deg)
    phase = (2.0 * np.pi / pattern.period_px) * (np.cos(angle) * x + np.sin(angle) * y)
    return np.exp(1j * phase).astype(np.complex64), max(
        _DEMODULATION_SCALE, 2.0 * pattern.period_px
    )


def _envelope(
    plane: NDArray[np.floating], wave: NDArray[np.complex64], sigma: float
) -> NDArray[np.complex64]:
    """Return half the local amplitude and the phase (y, x) of a wave in an image."""
    centered = plane - plane.mean()
    # divided by the weight inside: at the border there is less to average over
    weight = ndimage.gaussian_filter(np.ones(plane.shape, np.float32), sigma, mode="constant")
    summed = ndimage.gaussian_filter(centered * wave.conj(), sigma, mode="constant")
    return np.asarray(summed / weight, np.complex64)
