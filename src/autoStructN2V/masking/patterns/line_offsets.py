"""Find and measure offsets of whole rows or columns, as line scanners and sensors make them.

Offsets of lines without end fill the row (or column) of zero frequency of the power spectrum. A
straight edge across the whole image does so too, but lies in a few lines only, where offsets
are in all of them; and structure is not the same along the whole line, as offsets are.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from autoStructN2V.masking.patterns.line_profile import (
    Image,
    Profile,
    center,
    covariance,
    integrated,
    upright,
)
from autoStructN2V.masking.patterns.spectrum import centered_blocks, mean_power
from autoStructN2V.sampling import evenly
from autoStructN2V.vocabulary import Lines

Group = tuple[NDArray[np.floating], ...]

SMALLEST_SIDE = 64  # px
MIN_SHARE = 0.001  # of the variance of noise and fine detail
LEAST_AGREEMENT = 0.65  # of the signs of the steps in two segments; 0.5 by chance
MOST_MEASURED = 8  # images

_N_SEGMENTS = 4  # of each line, in all of which the offset has to be the same
_FALSE_ALARM = 1e-5  # probability that a smooth spectrum shows lines
_SAFETY = 3.0  # structure makes spectra rougher than theory says
_BACKGROUND = slice(3, 7)  # bins next to zero frequency, beyond what the window spreads
_BACKGROUND_FREEDOM = 2.4  # independent bins among those: the window correlates neighbors


@dataclass(frozen=True)
class LineOffsets:
    """Offsets of whole rows or columns.

    Attributes
    ----------
    lines : {'rows', 'columns'}
        What is shifted up or down in intensity.
    std : float
        Standard deviation of the offsets in units of the images.
    is_shared : bool
        Whether all slices of a stack have the same offsets.
    is_split : bool
        Whether they differ between the two halves of a line.
    """

    lines: Lines
    std: float
    is_shared: bool
    is_split: bool = False


def find_offsets(images: Sequence[NDArray[np.floating]]) -> list[LineOffsets]:
    """Find offsets of whole rows or columns in images, whether or not they share them.

    Parameters
    ----------
    images : sequence of (Y, X) array
        Finite values; shapes may differ.

    Returns
    -------
    list of LineOffsets
        At most one for rows and one for columns; none if the images are smaller than 64 pixels.
    """
    return _find([(image,) for image in images])


def find_shared_offsets(
    halves: Sequence[tuple[NDArray[np.floating], NDArray[np.floating]]],
) -> list[LineOffsets]:
    """Find offsets of whole rows or columns that are the same in all slices of a stack.

    Parameters
    ----------
    halves : sequence of two (Y, X) arrays
        For each stack, the mean of one half of its slices and that of the other half.

    Returns
    -------
    list of LineOffsets
        At most one for rows and one for columns.
    """
    return _find(halves)


def _find(groups: Sequence[Group]) -> list[LineOffsets]:
    """Look for offsets that are the same in all images of a group."""
    means = [group[0] if len(group) == 1 else np.mean(group, axis=0) for group in groups]
    blocks = centered_blocks([mean[None] for mean in means], SMALLEST_SIDE)
    if not blocks.any():
        return []
    turned: dict[Lines, Image] = {"columns": blocks, "rows": blocks.transpose(0, 2, 1)}
    found = [_measured(groups, lines) for lines in turned if stand_out(turned[lines])]
    return [offsets for offsets in found if offsets is not None]


def stand_out(blocks: Image, safety: float = _SAFETY) -> bool:
    """Tell from the spectrum whether lines along y may have offsets.

    Parameters
    ----------
    blocks : (N, side, side) array
        Square parts of images, with mean 0.
    safety : float, default 3
        How far they have to be above what occurs by chance.

    Returns
    -------
    bool
    """
    # steps from line to line instead of intensities: a tilt would leak into all frequencies
    steps = np.diff(blocks, axis=2)[:, 1:]
    power = mean_power(steps - steps.mean(axis=(1, 2), keepdims=True))
    return _line_ratio(power) > least_ratio(len(blocks), len(power), safety)


def _line_ratio(power: NDArray[np.float64]) -> float:
    """Power at zero frequency along the lines, relative to the frequencies next to it."""
    across = power[:, _fastest(len(power))]
    background = np.maximum(across[_BACKGROUND].mean(axis=0), 1e-30)
    return float(np.median(across[0] / background))


def _fastest(side: int) -> slice:
    """Bins of the fastest changes across the lines: optics blur structure, but not offsets."""
    return slice(side // 4, side // 2)


def least_ratio(n_blocks: int, side: int, safety: float = _SAFETY) -> float:
    """Ratio of powers that images without lines do not reach by chance.

    The ratio of two averaged powers follows an F distribution; the median over the independent
    frequencies exceeds what half of them exceed.

    Parameters
    ----------
    n_blocks : int
        Number of spectra that were averaged.
    side : int
        Pixels along a block.
    safety : float, default 3
        Factor on what occurs by chance.

    Returns
    -------
    float
    """
    bins = _fastest(side)
    n_independent = (bins.stop - bins.start) // 2  # the window correlates neighbors
    half = n_independent // 2 + 1
    exceeding = stats.beta.ppf(_FALSE_ALARM, half, n_independent - half + 1)
    by_chance = stats.f.isf(exceeding, 2 * n_blocks, 2 * _BACKGROUND_FREEDOM * n_blocks)
    return float(safety * by_chance)


def _measured(groups: Sequence[Group], lines: Lines) -> LineOffsets | None:
    """Measure the offsets; None if structure explains them."""
    agreements, variances, details = [], [], []
    for group in (groups[i] for i in evenly(len(groups), MOST_MEASURED)):
        steps = [np.diff(upright(image, lines), axis=1) for image in group]
        centers = [_segment_centers(image) for image in steps]
        agreements.append(_pairs([signs(image) for image in centers], agreement))
        variances.append(_pairs([integrated(image) for image in centers], covariance))
        details += [np.var(image, dtype=np.float64) / 2.0 for image in steps]
    variance = float(np.mean(variances))
    is_uneven = np.mean(agreements, axis=0).min() < LEAST_AGREEMENT
    if is_uneven or variance <= MIN_SHARE * float(np.mean(details)):
        return None
    return LineOffsets(lines, float(np.sqrt(variance)), is_shared=len(groups[0]) > 1)


def signs(steps: Profile) -> Profile:
    """Signs of the steps (N, X), relative to those of a tilted plane."""
    relative: Profile = np.sign(steps - np.median(steps, axis=1, keepdims=True))
    return relative


def _segment_centers(steps: NDArray[np.floating]) -> Profile:
    """Centers of the steps from line to line, for each quarter of their length."""
    return np.stack([center(segment) for segment in np.array_split(steps, _N_SEGMENTS)])


def _pairs(images: Sequence[Profile], compare: Callable[[Profile, Profile], float]) -> list[float]:
    """Compare segments whose noise is independent: of two images, or of the only one."""
    if len(images) == 1:
        return [compare(a, b) for a, b in combinations(images[0], 2)]
    return [compare(a, b) for a in images[0] for b in images[1]]


def agreement(ours: Profile, others: Profile) -> float:
    """Share of the steps with the same sign."""
    return float((ours * others).mean() / 2.0 + 0.5)
