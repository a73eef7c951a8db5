"""What a CUDA device gains: one script for a machine that is there for a few minutes only.

Measures, one after the other and each only if it fits what is left of --budget:

training    the training loop on CUDA, in mixed precision and in float32, and on the CPU; also with
            every operation asked for one by one, instead of steps that are recorded and repeated
precision   quality and time of the preset fast, in mixed precision and in float32
denoising   pixels per second with a trained network, on CUDA and on the CPU
presets     each preset on 30 slices of 512 x 512; too long ones by a few epochs, extrapolated
cpu         the preset fast on the CPU, for comparison with the second part

*Peak* is what a product of two large matrices reaches on the same device in the same precision.
*float32* is what PyTorch makes of it: convolutions use TensorFloat-32 where the device has it.
Without a CUDA device the script says what it would do. --device cpu tries the script itself out.
"""

from __future__ import annotations

import argparse
import itertools
import time
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from statistics import mean
from typing import TYPE_CHECKING, Any, Literal
from unittest.mock import Mock, patch

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from autoStructN2V.datasets import ArraySource, Normalization, make_sample
from autoStructN2V.inference import Predictor, SliceFinished
from autoStructN2V.pipeline import (
    PRESETS,
    estimate_run,
    finish,
    measure_speed,
    pipeline_events,
    validate_config,
)
from autoStructN2V.trainers import BatchFinished, EpochFinished, StageConfig, build_network
from autoStructN2V.trainers.stepping.recorded import StepRecorder
from inference import network_of
from tables import Table, add_common_arguments, machine, use_threads, write_report
from tasks import make_task, psnr
from training_overhead import kernel_of, trainer_of, training_data

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from autoStructN2V.pipeline import PipelineResult
    from autoStructN2V.trainers import Event

    Image = NDArray[np.float32]
    Row = dict[str, Any]
    Precision = Literal["mixed", "float32"]
    Kind = tuple[str, Precision, bool]  # device, and whether steps are recorded

_PRECISIONS: tuple[Precision, ...] = ("mixed", "float32")
_SIZES = [(32, 4), (64, 2), (64, 8), (64, 64)]  # features and batch: fast, balanced, N2V, large
_SIZES_ON_CPU = _SIZES[:2]
_KERNEL = kernel_of("1x11")
_WARM_UP, _TIMED = 2.0, 3.0  # seconds of training
_STEPS_PER_EPOCH = 5000  # so many that no epoch ends, and is validated, meanwhile
_MATRIX = {"cuda": 8192, "cpu": 2048}
_N_PRODUCTS = 10
_TASKS = ("T2_hline", "T8_poisson")
_STACK_SHAPE = (30, 512, 512)
_MOST_OF_PRESET = 60.0  # seconds; longer ones are cut to a few epochs
_FEW_EPOCHS = {"documented": 2}
_EPOCHS_OTHERWISE = 4  # with refinement, whose epochs take longer
_SIDE = 2048
_SLICES = {"cuda": 10, "cpu": 1}
_FEATURES = (32, 64)
_IDENTITY = Normalization(0.0, 1.0, -3.0, 3.0, 0.0, 0.67, 1.0)


@dataclass
class Budget:
    """Seconds that the script may take, and what was left out because of that."""

    seconds: float
    skipped: list[str] = field(default_factory=list)
    _start: float = field(default_factory=time.perf_counter)

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return self.seconds - (time.perf_counter() - self._start)

    def allows(self, what: str, seconds: float) -> bool:
        """Tell whether there is time for something that takes about so many seconds."""
        if self.left >= seconds:
            return True
        self.skipped.append(what)
        print(f"left out: {what} (takes about {seconds:.0f} s, {max(0.0, self.left):.0f} s left)")
        return False

    def is_spent(self) -> bool:
        """Tell whether a run has to stop now."""
        return self.left <= 0.0


@dataclass(frozen=True)
class Part:
    """One of the measurements: what it does, about how long that takes, and how it is done."""

    what: str
    seconds: float
    measure: Callable[[str, Budget], list[Row]]


@contextmanager
def trained_in(precision: Precision) -> Iterator[None]:
    """Train as the program chooses, or without the 16-bit numbers that it chooses on CUDA."""
    if precision == "mixed":
        yield
        return
    without = Mock(side_effect=lambda *_, **__: nullcontext())
    with patch("torch.autocast", without):
        yield
    if not without.called:
        raise RuntimeError("The training no longer asks torch.autocast, so nothing was switched.")


@contextmanager
def asked_for(is_recorded: bool) -> Iterator[None]:
    """Record steps on CUDA as the program does, or ask for each of their operations."""
    if is_recorded:
        yield
        return
    never = Mock(side_effect=lambda _, step: step())
    with patch.object(StepRecorder, "make", never):  # a mock gets no self
        yield
    if not never.called:
        raise RuntimeError("The training no longer records its steps, so nothing was switched.")


def wait_for(device: str) -> None:
    """Wait until the device has done what it was told."""
    if device == "cuda":
        torch.cuda.synchronize()


def short_type() -> torch.dtype:
    """Return the 16-bit numbers that the device is made for, as the program chooses them."""
    is_old = torch.cuda.is_available() and not torch.cuda.is_bf16_supported()
    return torch.float16 if is_old else torch.bfloat16


def forget_memory(device: str) -> None:
    if device == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def peak_memory(device: str) -> float | None:
    """Return the most memory in bytes that PyTorch had on a CUDA device since it was forgotten."""
    return float(torch.cuda.max_memory_allocated()) if device == "cuda" else None


def peak_flops(device: str, precision: Precision) -> float:
    """Return the floating-point operations per second of a product of large matrices."""
    n = _MATRIX[device]
    kind = short_type() if precision == "mixed" else torch.float32
    matrix = torch.randn(n, n, device=device).to(kind)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")  # as convolutions
    for n_products in (2, _N_PRODUCTS):  # the first ones warm up
        wait_for(device)
        start = time.perf_counter()
        for _ in range(n_products):
            matrix @ matrix
        wait_for(device)
        seconds = time.perf_counter() - start
    torch.set_float32_matmul_precision(before)
    return 2.0 * n**3 * _N_PRODUCTS / seconds


def step_flops(config: StageConfig) -> float:
    """Return the floating-point operations of one optimizer step: forward and backward."""
    patch_of_zeros = torch.zeros(1, 1, config.patch_size, config.patch_size)
    network = build_network(config, 1, seed=0)
    with FlopCounterMode(display=False) as counter:
        network(patch_of_zeros).square().mean().backward()
    return float(counter.get_total_flops()) * config.batch_size


def steps_per_second(device: str, config: StageConfig) -> float:
    """Run the training loop for a few seconds, after some that warm up."""
    data = training_data(config, _KERNEL, torch.device(device))
    events = trainer_of(data, config, n_epochs=100).run(lambda: False)
    n_before = _steps_after(events, _WARM_UP)
    wait_for(device)
    start = time.perf_counter()
    n_after = _steps_after(events, _TIMED)
    wait_for(device)
    seconds = time.perf_counter() - start
    events.close()
    return (n_after - n_before) / seconds


def _steps_after(events: Iterator[Event], seconds: float) -> int:
    """Return how many steps were made in all, so many seconds later."""
    end = time.perf_counter() + seconds
    for event in events:
        if isinstance(event, BatchFinished) and time.perf_counter() >= end:
            return (event.epoch - 1) * event.n_steps + event.step
    raise RuntimeError("The training ended while it was timed.")


def training_row(kind: Kind, size: tuple[int, int], peak: float) -> Row:
    device, precision, is_recorded = kind
    features, batch = size
    config = StageConfig(
        features=features,
        batch_size=batch,
        steps_per_epoch=_STEPS_PER_EPOCH,
        optimizer="muon",
        learning_rate=5e-3,
    )
    forget_memory(device)
    with trained_in(precision), asked_for(is_recorded):
        steps = steps_per_second(device, config)
    flops = steps * step_flops(config)
    return {
        "device": device,
        "precision": precision,
        "is_recorded": is_recorded and device == "cuda",
        "features": features,
        "batch": batch,
        "steps_per_second": steps,
        "flops_per_second": flops,
        "share_of_peak": flops / peak,
        "peak_flops_per_second": peak,
        "memory_bytes": peak_memory(device),
    }


def measure_training(device: str, budget: Budget) -> list[Row]:
    """Compare devices and precisions at several sizes."""
    columns = ["device", "precision", "recorded", "features", "batch", "steps/s", "patches/s"]
    table = Table([*columns, "TFLOP/s", "of peak", "memory MB", "times CPU"])
    on_cpu: dict[tuple[int, int], float] = {}
    kinds: list[Kind] = [("cpu", "float32", True)]
    if device != "cpu":
        kinds += [(device, precision, True) for precision in _PRECISIONS]
        kinds += [(device, "mixed", False)]
    for kind in kinds:
        name, precision, is_recorded = kind
        peak = peak_flops(name, precision)
        for size in _SIZES_ON_CPU if name == "cpu" else _SIZES:
            how = f"{precision}, {'' if is_recorded else 'not recorded, '}"
            what = f"training on {name}, {how}{size[0]} features, batches of {size[1]}"
            if not budget.allows(what, _WARM_UP + _TIMED + 3.0):
                continue
            row = training_row(kind, size, peak)
            steps = row["steps_per_second"]
            on_cpu |= {size: steps} if name == "cpu" else {}
            row["times_cpu"] = steps / on_cpu[size] if size in on_cpu else None
            table.add(_training_cells(row), row)
    return table.rows


def _training_cells(row: Row) -> list[str]:
    steps = row["steps_per_second"]
    cells = [row["device"], row["precision"], "yes" if row["is_recorded"] else "no"]
    cells += [str(row["features"]), str(row["batch"])]
    cells += [f"{steps:.1f}", f"{steps * row['batch']:.0f}"]
    cells += [f"{row['flops_per_second'] / 1e12:.2f}", f"{100 * row['share_of_peak']:.0f} %"]
    return [*cells, _number(row["memory_bytes"], 1e-6), _number(row["times_cpu"])]


def _number(value: float | None, factor: float = 1.0) -> str:
    return "-" if value is None else f"{factor * value:.1f}"


@dataclass
class RunTimes:
    """Seconds of the epochs of each stage, collected from the events of a run."""

    epochs: dict[int, list[float]] = field(default_factory=dict)

    def __call__(self, event: object) -> None:
        """Note the end of an epoch."""
        if isinstance(event, EpochFinished):
            self.epochs.setdefault(event.stage, []).append(event.seconds)

    def typical(self, stage: int) -> float:
        """Return the mean of a stage without its first epoch, which warms up."""
        seconds = self.epochs.get(stage, [0.0])
        return mean(seconds[1:] or seconds)


def timed_run(
    noisy: Image, fields: Row, device: str, budget: Budget
) -> tuple[PipelineResult, RunTimes, Row]:
    """Run the pipeline until the budget is spent; return also its time and memory."""
    times = RunTimes()
    forget_memory(device)
    start = time.perf_counter()
    events = pipeline_events(noisy, {**fields, "device": device}, should_stop=budget.is_spent)
    result = finish(events, times)
    row = {
        "seconds": time.perf_counter() - start,
        "memory_bytes": peak_memory(device),
        "is_stopped": result.is_stopped,
    }
    return result, times, row


def scores(result: PipelineResult, clean: Image) -> Row:
    """Return the PSNR in dB of each stage that came to its end."""
    stages = {"stage1": result.stage1, "stage2": result.stage2}
    return {
        name: psnr(stage.denoised[0], clean) if stage and stage.denoised else None
        for name, stage in stages.items()
    }


def quality_rows(device: str, precisions: tuple[Precision, ...], budget: Budget) -> list[Row]:
    """Train with the preset fast on tasks with known truth."""
    table = Table(["task", "device", "precision", "stage 1 dB", "stage 2 dB", "seconds"])
    for name, precision in itertools.product(_TASKS, precisions):
        if not budget.allows(f"preset fast on {name}, {device}, {precision}", 25.0):
            continue
        task = make_task(name, seed=0)
        with trained_in(precision):
            result, _, row = timed_run(task["noisy"], {"preset": "fast"}, device, budget)
        row |= {"task": name, "device": device, "precision": precision}
        row |= scores(result, task["clean"])
        decibels = [_decibels(row[stage]) for stage in ("stage1", "stage2")]
        table.add([name, device, precision, *decibels, f"{row['seconds']:.1f}"], row)
    return table.rows


def _decibels(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def measure_precision(device: str, budget: Budget) -> list[Row]:
    """Compare the quality in mixed precision with that in float32."""
    return quality_rows(device, _PRECISIONS, budget)


def measure_on_cpu(device: str, budget: Budget) -> list[Row]:
    """Do the same on the CPU, in float32."""
    return quality_rows("cpu", ("float32",), budget)


def measure_denoising(device: str, budget: Budget) -> list[Row]:
    """Compare devices, precisions and widths of the network."""
    table = Table(["device", "precision", "features", "Mpx/s", "memory MB", "changed by"])
    kinds: list[tuple[str, Precision]] = [("cpu", "float32")]
    kinds += [(device, precision) for precision in _PRECISIONS[::-1] if device != "cpu"]
    exact: dict[int, Image] = {}
    for (kind, precision), features in itertools.product(kinds, _FEATURES):
        if not budget.allows(f"denoising on {kind}, {precision}, {features} features", 10.0):
            continue
        row, image = denoising_row(kind, precision, features)
        reference = exact.setdefault(features, image)
        row["change"] = float(np.std(image - reference) / np.std(reference))
        cells = [kind, precision, str(features), f"{row['pixels_per_second'] / 1e6:.1f}"]
        table.add([*cells, _number(row["memory_bytes"], 1e-6), f"{row['change']:.1e}"], row)
    return table.rows


def denoising_row(device: str, precision: Precision, features: int) -> tuple[Row, Image]:
    """Denoise a stack of noise; return the speed, and the first slice."""
    shape = (_SLICES[device], _SIDE, _SIDE)
    stack = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    predictor = Predictor(network_of(features, 2, device), _IDENTITY, "2D")
    forget_memory(device)
    with torch.autocast(device, short_type(), enabled=precision == "mixed"):
        first = _denoised(predictor, stack[:1])  # warms up
        start = time.perf_counter()
        _denoised(predictor, stack)
        seconds = time.perf_counter() - start
    row: Row = {"device": device, "precision": precision, "features": features}
    row |= {"pixels_per_second": stack.size / seconds, "memory_bytes": peak_memory(device)}
    return row, first


def _denoised(predictor: Predictor, stack: Image) -> Image:
    """Denoise a stack and return its last slice."""
    events = predictor.denoise(ArraySource(stack))
    return [event.image for event in events if isinstance(event, SliceFinished)][-1]


def measure_presets(device: str, budget: Budget) -> list[Row]:
    """Run each preset on the same stack, whole if it is short enough."""
    columns = ["preset", "epochs run", "of", "seconds", "whole training", "estimate before"]
    table = Table([*columns, "stage 1 dB", "stage 2 dB", "memory MB"])
    sample = make_sample("horizontal_lines", seed=0, shape=_STACK_SHAPE)
    for preset in PRESETS:
        if budget.allows(f"preset {preset} on {device}", _MOST_OF_PRESET / 2):
            row = preset_row(preset, sample.noisy, sample.clean, device, budget)
            table.add(_preset_cells(row), row)
    return table.rows


def preset_row(preset: str, noisy: Image, clean: Image, device: str, budget: Budget) -> Row:
    """Time a preset; where it takes too long, a few epochs of it."""
    config = validate_config({"preset": preset, "device": device})
    chosen = torch.device(device)
    estimate = estimate_run(config, [_STACK_SHAPE], chosen, measure_speed(chosen)).seconds
    n_epochs = config.num_epochs
    if estimate > min(_MOST_OF_PRESET, budget.left):
        n_epochs = min(n_epochs, _FEW_EPOCHS.get(preset, _EPOCHS_OTHERWISE))
    fields = {"preset": preset, "num_epochs": n_epochs}
    result, times, row = timed_run(noisy, fields, device, budget)
    an_epoch = sum(times.typical(stage) for stage in (1, 2))
    row |= {"preset": preset, "epochs": n_epochs, "of_epochs": config.num_epochs}
    row |= {"estimated_seconds": estimate, "epoch_seconds": times.epochs, **scores(result, clean)}
    whole = row["seconds"] + (config.num_epochs - n_epochs) * an_epoch
    return row | {"whole_seconds": None if row["is_stopped"] else whole}


def _preset_cells(row: Row) -> list[str]:
    is_part = row["epochs"] < row["of_epochs"]
    whole = "stopped"
    if row["whole_seconds"] is not None:
        whole = f"{row['whole_seconds']:.0f} s{', extrapolated' if is_part else ''}"
    cells = [row["preset"], str(row["epochs"]), str(row["of_epochs"]), f"{row['seconds']:.1f}"]
    cells += [whole, f"{row['estimated_seconds']:.0f} s"]
    cells += [_decibels(row[stage]) for stage in ("stage1", "stage2")]
    return [*cells, _number(row["memory_bytes"], 1e-6)]


PARTS = {
    "training": Part(
        "the training loop in mixed precision and float32, recorded and not, and on the CPU: steps "
        "per second, share of the peak, memory",
        85,
        measure_training,
    ),
    "precision": Part(
        f"the preset fast on {' and '.join(_TASKS)} in mixed precision and float32: PSNR, seconds",
        80,
        measure_precision,
    ),
    "denoising": Part(
        f"denoising of slices of {_SIDE} x {_SIDE} on CUDA and on the CPU: Mpx per second, memory",
        40,
        measure_denoising,
    ),
    "presets": Part(
        f"the presets {', '.join(PRESETS)} on {' x '.join(map(str, _STACK_SHAPE))}: seconds "
        "(extrapolated where too long), PSNR, memory",
        150,
        measure_presets,
    ),
    "cpu": Part("the preset fast on the same tasks on the CPU", 60, measure_on_cpu),
}


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--parts", nargs="+", choices=list(PARTS), default=list(PARTS), help="default: all")
    add("--budget", type=float, default=420.0, metavar="SECONDS", help="default 420")
    add("--device", choices=["cuda", "cpu"], default="cuda", help="cpu tries the script out")
    add_common_arguments(parser)
    return parser.parse_args()


def say_plan(arguments: argparse.Namespace) -> None:
    """Say what would be done on a machine with a CUDA device."""
    print("PyTorch finds no CUDA device here, so nothing is measured. On one, this script measures")
    for name in arguments.parts:
        print(f"- {name}: {PARTS[name].what}; about {PARTS[name].seconds:.0f} s")
    print(f"and leaves out what does not fit {arguments.budget:.0f} s.")


def main() -> None:
    arguments = read_arguments()
    if arguments.device == "cuda" and not torch.cuda.is_available():
        say_plan(arguments)
        return
    use_threads(arguments.threads)
    torch.zeros(1, device=arguments.device)  # starts the device
    budget = Budget(arguments.budget)
    report: Row = {"machine": machine(arguments.device), "budget": arguments.budget}
    for name in arguments.parts:
        print(f"\n{name}: {PARTS[name].what}")
        report[name] = PARTS[name].measure(arguments.device, budget)
        report |= {"skipped": budget.skipped, "seconds": budget.seconds - budget.left}
        write_report(arguments.json, report)  # after every part: the machine may be gone soon
    print(f"\n{report['seconds']:.0f} s in all")


if __name__ == "__main__":
    main()
