"""Detect strictly periodic patterns, which no kernel can hide.

A sinusoid can be predicted from outside any kernel, so a blind-spot network keeps it. In the
averaged power spectrum it is a sharp peak, far above the bins around it and above those of its own
row and column. Structure and correlated noise are broad there.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage, stats

from autoStructN2V.masking.patterns.pattern import PeriodicPattern
from autoStructN2V.masking.patterns.spectrum import centered_blocks, mean_power

_SMALLEST_SIDE = 32  # px
_MIN_CYCLES = 6.0  # cycles within a block: fewer cannot be told from structure
_LONGEST_PERIOD = 64.0  # px
_FALSE_ALARM = 1e-5  # probability that a smooth spectrum shows a peak
_SAFETY = 3.0  # structure makes spectra rougher than theory says
_LEAST_EXCESS = 30.0  # peak to local background
_MIN_SHARE = 0.003  # of the images' variance
_BACKGROUND_RADIUS = 8  # bins
_PEAK_RADIUS = 2  # bins: what the window spreads a sharp line over
_MAX_PATTERNS = 4
_MAX_CANDIDATES = 200


def detect_sinusoids(images: Sequence[NDArray[np.floating]]) -> list[PeriodicPattern]:
    """Find sinusoids in images.

    Parameters
    ----------
    images : sequence of (Z, Y, X) array
        Finite values; shapes may differ.

    Returns
    -------
    list of PeriodicPattern
        The strongest first; empty if there are none, or an image is smaller than 32 pixels.
    """
    blocks = centered_blocks(images, _SMALLEST_SIDE)
    variance = float(np.square(blocks).mean(dtype=np.float64)) if len(blocks) else 0.0
    return _sinusoids(mean_power(blocks), variance, len(blocks)) if variance > 0.0 else []


def _two_sided(half: NDArray[np.float64]) -> NDArray[np.float64]:
    """Extend a half spectrum by ``_BACKGROUND_RADIUS`` columns across zero x frequency."""
    columns = half[:, _BACKGROUND_RADIUS:0:-1]
    return np.concatenate([np.roll(columns[::-1], 1, axis=0), half], axis=1)


def _local_background(power: NDArray[np.float64]) -> NDArray[np.float64]:
    """Largest of the medians around each bin, along its row and along its column.

    The neighborhood of the bin itself is left out.
    """
    near, far = _PEAK_RADIUS, _BACKGROUND_RADIUS
    around = np.zeros((2 * far + 1, 2 * far + 1), bool)
    around[::2, ::2] = True
    around[far - near : far + near + 1, far - near : far + near + 1] = False
    line = np.ones(2 * far + 1, bool)
    line[far - near : far + near + 1] = False
    extended = _two_sided(power)
    medians = [
        ndimage.median_filter(extended, footprint=footprint, mode="wrap")
        for footprint in (around, line[None, :], line[:, None])
    ]
    background: NDArray[np.float64] = np.max(medians, axis=0)[:, far:]
    return np.maximum(background, 1e-30)


def _least_excess(n_blocks: int, n_bins: int) -> float:
    """Ratio to the local background that no bin of a smooth spectrum reaches by chance."""
    by_chance = stats.gamma.isf(_FALSE_ALARM / n_bins, n_blocks) / stats.gamma.median(n_blocks)
    return float(max(_SAFETY * by_chance, _LEAST_EXCESS))


def _sinusoids(power: NDArray[np.float64], variance: float, n_blocks: int) -> list[PeriodicPattern]:
    """Take peaks from the spectrum, the sharpest first."""
    side = len(power)
    frequency = np.hypot(fft.fftfreq(side)[:, None], fft.rfftfreq(side)[None, :])
    background = _local_background(power)
    slow = frequency < max(_MIN_CYCLES / side, 1.0 / _LONGEST_PERIOD)
    excess = np.where(slow, 0.0, power / background)
    least = _least_excess(n_blocks, power.size)
    found: list[PeriodicPattern] = []
    for _ in range(_MAX_CANDIDATES):
        row, column = (int(i) for i in np.unravel_index(int(excess.argmax()), excess.shape))
        if excess[row, column] < least or len(found) == _MAX_PATTERNS:
            break
        if excess[row, column] / _radial_factor(power, background, row, column) < least:
            excess[row, column] = 0.0
            continue
        rows, columns = _around(row, column, power.shape)
        peak = np.maximum(power - background, 0.0)[np.ix_(rows % side, columns)]
        found.append(_sinusoid(peak, rows, columns, side, variance))
        excess[np.ix_(rows % side, columns)] = 0.0
        if column <= _PEAK_RADIUS:  # the other half of a peak at zero x frequency
            excess[np.ix_(-rows % side, columns)] = 0.0
    strong = [pattern for pattern in found if pattern.variance_share >= _MIN_SHARE]
    return sorted(strong, key=lambda pattern: -pattern.variance_share)


def _radial_factor(
    power: NDArray[np.float64], background: NDArray[np.float64], row: int, column: int
) -> float:
    """Power on the line through a bin and zero frequency, relative to the bin's background.

    A straight edge in the image fills that whole line, a sinusoid only one place on it.
    """
    side = len(power)
    signed = row if row < side // 2 else row - side
    length = np.hypot(signed, column)
    steps = np.arange(_PEAK_RADIUS + 1, _BACKGROUND_RADIUS + 1)
    scale = 1.0 + np.concatenate([-steps, steps]) / length
    rows = np.rint(signed * scale).astype(int)
    columns = np.minimum(np.rint(column * scale).astype(int), power.shape[1] - 1)
    on_line = float(np.median(power[rows % side, np.abs(columns)]))
    return max(1.0, on_line / float(background[row, column]))


def _around(
    row: int, column: int, shape: tuple[int, ...]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows (signed) and columns of the bins that a peak covers."""
    signed = row if row < shape[0] // 2 else row - shape[0]
    rows = np.arange(signed - _PEAK_RADIUS, signed + _PEAK_RADIUS + 1)
    columns = np.arange(max(0, column - _PEAK_RADIUS), min(shape[1], column + _PEAK_RADIUS + 1))
    return rows, columns


def _sinusoid(
    peak: NDArray[np.float64],
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    side: int,
    variance: float,
) -> PeriodicPattern:
    """Describe a peak by its power above the background and its center of mass."""
    # at zero x frequency the bins of negative frequency are missing: mirror their weight
    weights = np.where((columns > 0) & (columns[0] == 0) & (columns <= _PEAK_RADIUS), 2.0, 1.0)
    is_centered = columns[0] == 0 and int(peak.sum(axis=0).argmax()) == 0
    total = float((peak * (weights if is_centered else 1.0)).sum())
    fy = float((peak.sum(axis=1) * rows).sum() / peak.sum()) / side
    fx = 0.0 if is_centered else float((peak.sum(axis=0) * columns).sum() / peak.sum()) / side
    amplitude = 2.0 * np.sqrt(total)
    return PeriodicPattern(
        period_px=float(1.0 / np.hypot(fy, fx)),
        angle_deg=float(np.degrees(np.arctan2(fy, fx)) % 180.0),
        amplitude=float(amplitude),
        variance_share=float(min(1.0, amplitude**2 / 2.0 / variance)),
    )
