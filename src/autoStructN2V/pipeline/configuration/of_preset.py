"""What a preset governs, and whether a configuration still has its values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoStructN2V.pipeline.configuration.models import PipelineConfig, validate_config
from autoStructN2V.trainers.config import ScheduleConfig

if TYPE_CHECKING:
    from autoStructN2V.vocabulary import PresetName

_GOVERNED = {"n2v", "stage1", "stage2", "head_start", *ScheduleConfig.model_fields}
_KERNEL_SOURCE = ("mask_source", "mask_file_path")


def with_preset(config: PipelineConfig, preset: PresetName) -> PipelineConfig:
    """Return a configuration with all parameters of training as the preset has them.

    What is trained, on what, where and with which kernel stays.
    """
    kept = {name: value for name, value in config.model_dump().items() if name not in _GOVERNED}
    kernel = {name: config.stage2[name] for name in _KERNEL_SOURCE}
    return validate_config({**kept, "preset": preset, "stage2": kernel})


def is_modified(config: PipelineConfig) -> bool:
    """Tell whether a parameter differs from the preset."""
    return config != with_preset(config, config.preset)
