"""Find offsets of lines that differ between the two halves of the lines, as cameras make them.

Many sensors are read out in two halves, each of which has amplifiers of its own for its columns.
Structure of a sample is told from that by where it changes: offsets are the same everywhere in a
half, and change between two neighboring pixels in the very middle of the lines. And they are
independent from line to line, where optics blur structure.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from autoStructN2V.masking.patterns.limits import HalfLimits
from autoStructN2V.masking.patterns.lines.offsets import agreement, mean_variance, signs, stand_out
from autoStructN2V.masking.patterns.lines.profile import (
    Profile,
    center,
    covariance,
    halves,
    integrated,
    upright,
)
from autoStructN2V.masking.patterns.pattern import LineOffsets, share_of
from autoStructN2V.masking.patterns.pattern_limits import PATTERN_LIMITS
from autoStructN2V.masking.patterns.spectrum import centered_blocks
from autoStructN2V.sampling import evenly
from autoStructN2V.vocabulary import Lines

Image = NDArray[np.floating]
Pair = tuple[Image, Image]


def find_half_offsets(
    pairs: Sequence[Pair], lines: Lines, *, limits: HalfLimits = PATTERN_LIMITS.halves
) -> LineOffsets | None:
    """Find offsets of lines that differ between two halves and are the same in all slices.

    Parameters
    ----------
    pairs : sequence of two (Y, X) arrays
        For each stack, the mean of one half of its slices and that of the other half.
    lines : {'rows', 'columns'}
        Direction of the lines.
    limits : HalfLimits
        What counts as offsets of halves.

    Returns
    -------
    LineOffsets or None
        None if there are none, or the images are smaller than 128 pixels along the lines or 64
        across.
    """
    chosen = [pairs[i] for i in evenly(len(pairs), limits.lines.most_measured)]
    turned = [(upright(first, lines), upright(second, lines)) for first, second in chosen]
    if not _both_stand_out(turned, limits):
        return None
    steps = [(np.diff(first, axis=1), np.diff(second, axis=1)) for first, second in turned]
    variances = [_variance(pair, limits) for pair in steps]
    details = [np.var(image, dtype=np.float64) / 2.0 for pair in steps for image in pair]
    is_strong = float(np.mean(variances)) > limits.lines.least_share * float(np.mean(details))
    if not is_strong or not _are_of_halves(steps, limits):
        return None
    std = float(np.sqrt(np.mean(variances)))
    share = share_of(std, mean_variance([np.mean(pair, axis=0) for pair in pairs]))
    return LineOffsets(lines, std, share, is_shared=True, is_split=True)


def _both_stand_out(pairs: Sequence[Pair], limits: HalfLimits) -> bool:
    """Tell from the spectra of both halves of (Y, X) whether lines along y may have offsets."""
    means = [halves(np.mean(pair, axis=0)) for pair in pairs]
    for parts in zip(*means, strict=True):
        blocks = centered_blocks(
            [part[None] for part in parts],
            limits.lines.smallest_side,
            limits=limits.lines.spectrum,
        )
        if not blocks.any() or not stand_out(blocks, limits.safety, limits=limits.lines):
            return False
    return bool(means)


def _quarters(values: Image) -> list[Image]:
    """Cut upright lines (Y, X) into four of (Y / 4, X)."""
    return [quarter for half in halves(values) for quarter in halves(half)]


def _centers(steps: Image, limits: HalfLimits) -> Profile:
    """Centers (4, X) of the steps (Y, X), for each quarter of their length."""
    return np.stack([center(quarter, limits.lines.profile) for quarter in _quarters(steps)])


def _variance(steps: Pair, limits: HalfLimits) -> float:
    """Variance of the offsets, from what neighboring quarters of steps (Y, X) share."""
    profile = limits.lines.profile
    first, second = (integrated(_centers(image, limits), profile) for image in steps)
    return float(np.mean([covariance(first[q], second[q ^ 1]) for q in range(len(first))]))


def _are_of_halves(pairs: Sequence[Pair], limits: HalfLimits) -> bool:
    """Tell whether steps (Y, X) are the same all over a half, and others in the other half."""
    centers = [(_centers(first, limits), _centers(second, limits)) for first, second in pairs]
    agreements = np.mean([_agreements(*pair) for pair in centers], axis=0)
    if agreements.min() < limits.lines.least_agreement or not _are_independent(centers, limits):
        return False
    sides: dict[int, Profile] = {}
    for (first, second), (ours, others) in zip(pairs, centers, strict=True):
        side = _side(second, ours) + _side(first, others)
        sides[len(side)] = sides.get(len(side), np.zeros(1)) + side
    return all(_changes_in_the_middle(side, limits) for side in sides.values())


def _agreements(first: Profile, second: Profile) -> Profile:
    """Share (2,) of the steps (4, X) of equal sign in both quarters of a half, for each half."""
    a, b = signs(first), signs(second)
    quarters = np.array([agreement(a[q], b[q ^ 1]) for q in range(len(a))])
    means: Profile = quarters.reshape(2, 2).mean(axis=1)
    return means


def _are_independent(centers: Sequence[tuple[Profile, Profile]], limits: HalfLimits) -> bool:
    """Tell from steps (4, X) whether neighboring lines of each half have unlike offsets."""
    power, with_next = np.zeros(2), np.zeros(2)
    for pair in centers:
        a, b = (steps - np.median(steps, axis=1, keepdims=True) for steps in pair)
        b = b[[1, 0, 3, 2]]
        power += (a * b).sum(axis=1).reshape(2, 2).sum(axis=1)
        with_next += (a[:, :-1] * b[:, 1:]).sum(axis=1).reshape(2, 2).sum(axis=1)
    return bool((with_next <= limits.most_like_next * power).all())


def _side(steps: Image, centers: Profile) -> Profile:
    """To which half each pixel (Y,) along the lines belongs by its steps: above or below 0.

    The steps are compared with those in the other quarter of the same half and with those in the
    other half, so that structure is not compared with itself.
    """
    side = np.sign(steps - np.median(steps))
    parts = []
    for q, quarter in enumerate(_quarters(side)):
        own, other = centers[q ^ 1], centers.reshape(2, 2, -1).mean(axis=1)[1 - q // 2]
        difference = own - other if q < 2 else other - own
        parts.append(quarter @ np.sign(difference - np.median(difference)) / difference.size)
    return np.concatenate(parts)


def _changes_in_the_middle(side: Profile, limits: HalfLimits) -> bool:
    """Tell whether the first half of (Y,) is on one side, and the second on the other."""
    change = int(np.cumsum(side - side.mean()).argmax()) + 1
    if abs(change - len(side) // 2) > limits.most_off:
        return False
    upper, lower = halves(side)
    for half in (upper, -lower):
        strips = np.array([strip.mean() for strip in np.array_split(half, limits.n_strips // 2)])
        if strips.min() < limits.least_evenness * abs(half.mean()):
            return False
    return True
