"""Find and measure offsets of whole rows or columns, as line scanners and sensors make them.

Offsets of lines without end fill the row (or column) of zero frequency of the power spectrum. A
straight edge across the whole image does so too, but lies in a few lines only, where offsets
are in all of them; and structure is not the same along the whole line, as offsets are.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, stats

from autoStructN2V.masking.spectrum import centered_blocks, evenly, mean_power

Lines = Literal["rows", "columns"]
Image = NDArray[np.float32]
Profile = NDArray[np.float64]
Group = tuple[NDArray[np.floating], ...]

_SMALLEST_SIDE = 64  # px
_SMOOTH_SCALE = 12  # px across the lines: what is smoother than this is shading and stays
_TRUNCATE = 4  # such scales
_N_SEGMENTS = 4  # of each line, in all of which the offset has to be the same
_FALSE_ALARM = 1e-5  # probability that a smooth spectrum shows lines
_SAFETY = 3.0  # structure makes spectra rougher than theory says
_BACKGROUND = slice(3, 7)  # bins next to zero frequency, beyond what the window spreads
_BACKGROUND_FREEDOM = 2.4  # independent bins among those: the window correlates neighbors
_MIN_SHARE = 0.001  # of the variance of noise and fine detail
_LEAST_AGREEMENT = 0.65  # of the signs of the steps in two segments; 0.5 by chance
_MOST_MEASURED = 8  # images
_CLIP = 3.0  # standard deviations
_N_CLIPS = 2
_MAD_TO_STD = 1.4826


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
    """

    lines: Lines
    std: float
    is_shared: bool


def line_profile(image: NDArray[np.floating], lines: Lines) -> Image:
    """Measure the offset of each row or column.

    The steps from each line to the next are averaged along the lines, without pixels that are far
    from the others (edges of structure), and summed up. What is smooth across the lines is shading
    and left out.

    Parameters
    ----------
    image : (Y, X) array
        Finite values, any units.
    lines : {'rows', 'columns'}
        Direction of the lines.

    Returns
    -------
    (Y,) or (X,) float32
        Its mean over some 50 lines is about 0.
    """
    steps = np.diff(_upright(image, lines), axis=1)
    return np.asarray(_integrated(_center(steps)), np.float32)


def subtract_profile(image: NDArray[np.floating], profile: Image, lines: Lines) -> Image:
    """Return a new image without these offsets.

    Parameters
    ----------
    image : (Y, X) array
        Any units.
    profile : (Y,) or (X,) array
        From :func:`line_profile`.
    lines : {'rows', 'columns'}
        Direction of the lines.

    Returns
    -------
    (Y, X) float32
    """
    offsets = profile[:, None] if lines == "rows" else profile[None, :]
    return np.asarray(image - offsets, np.float32)


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
    blocks = centered_blocks([mean[None] for mean in means], _SMALLEST_SIDE)
    if not blocks.any():
        return []
    turned: dict[Lines, Image] = {"columns": blocks, "rows": blocks.transpose(0, 2, 1)}
    found = [_measured(groups, lines) for lines in turned if _stand_out(turned[lines])]
    return [offsets for offsets in found if offsets is not None]


def _stand_out(blocks: Image) -> bool:
    """Tell from the spectrum whether lines along y may have offsets."""
    # steps from line to line instead of intensities: a tilt would leak into all frequencies
    steps = np.diff(blocks, axis=2)[:, 1:]
    power = mean_power(steps - steps.mean(axis=(1, 2), keepdims=True))
    return _line_ratio(power) > least_ratio(len(blocks), len(power))


def _line_ratio(power: NDArray[np.float64]) -> float:
    """Power at zero frequency along the lines, relative to the frequencies next to it."""
    across = power[:, _fastest(len(power))]
    background = np.maximum(across[_BACKGROUND].mean(axis=0), 1e-30)
    return float(np.median(across[0] / background))


def _fastest(side: int) -> slice:
    """Bins of the fastest changes across the lines: optics blur structure, but not offsets."""
    return slice(side // 4, side // 2)


def least_ratio(n_blocks: int, side: int) -> float:
    """Ratio of powers that images without lines do not reach by chance.

    The ratio of two averaged powers follows an F distribution; the median over the independent
    frequencies exceeds what half of them exceed.

    Parameters
    ----------
    n_blocks : int
        Number of spectra that were averaged.
    side : int
        Pixels along a block.

    Returns
    -------
    float
    """
    bins = _fastest(side)
    n_independent = (bins.stop - bins.start) // 2  # the window correlates neighbors
    half = n_independent // 2 + 1
    exceeding = stats.beta.ppf(_FALSE_ALARM, half, n_independent - half + 1)
    by_chance = stats.f.isf(exceeding, 2 * n_blocks, 2 * _BACKGROUND_FREEDOM * n_blocks)
    return float(_SAFETY * by_chance)


def _measured(groups: Sequence[Group], lines: Lines) -> LineOffsets | None:
    """Measure the offsets; None if structure explains them."""
    agreements, variances, details = [], [], []
    for group in (groups[i] for i in evenly(len(groups), _MOST_MEASURED)):
        steps = [np.diff(_upright(image, lines), axis=1) for image in group]
        centers = [_segment_centers(image) for image in steps]
        agreements.append(_pairs([_signs(image) for image in centers], _agreement))
        variances.append(_pairs([_integrated(image) for image in centers], _covariance))
        details += [np.var(image, dtype=np.float64) / 2.0 for image in steps]
    variance = float(np.mean(variances))
    is_uneven = np.mean(agreements, axis=0).min() < _LEAST_AGREEMENT
    if is_uneven or variance <= _MIN_SHARE * float(np.mean(details)):
        return None
    return LineOffsets(lines, float(np.sqrt(variance)), is_shared=len(groups[0]) > 1)


def _signs(steps: Profile) -> Profile:
    """Signs of the steps, relative to those of a tilted plane."""
    signs: Profile = np.sign(steps - np.median(steps, axis=1, keepdims=True))
    return signs


def _segment_centers(steps: NDArray[np.floating]) -> Profile:
    """Centers of the steps from line to line, for each quarter of their length."""
    return np.stack([_center(segment) for segment in np.array_split(steps, _N_SEGMENTS)])


def _pairs(images: Sequence[Profile], compare: Callable[[Profile, Profile], float]) -> list[float]:
    """Compare segments whose noise is independent: of two images, or of the only one."""
    if len(images) == 1:
        return [compare(a, b) for a, b in combinations(images[0], 2)]
    return [compare(a, b) for a in images[0] for b in images[1]]


def _agreement(signs: Profile, others: Profile) -> float:
    """Share of the steps that go the same way."""
    return float((signs * others).mean() / 2.0 + 0.5)


def _covariance(profile: Profile, other: Profile) -> float:
    return float(((profile - profile.mean()) * (other - other.mean())).mean())


def _upright(image: NDArray[np.floating], lines: Lines) -> NDArray[np.floating]:
    """Turn the lines so that they run along y."""
    upright = image.T if lines == "rows" else image
    return np.ascontiguousarray(upright, np.result_type(image, np.float32))


def _center(values: NDArray[np.floating]) -> Profile:
    """Return the mean of each column, without the pixels that are far from it."""
    center = np.median(values, axis=0)
    for _ in range(_N_CLIPS):
        far = np.abs(values - center)
        near = far <= _CLIP * _MAD_TO_STD * np.median(far, axis=0)
        center = np.where(near, values, 0.0).sum(axis=0) / np.maximum(near.sum(axis=0), 1)
    return np.asarray(center, np.float64)


def _integrated(steps: Profile) -> Profile:
    """Sum up steps (..., X - 1) to a profile (..., X), and take its smooth part away."""
    start = np.zeros((*steps.shape[:-1], 1))
    profile = np.concatenate([start, np.cumsum(steps, axis=-1)], axis=-1)
    n = profile.shape[-1]
    scale = min(_SMOOTH_SCALE, n // 8)
    margin = min(_TRUNCATE * scale, n - 1)
    first, last = _end(profile, 2 * scale), _end(profile[..., ::-1], 2 * scale)
    # mirrored at its ends in both directions, so that a slope goes on
    before = 2.0 * first - profile[..., margin:0:-1]
    after = 2.0 * last - profile[..., -2 : -2 - margin : -1]
    extended = np.concatenate([before, profile, after], axis=-1)
    smooth = ndimage.gaussian_filter1d(extended, scale, axis=-1, truncate=_TRUNCATE)
    result: Profile = profile - smooth[..., margin : margin + n]
    return result


def _end(profile: Profile, n: int) -> Profile:
    """Return the first value (..., 1) of a straight line fitted to the first `n` values."""
    x = np.arange(n) - (n - 1) / 2
    weights = 1.0 / n - x * ((n - 1) / 2) / np.square(x).sum()
    value: Profile = profile[..., :n] @ weights
    return value[..., None]
