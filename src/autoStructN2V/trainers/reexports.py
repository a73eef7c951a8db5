"""Names that this package documents and other rooms define."""

from autoStructN2V.inference.trained_model import TrainedModel, load_model, save_model
from autoStructN2V.pipeline.events import (
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
)

__all__ = [
    "AwaitingDecision",
    "Event",
    "ImagesRead",
    "Judged",
    "KernelProposed",
    "PredictionProgress",
    "StageFinished",
    "StageStarted",
    "StageTrained",
    "StagesCompared",
    "TrainedModel",
    "load_model",
    "save_model",
]
