"""The parameters of the stages, composed of those of the components."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from autoStructN2V.datasets.config import (
    PatchesPerImage,
    PatchSize,
    SelectBackground,
    UseAugmentation,
    UseRegionOfInterest,
)
from autoStructN2V.masking.config import MaskCenterSize, MaskPercentage
from autoStructN2V.masking.kernels.config import ExtractorConfig
from autoStructN2V.models.config import NumLayers
from autoStructN2V.trainers.config import BatchSize, LastStageConfig, LearningRate, StageConfig


class FirstStageConfig(StageConfig):
    """Parameters of a stage that hides single pixels."""

    mask_center_size: MaskCenterSize = 1


class N2VConfig(FirstStageConfig, LastStageConfig):
    """Parameters of plain Noise2Void."""

    batch_size: BatchSize = 8
    num_layers: NumLayers = 4


class Stage1Config(FirstStageConfig):
    """Parameters of stage 1 of autoStructN2V."""

    patch_size: PatchSize = 32
    batch_size: BatchSize = 4
    use_augmentation: UseAugmentation = False
    use_roi: UseRegionOfInterest = True

    @model_validator(mode="after")
    def _no_augmentation(self) -> Self:
        if self.use_augmentation:
            raise ValueError(
                "use_augmentation is True; in stage 1 it must be False, because turning patches "
                "would blur the pattern of the noise that the kernel is extracted from"
            )
        return self


class Stage2Config(LastStageConfig):
    """Parameters of stage 2 of autoStructN2V."""

    patches_per_image: PatchesPerImage = 200
    batch_size: BatchSize = 2
    mask_percentage: MaskPercentage = 10.0
    learning_rate: LearningRate = 1e-5
    select_background: SelectBackground = False
    mask_source: Literal["stage1", "file", "extractor"] = Field(
        "stage1",
        title="Kernel from",
        description="Where the kernel comes from: stage1, extracted after stage 1; file, read "
        "from mask_file_path; extractor, extracted from the noisy images alone.",
    )
    mask_file_path: Path | None = Field(
        None,
        title="Kernel file",
        description="Kernel as .npy: bool, odd height and width, center True; (3, h, w) for 2.5D.",
    )
    extractor: ExtractorConfig = Field(
        default_factory=ExtractorConfig,
        title="Mask extractor",
        description="Parameters of the automatic kernel extraction.",
    )

    @model_validator(mode="after")
    def _file_is_named(self) -> Self:
        if self.mask_source == "file" and self.mask_file_path is None:
            raise ValueError(
                "mask_source is 'file' but mask_file_path is missing; name a .npy file"
            )
        return self
