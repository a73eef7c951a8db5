from .config import LastStageConfig, OptimizationConfig, ScheduleConfig, StageConfig
from .data import RefinementPlan, TrainingData
from .events import BatchFinished, EpochFinished, Preview, Warned
from .loss import masked_squared_error
from .reexports import (
    AwaitingDecision,
    Event,
    ImagesRead,
    Judged,
    KernelProposed,
    PredictionProgress,
    StageFinished,
    StagesCompared,
    StageStarted,
    StageTrained,
    TrainedModel,
    load_model,
    save_model,
)
from .result import TrainingResult
from .trainer import Trainer, build_network

__all__ = [
    "AwaitingDecision",
    "BatchFinished",
    "EpochFinished",
    "Event",
    "ImagesRead",
    "Judged",
    "KernelProposed",
    "LastStageConfig",
    "OptimizationConfig",
    "PredictionProgress",
    "Preview",
    "RefinementPlan",
    "ScheduleConfig",
    "StageConfig",
    "StageFinished",
    "StageStarted",
    "StageTrained",
    "StagesCompared",
    "TrainedModel",
    "Trainer",
    "TrainingData",
    "TrainingResult",
    "Warned",
    "build_network",
    "load_model",
    "masked_squared_error",
    "save_model",
]
