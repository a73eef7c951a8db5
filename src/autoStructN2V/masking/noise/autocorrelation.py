"""The autocorrelation of noise: the record of what was measured, and what follows from it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from autoStructN2V.masking.kernels.cells import MAX_KERNEL_SIZE
from autoStructN2V.masking.noise.limits import NOISE_LIMITS, StrengthLimits
from autoStructN2V.masking.noise.strength.by_pixel import PixelStrength
from autoStructN2V.masking.noise.strength.levels import Levels, variance_at_levels
from autoStructN2V.masking.patterns.pattern import Pattern

MAX_LAG = MAX_KERNEL_SIZE // 2  # px
# over the squared skewness: 1 for photons that count alike, 4 / 3 for those that are multiplied by
# chance, exponentially, as in an EMCCD
_KURTOSIS_OF_COUNTS = 1.5
# of noise divided by its strength at each brightness: images of 0.2 to 2.6 (widefield, confocal and
# two-photon of FMD, W2S, bacteria) gain from a refinement; of 5 (W2S) and 16 (less than a photon)
# they do not
_MOST_KURTOSIS = 3.0
_BENT = 1.5  # ratio: generated shot noise beside lines, which the line tells best, reaches 1.35


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
    by_pixel : PixelStrength or None
        Variance of the noise of a pixel by its own value and by what is around it; None where
        neighbors share noise, it is rare or not that of photons, too few pixels show it, or a line
        over brightness says it all.
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
    by_pixel: PixelStrength | None = None
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
    def is_rare(self) -> bool:
        """Whether much of the noise is rare strong values, as of less than a photon for a pixel."""
        return self.scaled_kurtosis >= _MOST_KURTOSIS

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
