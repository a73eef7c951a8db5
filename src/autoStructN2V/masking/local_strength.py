"""How strong noise is at each pixel of patches, from what was measured of it.

Along a straight line over brightness, by levels of brightness, or by the pixel itself and those
around it, whichever is known best. Noise that is skewed, as of few photons, has a third moment,
and drawn noise is Gaussian. What a network gains by keeping some of the skewed noise is charged
only if the drawn noise is stronger at pixels that are brighter than those around them. With
variance v + c (y - m), where m is the mean around a pixel, the terms of third order in the mean
product of a smooth function of that pixel of y + a z with n - z / a are
E[n^3] - (2 - a^2) c E[n^2]: they vanish for one c, which the third moment gives. What a network
makes of products with pixels around is charged a little too much. Strength by pixels
(:mod:`.noise.strength.by_pixel`) charges functions of a pixel and of what is around it rightly to
all orders.

Shapes: B patches, C slices, P patch size, L levels, K knots.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch.nn import functional

from autoStructN2V.masking.limits import limit
from autoStructN2V.masking.noise.limits import NOISE_LIMITS
from autoStructN2V.masking.noise.strength.by_pixel import AROUND, REACH
from autoStructN2V.masking.noise.strength.levels import growth_beyond

if TYPE_CHECKING:
    from torch import Tensor

    from autoStructN2V.masking.noise.autocorrelation import Autocorrelation
    from autoStructN2V.masking.noise.strength.by_pixel import PixelStrength
    from autoStructN2V.masking.noise.strength.levels import Levels


@dataclass(frozen=True)
class LocalStrengthLimits:
    """How brightness is told where the strength of noise depends on it."""

    averaged: int = limit(
        5,
        unit="px, side of a square, odd, at least 3",
        separates="brightness, averaged over more, from the noise on it, averaged over less",
        source="of 1 to 17 px it draws shot noise on a line with the least error, "
        "benchmarks/limits.py",
    )


LOCAL_STRENGTH_LIMITS = LocalStrengthLimits()


class LocalStrength(Protocol):
    """Tell the variance of the noise (B, C, P, P) at each pixel of normalized noisy patches.

    It is relative to the variance at mean brightness.
    """

    def __call__(self, patches: Tensor) -> Tensor:
        """Return the variance (B, C, P, P) for patches (B, C, P, P)."""
        ...


def local_strength(
    noise: Autocorrelation,
    mean_and_std: tuple[float, float],
    device: torch.device,
    *,
    by_levels: bool,
    added: float,
    limits: LocalStrengthLimits = LOCAL_STRENGTH_LIMITS,
) -> LocalStrength:
    """Return what is known best of the strength of the noise at each pixel.

    Parameters
    ----------
    noise : Autocorrelation
        What was measured.
    mean_and_std : tuple of float
        Intensities that became 0, and by how much 1 is more, in the patches.
    device : torch.device
        Of the patches.
    by_levels : bool
        Whether the strength follows the measured levels of brightness, and not a straight line; or
        the pixels, where it is known by them.
    added : float
        Times the noise that is added to patches (a), for what is skewed.
    limits : LocalStrengthLimits
        How brightness is told.
    """
    if by_levels and noise.by_pixel is not None:
        return _ByPixel(noise, noise.by_pixel, mean_and_std, device, added)
    if by_levels and noise.levels:
        return _ByLevels(noise, mean_and_std, device, added, limits.averaged)
    return _OnLine(noise, mean_and_std, limits.averaged)


class _OnLine:
    """Strength that grows along a straight line over the mean around a pixel."""

    def __init__(
        self, noise: Autocorrelation, mean_and_std: tuple[float, float], averaged: int
    ) -> None:
        mean, std = mean_and_std
        self._slope = noise.variance_slope * std
        self._brightness = (noise.brightness - mean) / std
        self._averaged = averaged

    def __call__(self, patches: Tensor) -> Tensor:
        around = _mean_around(patches, self._averaged)
        variance = 1.0 + self._slope * (around - self._brightness)
        return variance.clamp_min(NOISE_LIMITS.strength.least_share)


class _Levels:
    """Variances on straight lines between levels of brightness, relative to that of the noise."""

    def __init__(
        self,
        levels: Levels,
        noise: Autocorrelation,
        mean_and_std: tuple[float, float],
        device: torch.device,
    ) -> None:
        mean, std = mean_and_std
        self.per_unit = std / noise.noise_variance  # relative variance for each unit
        self._growth = growth_beyond(levels) * self.per_unit
        known = (np.array(levels) - (mean, 0.0)) / (std, noise.noise_variance)
        rows = np.ascontiguousarray(known.T, np.float32)  # what is searched has to be contiguous
        self._bright, self._variance = torch.from_numpy(rows).to(device)

    def at(self, brightness: Tensor) -> tuple[Tensor, Tensor]:
        """Return the variance (B, C, P, P) at a brightness, and its place among the levels."""
        last = len(self._bright) - 1
        above = torch.searchsorted(self._bright, brightness.contiguous()).clamp(min(1, last), last)
        below = (above - 1).clamp_min(0)
        low = self._bright[below]
        width = self._bright[above] - low
        width = width.clamp_min(torch.finfo(width.dtype).tiny)  # one level has none
        share = ((brightness - low) / width).clamp(0.0, 1.0)
        variance = torch.lerp(self._variance[below], self._variance[above], share)
        variance += self._growth * (brightness - self._bright[-1]).clamp_min(0.0)
        return variance, below + share


class _ByLevels:
    """Strength by the mean around a pixel, and a line over the pixel itself where it is skewed."""

    def __init__(
        self,
        noise: Autocorrelation,
        mean_and_std: tuple[float, float],
        device: torch.device,
        added: float,
        averaged: int,
    ) -> None:
        self._levels = _Levels(noise.levels, noise, mean_and_std, device)
        self._own = noise.asymmetry / (2.0 - added**2) * self._levels.per_unit
        self._averaged = averaged

    def __call__(self, patches: Tensor) -> Tensor:
        around = _mean_around(patches, self._averaged)
        n_pixels = self._n_around(patches)
        others = (n_pixels * around - patches) / (n_pixels - 1.0)
        variance, _ = self._levels.at(others)
        least = NOISE_LIMITS.strength.least_share * variance
        return torch.maximum(variance + self._own * (patches - others), least)

    def _n_around(self, patches: Tensor) -> Tensor:
        """Return how many pixels of a patch (P, P) the square around each has."""
        reach, side = self._averaged // 2, patches.shape[-1]
        places = torch.arange(side, device=patches.device)
        along = (places + reach).clamp_max(side - 1) - (places - reach).clamp_min(0) + 1
        return along[:, None] * along[None, :]


class _ByPixel:
    """Strength by a pixel and the mean of those around it that are off its row and column."""

    def __init__(
        self,
        noise: Autocorrelation,
        known: PixelStrength,
        mean_and_std: tuple[float, float],
        device: torch.device,
        added: float,
    ) -> None:
        self._levels = _Levels(known.levels, noise, mean_and_std, device)
        self._last = max(1, len(known.levels) - 1)
        self._variance = noise.noise_variance / mean_and_std[1] ** 2
        shares = known.shares_for(added).astype(np.float32)
        self._shares = torch.from_numpy(shares).to(device)[None, None]

    def __call__(self, patches: Tensor) -> Tensor:
        planes = patches.reshape(-1, 1, *patches.shape[2:])
        around = _sum_off_axes(planes) / _sum_off_axes(torch.ones_like(planes[:1]))
        variance, place = self._levels.at(around)
        distance = (planes - around) / (variance * self._variance).sqrt()
        where = torch.stack(
            [torch.asinh(distance[:, 0]) / REACH, 2.0 * place[:, 0] / self._last - 1.0], dim=-1
        )
        shares = self._shares.expand(len(planes), -1, -1, -1)
        found = functional.grid_sample(shares, where, padding_mode="border", align_corners=True)
        return (variance * found).reshape(patches.shape)


def _sum_off_axes(planes: Tensor) -> Tensor:
    """Sum the pixels around each (B, 1, P, P) that are off its row and column, within the patch.

    A convolution would be rounded to 10 bits on a GPU.
    """
    side = 2 * AROUND + 1
    square, row, column = (
        functional.avg_pool2d(
            planes, shape, stride=1, padding=(shape[0] // 2, shape[1] // 2), divisor_override=1
        )
        for shape in ((side, side), (1, side), (side, 1))
    )
    return square - row - column + planes


def _mean_around(patches: Tensor, side: int) -> Tensor:
    """Return the mean (B, C, P, P) of a square around each pixel, of what of it is in the patch."""
    return functional.avg_pool2d(
        patches, side, stride=1, padding=side // 2, count_include_pad=False
    )
