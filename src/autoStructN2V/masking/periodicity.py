"""Detect and remove strictly periodic patterns and endless lines, which no kernel can hide.

A sinusoid, or a line that spans the image, can be predicted from outside any kernel, so a
blind-spot network keeps it. In the averaged power spectrum a sinusoid is a sharp peak, far
above the bins around it and above those of its own row and column. Structure and correlated
noise are broad there.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage, stats

from autoStructN2V.masking.demodulation import remove_sinusoids
from autoStructN2V.masking.half_offsets import find_half_offsets
from autoStructN2V.masking.line_offsets import LineOffsets, find_offsets, find_shared_offsets
from autoStructN2V.masking.line_profile import (
    Lines,
    half_profiles,
    line_profile,
    subtract_profile,
)
from autoStructN2V.masking.periodic_pattern import PeriodicPattern
from autoStructN2V.masking.spectrum import centered_blocks, evenly, mean_power

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
_MOST_SLICES = 16  # in which offsets of single slices are looked for


def detect_periodic_patterns(images: Sequence[NDArray[np.floating]]) -> list[PeriodicPattern]:
    """Find what repeats strictly, or runs on endlessly, in images.

    Parameters
    ----------
    images : sequence of (Z, Y, X) array
        Finite values; shapes may differ.

    Returns
    -------
    list of PeriodicPattern
        Offsets of lines, then sinusoids, the strongest first; empty if there are none, or the
        images are too small to tell (below 64 pixels, for sinusoids 32).
    """
    sinusoids = detect_sinusoids(images)
    stacks = [remove_sinusoids(stack, sinusoids) for stack in images] if sinusoids else images
    shared = shared_lines([_halves(stack) for stack in stacks if len(stack) > 1])
    if shared:
        stacks = [remove_patterns(stack, shared) for stack in stacks]
    slices = [plane for stack in stacks for plane in stack]
    chosen = [slices[i] for i in evenly(len(slices), _MOST_SLICES)]
    return [*shared, *lines_of_slices(chosen), *sinusoids]


def detect_sinusoids(images: Sequence[NDArray[np.floating]]) -> list[PeriodicPattern]:
    """Find sinusoids in images; see :func:`detect_periodic_patterns`."""
    blocks = centered_blocks(images, _SMALLEST_SIDE)
    variance = float(np.square(blocks).mean(dtype=np.float64)) if len(blocks) else 0.0
    return _sinusoids(mean_power(blocks), variance, len(blocks)) if variance > 0.0 else []


def shared_lines(
    halves: Sequence[tuple[NDArray[np.floating], NDArray[np.floating]]],
) -> list[PeriodicPattern]:
    """Find offsets of lines that are the same in all slices of a stack.

    They may differ between the two halves of the lines.

    Parameters
    ----------
    halves : sequence of two (Y, X) arrays
        For each stack, the mean of one half of its slices and that of the other half.

    Returns
    -------
    list of PeriodicPattern
        At most one for rows and one for columns.
    """
    variance = _mean_variance(np.mean(pair, axis=0) for pair in halves)
    whole = {offsets.lines: offsets for offsets in find_shared_offsets(halves)}
    directions: tuple[Lines, ...] = ("columns", "rows")
    found = [_with_halves(halves, lines, whole.get(lines)) for lines in directions]
    return [_line_pattern(offsets, variance) for offsets in found if offsets is not None]


def _with_halves(
    pairs: Sequence[tuple[NDArray[np.floating], NDArray[np.floating]]],
    lines: Lines,
    whole: LineOffsets | None,
) -> LineOffsets | None:
    """Look for offsets of each half, where there are some of whole lines in the rest of these."""
    if whole is None:
        return find_half_offsets(pairs, lines)
    profiles = [line_profile(np.mean(pair, axis=0), lines) for pair in pairs]
    rest = [
        (subtract_profile(first, profile, lines), subtract_profile(second, profile, lines))
        for (first, second), profile in zip(pairs, profiles, strict=True)
    ]
    split = find_half_offsets(rest, lines)
    return whole if split is None else replace(split, std=float(np.hypot(whole.std, split.std)))


def lines_of_slices(images: Sequence[NDArray[np.floating]]) -> list[PeriodicPattern]:
    """Find offsets of lines in slices, each of which may have its own.

    Parameters
    ----------
    images : sequence of (Y, X) array
        Slices.

    Returns
    -------
    list of PeriodicPattern
        At most one for rows and one for columns.
    """
    variance = _mean_variance(images)
    return [_line_pattern(offsets, variance) for offsets in find_offsets(images)]


def _mean_variance(images: Iterable[NDArray[np.floating]]) -> float:
    variances = [float(np.var(image, dtype=np.float64)) for image in images]
    return float(np.mean(variances)) if variances else 0.0


def _line_pattern(offsets: LineOffsets, variance: float) -> PeriodicPattern:
    angle = 90.0 if offsets.lines == "rows" else 0.0
    share = min(1.0, offsets.std**2 / max(variance, 1e-300))
    return PeriodicPattern(
        np.inf, angle, offsets.std, share, offsets.is_shared, is_split=offsets.is_split
    )


def _halves(stack: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Average every other slice, and the rest."""
    first, second = (stack[start::2].mean(axis=0, dtype=np.float64) for start in (0, 1))
    return first, second


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


def remove_patterns(
    stack: NDArray[np.floating], patterns: Sequence[PeriodicPattern]
) -> NDArray[np.float32]:
    """Subtract sinusoids and offsets of lines.

    Parameters
    ----------
    stack : (Z, Y, X) array
        Finite values, any units.
    patterns : sequence of PeriodicPattern
        From :func:`detect_periodic_patterns`.

    Returns
    -------
    (Z, Y, X) float32
        A new stack in the same units.
    """
    cleaned = remove_sinusoids(stack, patterns)
    profiles = shared_profiles(cleaned.mean(axis=0, dtype=np.float64), patterns)
    return np.stack([remove_lines(plane, patterns, profiles) for plane in cleaned])


def shared_profiles(
    mean: NDArray[np.floating], patterns: Sequence[PeriodicPattern]
) -> dict[Lines, NDArray[np.float32]]:
    """Measure the offsets that all slices of a stack have.

    Parameters
    ----------
    mean : (Y, X) array
        Mean of the slices.
    patterns : sequence of PeriodicPattern
        Only those that slices share count.

    Returns
    -------
    dict
        Offsets of the rows, of the columns, of both or of neither; if they differ between the
        halves of the lines, those of both halves.
    """
    return {
        p.lines: half_profiles(mean, p.lines) if p.is_split else line_profile(mean, p.lines)
        for p in patterns
        if p.lines is not None and p.is_shared
    }


def remove_lines(
    plane: NDArray[np.floating],
    patterns: Sequence[PeriodicPattern],
    profiles: Mapping[Lines, NDArray[np.float32]],
) -> NDArray[np.float32]:
    """Subtract offsets of lines from a slice.

    Parameters
    ----------
    plane : (Y, X) array
        Finite values, any units.
    patterns : sequence of PeriodicPattern
        Sinusoids are left alone.
    profiles : mapping
        From :func:`shared_profiles`; offsets of single slices are measured in the slice.

    Returns
    -------
    (Y, X) float32
        A new slice in the same units.
    """
    cleaned = np.array(plane, np.float32)
    for pattern in patterns:
        if pattern.lines is not None:
            profile = (
                profiles[pattern.lines]
                if pattern.is_shared
                else line_profile(cleaned, pattern.lines)
            )
            cleaned = subtract_profile(cleaned, profile, pattern.lines)
    return cleaned
