"""Training of one stage, its events, and trained models as files."""

from autoStructN2V.trainers.checkpoint import TrainedModel, load_model, save_model
from autoStructN2V.trainers.config import (
    LastStageConfig,
    OptimizationConfig,
    ScheduleConfig,
    StageConfig,
)
from autoStructN2V.trainers.data import RefinementPlan, TrainingData
from autoStructN2V.trainers.events import (
    AwaitingDecision,
    BatchFinished,
    EpochFinished,
    Event,
    KernelProposed,
    PredictionProgress,
    Preview,
    StageFinished,
    StagesCompared,
    StageStarted,
    StageTrained,
    Warned,
)
from autoStructN2V.trainers.loss import masked_squared_error
from autoStructN2V.trainers.trainer import (
    Trainer,
    TrainingResult,
    build_network,
)

__all__ = [
    "AwaitingDecision",
    "BatchFinished",
    "EpochFinished",
    "Event",
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
