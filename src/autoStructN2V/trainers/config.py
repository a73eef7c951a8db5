"""Parameters of the optimization."""

from typing import Annotated

from pydantic import Field

from autoStructN2V.models.config import FrozenConfig

BatchSize = Annotated[
    int,
    Field(
        ge=1,
        le=64,
        title="Batch size",
        description="Patches in one optimizer step. Lower it when memory runs out.",
    ),
]
LearningRate = Annotated[
    float,
    Field(
        gt=0.0,
        le=0.1,
        title="Learning rate",
        description="Highest step size of the optimizer, reached after a short warm-up.",
    ),
]
StepsPerEpoch = Annotated[
    int,
    Field(
        ge=0,
        title="Steps per epoch",
        description="Optimizer steps in one epoch; 0: patches per image times the number of "
        "slices, divided by the batch size.",
    ),
]


class OptimizationConfig(FrozenConfig):
    """Parameters of the optimizer and of the length of an epoch."""

    batch_size: BatchSize = 8
    learning_rate: LearningRate = 1e-4
    steps_per_epoch: StepsPerEpoch = 0
