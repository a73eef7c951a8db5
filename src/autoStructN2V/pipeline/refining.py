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

# of noise divided by its strength at each brightness: 0.36 in widefield images of FMD that gain on
# their coarser grid; 16 in a confocal one of less than a photon, which loses 1.6 dB on its own grid
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
        """Whether the strength follows levels of brightness, and not a line through the background.

        Only on a coarser grid: images of shot noise on their own grid lost by it (two-photon, FMD).
        """
        return self.is_coarse and bool(self.noise.levels)

    @property
    def reason_against(self) -> str | None:
        """Say why there can be no refinement, if so."""
        is_scaled = self.by_levels and self.noise.scaled_kurtosis < _MOST_KURTOSIS
        if not (self.noise.is_uniform_gaussian or is_scaled):
            return "The noise is not bell-shaped and equally strong everywhere"
        if not self.noise.is_strength_known:
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
