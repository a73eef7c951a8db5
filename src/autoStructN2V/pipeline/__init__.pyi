from .applying.to_arrays import denoise_array_events
from .applying.to_files import denoise_events
from .configuration.models import PipelineConfig, validate_config
from .configuration.presets import PRESETS
from .configuration.stages import N2VConfig, Stage1Config, Stage2Config
from .decisions import Approve, Decision, Regenerate, Skip
from .exchange.details import PackageDetails, package_details, proposed_name
from .exchange.export import export_model
from .files.drivers import RunOutput, file_events, recorded_events
from .files.one_call import run_pipeline
from .forecast.device_speed import DeviceSpeed, measure_speed
from .forecast.estimate import Estimate, estimate_run
from .going_on.settings import go_on
from .progress import with_progress
from .reexports import (
    Evidence,
    PresetName,
    doubt_file,
    find_models,
    load_stage1,
    measure_evidence,
    output_files,
)
from .results import ArraySink, PipelineResult, ResultSink, StageResult
from .run import finish, pipeline_events
from .shelf.deleting import delete_model, purge_models, restore_model
from .shelf.labels import Label, label_model
from .shelf.listing import Shelf, ShelvedModel, list_models

__all__ = [
    "PRESETS",
    "Approve",
    "ArraySink",
    "Decision",
    "DeviceSpeed",
    "Estimate",
    "Evidence",
    "Label",
    "N2VConfig",
    "PackageDetails",
    "PipelineConfig",
    "PipelineResult",
    "PresetName",
    "Regenerate",
    "ResultSink",
    "RunOutput",
    "Shelf",
    "ShelvedModel",
    "Skip",
    "Stage1Config",
    "Stage2Config",
    "StageResult",
    "delete_model",
    "denoise_array_events",
    "denoise_events",
    "doubt_file",
    "estimate_run",
    "export_model",
    "file_events",
    "find_models",
    "finish",
    "go_on",
    "label_model",
    "list_models",
    "load_stage1",
    "measure_evidence",
    "measure_speed",
    "output_files",
    "package_details",
    "pipeline_events",
    "proposed_name",
    "purge_models",
    "recorded_events",
    "restore_model",
    "run_pipeline",
    "validate_config",
    "with_progress",
]
