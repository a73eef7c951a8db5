"""The averaged power spectrum of images, in which patterns without end are sharp."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from autoStructN2V.masking.patterns.limits import SpectrumLimits
from autoStructN2V.masking.patterns.pattern_limits import PATTERN_LIMITS
from autoStructN2V.sampling import evenly


def centered_blocks(
    images: Sequence[NDArray[np.floating]],
    smallest: int,
    *,
    limits: SpectrumLimits = PATTERN_LIMITS.lines.spectrum,
) -> NDArray[np.float32]:
    """Cut images into square blocks with mean 0, evenly chosen if there are many.

    Parameters
    ----------
    images : sequence of (Z, Y, X) array
        Finite values; shapes may differ.
    smallest : int
        Side in pixels below which blocks are of no use.
    limits : SpectrumLimits
        How large and how many the blocks are.

    Returns
    -------
    (N, side, side) float32
        N is 0 if there are no images, or one is too small.
    """
    sides = [min(image.shape[-2:]) for image in images]
    side = min(limits.largest_side, *sides) if sides else 0
    if side < smallest:
        return np.zeros((0, side, side), np.float32)
    places = [
        (index, z, y, x)
        for index, image in enumerate(images)
        for z in range(image.shape[0])
        for y in range(0, image.shape[1] - side + 1, side)
        for x in range(0, image.shape[2] - side + 1, side)
    ]
    kept = [places[k] for k in evenly(len(places), max(1, limits.most_pixels // side**2))]
    cut = [images[i][z, y : y + side, x : x + side] for i, z, y, x in kept]
    # intensities far from 0 would lose digits in float32
    return np.stack([(block - block.mean(dtype=np.float64)).astype(np.float32) for block in cut])


def mean_power(blocks: NDArray[np.float32]) -> NDArray[np.float64]:
    """Average the power spectra of blocks, with a Hann window.

    A sinusoid of amplitude A adds A^2 / 4, summed over the few bins of its peak.

    Parameters
    ----------
    blocks : (N, side, side) array
        From :func:`centered_blocks`.

    Returns
    -------
    (side, side // 2 + 1) float64
    """
    side = blocks.shape[-1]
    window = np.hanning(side + 1)[:-1].astype(np.float32)
    spectrum = fft.rfft2(blocks * window[:, None] * window)
    scale = side**2 * float(np.square(window).sum()) ** 2
    summed = np.square(np.abs(spectrum)).mean(axis=0, dtype=np.float64)
    power: NDArray[np.float64] = summed / scale
    return power
