"""Validation with the loss of the training, on fixed patches with fixed blind spots.

Unmasked validation would reward copying the noise; the masked loss cannot be won by the identity.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from autoStructN2V.models.workers import Workers
from autoStructN2V.trainers.batches import BatchSource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

    from autoStructN2V.datasets.patches import PatchBank, PatchRegion
    from autoStructN2V.masking.kernels.kernel import Kernel
    from autoStructN2V.masking.recorruption import NoiseSampler
    from autoStructN2V.trainers.batches import MaskedBatch
    from autoStructN2V.trainers.config import StageConfig

_BATCH_SIZE = 8  # more at once would take more memory
_PATCHES_IN_PART = 2
_FEWEST_PATCHES, _MOST_PATCHES = 4, 16
_TRAINED_PER_VALIDATED = 20  # then a validation takes less than 2 % of the time of an epoch
_SEED_OFFSET = 104_729  # validation draws differ from the training's


def n_patches_worth(n_trained: int) -> int:
    """Return how many patches to validate after an epoch in which ``n_trained`` were seen."""
    return min(_MOST_PATCHES, max(_FEWEST_PATCHES, n_trained // _TRAINED_PER_VALIDATED))


class MaskedValidation:
    """Fixed patches, their blind spots and what the network sees of them.

    Parameters
    ----------
    bank : PatchBank
        Normalized pixels.
    region : PatchRegion
        Where the patches may start; not where training patches do.
    kernel : Kernel
        Pixels hidden around each target.
    config : StageConfig
        Patch size, mask percentage and masking strategy.
    seed : int
        Seed of the fixed draws.
    n_patches : int
        More take longer and vary less.
    """

    def __init__(
        self,
        bank: PatchBank,
        region: PatchRegion,
        kernel: Kernel,
        config: StageConfig,
        seed: int,
        n_patches: int = _MOST_PATCHES,
    ) -> None:
        self._device = bank.device
        generator = torch.Generator(bank.device).manual_seed(seed + _SEED_OFFSET)
        unturned = config.model_copy(update={"use_augmentation": False})
        source = BatchSource(bank, region, kernel, unturned, generator)
        starts = range(0, n_patches, _BATCH_SIZE)
        self._batches = [source.draw(min(_BATCH_SIZE, n_patches - start)) for start in starts]

    def noise_variance(self, noise: NoiseSampler) -> float:
        """Return the mean variance of the noise of the hidden pixels, normalized units squared."""
        return self._mean(
            [_mean_at_targets(noise.variance_at(batch.noisy), batch) for batch in self._batches]
        )

    def loss(self, network: nn.Module) -> float:
        """Return the masked mean squared error of ``network``, normalized intensity squared."""
        network.eval()
        with Workers(self._device) as workers:
            return self._mean(
                [batch.loss(_predicted(network, batch, workers)) for batch in self._batches]
            )

    def _mean(self, of_batches: Sequence[Tensor]) -> float:
        """Return the mean over all patches of means over those of each batch."""
        sizes = [len(batch.seen) for batch in self._batches]
        total = sum(n * mean for n, mean in zip(sizes, of_batches, strict=True))
        return float(total / sum(sizes))


def _mean_at_targets(values: Tensor, batch: MaskedBatch) -> Tensor:
    """Return the mean of values (B, 1, P, P) over the pixels that are compared."""
    placement = batch.placement
    return (placement.at_targets(values) * placement.valid).sum() / batch.n_compared.clamp_min(1)


def _predicted(network: nn.Module, batch: MaskedBatch, workers: Workers) -> Tensor:
    """Return the predictions of all patches, (B, 1, P, P)."""

    @torch.inference_mode()
    def predict(seen: Tensor) -> Tensor:
        prediction: Tensor = network(seen)
        return prediction

    is_cpu = batch.seen.device.type == "cpu"
    n_parts = -(-len(batch.seen) // _PATCHES_IN_PART) if is_cpu else 1
    return torch.cat(list(workers.map(predict, torch.chunk(batch.seen, n_parts))))
