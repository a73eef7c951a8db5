"""What a network makes of patches, in parts that are computed side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor, nn

    from autoStructN2V.models.workers import Workers

_PATCHES_IN_PART = 2


def predicted(network: nn.Module, seen: Tensor, workers: Workers) -> Tensor:
    """Return the predictions for all patches, without gradients.

    Parameters
    ----------
    network : Module
        To be applied as it is.
    seen : Tensor, (B, C, P, P) float32
        Normalized patches.
    workers : Workers
        Compute the parts.

    Returns
    -------
    Tensor, (B, 1, P, P) float32
    """

    @torch.inference_mode()
    def predict(part: Tensor) -> Tensor:
        prediction: Tensor = network(part)
        return prediction

    n_parts = -(-len(seen) // _PATCHES_IN_PART) if seen.device.type == "cpu" else 1
    return torch.cat(list(workers.map(predict, torch.chunk(seen, n_parts))))
