"""Find where an image shows noise alone: the background, that is, regions of little structure.

Background is neither dark nor bright. A pixel belongs to it when the slow part of its
neighborhood (blurred gradients) is weak *compared with its own noise level*, so that the same
rule serves fluorescence, where noise grows with brightness, and electron microscopy.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

FloatArray = NDArray[np.float32]

GRADIENT_SCALES = (1.5, 3.0)  # px: blur that leaves structure and removes most noise
AVERAGING_SCALE = 6.0  # px: radius over which structure is averaged
HIGH_PASS_SCALE = 6.0  # px: structure coarser than this is subtracted
_CLIPPED_SHARE = 0.003  # share of pixels at one extreme value above which it counts as clipped
_CLIPPED_DENSITY = 0.3  # local share of clipped pixels above which a pixel is not used
_FILLED_DENSITY = 0.9  # local share of pixels without any fine noise above which it is no image
_BESIDE_FILLED = 0.03  # share of such surroundings above which a pixel is not used
_N_LEVELS = 16  # intensity levels over which the noise variance is measured
FINE_STENCIL = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32) / 6.0


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
        stack, (0.0, sigma, sigma), order=(0, *order), mode="mirror", truncate=3.0
    )
    return blurred


def high_pass(stack: FloatArray, sigma: float = HIGH_PASS_SCALE) -> FloatArray:
    """Subtract a blurred image twice corrected, which leaves no trace of slopes and bows."""
    smooth = blur(stack, sigma)
    return stack - 2.0 * smooth + blur(smooth, sigma)


def fine_energy(stack: FloatArray) -> FloatArray:
    """Square of a second difference along both axes: almost blind to structure."""
    fine: FloatArray = ndimage.convolve(stack, FINE_STENCIL[None], mode="mirror")
    return fine * fine


def gradient_energies(stack: FloatArray) -> list[FloatArray]:
    """Locally averaged energy of the gradient, one (Z, Y, X) array a scale."""
    energies = []
    for sigma in GRADIENT_SCALES:
        along_x, along_y = blur(stack, sigma, (0, 1)), blur(stack, sigma, (1, 0))
        energies.append(blur(along_x * along_x + along_y * along_y, AVERAGING_SCALE))
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


def unusable_pixels(stack: FloatArray) -> NDArray[np.bool_]:
    """Mark pixels whose surroundings are clipped at the smallest or largest value.

    Parameters
    ----------
    stack : (Z, Y, X) float32
        Image.

    Returns
    -------
    (Z, Y, X) bool
    """
    clipped = np.zeros(stack.shape, bool)
    for extreme in (stack.min(), stack.max()):
        at_extreme = stack == extreme
        if at_extreme.mean() > _CLIPPED_SHARE:
            clipped |= at_extreme
    if not clipped.any():
        return clipped
    return blur(clipped.astype(np.float32), 3.0) > _CLIPPED_DENSITY


def filled_pixels(energy: FloatArray) -> NDArray[np.bool_]:
    """Mark places of a single value, as what lies outside of a rotated or registered image.

    Parameters
    ----------
    energy : (Z, Y, X) float32
        Fine energy.

    Returns
    -------
    (Z, Y, X) bool
    """
    is_still = energy == 0.0
    filled = np.zeros(energy.shape, bool)
    if is_still.mean() > _CLIPPED_SHARE:
        filled = blur(is_still.astype(np.float32), 3.0) > _FILLED_DENSITY
    if filled.any():
        filled = blur(filled.astype(np.float32), 3.0) > _BESIDE_FILLED
    return filled


def white_noise_energies() -> tuple[float, ...]:
    """Gradient energies of white noise, in units of its fine energy (both from theory)."""
    return tuple(1.0 / (4.0 * np.pi * sigma**4) for sigma in GRADIENT_SCALES)


def structure_score(stack: FloatArray, variance: FloatArray | float) -> FloatArray:
    """Energy of the blurred gradients in units of what white noise of this variance has.

    The stack is to be high-passed, or the slope of a smooth background counts as structure.
    """
    energies = gradient_energies(stack)
    expected = white_noise_energies()
    total = np.zeros_like(stack)
    for energy, of_white_noise in zip(energies, expected, strict=True):
        total += energy / np.float32(of_white_noise)
    return total / variance


def noise_field(stack: FloatArray, *, equalize: bool = True) -> NoiseField:
    """Separate the fine part of a stack and score every pixel for structure.

    Parameters
    ----------
    stack : (Z, Y, X) float32
        Noisy image.
    equalize : bool
        Divide by the local noise standard deviation, so that dim and bright regions count
        alike.

    Returns
    -------
    NoiseField
    """
    energy = fine_energy(stack)
    unusable = unusable_pixels(stack)
    filled = filled_pixels(energy) & ~unusable
    planes = zip(blur(stack, 4.0), blur(energy, 4.0), ~filled, strict=True)
    variance = np.stack([noise_variance(*plane) for plane in planes])
    unusable |= filled | (variance <= 1e-3 * np.median(variance))
    variance = np.where(unusable, np.float32(1.0), variance)
    fine = high_pass(stack)
    structure = np.where(unusable, np.float32(np.inf), structure_score(fine, variance))
    usable_variance = variance[~unusable]
    scale = np.sqrt(variance) if equalize else np.sqrt(usable_variance.mean() or 1.0)
    residual = np.where(unusable, np.float32(0.0), fine / scale)
    return NoiseField(residual.astype(np.float32), structure.astype(np.float32))
