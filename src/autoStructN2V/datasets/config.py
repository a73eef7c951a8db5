"""Parameters of patches, augmentation and region-of-interest selection."""

from typing import Annotated

from pydantic import Field

from autoStructN2V.frozen_config import FrozenConfig

PatchSize = Annotated[
    int,
    Field(
        ge=8,
        le=1024,
        title="Patch size",
        description="Side of a square training patch in pixels; a multiple of 2 to the power of "
        "the number of layers.",
    ),
]
PatchesPerImage = Annotated[
    int,
    Field(
        ge=1,
        title="Patches per image",
        description="Patches drawn from each slice in one epoch.",
    ),
]
UseAugmentation = Annotated[
    bool,
    Field(
        title="Augmentation",
        description="Flip and turn patches at random; only turns that leave the kernel unchanged "
        "are used.",
    ),
]
UseRegionOfInterest = Annotated[
    bool,
    Field(
        title="Region of interest",
        description="Draw patches from selected regions only: background (little structure) or "
        "structures.",
    ),
]
SelectBackground = Annotated[
    bool,
    Field(
        title="Select background",
        description="On: patches come from regions with little structure, neither dark nor bright "
        "by definition; off: from regions with much structure.",
    ),
]


class PatchConfig(FrozenConfig):
    """Parameters of the patches that a stage trains on."""

    patch_size: PatchSize = 64
    patches_per_image: PatchesPerImage = 100
    use_augmentation: UseAugmentation = True
    use_roi: UseRegionOfInterest = False
    roi_threshold: float = Field(
        0.5,
        ge=0.0,
        le=1.0,
        title="Region threshold",
        description="Structure rank, from 0 (flattest place of the data) to 1 (most structured), "
        "that separates background from structures.",
    )
    scale_factor: float = Field(
        0.25,
        gt=0.0,
        le=1.0,
        title="Region scale",
        description="Structure is measured on images reduced by this factor, which averages the "
        "noise away.",
    )
    select_background: SelectBackground = True
