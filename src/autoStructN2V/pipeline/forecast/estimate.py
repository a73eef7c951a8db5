"""How long a training will take and how much memory it needs, before it starts.

The time is the number of floating-point operations of all optimizer steps and predictions,
divided by the speed that the device reached in a short trial, plus what every step costs whatever
its size. Early stopping is not foreseen, so that the time is the most that a training takes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from autoStructN2V.datasets.splitting import split_patches
from autoStructN2V.inference.predictor import largest_window
from autoStructN2V.inference.tiling import plan_tiles
from autoStructN2V.masking.kernels.evidence import MOST_PIXELS
from autoStructN2V.models.config import NetworkConfig
from autoStructN2V.models.workers import n_workers, using_threads
from autoStructN2V.pipeline.forecast.device_speed import TYPICAL_SPEED, DeviceSpeed
from autoStructN2V.pipeline.forecast.network_cost import COST_OF_STEP, NetworkCost, network_cost
from autoStructN2V.pipeline.steps.judging import LARGEST_SIDE, MOST_WINDOWS
from autoStructN2V.pipeline.steps.training_data import N_TEST_PATCHES, bank_bytes
from autoStructN2V.quantities import about_text, memory_text
from autoStructN2V.trainers.config import LastStageConfig
from autoStructN2V.trainers.length import is_shortened, steps_in_epoch
from autoStructN2V.trainers.stepping.gradients import patches_at_work, patches_in_part
from autoStructN2V.trainers.validation import n_patches_worth

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import torch

    from autoStructN2V.datasets.splitting import Split
    from autoStructN2V.pipeline.configuration.models import PipelineConfig
    from autoStructN2V.trainers.config import StageConfig
    from autoStructN2V.vocabulary import Mode

Shape = tuple[int, int, int]

_WEIGHT_COPIES = 6  # weights, gradients, two moments of Adam, moving average, best so far
_SECONDS_PER_PARAMETER = 8e-9  # optimizer and moving average, one thread
_SECONDS_OF_MUON = 2e-8  # per parameter, on top of the above
_ORIENTATIONS = 4  # most that are averaged; the symmetries of a kernel may allow fewer
_FIRST_SECONDS = 3.5  # loading what trains, reading, measuring, however small the images
_SECONDS_PER_PIXEL = 1e-7  # of those that patterns and noise are measured on
_SECONDS_PER_CHECKED_PIXEL = 3e-8  # reading each, and looking for outliers
_BYTES_PER_MEASURED_PIXEL = 12
_BYTES_OF_LIBRARIES = 1.5e8  # that are loaded with the first training, and what they keep
_KEPT_IN_PREDICTION = 5.2  # of the first level: a skip connection, the two joined, and the next one
_BYTES = 4  # of a float32


@dataclass(frozen=True)
class Estimate:
    """Most time, and memory, that a training needs.

    Attributes
    ----------
    seconds : float
        Time of all stages without early stopping, denoising of the images included.
    n_bytes : int
        Memory on top of what the program and the images occupy already.
    device : str
        Device that was assumed.
    is_measured : bool
        Whether the speed of the device was measured, or a typical one assumed.
    may_stop_early : bool
        Whether early stopping can end the training before that time.
    passes : int
        How often the last stage looks at each pixel, where that is all it may (most_passes) and
        less than asked for; 0 where it is not.
    """

    seconds: float
    n_bytes: int
    device: str
    is_measured: bool
    may_stop_early: bool
    passes: int = 0

    def of_models(self, n: int) -> Estimate:
        """Return the estimate of as many such trainings, one after the other."""
        return replace(self, seconds=n * self.seconds)

    def sentence(self, device_name: str = "") -> str:
        """Say the estimate in a sentence.

        Parameters
        ----------
        device_name : str
            What to call the device; default: as PyTorch does, in capital letters.
        """
        duration = about_text(self.seconds)
        if self.may_stop_early and duration.startswith("about"):
            duration = f"at most {duration}"
        memory, device = memory_text(self.n_bytes), device_name or self.device.upper()
        said = f"Takes {duration} and {memory} of memory on {device}."
        if self.passes:
            said += (
                f" It looks at each pixel {self.passes} times, as often as it may (Most passes): "
                "more epochs or steps would not make it longer."
            )
        return said


def estimate_run(
    config: PipelineConfig,
    shapes: Sequence[Shape],
    device: torch.device,
    speed: DeviceSpeed | None = None,
    *,
    is_in_files: bool = False,
) -> Estimate:
    """Estimate time and memory of a training.

    Parameters
    ----------
    config : PipelineConfig
        What is to be trained.
    shapes : sequence of (z, y, x)
        Sizes of the stacks in pixels.
    device : torch.device
        Where it will be trained, see :func:`autoStructN2V.models.choose_device`.
    speed : DeviceSpeed, optional
        From :func:`measure_speed`; default: typical of the type of device.
    is_in_files : bool
        Whether results are written, and not kept in memory as well.
    """
    speed = speed or TYPICAL_SPEED.get(device.type, TYPICAL_SPEED["cpu"])
    splits = splits_of(config, shapes)
    with using_threads(config.threads):
        seconds = _seconds(config, shapes, splits, device, speed)
        n_bytes = _bytes(config, shapes, device)
    if not is_in_files:
        n_bytes += len(config.used_stages) * _BYTES * _n_pixels(shapes)
    early, passes = config.early_stopping, _passes(config, splits)
    return Estimate(seconds, int(n_bytes), device.type, speed.is_measured, early, passes)


def _seconds(
    config: PipelineConfig,
    shapes: Sequence[Shape],
    splits: Sequence[Split],
    device: torch.device,
    speed: DeviceSpeed,
) -> float:
    """Return the most time that all stages take together."""
    trained = config.trained_stages
    n_pixels = _n_pixels(shapes)
    measuring = _SECONDS_PER_PIXEL * min(n_pixels, MOST_PIXELS)
    checking = _SECONDS_PER_CHECKED_PIXEL * n_pixels
    seconds = speed.slowness * (_FIRST_SECONDS + checking + measuring)
    # each stage is tested on pixels held out, and two are compared there once more
    n_tests = 1 if len(config.used_stages) == 1 else 2
    for stage in config.used_stages:
        cost = network_cost(_network_config(stage), config.mode)
        is_averaged = isinstance(stage, LastStageConfig) and stage.averages_turns
        n_orientations = _ORIENTATIONS if is_averaged else 1
        for predicted in (shapes, [_judged(shapes)]):
            seconds += _prediction_seconds(cost, predicted, n_orientations, device, speed)
        flops_of_test = cost.flops_per_pixel * N_TEST_PATCHES * stage.patch_size**2
        seconds += n_tests * flops_of_test / speed.flops_per_second
        if stage in trained:
            n_steps = steps_in_epoch(stage, splits[trained.index(stage)], config.num_epochs)
            step = _step_seconds(cost, stage, device, speed)
            check = _validation_seconds(cost, stage, n_steps, speed)
            seconds += config.num_epochs * (n_steps * step + check)
    return seconds


def _judged(shapes: Sequence[Shape]) -> Shape:
    """Return the size of all that the results are judged on: a few squares, with noise twice."""
    side = min(LARGEST_SIDE, *(min(shape[1:]) for shape in shapes))
    return 2 * min(MOST_WINDOWS, sum(shape[0] for shape in shapes)), side, side


def _bytes(config: PipelineConfig, shapes: Sequence[Shape], device: torch.device) -> float:
    """Return the memory that is needed at the same time, but for results."""
    peaks: list[float] = [_BYTES_PER_MEASURED_PIXEL * min(_n_pixels(shapes), MOST_PIXELS)]
    for stage in config.used_stages:
        cost = network_cost(_network_config(stage), config.mode)
        weights = _BYTES * _WEIGHT_COPIES * cost.n_parameters
        peaks.append(weights + _prediction_bytes(cost, shapes, device))
        if stage in config.trained_stages:
            peaks.append(weights + _training_bytes(cost, stage, device))
    n_images = _BYTES * _n_pixels(shapes)
    bank = min(n_images, bank_bytes(config, device))
    return _BYTES_OF_LIBRARIES + bank + max(peaks)


def denoising_bytes(
    network: NetworkConfig, mode: Mode, shapes: Sequence[Shape], device: torch.device
) -> float:
    """Return the memory that applying a network needs, without the images and the results.

    Parameters
    ----------
    network : NetworkConfig
        Size of the network.
    mode : {"2D", "2.5D"}
        2.5D sees three slices.
    shapes : sequence of (z, y, x)
        Sizes of the stacks in pixels.
    device : torch.device
        Where it is applied.
    """
    cost = network_cost(network, mode)
    measured = _BYTES_PER_MEASURED_PIXEL * min(_n_pixels(shapes), MOST_PIXELS)
    predicted = 2 * _BYTES * cost.n_parameters + _prediction_bytes(cost, shapes, device)
    return _BYTES_OF_LIBRARIES + max(measured, predicted)


def splits_of(config: PipelineConfig, shapes: Sequence[Shape]) -> list[Split]:
    """Divide images of such sizes as the training of each stage does."""
    slices = dict(enumerate(shape[1:] for shape in shapes for _ in range(shape[0])))
    return [
        split_patches(
            slices, stage.patch_size, config.split_ratio, np.random.default_rng(config.random_seed)
        )
        for stage in config.trained_stages
    ]


def _passes(config: PipelineConfig, splits: Sequence[Split]) -> int:
    """Return how often the last stage looks at each pixel, if it is shortened to that; or 0."""
    if not splits:
        return 0
    last = config.trained_stages[-1]
    return last.most_passes if is_shortened(last, splits[-1], config.num_epochs) else 0


def _network_config(stage: StageConfig) -> NetworkConfig:
    values: dict[str, Any] = {name: stage[name] for name in NetworkConfig.model_fields}
    return NetworkConfig(**values)


def _n_pixels(shapes: Iterable[Shape]) -> int:
    return sum(math.prod(shape) for shape in shapes)


def _step_seconds(
    cost: NetworkCost, stage: StageConfig, device: torch.device, speed: DeviceSpeed
) -> float:
    in_part = patches_in_part(device, stage.features, stage.patch_size) or stage.batch_size
    n_parts = -(-stage.batch_size // in_part)
    n_flops = (
        COST_OF_STEP * cost.flops_per_pixel * stage.patch_size**2 * min(in_part, stage.batch_size)
    )
    per_parameter = _SECONDS_PER_PARAMETER
    if stage.optimizer == "muon":
        per_parameter += _SECONDS_OF_MUON
    update = cost.n_parameters * per_parameter if device.type == "cpu" else 0.0
    return speed.slowness * (speed.step_seconds + update) + speed.seconds(n_flops, n_parts)


def _validation_seconds(
    cost: NetworkCost, stage: StageConfig, n_steps: int, speed: DeviceSpeed
) -> float:
    n_pixels = n_patches_worth(n_steps * stage.batch_size) * stage.patch_size**2
    return cost.flops_per_pixel * n_pixels / speed.flops_per_second


def _prediction_seconds(
    cost: NetworkCost,
    shapes: Sequence[Shape],
    n_orientations: int,
    device: torch.device,
    speed: DeviceSpeed,
) -> float:
    windows = [(shape[0], _windows(shape[1:], cost, device)) for shape in shapes]
    n_windows = sum(n_slices * len(of_slice) for n_slices, of_slice in windows)
    n_pixels = sum(n_slices * sum(of_slice) for n_slices, of_slice in windows)
    flops_of_window = cost.flops_per_pixel * n_pixels / n_windows
    return speed.seconds(flops_of_window, n_orientations * n_windows)


def _windows(shape: tuple[int, int], cost: NetworkCost, device: torch.device) -> list[int]:
    """Return the pixels of each window in which a slice is predicted."""
    if device.type != "cpu":
        return [math.prod(shape)]
    tiles = plan_tiles(shape, largest_window(device, cost.features), cost.reach, cost.stride)
    return [
        (tile.window_y[1] - tile.window_y[0]) * (tile.window_x[1] - tile.window_x[0])
        for tile in tiles
    ]


def _prediction_bytes(cost: NetworkCost, shapes: Sequence[Shape], device: torch.device) -> float:
    largest = max(max(_windows(shape[1:], cost, device)) for shape in set(shapes))
    return _BYTES * _KEPT_IN_PREDICTION * cost.features * largest * n_workers(device)


def _training_bytes(cost: NetworkCost, stage: StageConfig, device: torch.device) -> float:
    at_work = patches_at_work(device, stage.features, stage.patch_size, stage.batch_size)
    n_pixels = at_work * stage.patch_size**2
    gradients = n_workers(device) * cost.n_parameters  # each worker has some of its own
    return _BYTES * (gradients + 1.5 * cost.kept_per_pixel * n_pixels)
