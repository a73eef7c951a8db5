"""The blind-spot loss."""

from typing import TYPE_CHECKING

from torch import Tensor

if TYPE_CHECKING:
    from autoStructN2V.trainers.batches import MaskedBatch


def masked_squared_error(prediction: Tensor, batch: "MaskedBatch") -> Tensor:
    """Return the mean squared error at the hidden kernel centers only.

    Parameters
    ----------
    prediction : Tensor, (B, 1, P, P)
        Output of the network for ``batch.seen``.
    batch : MaskedBatch
        Patches as measured, and where the kernels lie.

    Returns
    -------
    Tensor, scalar float32
        Normalized intensity squared; 0 when no kernel found a place.

    References
    ----------
    Krull, Buchholz, Jug: Noise2Void. CVPR (2019). doi:10.1109/CVPR.2019.00223
    """
    placement = batch.placement
    difference = placement.at_targets(prediction.float()) - placement.at_targets(batch.noisy)
    squared = difference.square() * placement.valid
    return squared.sum() / placement.valid.sum().clamp_min(1)
