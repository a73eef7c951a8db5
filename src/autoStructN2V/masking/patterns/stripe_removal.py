"""Subtract stripes along rows or columns, and leave structure of the same direction."""

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from autoStructN2V.masking.patterns.lines.profile import Image, Profile, upright
from autoStructN2V.masking.patterns.pattern_limits import PATTERN_LIMITS
from autoStructN2V.masking.patterns.stripe_limits import StripeRemovalLimits
from autoStructN2V.masking.patterns.stripe_separation import separated_stripes
from autoStructN2V.vocabulary import Lines

_LIMITS = PATTERN_LIMITS.removal.stripes


def without_stripes(
    image: NDArray[np.floating], lines: Lines, *, limits: StripeRemovalLimits = _LIMITS
) -> Image:
    """Return a new image without stripes.

    Structure is about as strong in directions near that of the lines, where no stripes are. At each
    frequency across the lines, only what exceeds it is subtracted.

    Parameters
    ----------
    image : (Y, X) array
        Finite values, any units.
    lines : {'rows', 'columns'}
        Direction of the stripes.
    limits : StripeRemovalLimits
        What of the stripes is subtracted.

    Returns
    -------
    (Y, X) float32
        Padding, that is, places of a single value, stays as it is.
    """
    turned = upright(image, lines)
    spectrum = _spectrum(turned, limits)
    tilted = (_tilted(turned, tilt) for tilt in (-limits.tilt, limits.tilt))
    structure = np.mean([_power(_spectrum(image, limits)) for image in tilted], axis=0)
    gain = _gain(_power(spectrum), structure, limits)
    stripes = fft.idct(spectrum * gain.astype(np.float32), axis=1, norm="ortho")
    stripes = stripes.T if lines == "rows" else stripes
    return np.asarray(
        image - np.where(_is_constant(image, limits.padding_radius), 0.0, stripes), np.float32
    )


def _spectrum(image: NDArray[np.floating], limits: StripeRemovalLimits) -> Image:
    """Cosine transform (Y, X) across the columns of the stripes of an upright image (Y, X)."""
    stripes = separated_stripes(image, limits=limits.separation)
    return np.asarray(fft.dct(stripes, axis=1, norm="ortho"), np.float32)


def _power(spectrum: Image) -> Profile:
    """Mean power (X,) at each frequency across the columns of a spectrum (Y, X)."""
    power: Profile = np.square(spectrum).mean(axis=0, dtype=np.float64)
    return power


def _gain(total: Profile, structure: Profile, limits: StripeRemovalLimits) -> Profile:
    """Share (X,), 0..1, of the power at each frequency that is of stripes, and not of shading."""
    n = len(total)
    frequency = np.arange(n)
    first = (frequency * (1.0 - limits.bandwidth)).astype(int)
    last = np.minimum(n, (frequency * (1.0 + limits.bandwidth)).astype(int) + 2)
    sums = [np.concatenate([[0.0], np.cumsum(power)]) for power in (total, structure)]
    of_all, of_structure = (values[last] - values[first] for values in sums)
    share = np.clip(1.0 - of_structure / np.maximum(of_all, 1e-300), 0.0, 1.0)
    shading = np.exp(-0.5 * np.square(np.pi * frequency / n * limits.shading.scale))
    gain: Profile = share * (1.0 - shading)
    return gain


def _tilted(image: NDArray[np.floating], degrees: float) -> NDArray[np.floating]:
    """Shift rows of (Y, X) so that structure of this tilt is upright; mirrored at the sides."""
    height, width = image.shape
    shift = np.rint(np.arange(height) * np.tan(np.radians(degrees))).astype(int)
    place = (np.arange(width) + shift[:, None]) % (2 * width)
    return np.take_along_axis(image, np.minimum(place, 2 * width - 1 - place), axis=1)


def _is_constant(image: NDArray[np.floating], radius: int) -> NDArray[np.bool_]:
    """Tell where an image (Y, X) is padding: of one value all around."""
    size = 2 * radius + 1
    lowest, highest = (f(image, size) for f in (ndimage.minimum_filter, ndimage.maximum_filter))
    is_constant: NDArray[np.bool_] = ndimage.maximum_filter(lowest == highest, size)
    return is_constant
