"""Changes of a configuration: each returns a new, complete and valid one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autoStructN2V.pipeline import validate_config
from autoStructN2V.pipeline.configuration.presets import merged

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autoStructN2V.pipeline import PipelineConfig

STAGE_CHOICES: dict[str, tuple[str, dict[str, Any]]] = {
    "both": ("Both stages", {"run_stage1": True, "run_stage2": True}),
    "stage1": ("Stage 1 only", {"run_stage1": True, "run_stage2": False}),
    "file": ("Stage 2, kernel file", {"run_stage1": False, "run_stage2": True}),
    "extractor": (
        "Stage 2, direct extraction",
        {"run_stage1": False, "run_stage2": True},
    ),
}
"""The execution modes: name, and the switches that they set."""


def with_changes(config: PipelineConfig, changes: Mapping[str, Any]) -> PipelineConfig:
    """Return a configuration with other values in some fields, nested as in the configuration.

    Raises
    ------
    ConfigError
        Naming the field, the value and what is allowed.
    """
    return validate_config(merged(config.model_dump(), changes))


def stage_choice(config: PipelineConfig) -> str:
    """Return which of :data:`STAGE_CHOICES` a configuration is."""
    if not config.run_stage2:
        return "stage1"
    if config.run_stage1 or config.stage1_model or config.start_model:
        return "both"
    return config.stage2.mask_source
