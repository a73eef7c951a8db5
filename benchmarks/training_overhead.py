"""What a training step costs beyond the network itself.

Compares the whole training loop (drawing patches, hiding and filling pixels, forward, backward,
optimizer, weight averaging, events, validation) with bare steps: forward, backward and the
optimizer of the same network on one fixed batch with the same loss. Both run alternately in one
process, so that a machine whose speed drifts does not matter. The target is a ratio of at most
1.05. The last columns say how much of it drawing, averaging and validation take, as shares of a
bare step.
"""

from __future__ import annotations

import argparse
import itertools
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.optim.swa_utils import get_ema_multi_avg_fn

from autoStructN2V.datasets import ArraySource, Normalization, load_patch_bank, split_patches
from autoStructN2V.masking import Kernel
from autoStructN2V.trainers import (
    BatchFinished,
    EpochFinished,
    ScheduleConfig,
    StageConfig,
    Trainer,
    TrainingData,
    build_network,
    masked_squared_error,
)
from autoStructN2V.trainers.batches import BatchSource
from autoStructN2V.trainers.stepping.optimizer import Optimization
from tables import (
    Clock,
    Table,
    add_clock_argument,
    add_common_arguments,
    clock_of,
    machine,
    seconds,
    use_threads,
    write_report,
)

if TYPE_CHECKING:
    from collections.abc import Callable


_STACK_SHAPE = (16, 256, 256)
_PLAIN = Normalization(0.0, 1.0, -3.0, 3.0, 0.0, 0.67, 1.0)
_N_TIMED = 5
_MOST_STEPS = 100_000  # of which a benchmark makes a few
_COLUMNS = ["features", "batch", "patch", "kernel", "bare ms", "loop ms", "ratio"]
_COLUMNS += ["drawing", "averaging", "validation"]


def kernel_of(text: str) -> Kernel:
    """Read a full kernel from its height and width, ``1x11``, and slices if any, ``3x1x11``."""
    sides = [int(side) for side in text.split("x")]
    if len(sides) not in (2, 3) or any(side % 2 == 0 for side in sides):
        raise argparse.ArgumentTypeError(f"{text!r}: give odd sides, as 1x11 or 3x1x11")
    return Kernel(np.ones([1] * (3 - len(sides)) + sides, bool))


def training_data(config: StageConfig, kernel: Kernel, device: torch.device) -> TrainingData:
    """Return noise to train on; its content does not matter for the time."""
    stack = np.random.default_rng(0).normal(size=_STACK_SHAPE).astype(np.float32)
    bank = load_patch_bank([ArraySource(stack)], _PLAIN, kernel.mode, device, 2**31)
    split = split_patches(
        bank.shapes, config.patch_size, (0.7, 0.15, 0.15), np.random.default_rng(0)
    )
    return TrainingData(bank, split, kernel)


def batch_source(data: TrainingData, config: StageConfig) -> BatchSource:
    generator = torch.Generator(data.bank.device).manual_seed(0)
    return BatchSource(data.bank, data.split.training, data.kernel, config, generator)


def bare_step(data: TrainingData, config: StageConfig) -> Callable[[], None]:
    """Return a function that makes one step of a network on a fixed batch."""
    network = build_network(config, data.kernel.n_slices, seed=0).placed_on(data.bank.device)
    scaler = torch.amp.GradScaler(data.bank.device.type, enabled=False)
    optimization = Optimization(network, config, _MOST_STEPS, scaler)
    batch = batch_source(data, config).draw(config.batch_size)

    def step() -> None:
        network.zero_grad()
        masked_squared_error(network(batch.seen), batch).backward()  # type: ignore[no-untyped-call]
        optimization.step()

    return step


def trainer_of(data: TrainingData, config: StageConfig, n_epochs: int) -> Trainer:
    network = build_network(config, data.kernel.n_slices, seed=0).placed_on(data.bank.device)
    schedule = ScheduleConfig(num_epochs=n_epochs, early_stopping=False)
    return Trainer(network, data, config, schedule, stage=1, seed=0)


def compare(
    data: TrainingData, config: StageConfig, n_epochs: int, clock: Clock
) -> tuple[list[float], list[float]]:
    """Return the seconds per step of the loop and of bare steps, one value for each epoch.

    The loop pauses at each of its events, for as many bare steps as it has just made.
    """
    events = trainer_of(data, config, n_epochs + 1).run(lambda: False)
    step = bare_step(data, config)
    whole: list[float] = []
    bare: list[float] = []
    spent_whole = spent_bare = 0.0
    n_done = 0
    while len(whole) <= n_epochs:
        start = clock()
        event = next(events)
        spent_whole += clock() - start
        if isinstance(event, BatchFinished):
            spent_bare += seconds(step, clock, n=event.step - n_done)
            n_done = event.step
        elif isinstance(event, EpochFinished):
            whole.append(spent_whole / n_done)
            bare.append(spent_bare / n_done)
            spent_whole, spent_bare, n_done = 0.0, 0.0, 0
    return whole[1:], bare[1:]  # the first epoch warms up


def cost_of_parts(data: TrainingData, config: StageConfig, clock: Clock) -> dict[str, float]:
    """Return the seconds per step of what the loop does beyond bare steps."""
    source = batch_source(data, config)
    network = build_network(config, data.kernel.n_slices, seed=0).placed_on(data.bank.device)
    validation = trainer_of(data, config, 1).validation
    average = get_ema_multi_avg_fn(0.99)  # type: ignore[no-untyped-call]
    weights = list(network.parameters())
    averaged = [weight.detach().clone() for weight in weights]
    parts: dict[str, Callable[[], object]] = {
        "drawing": lambda: source.draw(config.batch_size),
        "averaging": lambda: average(averaged, weights, 0),
        "validation": lambda: validation.loss(network),
    }
    spent = {}
    for name, part in parts.items():
        part()
        spent[name] = median(seconds(part, clock) for _ in range(_N_TIMED))
    spent["validation"] /= config.steps_per_epoch
    return spent


def configurations(arguments: argparse.Namespace) -> list[StageConfig]:
    """Return one configuration for each combination of the arguments."""
    return [
        StageConfig(
            patch_size=patch,
            batch_size=batch,
            features=features,
            num_layers=arguments.layers,
            steps_per_epoch=arguments.steps,
            optimizer=arguments.optimizer,
        )
        for features, batch, patch in itertools.product(
            arguments.features, arguments.batch, arguments.patch
        )
    ]


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--features", type=int, nargs="+", default=[32], help="channels of the first level")
    add("--batch", type=int, nargs="+", default=[4], help="patches in a step")
    add("--patch", type=int, nargs="+", default=[64], help="side of a patch in pixels")
    add("--layers", type=int, default=2, help="levels of the network (default 2)")
    add(
        "--kernel",
        nargs="+",
        type=kernel_of,
        default=[kernel_of("1x1"), kernel_of("1x11")],
        help="height x width of the hidden pixels, or 3 x height x width for 2.5D "
        "(default 1x1 1x11)",
    )
    add("--optimizer", choices=["adam", "muon"], default="muon", help="default muon")
    add("--steps", type=int, default=60, help="steps in an epoch, which ends with a validation")
    add("--epochs", type=int, default=3, help="timed epochs; their median counts")
    add("--device", default="cpu", choices=["cpu", "cuda", "mps"])
    add_clock_argument(parser)
    add_common_arguments(parser)
    return parser.parse_args()


def measure(config: StageConfig, kernel: Kernel, arguments: argparse.Namespace) -> dict[str, Any]:
    """Return sizes and figures of one row."""
    clock = clock_of(arguments.clock)
    data = training_data(config, kernel, torch.device(arguments.device))
    whole, bare = compare(data, config, arguments.epochs, clock)
    parts = cost_of_parts(data, config, clock)
    return {
        "features": config.features,
        "batch": config.batch_size,
        "patch": config.patch_size,
        "kernel": "x".join(str(side) for side in kernel.cells.shape),
        "bare_s": median(bare),
        "whole_s": median(whole),
        "ratio": median(a / b for a, b in zip(whole, bare, strict=True)),
        **{name: spent / median(bare) for name, spent in parts.items()},
    }


def cells_of(row: dict[str, Any]) -> list[str]:
    sizes = [str(row[name]) for name in ("features", "batch", "patch", "kernel")]
    times = [f"{1e3 * row[name]:.1f}" for name in ("bare_s", "whole_s")]
    shares = [f"{row[name]:.3f}" for name in ("ratio", "drawing", "averaging", "validation")]
    return sizes + times + shares


def main() -> None:
    arguments = read_arguments()
    use_threads(arguments.threads)
    table = Table(_COLUMNS)
    for config, kernel in itertools.product(configurations(arguments), arguments.kernel):
        row = measure(config, kernel, arguments)
        table.add(cells_of(row), row)
    settings = {"steps": arguments.steps, "layers": arguments.layers, "clock": arguments.clock}
    report = {"machine": machine(arguments.device), "settings": settings, "rows": table.rows}
    write_report(arguments.json, report)


if __name__ == "__main__":
    main()
