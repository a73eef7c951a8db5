"""Find offsets that all slices of a stack share, of whole lines, of halves of them, or of both."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from autoStructN2V.masking.patterns.limits import HalfLimits
from autoStructN2V.masking.patterns.lines.halves import find_half_offsets
from autoStructN2V.masking.patterns.lines.offsets import find_shared_offsets, mean_variance
from autoStructN2V.masking.patterns.lines.profile import line_profile, subtract_profile
from autoStructN2V.masking.patterns.pattern import LineOffsets, share_of
from autoStructN2V.masking.patterns.pattern_limits import PATTERN_LIMITS
from autoStructN2V.vocabulary import LINES, Lines

Pair = tuple[NDArray[np.floating], NDArray[np.floating]]


def shared_offsets(
    pairs: Sequence[Pair], *, limits: HalfLimits = PATTERN_LIMITS.halves
) -> list[LineOffsets]:
    """Find offsets of lines that are the same in all slices of a stack.

    They may differ between the two halves of the lines.

    Parameters
    ----------
    pairs : sequence of two (Y, X) arrays
        For each stack, the mean of one half of its slices and that of the other half.
    limits : HalfLimits
        What counts as offsets, of whole lines and of halves.

    Returns
    -------
    list of LineOffsets
        At most one for rows and one for columns.
    """
    whole = {offsets.lines: offsets for offsets in find_shared_offsets(pairs, limits=limits.lines)}
    found = [_with_halves(pairs, lines, whole.get(lines), limits) for lines in LINES]
    return [offsets for offsets in found if offsets is not None]


def _with_halves(
    pairs: Sequence[Pair], lines: Lines, whole: LineOffsets | None, limits: HalfLimits
) -> LineOffsets | None:
    """Look in means (Y, X) for offsets of each half, beside those of whole lines."""
    if whole is None:
        return find_half_offsets(pairs, lines, limits=limits)
    means = [np.mean(pair, axis=0) for pair in pairs]
    profiles = [line_profile(mean, lines, limits=limits.lines.profile) for mean in means]
    rest = [
        (subtract_profile(first, profile, lines), subtract_profile(second, profile, lines))
        for (first, second), profile in zip(pairs, profiles, strict=True)
    ]
    split = find_half_offsets(rest, lines, limits=limits)
    if split is None:
        return whole
    std = float(np.hypot(whole.std, split.std))
    return replace(split, std=std, variance_share=share_of(std, mean_variance(means)))
