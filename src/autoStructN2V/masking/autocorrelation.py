"""Measure the autocorrelation of the noise alone, with the share of the signal removed.

The autocorrelation of a noisy image is that of its noise plus that of its signal. Three steps
take the signal away: only background (:mod:`.background`) is used; structure coarser than a
few pixels is subtracted; and what these two steps do to the noise itself is measured on
simulated noise of the same autocorrelation and undone, which is repeated until both agree.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from autoStructN2V.errors import InputError
from autoStructN2V.masking.background import (
    NoiseField,
    blur,
    fine_energy,
    high_pass,
    noise_field,
    structure_score,
)

Mode = Literal["2D", "2.5D"]
MAX_LAG = 15  # px: half of the largest window
_TILE = 64  # px: side of the tiles whose scatter gives the standard error
_BUDGET = 1_600_000  # px used at most; more only makes the standard error smaller
_PLANE_SIDE = 1024  # px: larger images are sampled in blocks of half this side
_MIN_FRACTION = 0.12  # of the usable pixels: the flattest are taken even if none is flat
_MIN_PIXELS = 2500
_FEWEST_PIXELS = 500
_FRACTIONS = (0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.25, 0.2, 0.15)  # of the usable pixels
_SPREAD_TOLERANCE = 1.1
_CONVERGED = 0.004  # largest change of a correlation in an iteration
_SIMULATED = (4, 256, 256)
_N_ITERATIONS = 6
_UNEVEN = 1.4  # spread of local variance, relative to noise alone, that only structure has
_WINDOW_AREA = 4.0 * np.pi * 3.0**2  # px: what the local variance is averaged over
_ISOTROPIC = 0.04  # correlation equal in all directions that would matter


@dataclass(frozen=True)
class Autocorrelation:
    """Autocorrelation of the noise around every pixel, and how well it is known.

    Attributes
    ----------
    values : (S, H, W) float64
        Noise autocorrelation, 1 at zero lag; S = 1 in 2D, and 3 in 2.5D for the slices z-1, z,
        z+1. The lag (0, 0) is in the center of each slice; H and W are odd.
    standard_error : (S, H, W) float64
        Standard error of ``values``.
    raw : (S, H, W) float64
        Autocorrelation of the images as they are, signal included, for display.
    background_fraction : float
        Share of the pixels that was used, 0..1.
    n_pixels : int
        Number of pixels used.
    noise_variance : float
        Variance of the noise in the images' squared units.
    resembles_structure : bool
        Whether the images have too little background to tell noise that is correlated in all
        directions from structure; ``values`` then hold only what differs between directions.
    """

    values: NDArray[np.float64]
    standard_error: NDArray[np.float64]
    raw: NDArray[np.float64]
    background_fraction: float
    n_pixels: int
    noise_variance: float
    resembles_structure: bool = False

    @property
    def max_lag(self) -> int:
        """Largest lag, in pixels."""
        return self.values.shape[-1] // 2


@dataclass(frozen=True)
class _LagSums:
    """Sums of products of pixel pairs, and their number, for each tile and lag."""

    products: NDArray[np.float64]  # (tile, lag y, lag x)
    counts: NDArray[np.float64]

    def covariance(self) -> NDArray[np.float64]:
        """Mean product at each lag."""
        mean: NDArray[np.float64] = self.products.sum(0) / np.maximum(self.counts.sum(0), 1.0)
        return mean

    def standard_error(self) -> NDArray[np.float64]:
        """Standard error of the mean product, from the scatter over tiles."""
        scatter = self.products - self.covariance() * self.counts
        error: NDArray[np.float64] = np.sqrt((scatter**2).sum(0)) / np.maximum(
            self.counts.sum(0), 1.0
        )
        return error


def _tiles(stack: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cut a (Z, Y, X) stack into (N, T, T) tiles; what is left at the edges is dropped."""
    depth, height, width = stack.shape
    tall, wide = min(_TILE, height), min(_TILE, width)
    rows, columns = height // tall, width // wide
    cut = stack[:, : rows * tall, : columns * wide].reshape(depth, rows, tall, columns, wide)
    return cut.swapaxes(2, 3).reshape(-1, tall, wide)


def _correlate(
    first: NDArray[np.float32], second: NDArray[np.float32], max_lag: int
) -> NDArray[np.float64]:
    """Sum over x of ``first(x) second(x + lag)``, for each (T, T) tile and lag, by FFT."""
    shape = [fft.next_fast_len(side + max_lag, real=True) for side in first.shape[-2:]]
    spectrum = np.conj(fft.rfft2(first, s=shape)) * fft.rfft2(second, s=shape)
    sums = np.roll(fft.irfft2(spectrum, s=shape), (max_lag, max_lag), (-2, -1))
    return sums[..., : 2 * max_lag + 1, : 2 * max_lag + 1].astype(np.float64)


def _lag_sums(
    residual: NDArray[np.float32],
    background: NDArray[np.bool_],
    max_lag: int,
    slice_offset: int = 0,
) -> _LagSums:
    """Correlate background pixels of each slice with those of the slice at an offset."""
    weight = background.astype(np.float32)
    first, last = max(0, -slice_offset), residual.shape[0] - max(0, slice_offset)
    here = slice(first, last)
    there = slice(first + slice_offset, last + slice_offset)
    values = residual * weight
    return _LagSums(
        _correlate(_tiles(values[here]), _tiles(values[there]), max_lag),
        _correlate(_tiles(weight[here]), _tiles(weight[there]), max_lag),
    )


def _joined(sums: Sequence[_LagSums]) -> _LagSums:
    return _LagSums(
        np.concatenate([s.products for s in sums]), np.concatenate([s.counts for s in sums])
    )


def _bartlett_error(
    values: NDArray[np.float64], counts: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Large-sample standard error of a lag where the true correlation is zero."""
    error: NDArray[np.float64] = np.sqrt(np.square(values).sum() / np.maximum(counts.sum(0), 1.0))
    return error


def _measure(
    fields: Sequence[NoiseField], threshold: float, max_lag: int, slice_offset: int = 0
) -> tuple[_LagSums, float]:
    """Lag sums over the pixels whose structure score is below a threshold, and their share."""
    masks = [field.structure < threshold for field in fields]
    sums = _joined(
        [
            _lag_sums(field.residual, mask, max_lag, slice_offset)
            for field, mask in zip(fields, masks, strict=True)
        ]
    )
    usable = sum(int(np.isfinite(field.structure).sum()) for field in fields)
    return sums, sum(int(mask.sum()) for mask in masks) / max(usable, 1)


def simulate_noise(
    autocorrelation: NDArray[np.float64],
    shape: tuple[int, int, int],
    generator: np.random.Generator,
) -> NDArray[np.float32]:
    """Draw Gaussian noise with a given autocorrelation.

    Parameters
    ----------
    autocorrelation : (H, W) float64
        1 in the center; lags outside are zero. Parts that no noise can have (negative power)
        are dropped.
    shape : tuple of int
        Planes, height and width of the noise; the planes are independent.
    generator : numpy.random.Generator

    Returns
    -------
    (Z, Y, X) float32
        Noise of mean 0 and variance 1.
    """
    half_y, half_x = (side // 2 for side in autocorrelation.shape)
    padded = np.zeros(shape[1:])
    padded[: autocorrelation.shape[0], : autocorrelation.shape[1]] = autocorrelation
    power = np.maximum(fft.fft2(np.roll(padded, (-half_y, -half_x), (0, 1))).real, 0.0)
    power /= power.mean()
    white = fft.rfft2(generator.standard_normal(shape, dtype=np.float32))
    colored = fft.irfft2(white * np.sqrt(power[:, : white.shape[-1]]), s=shape[1:])
    return colored.astype(np.float32)


def _simulated_field(model: NDArray[np.float64]) -> NoiseField:
    """Treat simulated noise as an image is treated."""
    noise = simulate_noise(model, _SIMULATED, np.random.default_rng(0))
    variance = float(fine_energy(noise).mean())
    fine = high_pass(noise)
    return NoiseField(fine / np.float32(np.sqrt(variance)), structure_score(fine, variance))


def _cleaned(values: NDArray[np.float64], error: NDArray[np.float64]) -> NDArray[np.float64]:
    """Noise model for the simulation: lags indistinguishable from zero are set to zero."""
    model = np.where(np.abs(values) > np.maximum(4.0 * error, 0.02), values, 0.0)
    model[tuple(side // 2 for side in model.shape)] = 1.0
    return model


def _normalized(sums: _LagSums) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Autocorrelation with 1 at zero lag, its standard error, and the variance."""
    covariance = sums.covariance()
    variance = float(covariance[tuple(side // 2 for side in covariance.shape)])
    if not variance > 0.0:
        raise InputError(
            "The images hold no noise that could be measured: their background is constant or "
            "clipped; use images with visible noise."
        )
    values = covariance / variance
    error = np.maximum(sums.standard_error() / variance, _bartlett_error(values, sums.counts))
    return values, error, variance


@dataclass(frozen=True)
class _Estimate:
    """Corrected autocorrelation within a slice, with the threshold that gave it."""

    values: NDArray[np.float64]
    standard_error: NDArray[np.float64]
    variance: float
    threshold: float
    fraction: float
    n_pixels: int
    is_structure: bool


def _background_threshold(fields: Sequence[NoiseField]) -> float:
    """Structure score below which pixels count as background.

    The scores of noise alone have a known, narrow distribution. The largest share of the pixels
    is taken whose scores are no more spread than that; if no share is, the flattest pixels.
    """
    scores = np.concatenate([field.structure[np.isfinite(field.structure)] for field in fields])
    if scores.size < _FEWEST_PIXELS:
        raise InputError(
            f"Fewer than {_FEWEST_PIXELS} pixels can be used to measure the noise: the images "
            "are too small, constant or clipped; use larger or unclipped images."
        )
    spread = _spread(scores)
    homogeneous = [
        fraction
        for fraction, of_noise in zip(_FRACTIONS, _spread_of_noise(), strict=True)
        if spread[fraction] <= _SPREAD_TOLERANCE * of_noise
    ]
    fewest = min(0.4, max(_MIN_FRACTION, _MIN_PIXELS / scores.size))
    return float(np.quantile(scores, max([fewest, *homogeneous])))


def _spread(scores: NDArray[np.float32]) -> dict[float, float]:
    """Quantile of the scores at each of ``_FRACTIONS``, relative to that at half of it."""
    return {f: float(np.divide(*np.quantile(scores, [f, f / 2.0]))) for f in _FRACTIONS}


@cache
def _spread_of_noise() -> tuple[float, ...]:
    white = np.zeros((3, 3))
    white[1, 1] = 1.0
    return tuple(_spread(_simulated_field(white).structure).values())


def _unevenness(fields: Sequence[NoiseField], threshold: float) -> float:
    """Relative spread of the local variance over the background; noise alone has little."""
    spreads = []
    for field in fields:
        mask = field.structure < threshold
        if mask.any():
            share = np.maximum(blur(mask.astype(np.float32), 3.0), np.float32(1e-3))
            local = (blur(np.square(field.residual) * mask, 3.0) / share)[mask]
            spreads.append(float(local.std() / max(float(local.mean()), 1e-12)))
    return float(np.median(spreads)) if spreads else np.inf


def _directed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Subtract from every lag what is also seen at its mirror images and quarter turns.

    Structure looks alike in all directions on average, so the smallest of the values at the
    same distance bounds its share; what is left differs between directions.
    """
    turned = np.rot90(values)
    same_distance = np.minimum(values, values[:, ::-1])
    same_distance = np.minimum(same_distance, np.minimum(turned, turned[:, ::-1]))
    return values - np.maximum(same_distance, 0.0)


def _off_center_maximum(values: NDArray[np.float64]) -> float:
    middle = values.size // 2
    return float(np.delete(values.ravel(), middle).max())


def _estimate_in_plane(fields: Sequence[NoiseField], max_lag: int) -> _Estimate:
    """Measure over the background and undo what selecting and high-passing did to the noise."""
    threshold = _background_threshold(fields)
    sums, fraction = _measure(fields, threshold, max_lag)
    measured, error, variance = _normalized(sums)
    values = measured
    for _ in range(_N_ITERATIONS):
        model = _cleaned(values, error)
        simulated = _simulated_field(model)
        seen_threshold = max(threshold, float(np.quantile(simulated.structure, 0.1)))
        seen, _, _ = _normalized(_measure([simulated], seen_threshold, max_lag)[0])
        previous, values = values, measured + (model - seen)
        if np.abs(values - previous).max() < _CONVERGED:
            break
    is_structure = _is_structure(fields, simulated, threshold, measured, sums)
    if is_structure:
        values = _directed(measured)
    values = (values + values[::-1, ::-1]) / 2.0  # exact point symmetry, lost by rounding
    center = (max_lag, max_lag)
    values[center] = 1.0
    n_pixels = int(sums.counts.sum(0)[center].round())
    return _Estimate(values, error, variance, threshold, fraction, n_pixels, is_structure)


def _is_structure(
    fields: Sequence[NoiseField],
    simulated: NoiseField,
    threshold: float,
    measured: NDArray[np.float64],
    sums: _LagSums,
) -> bool:
    """Whether correlation equal in all directions was found where the image is not noise alone."""
    if _off_center_maximum(measured - _directed(measured)) <= _ISOTROPIC:
        return False
    n_windows = max(1.0, float(_center(sums.counts.sum(0))) / _WINDOW_AREA)
    tolerance = _UNEVEN * (1.0 + 1.5 / np.sqrt(n_windows))
    everything = float(np.quantile(simulated.structure, 0.9))
    of_noise = _unevenness([simulated], max(threshold, everything))
    return _unevenness(fields, threshold) > tolerance * of_noise


def _center(values: NDArray[np.float64]) -> float:
    return float(values[values.shape[0] // 2, values.shape[1] // 2])


def _checked(images: Sequence[NDArray[np.floating]]) -> list[NDArray[np.float32]]:
    stacks = [np.asarray(image, np.float32) for image in images]
    if not stacks:
        raise InputError("No image was given to measure the noise of; give at least one.")
    for stack in stacks:
        if stack.ndim != 3 or min(stack.shape[1:], default=0) < 16:
            raise InputError(
                f"An image of shape {stack.shape} cannot be used to measure noise; each must be "
                "a (z, y, x) stack of at least 16 x 16 pixels."
            )
        if not np.isfinite(stack).all():
            raise InputError("An image holds NaN or infinite pixels; replace them first.")
    return stacks


def _sample(stacks: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
    """Keep about ``_BUDGET`` pixels: runs of slices, and blocks of very large planes."""
    blocks = [block for stack in stacks for block in _blocks(stack)]
    total = sum(block.size for block in blocks)
    if total <= _BUDGET:
        return blocks
    runs = [block[start : start + 3] for block in blocks for start in range(0, block.shape[0], 3)]
    n_kept = max(1, round(len(runs) * _BUDGET / total))
    kept = np.unique(np.linspace(0, len(runs) - 1, n_kept).round().astype(int))
    return [runs[index] for index in kept]


def _blocks(stack: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Cut planes larger than ``_PLANE_SIDE`` into blocks."""
    if max(stack.shape[1:]) <= _PLANE_SIDE:
        return [stack]
    side = _PLANE_SIDE // 2
    starts = [range(0, max(1, length - side // 2), side) for length in stack.shape[1:]]
    return [stack[:, y : y + side, x : x + side] for y in starts[0] for x in starts[1]]


def _raw(
    stacks: Sequence[NDArray[np.float32]], max_lag: int, offsets: Sequence[int]
) -> NDArray[np.float64]:
    """Autocorrelation of the images as they are, each plane's mean subtracted."""
    centered = [stack - stack.mean(axis=(1, 2), keepdims=True) for stack in stacks]
    everywhere = [np.ones(stack.shape, bool) for stack in stacks]
    slices = [
        _joined(
            [
                _lag_sums(stack, mask, max_lag, offset)
                for stack, mask in zip(centered, everywhere, strict=True)
            ]
        ).covariance()
        for offset in offsets
    ]
    variance = max(slices[len(slices) // 2][max_lag, max_lag], 1e-30)
    return np.stack(slices) / variance


def _image_noise_variance(
    stacks: Sequence[NDArray[np.float32]], fields: Sequence[NoiseField], threshold: float
) -> float:
    """Mean square of the high-passed images over the background, in image units."""
    total = count = 0.0
    for stack, field in zip(stacks, fields, strict=True):
        mask = field.structure < threshold
        total += float(np.square(high_pass(stack)[mask], dtype=np.float64).sum())
        count += float(mask.sum())
    return total / max(count, 1.0)


def measure_noise_autocorrelation(
    images: Sequence[NDArray[np.floating]],
    *,
    denoised: Sequence[NDArray[np.floating]] | None = None,
    mode: Mode = "2D",
    equalize: bool = True,
    max_lag: int = MAX_LAG,
) -> Autocorrelation:
    """Measure the autocorrelation of the noise in images, without that of their signal.

    Parameters
    ----------
    images : sequence of (Z, Y, X) array
        Noisy images in any units; shapes may differ. In 2D the slices are independent images.
    denoised : sequence of (Z, Y, X) array, optional
        Stage 1 outputs of the same shapes.
    mode : {'2D', '2.5D'}
        In 2.5D the correlation with the slices z-1 and z+1 is measured too.
    equalize : bool
        Let dim and bright regions count alike, whatever their noise variance.
    max_lag : int
        Largest lag in pixels; smaller images allow a third of their side.

    Returns
    -------
    Autocorrelation

    Raises
    ------
    InputError
        If no image is given, one is not a stack, holds NaN, or shows no measurable noise.
    """
    stacks = _sample(_checked(images))
    max_lag = min(max_lag, *(min(stack.shape[1:]) // 3 for stack in stacks))
    fields = [noise_field(stack, equalize=equalize) for stack in stacks]
    estimate = _estimate_in_plane(fields, max_lag)
    offsets = (0,) if mode == "2D" else (-1, 0, 1)
    values, errors = [estimate.values], [estimate.standard_error]
    if mode == "2.5D":
        above, error = _estimate_across(fields, estimate, max_lag)
        values = [above[::-1, ::-1], estimate.values, above]
        errors = [error[::-1, ::-1], estimate.standard_error, error]
    return Autocorrelation(
        values=np.stack(values),
        standard_error=np.stack(errors),
        raw=_raw(stacks, max_lag, offsets),
        background_fraction=estimate.fraction,
        n_pixels=estimate.n_pixels,
        noise_variance=_image_noise_variance(stacks, fields, estimate.threshold),
        resembles_structure=estimate.is_structure,
    )


def _estimate_across(
    fields: Sequence[NoiseField], estimate: _Estimate, max_lag: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Correlation of a slice with the next one, over the same background."""
    deep = [field for field in fields if field.residual.shape[0] > 1]
    if not deep:
        raise InputError(
            "2.5D needs stacks of at least 2 slices to compare neighboring slices; use 2D."
        )
    sums, _ = _measure(deep, estimate.threshold, max_lag, slice_offset=1)
    values = sums.covariance() / estimate.variance
    if estimate.is_structure:
        values = _directed(values)
    error = np.maximum(
        sums.standard_error() / estimate.variance, _bartlett_error(values, sums.counts)
    )
    return values, error
