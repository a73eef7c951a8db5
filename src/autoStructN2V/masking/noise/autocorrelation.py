"""Measure the autocorrelation of the noise alone, with the share of the signal removed.

The autocorrelation of a noisy image is that of its noise plus that of its signal. Three steps
take the signal away: only background (:mod:`.background`) is used; structure coarser than a
few pixels is subtracted; what is left of it looks alike in all directions, and is subtracted too
(:mod:`.estimate`). What the first two steps do to the noise itself is undone
(:mod:`.correction`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autoStructN2V.datasets.images.sources import ArraySource, ImageSource
from autoStructN2V.datasets.measured_parts import sampled
from autoStructN2V.errors import InputError
from autoStructN2V.masking.kernels.cells import MAX_KERNEL_SIZE
from autoStructN2V.masking.noise.background import NoiseField, noise_field
from autoStructN2V.masking.noise.correction import LARGEST_LAG
from autoStructN2V.masking.noise.estimate import Estimate, estimate_across, estimate_in_plane
from autoStructN2V.masking.noise.finest import finest_asymmetry, is_white_at_finest
from autoStructN2V.masking.noise.lags import joined, lag_sums
from autoStructN2V.masking.noise.levels import (
    Levels,
    scaled_kurtosis,
    strength_levels,
    variance_at_levels,
)
from autoStructN2V.masking.noise.limits import NOISE_LIMITS, NoiseLimits, StrengthLimits
from autoStructN2V.masking.noise.strength import by_levels_alone, measure_noise_strength
from autoStructN2V.masking.noise.structure import off_center_maximum
from autoStructN2V.masking.patterns.finding import find_patterns
from autoStructN2V.masking.patterns.pattern import Pattern
from autoStructN2V.masking.patterns.removal import PatternRemoval
from autoStructN2V.vocabulary import Mode as Mode
from autoStructN2V.vocabulary import StripeRemoval

MAX_LAG = MAX_KERNEL_SIZE // 2  # px
_SMALLEST_SIDE = 16  # px: of images
# over the squared skewness: 1 for photons that count alike, 4 / 3 for those that are multiplied by
# chance, exponentially, as in an EMCCD
_KURTOSIS_OF_COUNTS = 1.5
_BENT = 1.5  # ratio: generated shot noise beside lines, which the line tells best, reaches 1.35
_FEWEST_SHIFTS = 3  # times the largest lag, px: the smallest side of an image


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
        Variance of the noise where the images are as bright as on average, in their squared
        units.
    excess_kurtosis : float
        Fourth moment of the noise over its squared variance, minus 3: near 0 for Gaussian noise
        of the same strength everywhere, large where few strong values or places stand out.
    skewness : float
        Third moment of the noise over its variance to the power of 1.5: 0 for Gaussian noise,
        above where strong values are mostly bright, as of few photons.
    asymmetry : float
        Third moment of the noise over its variance, in units of the images.
    brightness : float
        Mean brightness of the images.
    levels : tuple of (brightness, variance)
        Variance of the noise at several levels of brightness, the darkest first; empty if they
        were not measured.
    scaled_kurtosis : float
        Excess kurtosis of the noise divided by its strength at each brightness.
    variance_slope : float
        By how much the variance of the noise grows for each unit of brightness, relative to
        ``noise_variance``: positive for shot noise.
    resembles_structure : bool
        Whether the images have too little background to tell noise that is correlated in all
        directions from structure; ``values`` then hold only what differs between directions.
    is_strength_known : bool
        Whether ``noise_variance`` is that of the noise alone; where structure was left out of
        ``values``, because it could not be told from noise, only if ``is_told_by_levels``.
    is_told_by_levels : bool
        Whether it is known from ``levels`` alone, which see no structure, as no place is flat; the
        kurtoses are those of noise and structure then.
    periodic_patterns : tuple of Pattern
        Strictly periodic patterns and offsets of lines, which were subtracted before measuring.
    grid_share : float
        Rows and columns of the grid that lags are counted on, relative to those of the images.
    leak : float
        Variance that was left out because it is structure, relative to ``noise_variance``.
    """

    values: NDArray[np.float64]
    standard_error: NDArray[np.float64]
    raw: NDArray[np.float64]
    background_fraction: float
    n_pixels: int
    noise_variance: float
    excess_kurtosis: float = 0.0
    skewness: float = 0.0
    asymmetry: float = 0.0
    brightness: float = 0.0
    variance_slope: float = 0.0
    levels: Levels = ()
    scaled_kurtosis: float = 0.0
    resembles_structure: bool = False
    is_strength_known: bool = True
    is_told_by_levels: bool = False
    periodic_patterns: tuple[Pattern, ...] = ()
    grid_share: float = 1.0
    leak: float = 0.0

    @property
    def max_lag(self) -> int:
        """Largest lag, in pixels."""
        return int(self.values.shape[-1]) // 2

    @property
    def is_uniform_gaussian(self) -> bool:
        """Whether the noise is about Gaussian and equally strong everywhere."""
        return self.is_gaussian_by(NOISE_LIMITS.strength)

    def is_gaussian_by(self, limits: StrengthLimits) -> bool:
        """Whether the noise is about Gaussian and equally strong everywhere, by some limits."""
        is_symmetric = abs(self.skewness) < limits.gaussian_skewness
        return is_symmetric and abs(self.excess_kurtosis) < limits.gaussian_kurtosis

    @property
    def is_of_photons(self) -> bool:
        """Whether the noise, divided by its strength at each brightness, is that of counts.

        Fine structure that was taken for noise has strong values of either sign: a kurtosis that
        its skewness does not explain. Gaussian noise counts as of infinitely many photons.
        """
        explained = _KURTOSIS_OF_COUNTS * self.skewness**2
        return self.scaled_kurtosis < explained + NOISE_LIMITS.strength.gaussian_kurtosis

    @property
    def follows_line(self) -> bool:
        """Whether the variance is best told by a straight line over brightness.

        The line is drawn through the background alone: it is exact there, and where it reaches far
        beyond it promises too much (two-photon images of FMD: 20 % too much noise).
        """
        if not self.levels:
            return True
        if self.is_told_by_levels:
            return False
        brightness, variances = np.array(self.levels).T
        ratio = self._on_line(brightness) / np.maximum(variances, 1e-30)
        return self.is_uniform_gaussian and bool(ratio.max() < _BENT * ratio.min())

    def is_drawn_by_levels(self, *, is_coarse: bool) -> bool:
        """Whether noise like it is drawn as strong as the levels say, and not the line.

        On a grid coarser than that of the images, the levels are right wherever there are any.
        """
        return bool(self.levels) if is_coarse else not self.follows_line

    def variance_at(self, brightness: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the variance of the noise where images are of some brightness.

        Parameters
        ----------
        brightness : array
            Of any shape, in units of the images.

        Returns
        -------
        float64 array of the same shape
            In squared units of the images.
        """
        if self.follows_line:
            return self._on_line(brightness)
        return variance_at_levels(self.levels, brightness)

    def _on_line(self, brightness: NDArray[np.floating]) -> NDArray[np.float64]:
        relative = 1.0 + self.variance_slope * (brightness.astype(np.float64) - self.brightness)
        return self.noise_variance * np.maximum(relative, NOISE_LIMITS.strength.least_share)


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
        Largest lag in pixels, at most 31; smaller images allow a third of their side.
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
    max_lag = min(max_lag, LARGEST_LAG, smallest // _FEWEST_SHIFTS)
    fields = [noise_field(stack, equalize=equalize, limits=limits.background) for stack in stacks]
    estimate = estimate_in_plane(fields, max_lag, limits)
    strength = measure_noise_strength(stacks, fields, estimate.threshold, limits)
    offsets = (0,) if mode == "2D" else (-1, 0, 1)
    values, errors = _in_all_slices(fields, estimate, offsets, limits)
    variance = strength.variance * estimate.variance_factor
    known = (strength.brightness, variance)
    levels = strength_levels(stacks, fields, estimate.values, known)
    is_told_by_levels = _is_told_by(levels, estimate, stacks, fields, limits)
    if is_told_by_levels:
        strength = by_levels_alone(
            strength, levels, finest_asymmetry(stacks, fields, levels, limits)
        )
        variance = strength.variance
    return Autocorrelation(
        values=values,
        standard_error=errors,
        raw=_raw(stacks, max_lag, offsets),
        background_fraction=estimate.fraction,
        n_pixels=estimate.n_pixels,
        noise_variance=variance,
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
        leak=estimate.leak / (1.0 - estimate.leak),
    )


def _is_told_by(
    levels: Levels,
    estimate: Estimate,
    stacks: Sequence[NDArray[np.float32]],
    fields: Sequence[NoiseField],
    limits: NoiseLimits,
) -> bool:
    """Whether levels alone tell the strength of noise whose autocorrelation holds structure."""
    if not levels or not estimate.leaves_out_common:
        return False
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
