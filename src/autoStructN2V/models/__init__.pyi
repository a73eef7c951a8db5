from .config import NetworkConfig
from .device import choose_device, is_out_of_memory
from .reexports import DeviceName, FrozenConfig
from .unet import FlexibleUNet

__all__ = [
    "DeviceName",
    "FlexibleUNet",
    "FrozenConfig",
    "NetworkConfig",
    "choose_device",
    "is_out_of_memory",
]
