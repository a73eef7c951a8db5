"""Measure the autocorrelation of the noise alone, with the share of the signal removed.

The autocorrelation of a noisy image is that of its noise plus that of its signal. Three steps
take the signal away: only background (:mod:`.background`) is used; structure coarser than a
few pixels is subtracted; what is left of it looks alike in all directions, and is subtracted too
(:mod:`.estimate`). What the first two steps do to the noise itself is undone
(:mod:`.correction`).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from autoStructN2V.datasets.images.sources import ArraySource, ImageSource
from autoStructN2V.datasets.measured_parts import sampled
from autoStructN2V.errors import InputError
from autoStructN2V.masking.noise.autocorrelation import MAX_LAG, Autocorrelation
from autoStructN2V.masking.noise.background import NoiseField, noise_field
from autoStructN2V.masking.noise.correction import LARGEST_LAG
from autoStructN2V.masking.noise.differences import fine_energy_of
from autoStructN2V.masking.noise.estimate import Estimate, estimate_across, estimate_in_plane
from autoStructN2V.masking.noise.lags import joined, lag_sums
from autoStructN2V.masking.noise.limits import NOISE_LIMITS, NoiseLimits
from autoStructN2V.masking.noise.resolution import significant
from autoStructN2V.masking.noise.strength.by_pixel import strength_by_pixel
from autoStructN2V.masking.noise.strength.finest import finest_asymmetry, is_white_at_finest
from autoStructN2V.masking.noise.strength.levels import Levels, scaled_kurtosis, strength_levels
from autoStructN2V.masking.noise.strength.line import (
    NoiseStrength,
    by_levels_alone,
    measure_noise_strength,
)
from autoStructN2V.masking.noise.structure import off_center_maximum
from autoStructN2V.masking.patterns.finding import find_patterns
from autoStructN2V.masking.patterns.pattern import Pattern
from autoStructN2V.masking.patterns.removal import PatternRemoval
from autoStructN2V.vocabulary import Mode, StripeRemoval

_SMALLEST_SIDE = 16  # px: of images
_SMALLEST_LAG = 2  # px: what differences of neighbors need
_FEWEST_SHIFTS = 3  # times the largest lag, px: the smallest side of an image


def _checked(images: Sequence[NDArray[np.floating]]) -> list[NDArray[np.float32]]:
    """Return images as (Z, Y, X) stacks, or say in one sentence why they cannot be used."""
    stacks = [np.asarray(image, np.float32) for image in images]
    _check(stacks)
    return stacks


def _check(stacks: Sequence[NDArray[np.float32]]) -> None:
    """Say in one sentence why (Z, Y, X) stacks cannot be used, if they cannot."""
    if not stacks:
        raise InputError("No image was given to measure the noise of; give at least one.")
    for stack in stacks:
        if stack.ndim != 3 or min(stack.shape[1:], default=0) < _SMALLEST_SIDE:
            raise InputError(
                f"An image of shape {stack.shape} cannot be used to measure noise; each must be "
                f"a (z, y, x) stack of at least {_SMALLEST_SIDE} x {_SMALLEST_SIDE} pixels."
            )
        if not np.isfinite(stack).all():
            raise InputError("An image holds NaN or infinite pixels; replace them first.")


def _raw(
    stacks: Sequence[NDArray[np.float32]], max_lag: int, offsets: Sequence[int]
) -> NDArray[np.float64]:
    """Autocorrelation (S, H, W) of the (Z, Y, X) images as they are, without each plane's mean.

    One slice of it for each of S offsets between slices.
    """
    centered = [stack - stack.mean(axis=(1, 2), keepdims=True) for stack in stacks]
    everywhere = [np.ones(stack.shape, bool) for stack in stacks]
    slices = [
        joined(
            [
                lag_sums(stack, mask, max_lag, offset)
                for stack, mask in zip(centered, everywhere, strict=True)
            ]
        ).covariance()
        for offset in offsets
    ]
    variance = max(slices[len(slices) // 2][max_lag, max_lag], 1e-30)
    raw: NDArray[np.float64] = np.stack(slices) / variance
    return raw


def measure_noise_autocorrelation(
    images: Sequence[NDArray[np.floating]],
    *,
    mode: Mode = "2D",
    equalize: bool = True,
    max_lag: int = MAX_LAG,
    remove_stripes: StripeRemoval = "auto",
    limits: NoiseLimits = NOISE_LIMITS,
) -> Autocorrelation:
    """Measure the autocorrelation of the noise in images, without that of their signal.

    The noisy images are measured even where stage 1 outputs exist: correlated noise is partly left
    in those and partly in what stage 1 took away, so that neither shows it as it is.

    Parameters
    ----------
    images : sequence of (Z, Y, X) array
        Noisy images in any units; shapes may differ. In 2D the slices are independent images.
    mode : {'2D', '2.5D'}
        In 2.5D the correlation with the slices z-1 and z+1 is measured too.
    equalize : bool
        Let dim and bright regions count alike, whatever their noise variance.
    max_lag : int
        Largest lag in pixels, 2 to 31; smaller images allow a third of their side.
    remove_stripes : {'auto', 'rows', 'columns', 'off'}, default 'auto'
        Direction of stripes to leave out; 'auto' looks for them.
    limits : NoiseLimits
        Other limits than the usual ones, for a trial.

    Returns
    -------
    Autocorrelation

    Raises
    ------
    InputError
        If no image is given, one is not a stack, holds NaN, or shows no measurable noise.
    """
    sources = [ArraySource(stack) for stack in _checked(images)]
    removal = find_patterns(sources, remove_stripes=remove_stripes)
    slices = [range(source.shape[0]) for source in sources]
    measured = measure_noise_of_sources(
        sources, slices, removal, mode=mode, equalize=equalize, max_lag=max_lag, limits=limits
    )
    assert measured is not None  # nothing stops it
    return measured


def measure_noise_of_sources(
    sources: Sequence[ImageSource],
    slices: Sequence[range],
    removal: PatternRemoval,
    *,
    mode: Mode = "2D",
    equalize: bool = True,
    max_lag: int = MAX_LAG,
    should_stop: Callable[[], bool] = lambda: False,
    limits: NoiseLimits = NOISE_LIMITS,
) -> Autocorrelation | None:
    """Measure as :func:`measure_noise_autocorrelation`, and read only what is needed.

    Parameters
    ----------
    sources : sequence of ImageSource
        Noisy images, as they are or already without the patterns of `removal`.
    slices : sequence of range
        The slices of each that may be read.
    removal : PatternRemoval
        What was found in the images; it is left out.
    mode, equalize, max_lag
        As in :func:`measure_noise_autocorrelation`.
    should_stop : callable
        Asked before every slice that is read; True ends the measurement.
    limits : NoiseLimits
        Other limits than the usual ones, for a trial.

    Returns
    -------
    Autocorrelation or None
        None if stopped.

    Raises
    ------
    InputError
        As :func:`measure_noise_autocorrelation`.
    """
    cleaned = [removal.for_measuring(source) for source in sources]
    stacks = sampled(cleaned, slices, should_stop)
    if stacks is None:
        return None
    patterns = removal.patterns + removal.kept
    return measure_cleaned(
        stacks, patterns, mode=mode, equalize=equalize, max_lag=max_lag, limits=limits
    )


def measure_cleaned(
    stacks: Sequence[NDArray[np.float32]],
    patterns: Sequence[Pattern],
    *,
    mode: Mode,
    equalize: bool,
    max_lag: int,
    limits: NoiseLimits = NOISE_LIMITS,
) -> Autocorrelation:
    """Measure as :func:`measure_noise_autocorrelation` in images without patterns.

    Parameters
    ----------
    stacks : sequence of (Z, Y, X) float32
        All that is measured, of any size.
    patterns : sequence of Pattern
        What they are without, to be named.
    mode, equalize, max_lag, limits
        As in :func:`measure_noise_autocorrelation`.

    Raises
    ------
    InputError
        As :func:`measure_noise_autocorrelation`.
    """
    _check(stacks)
    smallest = min(min(stack.shape[1:]) for stack in stacks)
    max_lag = max(_SMALLEST_LAG, min(max_lag, LARGEST_LAG, smallest // _FEWEST_SHIFTS))
    fields = [noise_field(stack, equalize=equalize, limits=limits.background) for stack in stacks]
    estimate = estimate_in_plane(fields, max_lag, limits)
    is_white = _is_white(estimate, stacks, fields, limits)
    strength, levels, is_told_by_levels = _strength(stacks, fields, estimate, is_white, limits)
    offsets = (0,) if mode == "2D" else (-1, 0, 1)
    values, errors = _in_all_slices(fields, estimate, offsets, limits)
    found = Autocorrelation(
        values=values,
        standard_error=errors,
        raw=_raw(stacks, max_lag, offsets),
        background_fraction=estimate.fraction,
        n_pixels=estimate.n_pixels,
        noise_variance=strength.variance,
        excess_kurtosis=strength.excess_kurtosis,
        skewness=strength.skewness,
        asymmetry=strength.asymmetry,
        brightness=strength.brightness,
        variance_slope=strength.slope,
        levels=levels,
        scaled_kurtosis=scaled_kurtosis(fields, estimate.threshold),
        resembles_structure=estimate.is_structure,
        is_strength_known=not estimate.leaves_out_common or is_told_by_levels,
        is_told_by_levels=is_told_by_levels,
        periodic_patterns=tuple(patterns),
        leak=0.0 if is_told_by_levels else estimate.leak / (1.0 - estimate.leak),
    )
    return _told_by_pixels(found, stacks) if is_white else found


def _strength(
    stacks: Sequence[NDArray[np.float32]],
    fields: Sequence[NoiseField],
    estimate: Estimate,
    is_white: bool,
    limits: NoiseLimits,
) -> tuple[NoiseStrength, Levels, bool]:
    """Return how strong the noise is, by levels as well, and whether these alone tell it."""
    of_background = measure_noise_strength(stacks, fields, estimate.threshold, limits)
    strength = replace(of_background, variance=of_background.variance * estimate.variance_factor)
    is_beside_structure = is_white and estimate.leaves_out_common
    response = 1.0 if is_beside_structure else fine_energy_of(estimate.values)
    known = strength.brightness, strength.variance
    levels = strength_levels(stacks, fields, response, known)
    if not (is_beside_structure and levels):
        return strength, levels, False
    finest = finest_asymmetry(stacks, fields, levels, limits)
    asymmetry = finest.beside(strength.asymmetry, limits)
    return by_levels_alone(strength, levels, asymmetry), levels, True


def _told_by_pixels(
    found: Autocorrelation, stacks: Sequence[NDArray[np.float32]]
) -> Autocorrelation:
    """Add to white noise how strong it is by pixels, unless a line says all of it.

    Steps between single photons are too coarse for it, and so may strong values of either sign be.
    """
    if found.follows_line or found.is_rare or not found.is_of_photons:
        return found
    shared = significant(found)[len(found.values) // 2]
    return replace(found, by_pixel=strength_by_pixel(stacks, shared))


def _is_white(
    estimate: Estimate,
    stacks: Sequence[NDArray[np.float32]],
    fields: Sequence[NoiseField],
    limits: NoiseLimits,
) -> bool:
    """Whether neighbors share hardly any noise, also where structure hides what they share."""
    # what differs between directions may be structure as well
    is_alone = off_center_maximum(np.abs(estimate.values)) <= limits.leak.most
    return is_alone and is_white_at_finest(stacks, fields, limits)


def _in_all_slices(
    fields: Sequence[NoiseField], estimate: Estimate, offsets: Sequence[int], limits: NoiseLimits
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Autocorrelation (S, H, W) at each of S offsets between slices, and its standard error."""
    values, errors = [estimate.values], [estimate.standard_error]
    if len(offsets) > 1:
        above, error = estimate_across(fields, estimate, estimate.values.shape[0] // 2, limits)
        values = [above[::-1, ::-1], estimate.values, above]
        errors = [error[::-1, ::-1], estimate.standard_error, error]
    return np.stack(values), np.stack(errors)
