"""Measure and subtract the offset of each row or column, or of each half of them."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from autoStructN2V.masking.patterns.limits import MAD_TO_STD, ProfileLimits
from autoStructN2V.masking.patterns.pattern_limits import PATTERN_LIMITS
from autoStructN2V.vocabulary import Lines

Image = NDArray[np.float32]
Profile = NDArray[np.float64]

_LIMITS = PATTERN_LIMITS.removal.profiles


def line_profile(
    image: NDArray[np.floating], lines: Lines, *, limits: ProfileLimits = _LIMITS
) -> Image:
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
    limits : ProfileLimits
        What is measured, and what counts as shading.

    Returns
    -------
    (Y,) or (X,) float32
        Its mean over some 50 lines is about 0; it is 0 in images too small to tell.
    """
    pixels = upright(image, lines)
    if min(pixels.shape) < limits.fewest:
        return np.zeros(pixels.shape[1], np.float32)
    steps = np.diff(pixels, axis=1)
    return np.asarray(integrated(center(steps, limits), limits), np.float32)


def half_profiles(
    image: NDArray[np.floating], lines: Lines, *, limits: ProfileLimits = _LIMITS
) -> Image:
    """Measure the offset of each half of a row or column.

    Parameters
    ----------
    image : (Y, X) array
        Finite values, any units.
    lines : {'rows', 'columns'}
        Direction of the lines.
    limits : ProfileLimits
        What is measured, and what counts as shading.

    Returns
    -------
    (2, Y) or (2, X) float32
        Offsets in the left and in the right half of the rows, or in the upper and in the lower
        half of the columns.
    """
    return np.stack(
        [line_profile(half, "columns", limits=limits) for half in halves(upright(image, lines))]
    )


def subtract_profile(image: NDArray[np.floating], profile: Image, lines: Lines) -> Image:
    """Return a new image without these offsets.

    Parameters
    ----------
    image : (Y, X) array
        Any units.
    profile : (Y,), (X,), (2, Y) or (2, X) array
        From :func:`line_profile` or :func:`half_profiles`.
    lines : {'rows', 'columns'}
        Direction of the lines.

    Returns
    -------
    (Y, X) float32
    """
    parts = np.atleast_2d(profile)
    if len(parts) > 1:
        sizes = [len(half) for half in halves(image.T if lines == "rows" else image)]
        parts = np.repeat(parts, sizes, axis=0)
    offsets = parts.T if lines == "rows" else parts
    return np.asarray(image - offsets, np.float32)


def upright(image: NDArray[np.floating], lines: Lines) -> NDArray[np.floating]:
    """Turn an image (Y, X) so that its lines run along y."""
    turned = image.T if lines == "rows" else image
    return np.ascontiguousarray(turned, np.result_type(image, np.float32))


def halves(values: NDArray[np.floating]) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Cut upright lines (Y, ...) in their middle."""
    middle = len(values) // 2
    return values[:middle], values[middle:]


def column_median(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the median of each column of an array (Y, X), X values.

    As :func:`numpy.median`; sorting columns that lie together in memory is five times as fast as
    its selection.
    """
    return _row_median(np.ascontiguousarray(values.T))


def _row_median(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the median of each row of an array (X, Y), X values."""
    ordered, n = np.sort(values, axis=1), values.shape[1]
    return np.asarray(ordered[:, (n - 1) // 2 : n // 2 + 1].mean(axis=1))


def center(values: NDArray[np.floating], limits: ProfileLimits = _LIMITS) -> Profile:
    """Return the mean (X,) of each column of (Y, X), without the pixels that are far from it."""
    columns = np.ascontiguousarray(values.T)
    mean = _row_median(columns)
    for _ in range(limits.n_clips):
        far = np.abs(columns - mean.astype(columns.dtype)[:, None])
        near = far <= (limits.clip * MAD_TO_STD * _row_median(far))[:, None]
        n_near = np.maximum(np.count_nonzero(near, axis=1), 1)
        mean = np.where(near, columns, 0.0).sum(axis=1, dtype=np.float64) / n_near
    return np.asarray(mean, np.float64)


def integrated(steps: Profile, limits: ProfileLimits = _LIMITS) -> Profile:
    """Sum up steps (..., X - 1) to a profile (..., X), and take away its smooth part."""
    start = np.zeros((*steps.shape[:-1], 1))
    profile = np.concatenate([start, np.cumsum(steps, axis=-1)], axis=-1)
    n = profile.shape[-1]
    scale = min(limits.shading.line_scale, n // 8)
    margin = min(limits.truncate * scale, n - 1)
    first, last = _end(profile, 2 * scale), _end(profile[..., ::-1], 2 * scale)
    # mirrored at its ends in both directions, so that a slope goes on
    before = 2.0 * first - profile[..., margin:0:-1]
    after = 2.0 * last - profile[..., -2 : -2 - margin : -1]
    extended = np.concatenate([before, profile, after], axis=-1)
    smooth = ndimage.gaussian_filter1d(extended, scale, axis=-1, truncate=limits.truncate)
    result: Profile = profile - smooth[..., margin : margin + n]
    return result


def _end(profile: Profile, n: int) -> Profile:
    """Return the first value (..., 1) of a straight line fitted to the first `n` of (..., X)."""
    x = np.arange(n) - (n - 1) / 2
    weights = 1.0 / n - x * ((n - 1) / 2) / np.square(x).sum()
    value: Profile = profile[..., :n] @ weights
    return value[..., None]


def covariance(profile: Profile, other: Profile) -> float:
    """Mean product of the deviations of two profiles (X,) from their means."""
    return float(((profile - profile.mean()) * (other - other.mean())).mean())
