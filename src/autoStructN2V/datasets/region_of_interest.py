"""Find where images have little structure, or much, whatever their brightness and noise.

Structure is signal variance: the local variance of the image reduced by block means, less the
share that noise has in it. That share follows the local noise level, which is measured at full
resolution, where noise outweighs structure; bright places of a fluorescence image, noisy as they
are, do not count as structured for that reason.

Shapes: a reduced map has one value per block of ``round(1 / scale_factor)`` pixels squared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from autoStructN2V.datasets.patches import PatchRegion

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

_WINDOW = 5
_FLAT_PERCENTILE = 10.0


def structure_map(image: NDArray[np.float32], scale_factor: float) -> NDArray[np.float32]:
    """Estimate the local signal variance of one image.

    Parameters
    ----------
    image : ndarray
        (y, x), any intensity.
    scale_factor : float
        Reduction, 0 < factor <= 1; 0.25 averages blocks of 4 x 4 pixels.

    Returns
    -------
    ndarray
        (y // block, x // block) float32, at least 1 x 1, squared intensity. Flat places lie
        around zero and may be negative.
    """
    coarse, noise = _local_variances(image, _block_size(scale_factor))
    signal: NDArray[np.float32] = (coarse - _noise_gain(coarse, noise) * noise).astype(np.float32)
    return signal


def region_of_interest(
    images: Iterable[tuple[int, NDArray[np.float32]]],
    *,
    patch_size: int,
    roi_threshold: float,
    scale_factor: float,
    select_background: bool,
) -> PatchRegion:
    """Find the places for patches with little structure, or with much.

    All places of all images are ranked together by the structure inside a patch; the share
    `roi_threshold` of lowest rank is background. Where all places rank alike, as in flat
    images, everything is allowed; slices smaller than a patch have no place at all.

    Parameters
    ----------
    images : iterable of (int, ndarray)
        Number and pixels (y, x) of each slice, at least one slice; used one at a time.
    patch_size : int
        Side of a patch in pixels.
    roi_threshold : float
        Rank between background and structures, 0 (flattest) to 1 (most structured).
    scale_factor : float
        Reduction before structure is measured, 0 < factor <= 1.
    select_background : bool
        True for places with little structure, False for those with much.

    Returns
    -------
    PatchRegion
        Allowed corners, in steps of about a quarter of a patch.
    """
    grids = [_measure(number, image, patch_size, scale_factor) for number, image in images]
    coarse = np.concatenate([grid.coarse.ravel() for grid in grids])
    noise = np.concatenate([grid.noise.ravel() for grid in grids])
    score = coarse - _noise_gain(coarse, noise) * noise
    limit = np.quantile(score, roi_threshold) if score.size else 0.0
    is_allowed = score <= limit if select_background else score >= limit
    ends = np.cumsum([grid.coarse.size for grid in grids])[:-1]
    rectangles = [
        grid.rectangles(allowed.reshape(grid.coarse.shape))
        for grid, allowed in zip(grids, np.split(is_allowed, ends), strict=True)
    ]
    return PatchRegion(np.concatenate(rectangles))


@dataclass(frozen=True)
class _CornerGrid:
    """Variances inside a patch at every cell of corners of one slice."""

    number: int
    rows: NDArray[np.int64]  # (cells + 1,) first corner row of each cell, then the end
    columns: NDArray[np.int64]
    coarse: NDArray[np.float64]  # (cells in y, cells in x)
    noise: NDArray[np.float64]

    def rectangles(self, is_allowed: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Return the allowed cells as rows (slice, first and last row and column)."""
        edges = np.diff(np.pad(is_allowed, ((0, 0), (1, 1))).astype(np.int8), axis=1)
        row, first = np.nonzero(edges == 1)
        _, end = np.nonzero(edges == -1)
        number = np.full_like(row, self.number)
        y = [self.rows[row], self.rows[row + 1] - 1]
        x = [self.columns[first], self.columns[end] - 1]
        return np.stack([number, *y, *x], axis=1).astype(np.int64)


def _measure(
    number: int, image: NDArray[np.float32], patch_size: int, scale_factor: float
) -> _CornerGrid:
    """Average the local variances of a slice over the patches that start in each cell."""
    block = _block_size(scale_factor)
    coarse, noise = _local_variances(image, block)
    step = max(block, patch_size // 4, 1)
    rows, columns = (_cell_starts(size - patch_size + 1, step) for size in image.shape)
    windows = [
        _block_window(starts, patch_size, block, n_blocks)
        for starts, n_blocks in zip((rows, columns), coarse.shape, strict=True)
    ]
    means = [_window_means(values, windows[0], windows[1]) for values in (coarse, noise)]
    return _CornerGrid(number, rows, columns, means[0], means[1])


def _cell_starts(n_corners: int, step: int) -> NDArray[np.int64]:
    return np.append(np.arange(0, n_corners, step, dtype=np.int64), n_corners)


def _block_window(
    starts: NDArray[np.int64], patch_size: int, block: int, n_blocks: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return first and last + 1 block of a patch that starts in the middle of each cell."""
    middle = (starts[:-1] + starts[1:] - 1) / 2
    first = np.minimum(np.rint(middle / block), n_blocks - 1).astype(np.int64)
    last = np.rint((middle + patch_size) / block).astype(np.int64)
    return first, np.clip(last, first + 1, n_blocks)


Window = tuple["NDArray[np.int64]", "NDArray[np.int64]"]


def _window_means(values: NDArray[np.float64], y: Window, x: Window) -> NDArray[np.float64]:
    """Average over the windows y[i], x[j] by differences of cumulative sums."""
    total = np.pad(values.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    sums = total[y[1]] - total[y[0]]  # (cells in y, blocks + 1)
    sums = sums[:, x[1]] - sums[:, x[0]]
    means: NDArray[np.float64] = sums / np.outer(y[1] - y[0], x[1] - x[0])
    return means


def _block_size(scale_factor: float) -> int:
    return max(1, round(1 / scale_factor))


def _local_variances(
    image: NDArray[np.float32], block: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the local variance of the reduced image, and that of the noise at full size."""
    pixels = np.nan_to_num(image.astype(np.float64), posinf=0.0, neginf=0.0)
    pixels -= np.median(pixels)
    reduced = _block_means(pixels, block)
    mean = ndimage.uniform_filter(reduced, _WINDOW, mode="reflect")
    square = ndimage.uniform_filter(reduced**2, _WINDOW, mode="reflect")
    coarse = np.maximum(square - mean**2, 0.0)
    noise = ndimage.uniform_filter(_block_means(_high_pass(pixels) ** 2, block), _WINDOW)
    return coarse, noise


def _high_pass(pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what second differences along both axes leave; white noise keeps its variance."""
    difference = np.array([1.0, -2.0, 1.0]) / np.sqrt(6.0)
    along_y = ndimage.correlate1d(pixels, difference, axis=0, mode="mirror")
    high: NDArray[np.float64] = ndimage.correlate1d(along_y, difference, axis=1, mode="mirror")
    return high


def _block_means(pixels: NDArray[np.float64], block: int) -> NDArray[np.float64]:
    """Average whole blocks; an image smaller than a block is one block."""
    block_y, block_x = (min(block, size) for size in pixels.shape)
    y, x = pixels.shape[0] // block_y, pixels.shape[1] // block_x
    whole = pixels[: y * block_y, : x * block_x]
    means: NDArray[np.float64] = whole.reshape(y, block_y, x, block_x).mean(axis=(1, 3))
    return means


def _noise_gain(coarse: NDArray[np.float64], noise: NDArray[np.float64]) -> float:
    """Return how much noise variance the reduction leaves, as seen in the flattest places."""
    is_noisy = noise > 0
    if not is_noisy.any():
        return 0.0
    return float(np.percentile(coarse[is_noisy] / noise[is_noisy], _FLAT_PERCENTILE))
