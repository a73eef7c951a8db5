"""How fast a device computes, from a short trial."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from functools import cache

import torch

from autoStructN2V.models.config import NetworkConfig
from autoStructN2V.models.unet import FlexibleUNet
from autoStructN2V.pipeline.forecast.network_cost import COST_OF_STEP, network_cost

_TRIAL_SECONDS = 0.1


@dataclass(frozen=True)
class DeviceSpeed:
    """What a device achieves.

    Attributes
    ----------
    flops_per_second : float
        Floating-point operations per second in training.
    step_seconds : float
        What every optimizer step costs, however small; not measured.
    is_measured : bool
        False for values that are merely typical of such a device.
    """

    flops_per_second: float
    step_seconds: float
    is_measured: bool = False


TYPICAL_SPEED = {
    "cpu": DeviceSpeed(1e11, 8e-3),
    "cuda": DeviceSpeed(1e13, 1e-2),
    "mps": DeviceSpeed(1e12, 2e-2),
}
"""Speeds to assume before one was measured, by type of device."""


@cache
def measure_speed(device: torch.device) -> DeviceSpeed:
    """Measure the speed of a device with a few small training steps; about 0.3 s.

    Later calls return the first result.
    """
    trial = _Trial(device, n_patches=2 if device.type == "cpu" else 32)
    typical = TYPICAL_SPEED.get(device.type, TYPICAL_SPEED["cpu"])
    return DeviceSpeed(trial.n_flops / trial.seconds(), typical.step_seconds, is_measured=True)


class _Trial:
    """Training steps of a small network."""

    def __init__(self, device: torch.device, n_patches: int) -> None:
        config = NetworkConfig(features=32, num_layers=2)
        shape = (n_patches, 1, 64, 64)
        self._device = device
        self._network = FlexibleUNet(config).placed_on(device)
        self._batch = torch.ones(shape, device=device).to(memory_format=torch.channels_last)
        cost = network_cost(config, "2D")
        self.n_flops = COST_OF_STEP * cost.flops_per_pixel * math.prod(shape)

    def seconds(self) -> float:
        """Return the time of the fastest of a few steps, after one that only warms up.

        The fastest, because other programs can only make a step slower.
        """
        self._step()
        best, end = self._step(), time.perf_counter() + _TRIAL_SECONDS
        while time.perf_counter() < end:
            best = min(best, self._step())
        return best

    def _step(self) -> float:
        start = time.perf_counter()
        is_cuda = self._device.type == "cuda"
        with torch.enable_grad(), torch.autocast(self._device.type, enabled=is_cuda):
            loss = self._network(self._batch).square().mean()
        loss.backward()
        if self._device.type != "cpu":
            next(self._network.parameters()).detach().sum().item()  # waits for the device
        return time.perf_counter() - start
