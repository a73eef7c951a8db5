"""Offsets of rows and columns, of halves or of pieces of them: found, named and subtracted."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from autoStructN2V.masking.patterns.half_offsets import find_half_offsets
from autoStructN2V.masking.patterns.line_offsets import (
    LineOffsets,
    find_offsets,
    find_shared_offsets,
)
from autoStructN2V.masking.patterns.line_profile import (
    half_profiles,
    line_profile,
    subtract_profile,
)
from autoStructN2V.masking.patterns.pattern import PeriodicPattern
from autoStructN2V.masking.patterns.stripes import find_stripes, stripe_std, without_stripes
from autoStructN2V.vocabulary import Lines, StripeRemoval

_DIRECTIONS: tuple[Lines, ...] = ("columns", "rows")


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
    found = [_with_halves(halves, lines, whole.get(lines)) for lines in _DIRECTIONS]
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


def stripes_of_slices(
    images: Sequence[NDArray[np.floating]],
    waves: Sequence[PeriodicPattern] = (),
    remove_stripes: StripeRemoval = "auto",
) -> list[PeriodicPattern]:
    """Find stripes along rows or columns that end within slices.

    Parameters
    ----------
    images : sequence of (Y, X) array
        Slices without offsets of whole lines.
    waves : sequence of PeriodicPattern
        Sinusoids that are still in them: lines of periodic structure, which are not looked at.
    remove_stripes : {'auto', 'rows', 'columns', 'off'}, default 'auto'
        'auto' looks for them. Where a direction is named, there are some, and they are measured.

    Returns
    -------
    list of PeriodicPattern
        At most one for each direction.
    """
    if remove_stripes == "off":
        return []
    variance = _mean_variance(images)
    if remove_stripes != "auto":
        std = stripe_std(images, remove_stripes)
        return [_stripe_pattern(remove_stripes, std, variance)]
    periodic = {wave.parallel_lines for wave in waves}
    looked_at = [lines for lines in _DIRECTIONS if lines not in periodic]
    found = [(lines, find_stripes(images, lines)) for lines in looked_at]
    return [_stripe_pattern(lines, std, variance) for lines, std in found if std > 0.0]


def _mean_variance(images: Iterable[NDArray[np.floating]]) -> float:
    variances = [float(np.var(image, dtype=np.float64)) for image in images]
    return float(np.mean(variances)) if variances else 0.0


def _line_pattern(offsets: LineOffsets, variance: float) -> PeriodicPattern:
    angle = 90.0 if offsets.lines == "rows" else 0.0
    share = min(1.0, offsets.std**2 / max(variance, 1e-300))
    return PeriodicPattern(
        np.inf, angle, offsets.std, share, offsets.is_shared, is_split=offsets.is_split
    )


def _stripe_pattern(lines: Lines, std: float, variance: float) -> PeriodicPattern:
    angle = 90.0 if lines == "rows" else 0.0
    share = min(1.0, std**2 / max(variance, 1e-300))
    return PeriodicPattern(np.inf, angle, std, share, is_local=True)


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
        Sinusoids and stripes are left alone.
    profiles : mapping
        From :func:`shared_profiles`; offsets of single slices are measured in the slice.

    Returns
    -------
    (Y, X) float32
        A new slice in the same units.
    """
    cleaned = np.array(plane, np.float32)
    for pattern in patterns:
        if pattern.lines is not None and not pattern.is_local:
            profile = (
                profiles[pattern.lines]
                if pattern.is_shared
                else line_profile(cleaned, pattern.lines)
            )
            cleaned = subtract_profile(cleaned, profile, pattern.lines)
    return cleaned


def remove_stripes(
    plane: NDArray[np.float32], patterns: Sequence[PeriodicPattern]
) -> NDArray[np.float32]:
    """Subtract stripes that end within a slice.

    Parameters
    ----------
    plane : (Y, X) float32
        Finite values, any units, without other patterns.
    patterns : sequence of PeriodicPattern
        Only stripes count.

    Returns
    -------
    (Y, X) float32
        The same slice if there are no stripes, otherwise a new one in the same units.
    """
    for pattern in patterns:
        if pattern.is_local and pattern.lines is not None:
            plane = without_stripes(plane, pattern.lines)
    return plane
