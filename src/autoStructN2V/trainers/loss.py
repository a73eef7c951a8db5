"""The blind-spot loss."""

from typing import TYPE_CHECKING

from torch import Tensor

if TYPE_CHECKING:
    from autoStructN2V.masking.placement import Placement


def masked_squared_error(prediction: Tensor, noisy: Tensor, placement: "Placement") -> Tensor:
    """Return the mean squared error at the hidden kernel centers only.

    Parameters
    ----------
    prediction : Tensor, (B, 1, H, W)
        Output of the network for patches with hidden pixels.
    noisy : Tensor, (B, 1, H, W)
        The same patches as measured.
    placement : Placement
        Where the kernels lie.

    Returns
    -------
    Tensor, scalar float32

    References
    ----------
    Krull, Buchholz, Jug: Noise2Void. CVPR (2019). doi:10.1109/CVPR.2019.00223
    """
    difference = placement.at_targets(prediction.float()) - placement.at_targets(noisy)
    squared = difference.square() * placement.valid
    return squared.sum() / placement.valid.sum().clamp_min(1)
