"""The network, its parameters and the device it runs on."""

from autoStructN2V.models.config import FrozenConfig, NetworkConfig
from autoStructN2V.models.device import DeviceName, choose_device, is_out_of_memory
from autoStructN2V.models.unet import FlexibleUNet

__all__ = [
    "DeviceName",
    "FlexibleUNet",
    "FrozenConfig",
    "NetworkConfig",
    "choose_device",
    "is_out_of_memory",
]
