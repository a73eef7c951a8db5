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
from autoStructN2V.pipeline.steps.training_data import bank_bytes
from autoStructN2V.quantities import about_text
from autoStructN2V.trainers.config import LastStageConfig
from autoStructN2V.trainers.gradients import patches_at_work, patches_in_part
from autoStructN2V.trainers.validation import n_patches_worth

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import torch

    from autoStructN2V.pipeline.configuration.models import PipelineConfig
    from autoStructN2V.trainers.config import StageConfig

Shape = tuple[int, int, int]

_WEIGHT_COPIES = 6  # weights, gradients, two moments of Adam, moving average, best so far
_SECONDS_PER_PARAMETER = 8e-9  # optimizer and moving average, one thread
_SECONDS_OF_MUON = 2e-8  # per parameter, on top of the above
_ORIENTATIONS = 4  # most that are averaged; the symmetries of a kernel may allow fewer
_FIRST_SECONDS = 1.5  # reading, measuring, warming up, however small the images
_SECONDS_PER_PIXEL = 1e-7  # checking, normalizing and measuring the noise
_BYTES_PER_MEASURED_PIXEL = 12
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
    """

    seconds: float
    n_bytes: int
    device: str
    is_measured: bool
    may_stop_early: bool

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
        memory = "less than 0.1 GB" if self.n_bytes < 1e8 else f"{self.n_bytes / 1e9:.1f} GB"
        return f"Takes {duration} and {memory} of memory on {device_name or self.device.upper()}."


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
    with using_threads(config.threads):
        return _estimate(config, shapes, device, speed, is_in_files=is_in_files)


def _estimate(
    config: PipelineConfig,
    shapes: Sequence[Shape],
    device: torch.device,
    speed: DeviceSpeed,
    *,
    is_in_files: bool,
) -> Estimate:
    trained = config.trained_stages
    n_measured = min(_n_pixels(shapes), MOST_PIXELS)
    seconds = _FIRST_SECONDS + _SECONDS_PER_PIXEL * n_measured
    peaks: list[float] = [_BYTES_PER_MEASURED_PIXEL * n_measured]
    for stage in config.used_stages:
        cost = network_cost(_network_config(stage), config.mode)
        is_averaged = isinstance(stage, LastStageConfig) and stage.averages_turns
        n_orientations = _ORIENTATIONS if is_averaged else 1
        seconds += _prediction_seconds(cost, shapes, n_orientations, device, speed)
        peaks.append(_prediction_bytes(cost, shapes, device))
        if stage in trained:
            n_steps = steps_per_epoch(stage, config, shapes)
            step = _step_seconds(cost, stage, device, speed)
            check = _validation_seconds(cost, stage, n_steps, speed)
            seconds += config.num_epochs * (n_steps * step + check)
            peaks.append(_training_bytes(cost, stage, device))
    n_images = _BYTES * _n_pixels(shapes)
    bank = min(n_images, bank_bytes(config, device))
    # every stage keeps a denoised copy of the images
    kept = 0 if is_in_files else len(config.used_stages) * n_images
    n_bytes = bank + kept + max(peaks)
    return Estimate(seconds, int(n_bytes), device.type, speed.is_measured, config.early_stopping)


def steps_per_epoch(stage: StageConfig, config: PipelineConfig, shapes: Sequence[Shape]) -> int:
    """Return the number of optimizer steps in one epoch of a stage."""
    if stage.steps_per_epoch:
        return stage.steps_per_epoch
    slices = dict(enumerate(shape[1:] for shape in shapes for _ in range(shape[0])))
    generator = np.random.default_rng(config.random_seed)
    split = split_patches(slices, stage.patch_size, config.split_ratio, generator)
    n_slices = len(np.unique(split.training.rectangles[:, 0]))
    return max(1, n_slices * stage.patches_per_image // stage.batch_size)


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
    return speed.step_seconds + update + speed.seconds(n_flops, n_parts)


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
    # a skip connection, the two joined, and the next one live at the same time
    return _BYTES * 4 * cost.features * largest * n_workers(device)


def _training_bytes(cost: NetworkCost, stage: StageConfig, device: torch.device) -> float:
    at_work = patches_at_work(device, stage.features, stage.patch_size, stage.batch_size)
    n_pixels = at_work * stage.patch_size**2
    n_copies = _WEIGHT_COPIES + n_workers(device)  # each worker has gradients of its own
    return _BYTES * (n_copies * cost.n_parameters + 1.5 * cost.kept_per_pixel * n_pixels)
