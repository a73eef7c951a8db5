"""A refusal before work that needs more memory than is free."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoStructN2V.errors import DeviceError
from autoStructN2V.memory import free_bytes
from autoStructN2V.quantities import memory_text

if TYPE_CHECKING:
    import torch


def require_memory(n_bytes: float, device: torch.device, what: str) -> None:
    """Refuse work that needs more memory than is free; a GPU makes smaller what does not fit.

    Parameters
    ----------
    n_bytes : float
        What it needs.
    device : torch.device
        Where the networks are.
    what : str
        The work, as the beginning of a sentence: "This training".

    Raises
    ------
    DeviceError
        With both numbers, and what to lower.
    """
    free = free_bytes()
    if device.type == "cpu" and n_bytes > free:
        raise DeviceError(
            f"{what} needs about {memory_text(n_bytes)} of memory on {device.type} and "
            f"{memory_text(free)} are free; lower features, patch_size or batch_size, take fewer "
            "or smaller images, or close other programs."
        )
