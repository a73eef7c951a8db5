"""Detect strictly periodic patterns, which no kernel can hide.

A sinusoid can be predicted from outside any kernel, so a blind-spot network keeps it. In the
averaged power spectrum it is a sharp peak, far above the bins around it and above those of its own
row and column. Structure and correlated noise are broad there.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from autoStructN2V.masking.patterns.limits import WINDOW_REACH, SinusoidLimits
from autoStructN2V.masking.patterns.pattern import Sinusoid
from autoStructN2V.masking.patterns.pattern_limits import PATTERN_LIMITS
from autoStructN2V.masking.patterns.spectrum import Spectrum, ratio_by_chance, spectrum_of


def detect_sinusoids(
    images: Sequence[NDArray[np.floating]], *, limits: SinusoidLimits = PATTERN_LIMITS.sinusoids
) -> list[Sinusoid]:
    """Find sinusoids in images.

    Parameters
    ----------
    images : sequence of (Z, Y, X) array
        Finite values; shapes may differ.
    limits : SinusoidLimits
        What counts as a sinusoid.

    Returns
    -------
    list of Sinusoid
        The strongest first; empty if there are none, or an image is smaller than 32 pixels.
    """
    spectrum = spectrum_of(images, limits=limits)
    return [] if spectrum is None else sinusoids_in(spectrum, limits=limits)


def sinusoids_in(
    spectrum: Spectrum, *, limits: SinusoidLimits = PATTERN_LIMITS.sinusoids
) -> list[Sinusoid]:
    """Find sinusoids in the spectrum of images, see :func:`detect_sinusoids`."""
    if spectrum.variance <= 0.0:
        return []
    return _sinusoids(spectrum.power, spectrum.variance, spectrum.n_blocks, limits)


def _two_sided(half: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Extend a half spectrum (H, W) by `n` columns across zero x frequency: (H, W + n)."""
    columns = half[:, n:0:-1]
    return np.concatenate([np.roll(columns[::-1], 1, axis=0), half], axis=1)


def _local_background(power: NDArray[np.float64], limits: SinusoidLimits) -> NDArray[np.float64]:
    """Largest of the medians around each bin of (H, W), along its row and its column.

    The neighborhood of the bin itself is left out.
    """
    near, far = limits.peak_radius, limits.background_radius
    around = np.zeros((2 * far + 1, 2 * far + 1), bool)
    around[::2, ::2] = True
    around[far - near : far + near + 1, far - near : far + near + 1] = False
    line = np.ones(2 * far + 1, bool)
    line[far - near : far + near + 1] = False
    extended = _two_sided(power, far)
    medians = [
        ndimage.median_filter(extended, footprint=footprint, mode="wrap")
        for footprint in (around, line[None, :], line[:, None])
    ]
    background: NDArray[np.float64] = np.max(medians, axis=0)[:, far:]
    return np.maximum(background, 1e-30)


def _least_excess(n_blocks: int, n_bins: int, limits: SinusoidLimits) -> float:
    """Ratio to the local background that no bin of a smooth spectrum reaches by chance."""
    by_chance = ratio_by_chance(n_blocks, limits.spectrum.false_alarm / n_bins)
    return float(max(limits.spectrum.safety * by_chance, limits.least_excess))


def _sinusoids(
    power: NDArray[np.float64], variance: float, n_blocks: int, limits: SinusoidLimits
) -> list[Sinusoid]:
    """Take peaks from the spectrum (H, W), the sharpest first."""
    side = len(power)
    frequency = np.hypot(fft.fftfreq(side)[:, None], fft.rfftfreq(side)[None, :])
    background = _local_background(power, limits)
    slow = frequency < limits.least_cycles / side
    excess = np.where(slow, 0.0, power / background)
    least = _least_excess(n_blocks, power.size, limits)
    found: list[Sinusoid] = []
    for _ in range(limits.most_candidates):
        row, column = (int(i) for i in np.unravel_index(int(excess.argmax()), excess.shape))
        if excess[row, column] < least or len(found) == limits.most_patterns:
            break
        if excess[row, column] / _radial_factor(power, background, (row, column), limits) < least:
            excess[row, column] = 0.0
            continue
        rows, columns = _around(row, column, power.shape, limits.peak_radius)
        peak = np.maximum(power - background, 0.0)[np.ix_(rows % side, columns)]
        found.append(_sinusoid(peak, rows, columns, side, variance))
        excess[np.ix_(rows % side, columns)] = 0.0
        if column <= limits.peak_radius:  # the other half of a peak at zero x frequency
            excess[np.ix_(-rows % side, columns)] = 0.0
    strong = [pattern for pattern in found if pattern.variance_share >= limits.least_share]
    return sorted(strong, key=lambda pattern: -pattern.variance_share)


def _radial_factor(
    power: NDArray[np.float64],
    background: NDArray[np.float64],
    place: tuple[int, int],
    limits: SinusoidLimits,
) -> float:
    """Power of (H, W) on the line through a bin and zero frequency, over its background.

    A straight edge in the image fills that whole line, a sinusoid only one place on it.
    """
    side = len(power)
    row, column = place
    signed = row if row < side // 2 else row - side
    length = np.hypot(signed, column)
    steps = np.arange(limits.peak_radius + 1, limits.background_radius + 1)
    scale = 1.0 + np.concatenate([-steps, steps]) / length
    rows = np.rint(signed * scale).astype(int)
    columns = np.minimum(np.rint(column * scale).astype(int), power.shape[1] - 1)
    on_line = float(np.median(power[rows % side, np.abs(columns)]))
    return max(1.0, on_line / float(background[row, column]))


def _around(
    row: int, column: int, shape: tuple[int, ...], radius: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows (N,), signed, and columns (M,) of the bins that a peak covers."""
    signed = row if row < shape[0] // 2 else row - shape[0]
    rows = np.arange(signed - radius, signed + radius + 1)
    columns = np.arange(max(0, column - radius), min(shape[1], column + radius + 1))
    return rows, columns


def _sinusoid(
    peak: NDArray[np.float64],
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    side: int,
    variance: float,
) -> Sinusoid:
    """Describe a peak (N, M) by its power above the background and its center of mass."""
    # at zero x frequency the bins of negative frequency are missing: mirror their weight
    weights = np.where((columns > 0) & (columns[0] == 0) & (columns <= WINDOW_REACH), 2.0, 1.0)
    is_centered = columns[0] == 0 and int(peak.sum(axis=0).argmax()) == 0
    total = float((peak * (weights if is_centered else 1.0)).sum())
    fy = float((peak.sum(axis=1) * rows).sum() / peak.sum()) / side
    fx = 0.0 if is_centered else float((peak.sum(axis=0) * columns).sum() / peak.sum()) / side
    amplitude = 2.0 * np.sqrt(total)
    return Sinusoid(
        period_px=float(1.0 / np.hypot(fy, fx)),
        angle_deg=float(np.degrees(np.arctan2(fy, fx)) % 180.0),
        amplitude=float(amplitude),
        variance_share=float(min(1.0, amplitude**2 / 2.0 / variance)),
    )
