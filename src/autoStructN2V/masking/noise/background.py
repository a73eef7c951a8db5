"""Find where an image shows noise alone: the background, that is, regions of little structure.

Background is neither dark nor bright. A pixel belongs to it when the slow part of its
neighborhood (blurred gradients) is weak *compared with its own noise level*, so that the same
rule serves fluorescence, where noise grows with brightness, and electron microscopy.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from autoStructN2V.masking.noise.differences import FloatArray, fine_energy
from autoStructN2V.masking.noise.limits import NOISE_LIMITS, BackgroundLimits

_N_LEVELS = 16  # of brightness, at each of which the noise variance is measured
_REACH = 3.0  # standard deviations at which a Gaussian is cut off: 0.3 % lie beyond


@dataclass(frozen=True)
class NoiseField:
    """An image reduced to its fine part, with a score that says where that is noise.

    Attributes
    ----------
    residual : (Z, Y, X) float32
        Image without its coarse structure, divided by the local noise standard deviation
        (or by its mean, if noise levels were not to be equalized).
    structure : (Z, Y, X) float32
        Structure score: energy of the blurred gradients relative to the noise variance;
        infinite where a pixel cannot be used (clipped or constant surroundings).
    """

    residual: FloatArray
    structure: FloatArray


def blur(stack: NDArray[np.floating], sigma: float, order: tuple[int, int] = (0, 0)) -> FloatArray:
    """Blur every plane of a (Z, Y, X) stack by a Gaussian or its (y, x) derivative."""
    blurred: FloatArray = ndimage.gaussian_filter(
        stack, (0.0, sigma, sigma), order=(0, *order), mode="mirror", truncate=_REACH
    )
    return blurred


def high_pass(stack: FloatArray, limits: BackgroundLimits = NOISE_LIMITS.background) -> FloatArray:
    """Subtract the coarse structure of a (Z, Y, X) stack.

    Blurring changes slopes and bows a little. So what the blur lost is blurred and added to it:
    the smooth image g(s) + g(s - g(s)) is subtracted, and no trace of slopes and bows stays.
    """
    smooth = blur(stack, limits.coarse_scale)
    return stack - 2.0 * smooth + blur(smooth, limits.coarse_scale)


def gradient_energies(
    stack: FloatArray, limits: BackgroundLimits = NOISE_LIMITS.background
) -> list[FloatArray]:
    """Locally averaged energy of the gradient, one (Z, Y, X) array a scale."""
    energies = []
    for sigma in limits.gradient_scales:
        along_x, along_y = blur(stack, sigma, (0, 1)), blur(stack, sigma, (1, 0))
        energies.append(blur(along_x * along_x + along_y * along_y, limits.coarse_scale))
    return energies


def noise_variance(plane: FloatArray, energy: FloatArray, counted: NDArray[np.bool_]) -> FloatArray:
    """Variance of the fine noise as a function of local brightness.

    Parameters
    ----------
    plane : (Y, X) float32
        Locally averaged image.
    energy : (Y, X) float32
        Locally averaged fine energy.
    counted : (Y, X) bool
        Pixels that show noise; if there are none, all are taken.

    Returns
    -------
    (Y, X) float32
        The median of ``energy`` among pixels of similar brightness, interpolated. The median
        ignores the minority of pixels where structure adds to it.
    """
    counted = counted if counted.any() else np.ones_like(counted)
    edges = np.quantile(plane[counted], np.linspace(0.0, 1.0, _N_LEVELS + 1))
    level = np.clip(np.searchsorted(edges, plane) - 1, 0, _N_LEVELS - 1)
    level[~counted] = -1
    found = [index for index in range(_N_LEVELS) if np.any(level == index)]
    medians = [float(np.median(energy[level == index])) for index in found]
    centers = [float(np.mean(edges[index : index + 2])) for index in found]
    variance: FloatArray = np.interp(plane, centers, medians).astype(np.float32)
    return variance


def unusable_pixels(
    stack: FloatArray, limits: BackgroundLimits = NOISE_LIMITS.background
) -> NDArray[np.bool_]:
    """Mark pixels whose surroundings are clipped at the smallest or largest value.

    Parameters
    ----------
    stack : (Z, Y, X) float32
        Image.
    limits : BackgroundLimits
        What counts as clipped.

    Returns
    -------
    (Z, Y, X) bool
    """
    clipped = np.zeros(stack.shape, bool)
    for extreme in (stack.min(), stack.max()):
        clipped |= stack == extreme
    return blur(clipped.astype(np.float32), limits.local_scale) > limits.clipped_density


def filled_pixels(
    energy: FloatArray, limits: BackgroundLimits = NOISE_LIMITS.background
) -> NDArray[np.bool_]:
    """Mark places of a single value, as what lies outside of a rotated or registered image.

    Parameters
    ----------
    energy : (Z, Y, X) float32
        Fine energy.
    limits : BackgroundLimits
        What counts as filled.

    Returns
    -------
    (Z, Y, X) bool
    """
    is_still = energy == 0.0
    filled = blur(is_still.astype(np.float32), limits.local_scale) > limits.filled_density
    if filled.any():
        filled = blur(filled.astype(np.float32), limits.local_scale) > limits.beside_filled
    return filled


def white_noise_energies(limits: BackgroundLimits = NOISE_LIMITS.background) -> tuple[float, ...]:
    """Gradient energies of white noise, in units of its fine energy (both from theory)."""
    return tuple(1.0 / (4.0 * np.pi * sigma**4) for sigma in limits.gradient_scales)


def structure_score(
    stack: FloatArray,
    variance: FloatArray | float,
    limits: BackgroundLimits = NOISE_LIMITS.background,
) -> FloatArray:
    """Energy of the blurred gradients in units of what white noise of this variance has.

    Parameters
    ----------
    stack : (Z, Y, X) float32
        High-passed image; else the slope of a smooth background would count as structure.
    variance : (Z, Y, X) float32, or float
        Variance of the fine noise.
    limits : BackgroundLimits
        Scales of the gradients.

    Returns
    -------
    (Z, Y, X) float32
        About 2 for white noise: 1 for each scale.
    """
    energies = gradient_energies(stack, limits)
    expected = white_noise_energies(limits)
    total = np.zeros_like(stack)
    for energy, of_white_noise in zip(energies, expected, strict=True):
        total += energy / np.float32(of_white_noise)
    return total / variance


def noise_field(
    stack: FloatArray,
    *,
    equalize: bool = True,
    limits: BackgroundLimits = NOISE_LIMITS.background,
) -> NoiseField:
    """Separate the fine part of a stack and score every pixel for structure.

    Parameters
    ----------
    stack : (Z, Y, X) float32
        Noisy image.
    equalize : bool
        Divide by the local noise standard deviation, so that dim and bright regions count
        alike.
    limits : BackgroundLimits
        What counts as structure and as clipped.

    Returns
    -------
    NoiseField
    """
    energy = fine_energy(stack)
    unusable = unusable_pixels(stack, limits)
    filled = filled_pixels(energy, limits) & ~unusable
    smooth, local = (blur(image, limits.brightness_scale) for image in (stack, energy))
    planes = zip(smooth, local, ~filled, strict=True)
    variance = np.stack([noise_variance(*plane) for plane in planes])
    unusable |= filled | (variance <= limits.still_variance * np.median(variance))
    variance = np.where(unusable, np.float32(1.0), variance)
    fine = high_pass(stack, limits)
    structure = np.where(unusable, np.float32(np.inf), structure_score(fine, variance, limits))
    usable_variance = variance[~unusable]
    scale = np.sqrt(variance) if equalize else np.sqrt(usable_variance.mean() or 1.0)
    residual = np.where(unusable, np.float32(0.0), fine / scale)
    return NoiseField(residual.astype(np.float32), structure.astype(np.float32))
