"""Gradients of the loss of a batch, computed in parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from autoStructN2V.models.workers import n_workers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from torch import Tensor

    from autoStructN2V.models.unet import FlexibleUNet
    from autoStructN2V.models.workers import Workers
    from autoStructN2V.trainers.batches import MaskedBatch, RecorruptedBatch

    Batch = MaskedBatch | RecorruptedBatch

_PART_COST = 32**2 * 64**2  # features^2 x pixels of a part: about 30 ms on one core


def patches_in_part(device: torch.device, features: int, patch_size: int) -> int | None:
    """Return how many patches a device computes at once; None for a whole batch.

    On a processor it does not depend on the number of cores, so that results do not either, and a
    training can be stopped soon.
    """
    if device.type != "cpu":
        return None
    return max(1, _PART_COST // (features**2 * patch_size**2))


def patches_at_work(device: torch.device, features: int, patch_size: int, batch_size: int) -> int:
    """Return of how many patches a device holds all values at the same time."""
    in_part = patches_in_part(device, features, patch_size) or batch_size
    return min(batch_size, n_workers(device) * in_part)


class Gradients:
    """Compute loss and gradients of batches.

    Parameters
    ----------
    network : FlexibleUNet
        Network that is trained, on its device.
    scaler : torch.amp.GradScaler
        Of the optimization; disabled where gradients need no scaling.
    precision : torch.dtype
        Of the convolutions.
    patch_size : int
        Side of the patches in pixels.
    """

    def __init__(
        self,
        network: FlexibleUNet,
        scaler: torch.amp.GradScaler,
        precision: torch.dtype,
        patch_size: int,
    ) -> None:
        self._network = network
        self._scaler = scaler
        self._precision = precision
        self._weights = list(network.parameters())
        self._device = self._weights[0].device
        self._in_part = patches_in_part(self._device, network.config.features, patch_size)

    def set_from(
        self,
        batch: Batch,
        workers: Workers,
        should_stop: Callable[[], bool],
    ) -> Tensor | None:
        """Give every weight the gradient of the mean loss of a batch; return that loss.

        Parts are summed in their order, whichever is ready first. ``should_stop`` is asked after
        each; None if it ended the work.
        """
        n_compared = batch.n_compared.clamp_min(1)

        def of_part(part: Batch) -> tuple[Tensor, Sequence[Tensor]]:
            return self._of_part(part, part.n_compared / n_compared)

        loss = torch.zeros((), device=self._device)
        parts: Iterator[Batch] = batch.parts(self._in_part or len(batch.seen))
        for weight in self._weights:
            weight.grad = None
        for part_loss, gradients in workers.map(of_part, parts):
            if should_stop():
                return None
            loss += part_loss
            self._add(gradients)
        return loss

    def _of_part(self, part: Batch, share: Tensor) -> tuple[Tensor, Sequence[Tensor]]:
        """Return the loss of a part times its share of the batch, and the scaled gradients."""
        is_mixed = self._precision != torch.float32
        with torch.autocast(self._device.type, self._precision, enabled=is_mixed):
            prediction = self._network(part.seen)
        loss = share * part.loss(prediction)
        scaled: Tensor = self._scaler.scale(loss)
        return loss.detach(), torch.autograd.grad(scaled, self._weights)

    def _add(self, gradients: Sequence[Tensor]) -> None:
        for weight, gradient in zip(self._weights, gradients, strict=True):
            weight.grad = gradient if weight.grad is None else weight.grad.add_(gradient)
