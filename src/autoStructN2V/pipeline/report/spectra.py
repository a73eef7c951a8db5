"""Power spectra of images, and the one that noise should have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from autoStructN2V.masking.noise.autocorrelation import Autocorrelation

N_BINS = 48
"""Frequencies at which a spectrum is given, evenly from 0 to the highest one."""
HIGHEST = 0.5
"""Highest frequency along an axis that pixels can show, in cycles per pixel."""
_PADDED = 256  # px: to which lags are filled up with 0, so that there is a value in every bin


def power(image: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the power of an image at each frequency.

    Parameters
    ----------
    image : (Y, X) array
        Any intensities.

    Returns
    -------
    (Y, X) float64
        Squared intensities, frequency 0 in the middle; of white noise the variance everywhere.
    """
    window = np.outer(*(np.hanning(n + 2)[1:-1] for n in image.shape))
    centered = (image - image.mean(dtype=np.float64)) * window
    spectrum = np.fft.fftshift(np.abs(np.fft.fft2(centered)) ** 2)
    return np.asarray(spectrum / np.square(window).sum(), np.float64)


def frequencies() -> NDArray[np.float64]:
    """Return the middles of the bins, (N_BINS,) float64, in cycles per pixel."""
    return (np.arange(N_BINS) + 0.5) * HIGHEST / N_BINS


def radial_mean(powers: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Average power over all directions.

    Parameters
    ----------
    powers : sequence of (Y, X) float64
        Frequency 0 in the middle; sizes may differ.

    Returns
    -------
    (N_BINS,) float64
        At :func:`frequencies`; NaN where there is no pixel.
    """
    total, count = np.zeros(N_BINS), np.zeros(N_BINS)
    for one in powers:
        y, x = (np.fft.fftshift(np.fft.fftfreq(n)) for n in one.shape)
        radius = np.hypot(y[:, None], x[None, :])
        # what is not all noise or image: the mean, and the corners, which are not in all directions
        is_used = (radius > 0) & (radius < HIGHEST)
        bins = (radius[is_used] * N_BINS / HIGHEST).astype(int)
        total += np.bincount(bins, one[is_used], N_BINS)
        count += np.bincount(bins, minlength=N_BINS)
    mean = np.full(N_BINS, np.nan)
    np.divide(total, count, out=mean, where=count > 0)
    return mean


def noise_power(noise: Autocorrelation) -> NDArray[np.float64]:
    """Return the spectrum that follows from a measured autocorrelation, averaged as above.

    Parameters
    ----------
    noise : Autocorrelation
        What was measured of it.

    Returns
    -------
    (N_BINS,) float64
        Squared intensities; NaN where chance makes it negative.
    """
    covariance = noise.values[len(noise.values) // 2] * noise.noise_variance
    window = np.outer(*(np.hanning(n + 2)[1:-1] for n in covariance.shape))
    margins = [((_PADDED - n) // 2, _PADDED - n - (_PADDED - n) // 2) for n in covariance.shape]
    # an odd side has its center one to the left of where an even one has it
    padded = np.pad(covariance * window, [(before + 1, after - 1) for before, after in margins])
    spectrum = np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(padded)).real)
    mean = radial_mean([spectrum])
    return np.where(mean > 0, mean, np.nan)
