"""Parameters of the optimization."""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from autoStructN2V.datasets.config import PatchConfig
from autoStructN2V.frozen_config import FrozenConfig
from autoStructN2V.masking.config import MaskingConfig
from autoStructN2V.models.config import NetworkConfig
from autoStructN2V.vocabulary import lowest_means

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
        json_schema_extra=lowest_means("Auto"),
    ),
]
MostPasses = Annotated[
    int,
    Field(
        ge=0,
        title="Most passes",
        description="How often a training looks at each pixel, at most: with few pixels, epochs "
        "get fewer steps, as a network that sees the same noise again and again learns it by "
        "heart. 0: as often as the epochs say.",
        json_schema_extra=lowest_means("No limit"),
    ),
]
OptimizerName = Literal["adam", "muon"]


class OptimizationConfig(FrozenConfig):
    """Parameters of the optimizer and of the length of an epoch."""

    batch_size: BatchSize = 8
    learning_rate: LearningRate = 1e-4
    steps_per_epoch: StepsPerEpoch = 0
    most_passes: MostPasses = 0
    optimizer: OptimizerName = Field(
        "adam",
        title="Optimizer",
        description="adam is well known; muon learns in fewer steps, at learning rates of some "
        "thousandths.",
    )


class StageConfig(NetworkConfig, PatchConfig, MaskingConfig, OptimizationConfig):
    """Everything that one stage is trained with."""

    @model_validator(mode="after")
    def _patch_fits_network(self) -> Self:
        multiple = 2**self.num_layers
        if self.patch_size % multiple:
            lower = max(multiple, self.patch_size // multiple * multiple)
            raise ValueError(
                f"patch_size is {self.patch_size} but num_layers {self.num_layers} needs a "
                f"multiple of {multiple}; use {lower} or {lower + multiple}"
            )
        return self


class LastStageConfig(StageConfig):
    """What a stage is trained with whose result is to be the best that can be had."""

    refinement: float = Field(
        0.0,
        ge=0.0,
        le=0.9,
        title="Refinement",
        description="Share of the epochs, the last ones, in which nothing is hidden: noise like "
        "the measured one is added instead, so that the network learns what hidden pixels know. "
        "Left out where much of the noise is rare strong values, as of less than a photon for each "
        "pixel, and where noise cannot be told from structure.",
    )
    average_turns: bool = Field(
        False,
        title="Average turns",
        description="Denoise each slice in up to four of the orientations that augmentation uses, "
        "and average; takes as many times longer.",
    )

    @property
    def averages_turns(self) -> bool:
        """Whether turns are averaged: a network without augmentation knows none."""
        return self.average_turns and self.use_augmentation


class ScheduleConfig(FrozenConfig):
    """Length of the training of every stage."""

    num_epochs: int = Field(
        100,
        ge=1,
        title="Epochs",
        description="Most epochs of a stage; early stopping may end it sooner.",
    )
    early_stopping: bool = Field(
        True,
        title="Early stopping",
        description="End a stage when the validation loss no longer falls.",
    )
    early_stopping_patience: int = Field(
        10,
        ge=1,
        title="Patience",
        description="Epochs without a lower validation loss after which a stage ends.",
    )
    split_ratio: tuple[float, float, float] = Field(
        (0.7, 0.15, 0.15),
        title="Split",
        description="Shares of the data for training, validation and test; they sum to 1.",
    )

    @field_validator("split_ratio")
    @classmethod
    def _sums_to_one(cls, ratio: tuple[float, float, float]) -> tuple[float, float, float]:
        if min(ratio) <= 0 or abs(sum(ratio) - 1) > 1e-6:
            raise ValueError(
                f"split_ratio is {ratio}; three shares above 0 that sum to 1 are needed"
            )
        return ratio
