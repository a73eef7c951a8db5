"""Sums of products of pixel pairs at all lags, over part of the pixels, with their errors."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from autoStructN2V.errors import InputError
from autoStructN2V.masking.noise.limits import NOISE_LIMITS

_TILE = 64  # px: side of the tiles whose scatter gives the standard error


@dataclass(frozen=True)
class LagSums:
    """Sums of products of pixel pairs for each tile and lag.

    Attributes
    ----------
    products : (T, H, W) float64
        Sum over the pairs of each of T tiles; lag zero is in the center of H x W lags.
    counts : (T, H, W) float64
        Number of pairs.
    """

    products: NDArray[np.float64]
    counts: NDArray[np.float64]

    def covariance(self) -> NDArray[np.float64]:
        """Return the mean product (H, W) at each lag."""
        mean: NDArray[np.float64] = self.products.sum(0) / np.maximum(self.counts.sum(0), 1.0)
        return mean

    def standard_error(self) -> NDArray[np.float64]:
        """Return the standard error (H, W) of the mean product, from the scatter over tiles."""
        scatter = self.products - self.covariance() * self.counts
        error: NDArray[np.float64] = np.sqrt((scatter**2).sum(0)) / np.maximum(
            self.counts.sum(0), 1.0
        )
        return error


def _tiles(stack: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cut a (Z, Y, X) stack into (N, T, T') tiles of about ``_TILE`` pixels a side."""
    depth, height, width = stack.shape
    rows, columns = (max(1, round(length / _TILE)) for length in (height, width))
    tall, wide = height // rows, width // columns
    cut = stack[:, : rows * tall, : columns * wide].reshape(depth, rows, tall, columns, wide)
    return cut.swapaxes(2, 3).reshape(-1, tall, wide)


def _correlate(
    first: NDArray[np.float32], second: NDArray[np.float32], max_lag: int
) -> NDArray[np.float64]:
    """Sum over x of ``first(x) second(x + lag)``, for each (T, T) tile and lag, by FFT."""
    shape = [fft.next_fast_len(side + max_lag, real=True) for side in first.shape[-2:]]
    spectrum = np.conj(fft.rfft2(first, s=shape)) * fft.rfft2(second, s=shape)
    sums = np.roll(fft.irfft2(spectrum, s=shape), (max_lag, max_lag), (-2, -1))
    return sums[..., : 2 * max_lag + 1, : 2 * max_lag + 1].astype(np.float64)


def _paired_slices(depth: int, offset: int) -> tuple[slice, slice]:
    first, last = max(0, -offset), depth - max(0, offset)
    return slice(first, last), slice(first + offset, last + offset)


def lag_sums(
    residual: NDArray[np.float32],
    background: NDArray[np.bool_],
    max_lag: int,
    slice_offset: int = 0,
) -> LagSums:
    """Correlate background pixels of each slice with those of the slice at an offset.

    Parameters
    ----------
    residual : (Z, Y, X) float32
        Noise.
    background : (Z, Y, X) bool
        Pixels that count.
    max_lag : int
        Largest lag in pixels.
    slice_offset : int
        How many slices apart the two pixels of a pair are.

    Returns
    -------
    LagSums
        Of (T, 2 * max_lag + 1, 2 * max_lag + 1) for T tiles.
    """
    weight = background.astype(np.float32)
    here, there = _paired_slices(residual.shape[0], slice_offset)
    values = residual * weight
    return LagSums(
        _correlate(_tiles(values[here]), _tiles(values[there]), max_lag),
        _correlate(_tiles(weight[here]), _tiles(weight[there]), max_lag),
    )


def pair_counts(
    background: NDArray[np.bool_], max_lag: int, slice_offset: int = 0
) -> NDArray[np.float64]:
    """Return the number of pairs that :func:`lag_sums` finds at each lag.

    Parameters
    ----------
    background : (Z, Y, X) bool
        Pixels that count.
    max_lag : int
        Largest lag in pixels.
    slice_offset : int
        How many slices apart the two pixels of a pair are.

    Returns
    -------
    (2 * max_lag + 1, 2 * max_lag + 1) float64
    """
    here, there = _paired_slices(background.shape[0], slice_offset)
    weight = background.astype(np.float32)
    counts: NDArray[np.float64] = _correlate(
        _tiles(weight[here]), _tiles(weight[there]), max_lag
    ).sum(0)
    return counts


def joined(sums: Sequence[LagSums]) -> LagSums:
    """Return the tiles of several images as one set."""
    return LagSums(
        np.concatenate([s.products for s in sums]), np.concatenate([s.counts for s in sums])
    )


def bartlett_error(
    values: NDArray[np.float64],
    counts: NDArray[np.float64],
    clear_errors: float = NOISE_LIMITS.significance.clear_errors,
) -> NDArray[np.float64]:
    """Return the large-sample standard error of a lag where the true correlation is zero.

    Parameters
    ----------
    values : (H, W) float64
        Autocorrelation.
    counts : (T, H, W) float64
        Pairs in each tile.
    clear_errors : float
        Standard errors of white noise from which a correlation adds to the error of all others.

    Returns
    -------
    (H, W) float64
    """
    n_pairs = np.maximum(counts.sum(0), 1.0)
    significant = np.square(values) > clear_errors**2 / n_pairs
    power = max(1.0, float(np.square(values[significant]).sum()))
    error: NDArray[np.float64] = np.sqrt(power / n_pairs)
    return error


def normalized(sums: LagSums) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Return the autocorrelation with 1 at zero lag, its standard error, and the variance.

    Parameters
    ----------
    sums : LagSums
        What was measured.

    Returns
    -------
    (H, W) float64
        Autocorrelation.
    (H, W) float64
        Its standard error: from the scatter over the tiles, and not below what theory allows.
    float
        Variance.

    Raises
    ------
    InputError
        If the variance is zero.
    """
    covariance = sums.covariance()
    variance = float(covariance[tuple(side // 2 for side in covariance.shape)])
    if not variance > 0.0:
        raise InputError(
            "The images hold no noise that could be measured: their background is constant or "
            "clipped; use images with visible noise."
        )
    values = covariance / variance
    error = np.maximum(sums.standard_error() / variance, bartlett_error(values, sums.counts))
    return values, error, variance
