"""Noise like the measured one, to be added to images that are noisy already.

Add noise z of the same autocovariance as the noise n of an image y, times a small number: the
covariance of y + a z with y - z / a is then zero as far as noise goes, so that the one can be
predicted from the other without hiding anything. What lies beyond a kernel, too weak or too much to
be hidden, is noise as well, unless a person has taken it out. Where noise depends on brightness,
the drawn noise is as strong as the measured one is there.

Noise that is skewed, as of few photons, has a third moment too, and drawn noise is Gaussian. What a
network gains by keeping some of the skewed noise is charged only if the drawn noise is stronger at
pixels that are brighter than those around them. With variance v + c (y - m), where m is the mean
around a pixel, the terms of third order in the mean product of a smooth function of that pixel of
y + a z with n - z / a are E[n^3] - (2 - a^2) c E[n^2]: they vanish for one c, which the third
moment gives. What a network makes of products with pixels around is charged a little too much.

Shapes: B patches, C slices, P patch size.

References
----------
Pang et al.: Recorrupted-to-Recorrupted. CVPR (2021). doi:10.1109/CVPR46437.2021.00208
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from autoStructN2V.masking.kernels.cells import center_of
from autoStructN2V.masking.limits import limit
from autoStructN2V.masking.noise.autocorrelation import MAX_LAG
from autoStructN2V.masking.noise.limits import NOISE_LIMITS
from autoStructN2V.masking.noise.resolution import significant
from autoStructN2V.masking.noise.strength.levels import growth_beyond

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Generator, Tensor

    from autoStructN2V.datasets.images.matching import Scale
    from autoStructN2V.masking.kernels.kernel import Kernel
    from autoStructN2V.masking.noise.autocorrelation import Autocorrelation

_MARGIN = MAX_LAG + 1  # px: drawn noise is periodic, so a border wider than all lags is cut off
_LEAST_POWER = 1e-3  # relative to the mean: what no noise can have is lifted to this


@dataclass(frozen=True)
class RecorruptionLimits:
    """How noise is drawn where its strength depends on brightness."""

    averaged: int = limit(
        5,
        unit="px, side of a square, odd, at least 3",
        separates="brightness, averaged over more, from the noise on it, averaged over less",
        source="of 1 to 17 px it draws shot noise on a line with the least error, "
        "benchmarks/limits.py",
    )


RECORRUPTION_LIMITS = RecorruptionLimits()


class NoiseSampler:
    """Draw Gaussian noise with the autocovariance that was measured within a kernel.

    Parameters
    ----------
    autocorrelation : Autocorrelation
        What was measured.
    kernel : Kernel or None
        Offsets that share noise; what was measured at others is left out. None leaves out nothing.
    mean_and_std : tuple of float
        Intensities that became 0, and by how much 1 is more, in the patches noise is drawn for.
    patch_size : int
        Side of the patches in pixels.
    device : torch.device
        Where noise is drawn.
    by_levels : bool
        Whether the strength follows the measured levels of brightness, and not a straight line.
        Where the noise is skewed, it then follows the pixel itself as well.
    added : float
        Times the drawn noise that is added to patches (a), for the third moment.
    limits : RecorruptionLimits
        Other limits than the usual ones, for a trial.

    Attributes
    ----------
    variance : float
        Variance of the noise at mean brightness, in squared normalized units.
    device : torch.device
        Where noise is drawn.
    """

    def __init__(
        self,
        autocorrelation: Autocorrelation,
        kernel: Kernel | None,
        mean_and_std: tuple[float, float],
        patch_size: int,
        device: torch.device,
        *,
        by_levels: bool = False,
        added: float = 0.0,
        limits: RecorruptionLimits = RECORRUPTION_LIMITS,
    ) -> None:
        mean, std = mean_and_std
        self._limits = limits
        self.variance = autocorrelation.noise_variance / std**2
        self._slope = autocorrelation.variance_slope * std
        self._brightness = (autocorrelation.brightness - mean) / std
        known = autocorrelation.levels if by_levels else ()
        per_unit = std / autocorrelation.noise_variance  # relative variance for each unit
        self._growth = growth_beyond(known) * per_unit if known else 0.0
        self._own = autocorrelation.asymmetry / (2.0 - added**2) * per_unit
        levels = np.array(known, np.float32).reshape(-1, 2)
        self._levels = torch.from_numpy(levels).to(device)
        self._levels = (self._levels - torch.tensor([mean, 0.0], device=device)) / torch.tensor(
            [std, autocorrelation.noise_variance], device=device
        )
        self._patch_size = patch_size
        self.device = device
        self._side = patch_size + _MARGIN
        values = autocorrelation.values
        correlation = significant(autocorrelation) if kernel is None else _within(values, kernel)
        power = np.stack([self._spectrum(plane) for plane in correlation])
        center = len(power) // 2
        lifted = np.maximum(power[center].real, _LEAST_POWER)
        power[center] = lifted / lifted.mean()
        # slices above and below get the part that they share with the central one
        shaped = power * np.sqrt(self.variance / power[center].real)
        half = shaped[..., : self._side // 2 + 1].astype(np.complex64)
        self._shaping = torch.from_numpy(half).to(device)

    def _spectrum(self, correlation: NDArray[np.float64]) -> NDArray[np.complex128]:
        """Return the power (side, side) of a patch with its margin, of a correlation (H, W)."""
        reach = min(correlation.shape[0] // 2, self._side // 2 - 1)
        middle = correlation.shape[0] // 2
        inner = slice(middle - reach, middle + reach + 1)
        padded = np.zeros((self._side, self._side))
        padded[: 2 * reach + 1, : 2 * reach + 1] = correlation[inner, inner]
        spectrum: NDArray[np.complex128] = np.fft.fft2(np.roll(padded, (-reach, -reach), (0, 1)))
        return spectrum

    def draw(self, patches: Tensor, generator: Generator, scale: Scale | None = None) -> Tensor:
        """Draw noise for patches.

        Parameters
        ----------
        patches : Tensor, (B, C, P, P) float32
            Normalized noisy patches.
        generator : torch.Generator
            Source of randomness.
        scale : Scale of Tensors (B, C, 1, 1), optional
            How the patches follow from the images in which noise was measured; default: they are
            these, normalized.

        Returns
        -------
        Tensor, (B, C, P, P) float32
            The central slice has the measured autocovariance.
        """
        shape = (len(patches), 1, self._side, self._side)
        white = torch.randn(shape, generator=generator, device=self.device)
        noise: Tensor = torch.fft.irfft2(torch.fft.rfft2(white) * self._shaping, s=shape[2:])
        inner = noise[..., : self._patch_size, : self._patch_size]
        if scale is None:
            return inner * self._relative_variance(patches).sqrt()
        drawn: Tensor = scale.gain * inner * self._relative_variance(scale.before(patches)).sqrt()
        return drawn

    def variance_at(self, patches: Tensor) -> Tensor:
        """Return the variance of the noise at each pixel.

        Parameters
        ----------
        patches : Tensor, (B, C, P, P) float32
            Normalized noisy patches.

        Returns
        -------
        Tensor, (B, C, P, P) float32
            In squared normalized units.
        """
        return self.variance * self._relative_variance(patches)

    def _relative_variance(self, patches: Tensor) -> Tensor:
        """Return the variance (B, C, P, P) relative to that at mean brightness."""
        around = _mean_around(patches, self._limits.averaged)
        if len(self._levels):
            n_pixels = self._n_around(patches.shape[-1])
            others = (n_pixels * around - patches) / (n_pixels - 1.0)
            return self._at_levels(others, patches)
        variance = 1.0 + self._slope * (around - self._brightness)
        return variance.clamp_min(NOISE_LIMITS.strength.least_share)

    def _n_around(self, side: int) -> Tensor:
        """Return how many pixels of a patch (P, P) the square around each has."""
        reach = self._limits.averaged // 2
        places = torch.arange(side, device=self.device)
        along = (places + reach).clamp_max(side - 1) - (places - reach).clamp_min(0) + 1
        return along[:, None] * along[None, :]

    def _at_levels(self, others: Tensor, patches: Tensor) -> Tensor:
        """Return the variance (B, C, P, P) of pixels with some brightness around them."""
        bright, variance = self._levels.T.contiguous()
        above = torch.searchsorted(bright, others.contiguous()).clamp(1, len(bright) - 1)
        low, high = bright[above - 1], bright[above]
        width = (high - low).clamp_min(torch.finfo(high.dtype).tiny)  # one level has none
        share = ((others - low) / width).clamp(0.0, 1.0)
        at_others = torch.lerp(variance[above - 1], variance[above], share)
        at_others += self._growth * (others - bright[-1]).clamp_min(0.0)
        least = NOISE_LIMITS.strength.least_share * at_others
        return torch.maximum(at_others + self._own * (patches - others), least)


def _mean_around(patches: Tensor, side: int) -> Tensor:
    """Return the mean (B, C, P, P) of a square around each pixel, of what of it is in the patch."""
    return functional.avg_pool2d(
        patches, side, stride=1, padding=side // 2, count_include_pad=False
    )


def _within(values: NDArray[np.float64], kernel: Kernel) -> NDArray[np.float64]:
    """Return ``values`` (C, H, W) with zeros outside of a kernel of C slices."""
    kept = np.zeros_like(values)
    center = np.array(center_of(values))
    kept[center_of(values)] = values[center_of(values)]
    for offset in kernel.offsets:
        if (np.abs(offset) <= center).all():
            at = tuple(center + offset)
            kept[at] = values[at]
    return kept
