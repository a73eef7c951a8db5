"""What it gains to record a step of training on a CUDA device and to repeat it as one graph.

A step of a small network is a thousand operations of a few microseconds each, and a program takes
longer to ask for them than the device to compute them. This makes the same steps both ways: drawing
a batch, hiding pixels, forward, backward, optimizers and the average of the weights, in mixed
precision. It is a trial: the training asks for every operation (docs/decisions.md says why).
Without a CUDA device only the steps that are asked for are timed, in float32.
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, Any

import torch
from torch.optim.swa_utils import get_ema_multi_avg_fn

from autoStructN2V.trainers import StageConfig, build_network
from autoStructN2V.trainers.stepping.optimizer import Muon, optimizers_of
from gpu import short_type
from tables import Table, add_common_arguments, machine, seconds, use_threads, write_report
from training_overhead import batch_source, kernel_of, training_data

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

_SIZES = [(32, 4), (64, 8), (64, 64)]  # features and batch: the presets, N2V, large
_SIZES_ON_CPU = _SIZES[:1]
_KERNEL = kernel_of("1x11")
_N_BEFORE = 5  # steps that warm up
_N_TIMED = {"cuda": 100, "cpu": 5}
_SHARE = 0.01  # of the newest weights in their average


class Steps:
    """Steps of one training, drawn from a generator of its own.

    Parameters
    ----------
    config : StageConfig
        Sizes of network and batch.
    device : torch.device
        Where they are computed.
    """

    def __init__(self, config: StageConfig, device: torch.device) -> None:
        self._config = config
        self._device = device
        self._source = batch_source(training_data(config, _KERNEL, device), config)
        self.generator = self._source._generator
        self._network = build_network(config, 1, seed=0).placed_on(device)
        self._weights = list(self._network.parameters())
        self._averaged = [weight.detach().clone() for weight in self._weights]
        self._average = get_ema_multi_avg_fn(1 - _SHARE)  # type: ignore[no-untyped-call]
        self._optimizers = [self._recordable(one) for one in optimizers_of(self._network, config)]

    def _recordable(self, optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
        """Return Adam as it counts steps on the device, and Muon as it is."""
        if isinstance(optimizer, Muon) or self._device.type == "cpu":
            return optimizer
        (group,) = optimizer.param_groups
        return torch.optim.Adam(group["params"], betas=group["betas"], fused=True, capturable=True)

    def make(self) -> Tensor:
        """Make a step and return its loss."""
        batch = self._source.draw(self._config.batch_size)
        kind, is_mixed = self._device.type, self._device.type == "cuda"
        with torch.autocast(kind, short_type(), enabled=is_mixed, cache_enabled=False):
            prediction = self._network(batch.seen)
        loss = batch.loss(prediction)
        gradients = torch.autograd.grad(loss, self._weights)
        for weight, gradient in zip(self._weights, gradients, strict=True):
            weight.grad = gradient
        for optimizer in self._optimizers:
            optimizer.step()
        self._average(self._averaged, self._weights, 0)
        return loss.detach()


def recorded(steps: Steps) -> tuple[Callable[[], None], Tensor]:
    """Record a step; return what repeats it, and the loss that each repetition writes."""
    beside = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    beside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(beside):
        for _ in range(_N_BEFORE):
            steps.make()
    torch.cuda.current_stream().wait_stream(beside)
    graph = torch.cuda.CUDAGraph()
    graph.register_generator_state(steps.generator)
    with torch.cuda.graph(graph):
        loss = steps.make()
    return graph.replay, loss


def milliseconds(step: Callable[[], object], device: str) -> float:
    """Return how long a step takes, after some that warm up."""
    n = _N_TIMED[device]
    seconds(step, time.perf_counter, _N_BEFORE)
    return 1e3 * seconds(step, time.perf_counter, n) / n


def measure(features: int, batch: int, device: str) -> dict[str, Any]:
    """Time both ways at one size."""
    config = StageConfig(features=features, batch_size=batch, optimizer="muon", learning_rate=5e-3)
    steps = Steps(config, torch.device(device))
    row: dict[str, Any] = {"features": features, "batch": batch}
    row["asked_ms"] = milliseconds(steps.make, device)
    if device == "cuda":
        repeat, loss = recorded(steps)
        row["recorded_ms"] = milliseconds(repeat, device)
        row["loss"] = float(loss)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_common_arguments(parser)
    arguments = parser.parse_args()
    use_threads(arguments.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    table = Table(["features", "batch", "asked for, ms", "recorded, ms"])
    for size in _SIZES if device == "cuda" else _SIZES_ON_CPU:
        row = measure(*size, device)
        times = [f"{row[name]:.1f}" if name in row else "-" for name in ("asked_ms", "recorded_ms")]
        table.add([*map(str, size), *times], row)
    write_report(arguments.json, {"machine": machine(device), "rows": table.rows})


if __name__ == "__main__":
    main()
