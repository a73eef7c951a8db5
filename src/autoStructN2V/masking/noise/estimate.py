"""Estimate the noise autocorrelation from background, and undo what estimating does to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from autoStructN2V.errors import InputError
from autoStructN2V.masking.noise.background import (
    NoiseField,
    blur,
    fine_energy,
    high_pass,
    structure_score,
)
from autoStructN2V.masking.noise.blurred import blurred_noise
from autoStructN2V.masking.noise.correction import growth_of_pairs, undo_high_pass, undo_selection
from autoStructN2V.masking.noise.lags import LagSums, bartlett_error, joined, lag_sums, normalized
from autoStructN2V.masking.noise.limits import NOISE_LIMITS, LeakLimits, NoiseLimits

_FRACTIONS = (0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3)  # of the usable pixels
_SIMULATED = (2, 256, 256)  # px
_LEAST_COVER = np.float32(1e-3)  # of the pixels around: guards a division


@dataclass(frozen=True)
class Estimate:
    """Corrected autocorrelation within a slice, with the threshold that gave it.

    Attributes
    ----------
    values, standard_error : (H, W) float64
        Autocorrelation of the noise, and how well it is known.
    variance : float
        Corrected variance, structure included, in units of the fine energy.
    threshold : float
        Structure score below which pixels count as background.
    fraction : float
        Share of the usable pixels that do.
    n_pixels : int
        Their number.
    is_structure : bool
        Whether what all directions share may be structure.
    leaves_out_common : bool
        Whether it was left out.
    leak : float
        Share of the variance that is a remainder of structure.
    high_passed : (H, W) float64, or None
        Autocovariance of the high-passed noise over all pixels; None if nothing was corrected.
    variance_factor : float
        True variance of the noise over that of the high-passed background.
    """

    values: NDArray[np.float64]
    standard_error: NDArray[np.float64]
    variance: float
    threshold: float
    fraction: float
    n_pixels: int
    is_structure: bool
    leaves_out_common: bool
    leak: float
    high_passed: NDArray[np.float64] | None
    variance_factor: float


def _measure(
    fields: Sequence[NoiseField], threshold: float, max_lag: int, slice_offset: int = 0
) -> tuple[LagSums, float]:
    """Lag sums over the pixels whose structure score is below a threshold, and their share."""
    masks = [field.structure < threshold for field in fields]
    sums = joined(
        [
            lag_sums(field.residual, mask, max_lag, slice_offset)
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
        Source of the random numbers.

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


def _as_noise_field(noise: NDArray[np.float32], limits: NoiseLimits) -> NoiseField:
    """Treat simulated noise (Z, Y, X) as an image is treated."""
    variance = float(fine_energy(noise).mean())
    fine = high_pass(noise, limits.background)
    score = structure_score(fine, variance, limits.background)
    return NoiseField(fine / np.float32(np.sqrt(variance)), score)


def _simulated(model: NDArray[np.float64]) -> NDArray[np.float32]:
    """Draw noise (Z, Y, X) of an autocorrelation (H, W); the same at every call."""
    return simulate_noise(model, _SIMULATED, np.random.default_rng(0))


def _background_threshold(fields: Sequence[NoiseField], limits: NoiseLimits) -> float:
    """Structure score below which pixels count as background.

    The scores of noise alone have a known, narrow distribution. The largest share of the pixels
    is taken whose scores are hardly more spread than that; if there is none, the flattest pixels.
    """
    scores = np.concatenate([field.structure[np.isfinite(field.structure)] for field in fields])
    if scores.size < limits.selection.fewest_pixels:
        raise InputError(
            f"Fewer than {limits.selection.fewest_pixels} pixels can be used to measure the "
            "noise: the images are too small, constant or clipped; use larger or unclipped images."
        )
    spread = _spread(scores)
    homogeneous = [
        fraction
        for fraction, of_noise in zip(_FRACTIONS, _spread_of_noise(limits), strict=True)
        if spread[fraction] <= limits.selection.spread_tolerance * of_noise
    ]
    fewest = limits.selection.fewest_of(scores.size)
    return float(np.quantile(scores, max([fewest, *homogeneous])))


def _spread(scores: NDArray[np.float32]) -> dict[float, float]:
    """Quantile of scores (N,) at each of ``_FRACTIONS``, relative to that at half of it."""
    return {f: float(np.divide(*np.quantile(scores, [f, f / 2.0]))) for f in _FRACTIONS}


@cache
def _spread_of_noise(limits: NoiseLimits) -> tuple[float, ...]:
    white = np.zeros((3, 3))
    white[1, 1] = 1.0
    return tuple(_spread(_as_noise_field(_simulated(white), limits).structure).values())


def _unevenness(fields: Sequence[NoiseField], threshold: float, scale: float) -> float:
    """Relative spread of the local variance over the background; noise alone has little.

    The variance is local within a Gaussian of standard deviation ``scale``, in pixels.
    """
    spreads = []
    for field in fields:
        mask = field.structure < threshold
        if mask.any():
            cover = np.maximum(blur(mask.astype(np.float32), scale), _LEAST_COVER)
            local = (blur(np.square(field.residual) * mask, scale) / cover)[mask]
            spreads.append(float(local.std() / max(float(local.mean()), 1e-12)))
    return float(np.median(spreads)) if spreads else np.inf


def _common(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Smallest of the values at a lag, its mirror images and its quarter turns, if positive.

    Structure looks alike in all directions on average, so this bounds its share. Takes and
    returns a square array (H, H).
    """
    turned = np.rot90(values)
    smallest = np.minimum(values, values[:, ::-1])
    smallest = np.minimum(smallest, np.minimum(turned, turned[:, ::-1]))
    common: NDArray[np.float64] = np.maximum(smallest, 0.0)
    return common


def _leak(values: NDArray[np.float64], limits: LeakLimits) -> NDArray[np.float64]:
    """Correlation common to all directions where it is too weak to be noise.

    Where it is not, and at zero lag, noise hides what structure is left, which is extrapolated
    from farther lags: it falls to zero over the reach of the high-pass. Takes and returns a
    square array (H, H).
    """
    middle = values.shape[0] // 2
    lag = np.arange(values.shape[0]) - middle
    distance = np.rint(np.hypot.outer(lag, lag)).astype(int)
    profile = np.zeros(distance.max() + 1)
    for ring in range(1, middle + 1):
        profile[ring] = max(0.0, float(np.quantile(values[distance == ring], limits.rank)))
    is_noise = profile >= limits.most
    profile[is_noise] = 0.0
    farther = slice(*limits.farther)
    if is_noise[1] and middle > farther.stop and not is_noise[farther].any():
        fall = np.maximum(1.0 - np.arange(middle) / limits.reach, 0.0) ** limits.fall
        strength = (fall[farther] @ profile[farther]) / np.square(fall[farther]).sum()
        nearer = slice(farther.start)
        profile[nearer] = np.minimum(strength * fall[nearer], limits.most)
    else:
        # a parabola through the lags 1 and 2 that is flat at 0
        profile[0] = max(0.0, profile[1] + (profile[1] - profile[2]) / 3.0)
    leak: NDArray[np.float64] = profile[distance]
    return leak


def _cleaned(
    values: NDArray[np.float64], error: NDArray[np.float64], limits: NoiseLimits
) -> NDArray[np.float64]:
    """Noise model (H, W) for a simulation: lags indistinguishable from zero are set to zero."""
    return np.where(np.abs(values) > limits.significance.least_faint(error), values, 0.0)


def _off_center_maximum(values: NDArray[np.float64]) -> float:
    """Largest value of (H, W) other than that in the center."""
    middle = values.size // 2
    return float(np.delete(values.ravel(), middle).max())


def estimate_in_plane(
    fields: Sequence[NoiseField], max_lag: int, limits: NoiseLimits = NOISE_LIMITS
) -> Estimate:
    """Measure over the background and undo what selecting and high-passing did to the noise.

    Parameters
    ----------
    fields : sequence of NoiseField
        The images.
    max_lag : int
        Largest lag in pixels.
    limits : NoiseLimits
        What is background, noise, and structure.

    Returns
    -------
    Estimate
        With arrays of (2 * max_lag + 1, 2 * max_lag + 1).

    Raises
    ------
    InputError
        If too few pixels can be used, or they hold no noise.
    """
    threshold = _background_threshold(fields, limits)
    sums, fraction = _measure(fields, threshold, max_lag)
    _, error, measured_variance = normalized(sums)
    growth = growth_of_pairs(fields, threshold, max_lag)
    covariance, high_passed = _corrected(
        sums.covariance(), growth, error, measured_variance, limits
    )
    center = (max_lag, max_lag)
    values = covariance / covariance[center]
    matters = _off_center_maximum(_common(values)) > limits.leak.most
    blurred = blurred_noise(fields, max_lag, limits.blurred) if matters else None
    is_structure = (
        matters and blurred is None and _is_structure(fields, threshold, values, sums, limits)
    )
    separation = _separated(values, is_structure, blurred, limits.leak)
    return Estimate(
        values=separation.values,
        standard_error=error,
        variance=float(covariance[center]),
        threshold=threshold,
        fraction=fraction,
        n_pixels=int(sums.counts.sum(0)[center].round()),
        is_structure=is_structure,
        leaves_out_common=separation.leaves_out_common,
        leak=separation.leak,
        high_passed=high_passed,
        variance_factor=float(covariance[center]) * (1.0 - separation.leak) / measured_variance,
    )


def _corrected(
    covariance: NDArray[np.float64],
    growth: NDArray[np.float64],
    error: NDArray[np.float64],
    variance: float,
    limits: NoiseLimits,
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Undo the selection and the high-pass (H, W); also return what was found before the latter.

    If most of the variance would then be slow noise, it is slow structure rather, and the
    correction would amplify that: nothing is corrected then.
    """
    high_passed = undo_selection(covariance, growth, limits=limits)
    undone = undo_high_pass(high_passed, error, variance, limits)
    if _center(undone) > limits.correction.most_undone * variance:
        return covariance, None
    return undone, high_passed


@dataclass(frozen=True)
class _Separation:
    """Autocorrelation without that of the structure, and how that was left out."""

    values: NDArray[np.float64]
    leaves_out_common: bool
    leak: float


def _separated(
    values: NDArray[np.float64],
    is_structure: bool,
    blurred: NDArray[np.float64] | None,
    limits: LeakLimits,
) -> _Separation:
    """Take from an autocorrelation (H, H) what all directions share, as far as it is structure."""
    leaves_out_common = is_structure or blurred is not None
    leak = _common(values) if leaves_out_common else _leak(values, limits)
    share = 0.0 if leaves_out_common else _center(leak)
    left = (values - leak) / (1.0 - share)
    if blurred is not None:
        left = np.where(np.abs(left) < limits.most, 0.0, left) + np.minimum(leak, blurred)
    left = (left + left[::-1, ::-1]) / 2.0  # exact point symmetry, lost by rounding
    middle = left.shape[0] // 2
    left[middle, middle] = 1.0
    return _Separation(left, leaves_out_common, share)


def _is_structure(
    fields: Sequence[NoiseField],
    threshold: float,
    values: NDArray[np.float64],
    sums: LagSums,
    limits: NoiseLimits,
) -> bool:
    """Whether correlation that is equal in all directions may be that of structure.

    It may where the flattest places are far from noise, where few pixels can be used, and where
    the local variance is more uneven than that of noise alone.

    Parameters
    ----------
    fields : sequence of NoiseField
        The images.
    threshold : float
        Score below which pixels count as background.
    values : (H, W) float64
        Autocorrelation that was measured there.
    sums : LagSums
        What it was measured from.
    limits : NoiseLimits
        When it may be structure.
    """
    isotropy, scale = limits.isotropy, limits.background.local_scale
    error = sums.standard_error() / _center(sums.covariance())
    simulated = _as_noise_field(_simulated(_cleaned(values, error, limits)), limits)
    n_usable = sum(int(np.isfinite(field.structure).sum()) for field in fields)
    is_far = threshold > isotropy.far_from_noise * float(np.median(simulated.structure))
    if is_far or n_usable < isotropy.fewest_pixels:
        return True
    n_windows = max(1.0, float(_center(sums.counts.sum(0))) / limits.background.local_area)
    error_of_spread = 1.0 / np.sqrt(2.0 * n_windows)  # relative, of a standard deviation
    tolerance = isotropy.uneven * (1.0 + limits.significance.clear_errors * error_of_spread)
    everything = float(np.quantile(simulated.structure, max(_FRACTIONS)))
    of_noise = _unevenness([simulated], max(threshold, everything), scale)
    return bool(_unevenness(fields, threshold, scale) > tolerance * of_noise)


def _center(values: NDArray[np.float64]) -> float:
    """Value in the center of (H, W)."""
    return float(values[values.shape[0] // 2, values.shape[1] // 2])


def estimate_across(
    fields: Sequence[NoiseField],
    estimate: Estimate,
    max_lag: int,
    limits: NoiseLimits = NOISE_LIMITS,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Correlation (H, W) of a slice with the next one over the same background, and its error."""
    deep = [field for field in fields if field.residual.shape[0] > 1]
    if not deep:
        raise InputError(
            "2.5D needs stacks of at least 2 slices to compare neighboring slices; use 2D."
        )
    sums, _ = _measure(deep, estimate.threshold, max_lag, slice_offset=1)
    error = sums.standard_error() / estimate.variance
    covariance = sums.covariance()
    if estimate.high_passed is not None:
        growth = growth_of_pairs(deep, estimate.threshold, max_lag, slice_offset=1)
        selected = undo_selection(covariance, growth, estimate.high_passed, limits)
        covariance = undo_high_pass(selected, error, estimate.variance, limits)
    values = covariance / estimate.variance
    if estimate.leaves_out_common:
        values = values - _common(values)
    else:
        values = (values - _leak(values, limits.leak)) / (1.0 - estimate.leak)
    return values, np.maximum(error, bartlett_error(values, sums.counts))
