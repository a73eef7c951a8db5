"""Parameters of masking and of kernel extraction."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from autoStructN2V.frozen_config import FrozenConfig
from autoStructN2V.masking.kernels.cells import MAX_KERNEL_SIZE
from autoStructN2V.masking.kernels.config import require_odd

MaskPercentage = Annotated[
    float,
    Field(
        gt=0.0,
        le=50.0,
        title="Mask percentage",
        description="Share of the pixels of a patch that is hidden, in percent. Kernels never "
        "touch, so high values are approached but may not be reached.",
    ),
]
MaskCenterSize = Annotated[
    int,
    Field(
        ge=1,
        le=MAX_KERNEL_SIZE,
        title="Blind spot size",
        description="Side of the square that is hidden around each predicted pixel, odd, in "
        "pixels.",
    ),
    AfterValidator(require_odd),
]


class MaskingConfig(FrozenConfig):
    """Parameters of hiding pixels from the network."""

    mask_percentage: MaskPercentage = 15.0
    masking_strategy: Literal[0, 1, 2] = Field(
        0,
        title="Masking strategy",
        description="What hidden pixels are replaced by: 0 local mean of unmasked neighbors, "
        "1 zero (the mean intensity after normalization), 2 value of a random unmasked pixel.",
    )
