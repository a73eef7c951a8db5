"""Draw noise of a known autocorrelation, to see what measuring does to noise alone."""

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from autoStructN2V.masking.noise.background import (
    NoiseField,
    high_pass,
    structure_score,
)
from autoStructN2V.masking.noise.differences import fine_energy
from autoStructN2V.masking.noise.limits import NoiseLimits

_SIMULATED = (2, 256, 256)  # px


def simulate_noise(
    autocorrelation: NDArray[np.float64],
    shape: tuple[int, int, int],
    generator: np.random.Generator,
) -> NDArray[np.float32]:
    """Draw Gaussian noise with a given autocorrelation.

    Parameters
    ----------
    autocorrelation : (H, W) float64
        1 in the center; lags outside are zero. Parts that no noise can have (negative power)
        are dropped.
    shape : tuple of int
        Planes, height and width of the noise; the planes are independent.
    generator : numpy.random.Generator
        Source of the random numbers.

    Returns
    -------
    (Z, Y, X) float32
        Noise of mean 0 and variance 1.
    """
    half_y, half_x = (side // 2 for side in autocorrelation.shape)
    padded = np.zeros(shape[1:])
    padded[: autocorrelation.shape[0], : autocorrelation.shape[1]] = autocorrelation
    power = np.maximum(fft.fft2(np.roll(padded, (-half_y, -half_x), (0, 1))).real, 0.0)
    power /= power.mean()
    white = fft.rfft2(generator.standard_normal(shape, dtype=np.float32))
    colored = fft.irfft2(white * np.sqrt(power[:, : white.shape[-1]]), s=shape[1:])
    return colored.astype(np.float32)


def as_noise_field(noise: NDArray[np.float32], limits: NoiseLimits) -> NoiseField:
    """Treat simulated noise (Z, Y, X) as an image is treated."""
    variance = float(fine_energy(noise).mean())
    fine = high_pass(noise, limits.background)
    score = structure_score(fine, variance, limits.background)
    return NoiseField(fine / np.float32(np.sqrt(variance)), score)


def noise_like(model: NDArray[np.float64]) -> NDArray[np.float32]:
    """Draw noise (Z, Y, X) of an autocorrelation (H, W); the same at every call."""
    return simulate_noise(model, _SIMULATED, np.random.default_rng(0))
