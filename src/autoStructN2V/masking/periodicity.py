"""Detect strictly periodic patterns and endless lines, which no kernel can hide.

A sinusoid, or a line that spans the image, can be predicted from outside any kernel, so a
blind-spot network keeps it. In the averaged power spectrum a sinusoid is a sharp peak, far
above the bins around it and above those of its own row and column; endless lines fill the row
or column of zero frequency. Structure and correlated noise are broad there.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage, stats

_SIDE = 512  # px: largest side of the blocks whose spectra are averaged
_SMALLEST_SIDE = 32
_MAX_PIXELS = 4_000_000
_MIN_CYCLES = 6.0  # cycles within a block: fewer cannot be told from structure
_LONGEST_PERIOD = 64.0  # px
_FALSE_ALARM = 1e-5  # probability that a smooth spectrum shows a peak
_SAFETY = 3.0  # structure makes spectra rougher than theory says
_LEAST_EXCESS = 30.0  # peak to local background
_LEAST_LINE_EXCESS = 8.0  # endless lines to the neighboring rows or columns of the spectrum
_MIN_SHARE = 0.003  # of the images' variance
_BACKGROUND_RADIUS = 8  # bins
_PEAK_RADIUS = 2  # bins: what the window spreads a sharp line over
_MAX_PATTERNS = 4
_DEMODULATION_SCALE = 24.0  # px: distance over which amplitude and phase hardly drift
_MAX_CANDIDATES = 200


@dataclass(frozen=True)
class PeriodicPattern:
    """A sinusoid, or a set of endless lines, that covers the images.

    Attributes
    ----------
    period_px : float
        Length of one cycle in pixels, across the stripes; infinite for endless lines of
        irregular spacing.
    angle_deg : float
        Direction across the stripes: 0 along x, 90 along y (downwards); 0..180.
    amplitude : float
        Amplitude in units of the images; for endless lines, their standard deviation.
    variance_share : float
        Share of the images' variance, 0..1.
    """

    period_px: float
    angle_deg: float
    amplitude: float
    variance_share: float

    @property
    def direction(self) -> str:
        """The direction across the stripes in words."""
        if min(self.angle_deg, 180.0 - self.angle_deg) < 3.0:
            return "along x"
        if abs(self.angle_deg - 90.0) < 3.0:
            return "along y"
        return f"at {self.angle_deg:.0f} degrees from x towards y"

    @property
    def sentence(self) -> str:
        """The pattern in plain words."""
        if np.isinf(self.period_px):
            lines = "columns" if self.direction == "along x" else "rows"
            return f"offsets of whole {lines}, standard deviation {self.amplitude:.3g}"
        return f"period {self.period_px:.1f} px {self.direction}, amplitude {self.amplitude:.3g}"


def detect_periodic_patterns(images: Sequence[NDArray[np.floating]]) -> list[PeriodicPattern]:
    """Find what repeats strictly, or runs on endlessly, in images.

    Parameters
    ----------
    images : sequence of (Z, Y, X) array
        Finite values; shapes may differ.

    Returns
    -------
    list of PeriodicPattern
        The strongest first; empty if there is none, or the images are too small (below 32
        pixels) to tell.
    """
    side = min([_SIDE, *(min(image.shape[-2:]) for image in images)]) if images else 0
    if side < _SMALLEST_SIDE:
        return []
    blocks = _blocks(images, side)
    blocks -= blocks.mean(axis=(1, 2), keepdims=True)
    variance = float(np.square(blocks).mean(dtype=np.float64))
    if not variance > 0.0:
        return []
    power = _mean_power(blocks)
    lines = _endless_lines(power, variance)
    return lines + _sinusoids(power, variance, len(blocks))


def _blocks(images: Sequence[NDArray[np.floating]], side: int) -> NDArray[np.float32]:
    """Cut images into (N, side, side) blocks, evenly chosen if there are many."""
    places = [
        (index, z, y, x)
        for index, image in enumerate(images)
        for z in range(image.shape[0])
        for y in range(0, image.shape[1] - side + 1, side)
        for x in range(0, image.shape[2] - side + 1, side)
    ]
    n_kept = min(len(places), max(1, _MAX_PIXELS // side**2))
    kept = np.unique(np.linspace(0, len(places) - 1, n_kept).astype(int))
    cut = [images[i][z, y : y + side, x : x + side] for i, z, y, x in (places[k] for k in kept)]
    return np.stack(cut).astype(np.float32)


def _mean_power(blocks: NDArray[np.float32]) -> NDArray[np.float64]:
    """Power spectrum (Y, X // 2 + 1) with a Hann window.

    A sinusoid of amplitude A adds A^2 / 4, summed over the few bins of its peak.
    """
    side = blocks.shape[-1]
    window = np.hanning(side + 1)[:-1].astype(np.float32)
    spectrum = fft.rfft2(blocks * window[:, None] * window)
    scale = side**2 * float(np.square(window).sum()) ** 2
    summed = np.square(np.abs(spectrum)).mean(axis=0, dtype=np.float64)
    power: NDArray[np.float64] = summed / scale
    return power


def _endless_lines(power: NDArray[np.float64], variance: float) -> list[PeriodicPattern]:
    """Compare the rows and columns of lowest frequency with those a few bins further."""
    first = int(_MIN_CYCLES)
    across_x = power[:, first:]  # zero y frequency: whole columns of the image differ
    across_y = power[first : len(power) // 2].T  # zero x frequency: whole rows differ
    found = []
    for spectrum, angle in ((across_x, 0.0), (across_y, 90.0)):
        background = spectrum[3:7].mean(axis=0)
        excess = np.maximum(spectrum[:2] - background, 0.0)
        ratio = np.median(spectrum[0] / np.maximum(background, 1e-30))
        # both signs of the line's two frequencies, the middle row counted once
        total = 2.0 * float(excess[0].sum() + 2.0 * excess[1].sum())
        if ratio > _LEAST_LINE_EXCESS and total > _MIN_SHARE * variance:
            share = min(1.0, total / variance)
            found.append(PeriodicPattern(np.inf, angle, float(np.sqrt(total)), share))
    return found


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


def remove_sinusoids(
    stack: NDArray[np.floating], patterns: Sequence[PeriodicPattern]
) -> NDArray[np.float32]:
    """Subtract sinusoidal patterns, each with an amplitude and phase that may drift slowly.

    Parameters
    ----------
    stack : (Z, Y, X) array
        Finite values, any units.
    patterns : sequence of PeriodicPattern
        Endless lines (infinite period) are left alone.

    Returns
    -------
    (Z, Y, X) float32
        A new stack in the same units.
    """
    cleaned = np.array(stack, np.float32)
    for pattern in patterns:
        if np.isfinite(pattern.period_px):
            wave, sigma = _wave(pattern, cleaned.shape[1:])
            for plane in cleaned:
                plane -= 2.0 * (_envelope(plane, wave, sigma) * wave).real
    return cleaned


def coverage(stack: NDArray[np.floating], pattern: PeriodicPattern) -> float:
    """Measure where a sinusoid is: a detector's pattern covers the images, structure does not.

    Parameters
    ----------
    stack : (Z, Y, X) array
        Finite values, any units.
    pattern : PeriodicPattern
        Of finite period.

    Returns
    -------
    float
        Share (0..1) of the pixels at which its local amplitude is at least half of what it is over
        all images.
    """
    wave, sigma = _wave(pattern, stack.shape[1:])
    least = pattern.amplitude / 2.0
    shares = [(2.0 * np.abs(_envelope(plane, wave, sigma)) >= least).mean() for plane in stack]
    return float(np.mean(shares))


def _wave(pattern: PeriodicPattern, shape: tuple[int, ...]) -> tuple[NDArray[np.complex64], float]:
    """Return the sinusoid as a complex wave (y, x), and the scale of its drift in pixels."""
    y = np.arange(shape[0], dtype=np.float64)[:, None]
    x = np.arange(shape[1], dtype=np.float64)[None, :]
    angle = np.radians(pattern.angle_deg)
    phase = (2.0 * np.pi / pattern.period_px) * (np.cos(angle) * x + np.sin(angle) * y)
    return np.exp(1j * phase).astype(np.complex64), max(
        _DEMODULATION_SCALE, 2.0 * pattern.period_px
    )


def _envelope(
    plane: NDArray[np.floating], wave: NDArray[np.complex64], sigma: float
) -> NDArray[np.complex64]:
    """Return half the local amplitude and the phase (y, x) of a wave in an image."""
    centered = plane - plane.mean()
    # divided by the weight inside: at the border there is less to average over
    weight = ndimage.gaussian_filter(np.ones(plane.shape, np.float32), sigma, mode="constant")
    summed = ndimage.gaussian_filter(centered * wave.conj(), sigma, mode="constant")
    return np.asarray(summed / weight, np.complex64)
