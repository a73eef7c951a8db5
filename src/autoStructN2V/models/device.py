"""Choice of the device that computes."""

import torch

from autoStructN2V.errors import DeviceError
from autoStructN2V.vocabulary import DeviceName


def choose_device(name: DeviceName) -> torch.device:
    """Return the device of that name; ``auto`` takes the fastest one present.

    Raises
    ------
    DeviceError
        When a device is asked for that this computer does not have.
    """
    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return torch.device(next((d for d, is_there in present.items() if is_there), "cpu"))
    if not present.get(name, True):
        allowed = ", ".join(["auto", "cpu", *(d for d, is_there in present.items() if is_there)])
        raise DeviceError(
            f"Device {name!r} was asked for but PyTorch finds none on this computer; "
            f"available here: {allowed}."
        )
    return torch.device(name)


def is_out_of_memory(error: RuntimeError) -> bool:
    """Tell whether PyTorch ran out of memory, on any device."""
    # on the CPU and on MPS it is a plain RuntimeError, only its text tells
    said = ("can't allocate memory", "not enough memory", "out of memory")
    return isinstance(error, torch.OutOfMemoryError) or any(text in str(error) for text in said)
