"""Separate an image into stripes along its columns and the rest.

Of all ways to write an image as u + s, the one is sought whose u changes least across the columns
and whose s changes least along them: the minimum of |dx u| + L |dy s|, summed over the image.
A bright patch is cheaper in s than in u if it is more than L times as long as wide, so that L says
what is a stripe. Absolute values let steps stay sharp: edges of structure in u, ends of stripes
in s.

The model is that of Bouali and Ladjal, IEEE Transactions on Geoscience and Remote Sensing 49,
2924 (2011), doi:10.1109/TGRS.2011.2119399, and Fitschen, Ma and Schuff, arXiv:1507.00112 (2015),
who use it for curtains of focused ion beams. The minimum is found by the alternating direction
method of multipliers: Boyd et al., Foundations and Trends in Machine Learning 3, 1 (2011),
doi:10.1561/2200000016.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from autoStructN2V.masking.patterns.pattern_limits import PATTERN_LIMITS
from autoStructN2V.masking.patterns.stripe_limits import SeparationLimits
from autoStructN2V.threads import usable_threads

Image = NDArray[np.float32]

_LIMITS = PATTERN_LIMITS.removal.stripes.separation


def separated_stripes(image: NDArray[np.floating], *, limits: SeparationLimits = _LIMITS) -> Image:
    """Return what of an image is stripes along its columns.

    Parameters
    ----------
    image : (Y, X) array
        Finite values, any units.
    limits : SeparationLimits
        What counts as a stripe.

    Returns
    -------
    (Y, X) float32
        In the units of the image. What changes slowly across the columns, as shading does, may be
        in it too.
    """
    stripes = np.zeros(image.shape, np.float32)
    weights = np.zeros(image.shape[1], np.float32)
    for start, stop in _bands(image.shape[1], limits):
        # fades at both sides, so that bands join without a seam
        place = np.arange(stop - start, dtype=np.float32)
        weight = np.minimum(np.minimum(place, place[::-1]) + 1.0, limits.overlap)
        stripes[:, start:stop] += weight * _separated(image[:, start:stop], limits)
        weights[start:stop] += weight
    stripes /= weights
    return stripes


def _bands(width: int, limits: SeparationLimits = _LIMITS) -> list[tuple[int, int]]:
    """First and last column of overlapping bands of about equal width."""
    overlap = limits.overlap
    n = max(1, -(-(width - overlap) // (limits.band_width - overlap)))
    edges = np.linspace(0, width - overlap, n + 1).round().astype(int)
    return [(int(a), int(b) + overlap) for a, b in pairwise(edges)]


def _separated(image: NDArray[np.floating], limits: SeparationLimits) -> Image:
    """Return the stripes of one band (Y, X)."""
    height, width = image.shape
    # cosine transforms are several times slower for sides with large prime factors
    margins = [(0, fft.next_fast_len(n, real=True) - n) for n in (height, width)]
    steps = np.diff(np.pad(np.asarray(image, np.float32), margins, "symmetric"), axis=1)
    power = float(np.square(steps).mean(dtype=np.float64)) if steps.size else 0.0
    if power <= 0.0:
        return np.zeros(image.shape, np.float32)
    scale = np.float32(limits.step * np.sqrt(power))
    return _minimum(steps / scale, limits)[:height, :width] * scale


def _minimum(steps: Image, limits: SeparationLimits) -> Image:
    """Return s (Y, X) for steps (Y, X - 1) across the columns, some of which are about 1."""
    shape = (steps.shape[0], steps.shape[1] + 1)
    length, weight = np.float32(limits.length), np.float32(limits.over_relaxation)
    response = _response(shape, length, limits.mean_weight)
    across, along = np.zeros_like(steps), np.zeros((shape[0] - 1, shape[1]), np.float32)
    across_error, along_error = np.zeros_like(across), np.zeros_like(along)
    stripes = np.zeros(shape, np.float32)
    n_threads = usable_threads()
    for _ in range(limits.n_iterations):
        divergence = _divergence(across - across_error, length * (along - along_error))
        spectrum = response * fft.dctn(divergence, workers=n_threads)
        stripes = fft.idctn(spectrum, workers=n_threads)
        ahead = _relaxed(np.diff(stripes, axis=1), across, weight) + across_error
        across = ahead + np.clip(steps - ahead, -1.0, 1.0)
        across_error = ahead - across
        ahead = _relaxed(np.diff(stripes, axis=0), along, weight) + along_error
        along_error = np.clip(ahead, -1.0, 1.0)
        along = ahead - along_error
    return stripes


def _response(shape: tuple[int, int], length: np.float32, mean_weight: float) -> Image:
    """Inverse of the weighted sum of second differences, for each frequency (Y, X)."""
    y, x = (2.0 - 2.0 * np.cos(np.pi * np.arange(n) / n) for n in shape)
    return np.asarray(1.0 / (length * y[:, None] + x[None, :] + mean_weight), np.float32)


def _divergence(across: Image, along: Image) -> Image:
    """Return the transposed differences (Y, X) of (Y, X - 1) and (Y - 1, X) arrays."""
    total = np.zeros((across.shape[0], along.shape[1]), np.float32)
    total[:, 1:] += across
    total[:, :-1] -= across
    total[1:] += along
    total[:-1] -= along
    return total


def _relaxed(new: Image, old: Image, weight: np.float32) -> Image:
    """Mix new values (Y, X) with the old ones."""
    return weight * new + (1.0 - weight) * old
