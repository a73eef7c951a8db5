"""Find and measure offsets of whole rows or columns, as line scanners and sensors make them.

Offsets of lines without end fill the row (or column) of zero frequency of the power spectrum. A
straight edge across the whole image does so too, but lies in a few lines only, where offsets
are in all of them; and structure is not the same along the whole line, as offsets are.
"""

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import special

from autoStructN2V.masking.patterns.limits import LineLimits
from autoStructN2V.masking.patterns.lines.profile import (
    Image,
    Profile,
    center,
    covariance,
    integrated,
    upright,
)
from autoStructN2V.masking.patterns.pattern import LineOffsets, share_of
from autoStructN2V.masking.patterns.pattern_limits import PATTERN_LIMITS
from autoStructN2V.masking.patterns.spectrum import centered_blocks, mean_power
from autoStructN2V.sampling import evenly
from autoStructN2V.vocabulary import Lines

Group = tuple[NDArray[np.floating], ...]


_LIMITS = PATTERN_LIMITS.lines


def find_offsets(
    images: Sequence[NDArray[np.floating]], *, limits: LineLimits = _LIMITS
) -> list[LineOffsets]:
    """Find offsets of whole rows or columns in images, whether or not they share them.

    Parameters
    ----------
    images : sequence of (Y, X) array
        Finite values; shapes may differ.
    limits : LineLimits
        What counts as offsets.

    Returns
    -------
    list of LineOffsets
        At most one for rows and one for columns; none if the images are smaller than 64 pixels.
    """
    return _find([(image,) for image in images], limits)


def find_shared_offsets(
    halves: Sequence[tuple[NDArray[np.floating], NDArray[np.floating]]],
    *,
    limits: LineLimits = _LIMITS,
) -> list[LineOffsets]:
    """Find offsets of whole rows or columns that are the same in all slices of a stack.

    Parameters
    ----------
    halves : sequence of two (Y, X) arrays
        For each stack, the mean of one half of its slices and that of the other half.
    limits : LineLimits
        What counts as offsets.

    Returns
    -------
    list of LineOffsets
        At most one for rows and one for columns.
    """
    return _find(halves, limits)


def _find(groups: Sequence[Group], limits: LineLimits) -> list[LineOffsets]:
    """Look for offsets that are the same in all images (Y, X) of a group."""
    means = [group[0] if len(group) == 1 else np.mean(group, axis=0) for group in groups]
    blocks = centered_blocks(
        [mean[None] for mean in means], limits.smallest_side, limits=limits.spectrum
    )
    if not blocks.any():
        return []
    variance = mean_variance(means)
    turned: dict[Lines, Image] = {"columns": blocks, "rows": blocks.transpose(0, 2, 1)}
    standing_out = [lines for lines in turned if stand_out(turned[lines], limits=limits)]
    measured = [(lines, _measured_std(groups, lines, limits)) for lines in standing_out]
    is_shared = len(groups[0]) > 1
    return [
        LineOffsets(lines, std, share_of(std, variance), is_shared)
        for lines, std in measured
        if std > 0.0
    ]


def mean_variance(images: Sequence[NDArray[np.floating]]) -> float:
    """Average the variances of (Y, X) images; 0 if there are none."""
    variances = [float(np.var(image, dtype=np.float64)) for image in images]
    return float(np.mean(variances)) if variances else 0.0


def stand_out(blocks: Image, safety: float | None = None, *, limits: LineLimits = _LIMITS) -> bool:
    """Tell from the spectrum whether lines along y may have offsets.

    Parameters
    ----------
    blocks : (N, side, side) array
        Square parts of images, with mean 0.
    safety : float, optional
        How far they have to be above what occurs by chance, if not as the limits say.
    limits : LineLimits
        What counts as offsets.

    Returns
    -------
    bool
    """
    # steps from line to line instead of intensities: a tilt would leak into all frequencies
    steps = np.diff(blocks, axis=2)[:, 1:]
    power = mean_power(steps - steps.mean(axis=(1, 2), keepdims=True))
    least = least_ratio(len(blocks), len(power), safety, limits=limits)
    return _line_ratio(power, limits) > least


def _line_ratio(power: NDArray[np.float64], limits: LineLimits) -> float:
    """Power (H, W) at zero frequency along the lines, relative to the frequencies next to it."""
    across = power[:, _fastest(len(power))]
    beside = slice(limits.first_background, limits.first_background + limits.n_background)
    background = np.maximum(across[beside].mean(axis=0), 1e-30)
    return float(np.median(across[0] / background))


def _fastest(side: int) -> slice:
    """Bins of the fastest changes across the lines: optics blur structure, but not offsets."""
    return slice(side // 4, side // 2)


def least_ratio(
    n_blocks: int, side: int, safety: float | None = None, *, limits: LineLimits = _LIMITS
) -> float:
    """Ratio of powers that images without lines do not reach by chance.

    The ratio of two averaged powers follows an F distribution; the median over the independent
    frequencies exceeds what half of them exceed.

    Parameters
    ----------
    n_blocks : int
        Number of spectra that were averaged.
    side : int
        Pixels along a block.
    safety : float, optional
        Factor on what occurs by chance, if not as the limits say.
    limits : LineLimits
        How rare chance has to be, and how many bins the background has.

    Returns
    -------
    float
    """
    bins = _fastest(side)
    n_independent = (bins.stop - bins.start) // 2  # the window correlates neighbors
    half = n_independent // 2 + 1
    exceeding = special.betaincinv(half, n_independent - half + 1, limits.spectrum.false_alarm)
    freedom = 2 * limits.background_freedom * n_blocks
    by_chance = special.fdtri(2 * n_blocks, freedom, 1.0 - exceeding)
    return float((limits.spectrum.safety if safety is None else safety) * by_chance)


def _measured_std(groups: Sequence[Group], lines: Lines, limits: LineLimits) -> float:
    """Measure how strong the offsets in images (Y, X) are; 0 if structure explains them."""
    agreements, variances, details = [], [], []
    for group in (groups[i] for i in evenly(len(groups), limits.most_measured)):
        steps = [np.diff(upright(image, lines), axis=1) for image in group]
        centers = [_segment_centers(image, limits) for image in steps]
        profiles = [integrated(image, limits.profile) for image in centers]
        agreements.append(_pairs([signs(image) for image in centers], agreement))
        variances.append(_pairs(profiles, covariance))
        details += [np.var(image, dtype=np.float64) / 2.0 for image in steps]
    variance = float(np.mean(variances))
    is_uneven = np.mean(agreements, axis=0).min() < limits.least_agreement
    if is_uneven or variance <= limits.least_share * float(np.mean(details)):
        return 0.0
    return float(np.sqrt(variance))


def signs(steps: Profile) -> Profile:
    """Signs of the steps (N, X), relative to those of a tilted plane."""
    relative: Profile = np.sign(steps - np.median(steps, axis=1, keepdims=True))
    return relative


def _segment_centers(steps: NDArray[np.floating], limits: LineLimits) -> Profile:
    """Centers (N, X) of the steps (Y, X) from line to line, for N segments of their length."""
    segments = np.array_split(steps, limits.n_segments)
    return np.stack([center(segment, limits.profile) for segment in segments])


def _pairs(images: Sequence[Profile], compare: Callable[[Profile, Profile], float]) -> list[float]:
    """Compare segments (N, X) whose noise is independent: of two images, or of the only one."""
    if len(images) == 1:
        return [compare(a, b) for a, b in combinations(images[0], 2)]
    return [compare(a, b) for a in images[0] for b in images[1]]


def agreement(ours: Profile, others: Profile) -> float:
    """Share of the steps (N, X) or (X,) with the same sign."""
    return float((ours * others).mean() / 2.0 + 0.5)
