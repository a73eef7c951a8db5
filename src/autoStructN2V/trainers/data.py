"""What a stage trains on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from autoStructN2V.datasets.patches import PatchBank
    from autoStructN2V.datasets.splitting import Split
    from autoStructN2V.masking.kernels.kernel import Kernel
    from autoStructN2V.masking.recorruption import NoiseSampler


@dataclass(frozen=True)
class RefinementPlan:
    """Training without blind spots, after that with them.

    Attributes
    ----------
    noise : NoiseSampler
        Draws noise like the measured one.
    share : float
        Share of the epochs, the last ones.
    tolerance : float
        By how much hidden pixels may be predicted worse than before, relative to their error.
    at_once : bool
        Whether it begins before the first epoch, with the weights of a model that is refined.
    evening : float
        By how much the noise is stronger, in its variance, in slices that are brought to the same
        brightness than as it was measured.
    """

    noise: NoiseSampler
    share: float
    tolerance: float = 0.0
    at_once: bool = False
    evening: float = 1.0


@dataclass
class TrainingData:
    """What a stage trains on.

    Attributes
    ----------
    bank : PatchBank
        Normalized pixels on the training device.
    split : Split
        Where patches of each part may start.
    kernel : Kernel
        Pixels hidden around each target.
    refinement : RefinementPlan or None
        How to go on without hiding pixels, if at all.
    """

    bank: PatchBank
    split: Split
    kernel: Kernel
    refinement: RefinementPlan | None = None

    def n_hidden_epochs(self, n_epochs: int) -> int:
        """Return how many of ``n_epochs`` hide pixels; at least one, unless it goes on refined."""
        if self.refinement is not None and self.refinement.at_once:
            return 0
        share = 0.0 if self.refinement is None else self.refinement.share
        return max(1, n_epochs - round(share * n_epochs))
