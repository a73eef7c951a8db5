"""The averaged power spectrum of images, in which patterns without end are sharp."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy import fft, special

from autoStructN2V.masking.patterns.pattern_limits import PATTERN_LIMITS
from autoStructN2V.sampling import evenly

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from autoStructN2V.masking.patterns.limits import SinusoidLimits, SpectrumLimits


@dataclass(frozen=True, eq=False)
class Spectrum:
    """The averaged power spectrum of images.

    Attributes
    ----------
    power : (side, side // 2 + 1) float64
        From :func:`mean_power`, in squared units of the images.
    n_blocks : int
        Number of spectra that were averaged.
    variance : float
        Of the blocks, in squared units of the images.
    """

    power: NDArray[np.float64]
    n_blocks: int
    variance: float

    @property
    def side(self) -> int:
        """Pixels along a block; frequencies are ``1 / side`` cycles per pixel apart."""
        return len(self.power)

    @cached_property
    def whole(self) -> NDArray[np.float64]:
        """The power in all directions, (side, side) float64, frequency 0 at ``side // 2``."""
        side = self.side
        negative = self.power[:, 1 : (side + 1) // 2][:, ::-1]
        opposite = np.roll(negative[::-1], 1, axis=0)
        shifted: NDArray[np.float64] = fft.fftshift(np.hstack([self.power, opposite]))
        return shifted


def spectrum_of(
    images: Sequence[NDArray[np.floating]], *, limits: SinusoidLimits = PATTERN_LIMITS.sinusoids
) -> Spectrum | None:
    """Average the power spectra of blocks of images.

    Parameters
    ----------
    images : sequence of (Z, Y, X) array
        Finite values; shapes may differ.
    limits : SinusoidLimits
        How large and how many the blocks are.

    Returns
    -------
    Spectrum or None
        None if there are no images, or one is smaller than 32 pixels.
    """
    blocks = centered_blocks(images, limits.smallest_side, limits=limits.spectrum)
    if not len(blocks):
        return None
    variance = float(np.square(blocks).mean(dtype=np.float64))
    return Spectrum(mean_power(blocks), len(blocks), variance)


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


def ratio_by_chance(n_blocks: int, probability: float) -> float:
    """Return how many times its median a mean of powers exceeds with a probability.

    The power of noise in a block has an exponential distribution, and the mean over blocks a gamma
    distribution. ``scipy.stats`` has both, but takes most of a second to load.

    Parameters
    ----------
    n_blocks : int
        Powers of so many blocks are averaged.
    probability : float
        Between 0 and 1.
    """
    exceeded = special.gammainccinv(n_blocks, probability)
    return float(exceeded / special.gammaincinv(n_blocks, 0.5))
