"""How fast a device computes, from a short trial."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from functools import cache

import torch

from autoStructN2V.models.config import NetworkConfig
from autoStructN2V.models.unet import FlexibleUNet
from autoStructN2V.models.workers import Workers, n_workers, using_threads
from autoStructN2V.pipeline.forecast.network_cost import COST_OF_STEP, network_cost

_TRIAL_SECONDS = 0.3
_PARTS_OF_EACH_WORKER = 2


@dataclass(frozen=True)
class DeviceSpeed:
    """What a device achieves.

    Attributes
    ----------
    flops_per_second : float
        Floating-point operations per second in training.
    step_seconds : float
        What every optimizer step costs, however small; not measured.
    n_at_once : int
        Parts of a batch that are computed side by side; fewer parts do not use all of the speed.
    slowness : float
        Seconds that pass while the program computes for one, 1 where nothing else runs; what is
        not counted in operations takes so much longer.
    is_measured : bool
        False for values that are merely typical of such a device.
    """

    flops_per_second: float
    step_seconds: float
    n_at_once: int = 1
    slowness: float = 1.0
    is_measured: bool = False

    def seconds(self, flops_of_part: float, n_parts: int) -> float:
        """Return how long equal parts take, of which the last may leave cores without work."""
        n_rounds = -(-n_parts // self.n_at_once)
        return n_rounds * self.n_at_once * flops_of_part / self.flops_per_second


TYPICAL_SPEED = {
    "cpu": DeviceSpeed(1e11, 8e-3),
    "cuda": DeviceSpeed(1e13, 2e-3),
    "mps": DeviceSpeed(1e12, 2e-2),
}
"""Speeds to assume before one was measured, by type of device."""


@cache
def measure_speed(device: torch.device, n_threads: int = 0) -> DeviceSpeed:
    """Measure the speed of a device with a few small training steps; about 0.5 s.

    It is what the device has to spare: other programs that run take part of it, now as later. A
    GPU is measured as if it was free. Later calls return the first result.

    Parameters
    ----------
    device : torch.device
        What to measure.
    n_threads : int
        See :func:`autoStructN2V.models.workers.using_threads`.
    """
    typical = TYPICAL_SPEED.get(device.type, TYPICAL_SPEED["cpu"])
    trial = _Trial(device, n_patches=1 if device.type == "cpu" else 32)
    with using_threads(n_threads):
        passed, computed = time.perf_counter(), time.process_time()
        flops, n_at_once = trial.flops_per_second(), n_workers(device)
        passed, computed = time.perf_counter() - passed, time.process_time() - computed
    is_shared = device.type == "cpu" and computed > 0.0
    slowness = max(1.0, passed * n_at_once / computed) if is_shared else 1.0
    return DeviceSpeed(flops, typical.step_seconds, n_at_once, slowness, is_measured=True)


class _Trial:
    """Training steps of a small network."""

    def __init__(self, device: torch.device, n_patches: int) -> None:
        config = NetworkConfig(features=32, num_layers=2)
        shape = (n_patches, 1, 64, 64)
        self._device = device
        self._network = FlexibleUNet(config).placed_on(device)
        self._batch = torch.ones(shape, device=device).to(memory_format=torch.channels_last)
        cost = network_cost(config, "2D")
        self._n_flops = COST_OF_STEP * cost.flops_per_pixel * math.prod(shape)

    def flops_per_second(self) -> float:
        """Return the speed of steps side by side, after some that only warm up."""
        n_parts = _PARTS_OF_EACH_WORKER * n_workers(self._device)
        with Workers(self._device) as workers:
            rounds = [self._seconds_of(workers, n_parts)]
            end = time.perf_counter() + _TRIAL_SECONDS
            while len(rounds) < 2 or time.perf_counter() < end:
                rounds.append(self._seconds_of(workers, n_parts))
        is_shared = self._device.type == "cpu"
        seconds = sum(rounds[1:]) / len(rounds[1:]) if is_shared else min(rounds[1:])
        return n_parts * self._n_flops / seconds

    def _seconds_of(self, workers: Workers, n_parts: int) -> float:
        start = time.perf_counter()
        for _ in workers.map(self._step, range(n_parts)):
            pass
        return time.perf_counter() - start

    def _step(self, part: int) -> None:
        is_cuda = self._device.type == "cuda"
        with torch.enable_grad(), torch.autocast(self._device.type, enabled=is_cuda):
            loss = self._network(self._batch).square().mean()
        gradients = torch.autograd.grad(loss, list(self._network.parameters()))
        if self._device.type != "cpu":
            gradients[0].sum().item()  # waits for the device
