"""Measure how strong the noise is, and how that depends on brightness.

Shot noise grows with brightness, the noise of some electron detectors shrinks. A straight line
describes both (variance = offset + gain x brightness), and can be drawn from the background. A
background of one brightness, though, says nothing about places that are much brighter.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from autoStructN2V.masking.noise.background import NoiseField, blur, high_pass
from autoStructN2V.masking.noise.limits import NOISE_LIMITS, NoiseLimits
from autoStructN2V.masking.noise.strength.chance import error_of_mean
from autoStructN2V.masking.noise.strength.levels import Levels, variance_at_levels


@dataclass(frozen=True)
class NoiseStrength:
    """Variance of the noise as a straight line over brightness, and the shape of its histogram.

    Attributes
    ----------
    variance : float
        Variance where the images are as bright as on average, in their squared units.
    brightness : float
        Mean brightness of the images.
    slope : float
        By how much the variance grows for each unit of brightness, relative to ``variance``.
    excess_kurtosis : float
        Fourth moment of the noise over its squared variance, minus 3.
    skewness : float
        Third moment of the noise over its variance to the power of 1.5.
    asymmetry : float
        Third moment of the noise over its variance, in units of the images. Of pure shot noise it
        is the same at every brightness: what one photon is worth, and more where photons differ in
        worth.
    """

    variance: float
    brightness: float
    slope: float
    excess_kurtosis: float
    skewness: float
    asymmetry: float = 0.0


def measure_noise_strength(
    stacks: Sequence[NDArray[np.float32]],
    fields: Sequence[NoiseField],
    threshold: float,
    limits: NoiseLimits = NOISE_LIMITS,
) -> NoiseStrength:
    """Measure the high-passed images over the background.

    Parameters
    ----------
    stacks : sequence of (Z, Y, X) float32
        Noisy images.
    fields : sequence of NoiseField
        Their structure.
    threshold : float
        Structure score below which a pixel counts as background.
    limits : NoiseLimits
        When the growth of the noise with brightness is trusted.

    Returns
    -------
    NoiseStrength
        Of the noise that is left after the high-pass and the selection.
    """
    fine, brightness = [], []
    for stack, field in zip(stacks, fields, strict=True):
        background = field.structure < threshold
        fine.append(high_pass(stack, limits.background)[background].astype(np.float64))
        smooth = blur(stack, limits.background.brightness_scale)
        brightness.append(smooth[background].astype(np.float64))
    noise, bright = np.concatenate(fine), np.concatenate(brightness)
    square = np.square(noise)
    variance = float(square.mean())
    middle = float(bright.mean())
    gain = _gain(square, bright - middle, limits)
    n_pixels = sum(stack.size for stack in stacks)
    mean = sum(float(stack.sum(dtype=np.float64)) for stack in stacks) / n_pixels
    on_line = variance + gain * (mean - middle)
    at_mean = max(on_line, limits.strength.least_share * variance)
    if not at_mean > 0.0:
        return NoiseStrength(0.0, mean, 0.0, 0.0, 0.0)
    kurtosis = float(np.square(square / variance).mean()) - 3.0
    asymmetry = float((square * noise).mean()) / variance
    skewness = asymmetry / variance**0.5
    return NoiseStrength(at_mean, mean, gain / at_mean, kurtosis, skewness, asymmetry)


def by_levels_alone(strength: NoiseStrength, levels: Levels, asymmetry: float) -> NoiseStrength:
    """Return the strength of noise whose background is full of structure, as the levels tell it.

    Parameters
    ----------
    strength : NoiseStrength
        What was measured over the background.
    levels : tuple of (brightness, variance)
        At least one.
    asymmetry : float
        Third moment over the variance, as far as it is known.
    """
    variance = float(variance_at_levels(levels, np.array(strength.brightness)))
    skewness = asymmetry / max(variance, np.finfo(float).tiny) ** 0.5
    return replace(strength, variance=variance, slope=0.0, asymmetry=asymmetry, skewness=skewness)


def _gain(
    square: NDArray[np.float64],
    centered: NDArray[np.float64],
    limits: NoiseLimits,
) -> float:
    """Growth of the variance for each unit of brightness; zero where it cannot be told.

    Parameters
    ----------
    square : (N,) float64
        Squared noise of each pixel.
    centered : (N,) float64
        Brightness around it, of mean zero.
    limits : NoiseLimits
        When the slope is trusted.
    """
    spread = float(np.square(centered).mean())
    if not spread > 0.0:
        return 0.0
    gain = float((square * centered).mean()) / spread
    variance = float(square.mean())
    off_line = (square - variance - gain * centered) * centered
    error = error_of_mean(off_line) / spread
    return gain if abs(gain) >= limits.significance.clear_errors * error else 0.0
