"""Estimate the noise autocorrelation from background, and undo what estimating does to it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autoStructN2V.errors import InputError
from autoStructN2V.masking.noise.background import NoiseField
from autoStructN2V.masking.noise.blurred import blurred_noise
from autoStructN2V.masking.noise.correction import growth_of_pairs, undo_high_pass, undo_selection
from autoStructN2V.masking.noise.lags import bartlett_error, normalized
from autoStructN2V.masking.noise.limits import NOISE_LIMITS, NoiseLimits
from autoStructN2V.masking.noise.selection import background_threshold, sums_below
from autoStructN2V.masking.noise.structure import (
    center_of,
    common,
    is_structure_alone,
    leak_of,
    off_center_maximum,
    separated,
)


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
    threshold = background_threshold(fields, limits)
    sums, fraction = sums_below(fields, threshold, max_lag)
    _, error, measured_variance = normalized(sums)
    growth = growth_of_pairs(fields, threshold, max_lag)
    measured = sums.covariance()
    covariance, high_passed = _corrected(measured, growth, error, measured_variance, limits)
    center = (max_lag, max_lag)
    values = covariance / covariance[center]
    matters = off_center_maximum(common(values)) > limits.leak.most
    blurred = blurred_noise(fields, max_lag, limits.blurred) if matters else None
    is_structure = (
        matters and blurred is None and is_structure_alone(fields, threshold, values, sums, limits)
    )
    separation = separated(values, is_structure, blurred, limits.leak)
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
    if center_of(undone) > limits.correction.most_undone * variance:
        return covariance, None
    return undone, high_passed


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
    sums, _ = sums_below(deep, estimate.threshold, max_lag, slice_offset=1)
    error = sums.standard_error() / estimate.variance
    covariance = sums.covariance()
    if estimate.high_passed is not None:
        growth = growth_of_pairs(deep, estimate.threshold, max_lag, slice_offset=1)
        selected = undo_selection(covariance, growth, estimate.high_passed, limits)
        covariance = undo_high_pass(selected, error, estimate.variance, limits)
    values = covariance / estimate.variance
    if estimate.leaves_out_common:
        values = values - common(values)
    else:
        values = (values - leak_of(values, limits.leak)) / (1.0 - estimate.leak)
    return values, np.maximum(error, bartlett_error(values, sums.counts))
