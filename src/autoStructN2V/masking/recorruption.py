"""Noise like the measured one, to be added to images that are noisy already.

Add noise z of the same autocovariance as the noise n of an image y, times a small number: the
covariance of y + a z with y - z / a is then zero as far as noise goes, so that the one can be
predicted from the other without hiding anything. What lies beyond a kernel, too weak or too much to
be hidden, is noise as well, unless a person has taken it out. Where noise depends on brightness,
the drawn noise is as strong as the measured one is there.

Shapes: B patches, C slices, P patch size.

References
----------
Pang et al.: Recorrupted-to-Recorrupted. CVPR (2021). doi:10.1109/CVPR46437.2021.00208
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from autoStructN2V.masking.kernels.cells import center_of
from autoStructN2V.masking.local_strength import (
    LOCAL_STRENGTH_LIMITS,
    LocalStrengthLimits,
    local_strength,
)
from autoStructN2V.masking.noise.autocorrelation import MAX_LAG
from autoStructN2V.masking.noise.resolution import significant

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Generator, Tensor

    from autoStructN2V.datasets.images.matching import Scale
    from autoStructN2V.masking.kernels.kernel import Kernel
    from autoStructN2V.masking.noise.autocorrelation import Autocorrelation

_MARGIN = MAX_LAG + 1  # px: drawn noise is periodic, so a border wider than all lags is cut off
_LEAST_POWER = 1e-3  # relative to the mean: what no noise can have is lifted to this


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
        Whether the strength follows the measured levels of brightness or the pixels, and not a
        straight line.
    added : float
        Times the drawn noise that is added to patches (a), for noise that is skewed.
    limits : LocalStrengthLimits
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
        limits: LocalStrengthLimits = LOCAL_STRENGTH_LIMITS,
    ) -> None:
        self.variance = autocorrelation.noise_variance / mean_and_std[1] ** 2
        self._strength = local_strength(
            autocorrelation,
            mean_and_std,
            device,
            by_levels=by_levels,
            added=added,
            limits=limits,
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
            return inner * self._strength(patches).sqrt()
        drawn: Tensor = scale.gain * inner * self._strength(scale.before(patches)).sqrt()
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
        return self.variance * self._strength(patches)


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
