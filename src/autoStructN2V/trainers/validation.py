"""Validation with the loss of the training, on fixed patches with fixed blind spots.

Unmasked validation would reward copying the noise; the masked loss cannot be won by the identity.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from autoStructN2V.masking.placement import KernelPlacer
from autoStructN2V.masking.replacement import fill_radius, replace_hidden
from autoStructN2V.trainers.loss import masked_squared_error

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import nn

    from autoStructN2V.datasets.patches import PatchBank, PatchRegion
    from autoStructN2V.trainers.config import StageConfig

_N_BATCHES = 4
_BATCH_SIZE = 8
_SEED_OFFSET = 104_729  # validation draws differ from the training's


class MaskedValidation:
    """Fixed patches, their blind spots and what the network sees of them.

    Parameters
    ----------
    bank : PatchBank
        Normalized pixels.
    region : PatchRegion
        Where the patches may start; not where training patches do.
    kernel : (1 or 3, h, w) bool
        Pixels hidden around each target.
    config : StageConfig
        Patch size, mask percentage and masking strategy.
    seed : int
        Seed of the fixed draws.
    """

    def __init__(
        self,
        bank: PatchBank,
        region: PatchRegion,
        kernel: NDArray[np.bool_],
        config: StageConfig,
        seed: int,
    ) -> None:
        generator = torch.Generator(bank.device).manual_seed(seed + _SEED_OFFSET)
        placer = KernelPlacer(kernel, config.patch_size, config.mask_percentage, bank.device)
        radius = fill_radius(kernel)
        self._batches = []
        for _ in range(_N_BATCHES):
            corners = region.sample(_BATCH_SIZE, generator, bank.device)
            patches = bank.cut(corners, config.patch_size)
            placement = placer(len(patches), generator)
            seen = replace_hidden(
                patches, placement.hidden, config.masking_strategy, radius, generator
            )
            center = patches.shape[1] // 2
            seen = seen.contiguous(memory_format=torch.channels_last)
            self._batches.append((seen, patches[:, center : center + 1], placement))

    @torch.inference_mode()
    def loss(self, network: nn.Module) -> float:
        """Return the masked mean squared error of ``network``, normalized intensity squared."""
        network.eval()
        losses = [
            masked_squared_error(network(seen), noisy, placement)
            for seen, noisy, placement in self._batches
        ]
        return float(torch.stack(losses).mean())
