"""The losses: at hidden pixels, and at all pixels with noise added."""

from typing import TYPE_CHECKING

from torch import Tensor

from autoStructN2V.masking.noise.strength.by_pixel import ADDED

if TYPE_CHECKING:
    from autoStructN2V.trainers.batches import MaskedBatch, RecorruptedBatch

STRENGTH = ADDED
"""Drawn noise that is added, relative to the measured noise; the loss undoes what it adds."""


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


def recorrupted_error(prediction: Tensor, batch: "RecorruptedBatch") -> Tensor:
    """Return the error of predicting all pixels of patches to which noise was added.

    The square of the difference from the measured patch rewards keeping its noise; what that
    gains on average is seen from how the prediction follows the added noise, and is charged. What
    remains is the error of the signal plus the variance of the noise, as at hidden pixels.

    Parameters
    ----------
    prediction : Tensor, (B, 1, P, P)
        Output of the network for ``batch.seen``.
    batch : RecorruptedBatch
        Patches as measured, and the noise that was added.

    Returns
    -------
    Tensor, scalar float32
        Normalized intensity squared.

    References
    ----------
    Pang et al.: Recorrupted-to-Recorrupted. CVPR (2021). doi:10.1109/CVPR46437.2021.00208
    """
    prediction = prediction.float()
    followed = prediction * batch.drawn * (2 / STRENGTH)
    error = (prediction - batch.noisy).square() + followed
    if batch.valid is None:
        return error.mean()
    return (error * batch.valid).sum() / batch.valid.sum().clamp_min(1)
