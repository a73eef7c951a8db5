"""Whether noise is known well enough to train without hidden pixels, and how it is drawn then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from autoStructN2V.masking.recorruption import NoiseSampler
from autoStructN2V.trainers.data import RefinementPlan

if TYPE_CHECKING:
    import torch

    from autoStructN2V.masking.autocorrelation import Autocorrelation
    from autoStructN2V.masking.kernel import Kernel

# of noise divided by its strength at each brightness: shot noise of one photon has an excess of 1.
# 0.75 and 0.83 are images that are refined (FMD, two-photon mice, confocal BPAE), 16 one that loses
# 1.6 dB by it (FMD, confocal FISH); 1.1, 1.6 and more were not tried (clipped mitochondria, W2S)
_MOST_KURTOSIS = 1.0
_TOLERANCE = 0.05  # of the error at hidden pixels: that of single images varies by 3 % of itself


@dataclass(frozen=True)
class RefinementNoise:
    """What the refinement knows about the noise.

    Attributes
    ----------
    noise : Autocorrelation
        What was measured, on the grid that is worked on.
    kernel : (1 or 3, h, w) bool
        Offsets that are hidden.
    is_coarse : bool
        Whether the grid is coarser than that of the images: the noise was computed from what was
        measured on the finer one, and is known at all offsets.
    """

    noise: Autocorrelation
    kernel: Kernel
    is_coarse: bool

    @property
    def by_levels(self) -> bool:
        """Whether the strength is to follow the levels of brightness."""
        return bool(self.noise.levels) and (self.is_coarse or not self.noise.is_uniform_gaussian)

    @property
    def reason_against(self) -> str | None:
        """Say why there can be no refinement, if so."""
        is_alone = int(self.kernel.sum()) == 1
        is_bell_shaped = self.by_levels and self.noise.scaled_kurtosis < _MOST_KURTOSIS
        if not (self.noise.is_uniform_gaussian or is_bell_shaped):
            return "The noise is not bell-shaped at each brightness"
        if not (self.noise.is_strength_known or (self.by_levels and is_alone)):
            return "Noise and structure could not be told apart"
        return None

    def plan(
        self,
        share: float,
        mean_and_std: tuple[float, float],
        patch_size: int,
        device: torch.device,
    ) -> RefinementPlan:
        """Return the plan of a refinement.

        Parameters
        ----------
        share : float
            Of the epochs, the last ones.
        mean_and_std : tuple of float
            Intensities that become 0, and by how much 1 is more.
        patch_size : int
            Side of the patches in pixels.
        device : torch.device
            Of the training.
        """
        sampler = NoiseSampler(
            self.noise,
            self.kernel,
            mean_and_std,
            patch_size,
            device,
            beyond_kernel=self.is_coarse,
            by_levels=self.by_levels,
        )
        return RefinementPlan(sampler, share, _TOLERANCE if self.by_levels else 0.0)
