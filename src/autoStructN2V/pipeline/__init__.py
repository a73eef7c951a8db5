"""From noisy images to denoised ones: configuration, the generator of events, files."""

from autoStructN2V.pipeline.applying import denoise_array_events, denoise_events
from autoStructN2V.pipeline.config import (
    N2VConfig,
    PipelineConfig,
    Stage1Config,
    Stage2Config,
    validate_config,
)
from autoStructN2V.pipeline.decisions import Approve, Decision, Regenerate, Skip
from autoStructN2V.pipeline.estimate import DeviceSpeed, Estimate, estimate_run, measure_speed
from autoStructN2V.pipeline.evidence import Evidence, measure_evidence
from autoStructN2V.pipeline.imports import find_models, load_stage1
from autoStructN2V.pipeline.on_disk import (
    RunOutput,
    file_events,
    recorded_events,
    run_pipeline,
)
from autoStructN2V.pipeline.outputs import output_files
from autoStructN2V.pipeline.presets import PRESETS, PresetName
from autoStructN2V.pipeline.results import ArraySink, PipelineResult, ResultSink, StageResult
from autoStructN2V.pipeline.run import finish, pipeline_events

__all__ = [
    "PRESETS",
    "Approve",
    "ArraySink",
    "Decision",
    "DeviceSpeed",
    "Estimate",
    "Evidence",
    "N2VConfig",
    "PipelineConfig",
    "PipelineResult",
    "PresetName",
    "Regenerate",
    "ResultSink",
    "RunOutput",
    "Skip",
    "Stage1Config",
    "Stage2Config",
    "StageResult",
    "denoise_array_events",
    "denoise_events",
    "estimate_run",
    "file_events",
    "find_models",
    "finish",
    "load_stage1",
    "measure_evidence",
    "measure_speed",
    "output_files",
    "pipeline_events",
    "recorded_events",
    "run_pipeline",
    "validate_config",
]
