"""Undo what measuring does to the autocovariance of noise, from theory.

Two steps change the noise itself. The high-pass takes away its slow part, which is a known linear
map of the autocovariance. Choosing pixels of a low structure score chooses quiet noise, because
noise adds to the score: to first order, the mean product of two pixels falls by its covariance
with the score, times the relative growth of the number of chosen pairs with the threshold. Both
hold whatever the image shows, so that nothing needs to be known of its structure.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from threadpoolctl import threadpool_limits

from autoStructN2V.masking.noise.background import (
    NoiseField,
    blur,
    high_pass,
    white_noise_energies,
)
from autoStructN2V.masking.noise.differences import FloatArray
from autoStructN2V.masking.noise.lags import pair_counts
from autoStructN2V.masking.noise.limits import NOISE_LIMITS, BackgroundLimits, NoiseLimits

FloatGrid = NDArray[np.float64]

_GRID = 128  # px: holds the largest lag and the reach of the filters, on both sides
LARGEST_LAG = _GRID // 4 - 1  # px: two lags may differ by twice as much
_THRESHOLD_STEP = 0.06  # relative change of the threshold over which the growth is measured
_N_ITERATIONS = 4  # of a fixed point: the effect follows from what it corrects
_N_ROUNDS = 8  # in each of which more lags are explained
_LEAST_SINGULAR = 1e-3  # of the largest singular value: guards a division


def _impulse() -> FloatArray:
    """Return a (1, grid, grid) image that is 1 in the middle, to read the response of filters."""
    impulse = np.zeros((1, _GRID, _GRID), np.float32)
    impulse[0, _GRID // 2, _GRID // 2] = 1.0
    return impulse


def _spectrum(response: FloatArray) -> NDArray[np.complex128]:
    """Return the spectrum (grid, grid) of a (1, grid, grid) response to an impulse."""
    spectrum: NDArray[np.complex128] = fft.fft2(np.fft.ifftshift(response[0].astype(np.float64)))
    return spectrum


@cache
def _gradient_spectra(limits: BackgroundLimits) -> tuple[tuple[NDArray[np.complex128], float], ...]:
    """Spectrum (grid, grid) of each gradient in the structure score, and its weight there."""
    return tuple(
        (_spectrum(blur(_impulse(), sigma, order)), 1.0 / of_white_noise)
        for sigma, of_white_noise in zip(
            limits.gradient_scales, white_noise_energies(limits), strict=True
        )
        for order in ((0, 1), (1, 0))
    )


@cache
def _averaging_window(limits: BackgroundLimits) -> FloatGrid:
    """Weight (grid, grid) with which the score of a pixel counts the gradients around it."""
    response = blur(_impulse(), limits.coarse_scale)[0].astype(np.float64)
    window: FloatGrid = np.fft.ifftshift(response)
    return window


@cache
def _high_pass_matrix(max_lag: int, limits: BackgroundLimits) -> FloatGrid:
    """Matrix (L, L) that takes the autocovariance of noise to that of high-passed noise.

    L is the number of all lags up to ``max_lag``, row by row.
    """
    power = np.square(np.abs(_spectrum(high_pass(_impulse(), limits))))
    response = np.fft.fftshift(fft.ifft2(power).real)
    lag = np.arange(2 * max_lag + 1)
    y, x = (axis.ravel() for axis in np.meshgrid(lag, lag, indexing="ij"))
    middle = _GRID // 2
    matrix: FloatGrid = response[middle + y[:, None] - y, middle + x[:, None] - x]
    return matrix


def _on_grid(values: FloatGrid) -> FloatGrid:
    """Put lags (H, W) onto the periodic (grid, grid) array, lag zero first."""
    half = values.shape[0] // 2
    grid = np.zeros((_GRID, _GRID))
    grid[: values.shape[0], : values.shape[1]] = values
    return np.roll(grid, (-half, -half), (0, 1))


def covariance_with_score(
    within: FloatGrid,
    across: FloatGrid,
    limits: BackgroundLimits = NOISE_LIMITS.background,
) -> FloatGrid:
    """Covariance of the product of two pixels of Gaussian noise with the score of one of them.

    Parameters
    ----------
    within : (H, W) float64
        Autocovariance of the high-passed noise in the slice of the score, in units of its fine
        energy.
    across : (H, W) float64
        Covariance of that slice with the slice of the other pixel; ``within`` if it is the same.
    limits : BackgroundLimits
        What the score is.

    Returns
    -------
    (H, W) float64
        One value for each lag between the two pixels.
    """
    half = within.shape[0] // 2
    spectra = fft.fft2(_on_grid(within)), fft.fft2(_on_grid(across))
    window = _averaging_window(limits)
    total = np.zeros((_GRID, _GRID))
    for gradient, weight in _gradient_spectra(limits):
        here, there = (fft.ifft2(spectrum * gradient).real for spectrum in spectra)
        total += 2.0 * weight * fft.ifft2(np.conj(fft.fft2(window * here)) * fft.fft2(there)).real
    return np.roll(total, (half, half), (0, 1))[: 2 * half + 1, : 2 * half + 1]


def growth_of_pairs(
    fields: Sequence[NoiseField], threshold: float, max_lag: int, slice_offset: int = 0
) -> FloatGrid:
    """Relative growth of the number of chosen pairs with the threshold.

    Parameters
    ----------
    fields : sequence of NoiseField
        Images with their structure scores.
    threshold : float
        Score below which a pixel is chosen.
    max_lag : int
        Largest lag in pixels.
    slice_offset : int
        How many slices apart the two pixels of a pair are.

    Returns
    -------
    (2 * max_lag + 1, 2 * max_lag + 1) float64
        For each lag, per unit of threshold.
    """
    fewer, more = (
        sum(pair_counts(field.structure < limit, max_lag, slice_offset) for field in fields)
        for limit in (threshold * (1.0 - _THRESHOLD_STEP), threshold * (1.0 + _THRESHOLD_STEP))
    )
    ratio = np.maximum(more, 1.0) / np.maximum(fewer, 1.0)
    growth: FloatGrid = np.log(ratio) / (2.0 * _THRESHOLD_STEP * threshold)
    return growth


def undo_selection(
    covariance: FloatGrid,
    growth: FloatGrid,
    within: FloatGrid | None = None,
    limits: NoiseLimits = NOISE_LIMITS,
) -> FloatGrid:
    """Covariance over all pixels from that over pixels of a low structure score.

    Parameters
    ----------
    covariance : (H, W) float64
        Covariance over the chosen pixels, in units of the fine energy.
    growth : (H, W) float64
        Result of :func:`growth_of_pairs` for the chosen pixels.
    within : (H, W) float64, optional
        If the pairs lie in two slices: the autocovariance within a slice, over all pixels.
    limits : NoiseLimits
        How large an effect may be, and what the score is.

    Returns
    -------
    (H, W) float64
    """
    variance = float(np.abs(covariance if within is None else within).max())
    largest = limits.correction.most_selection * variance
    corrected = covariance
    for _ in range(_N_ITERATIONS):
        here = corrected if within is None else within
        effect = growth * _both_scores(here, corrected, limits.background)
        effect *= min(1.0, largest / max(float(np.abs(effect).max()), 1e-12))
        corrected = covariance + effect
    return corrected


def _both_scores(within: FloatGrid, across: FloatGrid, limits: BackgroundLimits) -> FloatGrid:
    """Mean (H, W) of the covariances with the scores of the first and of the second pixel."""
    of_first = covariance_with_score(within, across, limits)
    of_second = covariance_with_score(within, across[::-1, ::-1], limits)[::-1, ::-1]
    mean: FloatGrid = (of_first + of_second) / 2.0
    return mean


def undo_high_pass(
    covariance: FloatGrid,
    error: FloatGrid,
    scale: float,
    limits: NoiseLimits = NOISE_LIMITS,
) -> FloatGrid:
    """Autocovariance before the high-pass.

    What the high-pass took away entirely can only be known because the noise of distant pixels
    is independent. So the fewest lags are looked for that explain what was measured: the
    strongest first, until what is left is within the error.

    Parameters
    ----------
    covariance : (H, W) float64
        Autocovariance of the high-passed noise; square.
    error : (H, W) float64
        Standard error of the correlation.
    scale : float
        Covariance at which the correlation is 1.
    limits : NoiseLimits
        What is worth explaining, and what the high-pass is.

    Returns
    -------
    (H, W) float64
    """
    target = covariance.ravel()
    middle = target.size // 2
    matrix = _high_pass_matrix(covariance.shape[0] // 2, limits.background)
    least = limits.significance.least_clear(error.ravel()) * scale
    explaining = np.arange(target.size) == middle
    values = np.zeros(target.size)
    for _ in range(_N_ROUNDS):
        part = matrix[:, explaining]
        values[explaining] = _least_squares(part, target)
        left = target - matrix @ values
        unexplained = np.where(explaining, 0.0, np.abs(left))
        unexplained[unexplained < least] = 0.0
        if not unexplained.any():
            break
        strong = limits.correction.together * unexplained.max()
        explaining |= (unexplained > 0.0) & (unexplained >= strong)
    undone: FloatGrid = (values + left).reshape(covariance.shape)
    return undone


def _least_squares(matrix: FloatGrid, target: NDArray[np.float64]) -> NDArray[np.floating]:
    """Return the (K,) unknowns of (L, K) equations, computed by one thread.

    There are a few hundred: threads that wait for each other gain nothing. Beside other programs
    two took 4.9 s for what one does in 0.02 s.
    """
    with threadpool_limits(1, user_api="blas"):
        solution: NDArray[np.floating] = np.linalg.lstsq(matrix, target, rcond=_LEAST_SINGULAR)[0]
    return solution
