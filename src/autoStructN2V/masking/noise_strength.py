"""Measure how strong the noise is, and how that depends on brightness.

Shot noise grows with brightness, the noise of some electron detectors shrinks. A straight line
describes both (variance = offset + gain x brightness), and can be drawn from the background.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autoStructN2V.masking.background import NoiseField, blur, high_pass

BRIGHTNESS_SCALE = 4.0  # px: radius over which brightness is averaged
_LEAST_SHARE = 0.1  # of the mean variance: a straight line may become negative somewhere


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
    """

    variance: float
    brightness: float
    slope: float
    excess_kurtosis: float


def measure_noise_strength(
    stacks: Sequence[NDArray[np.float32]], fields: Sequence[NoiseField], threshold: float
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

    Returns
    -------
    NoiseStrength
        Of the noise that is left after the high-pass and the selection.
    """
    squares, brightness = [], []
    for stack, field in zip(stacks, fields, strict=True):
        background = field.structure < threshold
        squares.append(np.square(high_pass(stack)[background], dtype=np.float64))
        brightness.append(blur(stack, BRIGHTNESS_SCALE)[background].astype(np.float64))
    square, bright = np.concatenate(squares), np.concatenate(brightness)
    variance = float(square.mean())
    centered = bright - bright.mean()
    spread = float(np.square(centered).mean())
    gain = float((square * centered).mean()) / spread if spread > 0 else 0.0
    n_pixels = sum(stack.size for stack in stacks)
    mean = sum(float(stack.sum(dtype=np.float64)) for stack in stacks) / n_pixels
    on_line = variance + gain * (mean - float(bright.mean()))
    at_mean = max(on_line, _LEAST_SHARE * variance)
    kurtosis = float(np.square(square).mean()) / max(variance**2, 1e-30) - 3.0
    return NoiseStrength(at_mean, mean, gain / max(at_mean, 1e-30), kurtosis)
