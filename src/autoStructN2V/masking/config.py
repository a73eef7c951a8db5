"""Parameters of masking and of kernel extraction."""

from typing import Annotated, Literal

from pydantic import Field

from autoStructN2V.models.config import FrozenConfig

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
        le=31,
        multiple_of=1,
        title="Blind spot size",
        description="Side of the square that is hidden around each predicted pixel, odd, in "
        "pixels.",
    ),
]


class MaskingConfig(FrozenConfig):
    """Parameters of hiding pixels from the network."""

    mask_percentage: MaskPercentage = 15.0
    masking_strategy: Literal[0, 1, 2] = Field(
        0,
        title="Masking strategy",
        description="What hidden pixels are replaced by: 0 local mean of unmasked neighbours, "
        "1 zero (the mean intensity after normalization), 2 value of a random unmasked pixel.",
    )


class ExtractorConfig(FrozenConfig):
    """Parameters of :func:`autoStructN2V.masking.extract_kernel`."""

    adapt_autocorr: bool = Field(
        True,
        title="Adaptive thresholding",
        description="Threshold rings around the centre one by one; off: one threshold for all.",
    )
    base_percentile: float = Field(
        50.0,
        ge=30.0,
        le=70.0,
        title="Base percentile",
        description="Percentile of the first ring's values that a kernel pixel must exceed.",
    )
    percentile_decay: float = Field(
        1.15,
        ge=1.0,
        le=1.3,
        title="Percentile decay",
        description="Factor by which the percentile grows from ring to ring.",
    )
    max_true_pixels: int = Field(
        25,
        ge=5,
        le=50,
        title="Max masked pixels",
        description="Most pixels that the kernel may have; the strongest stay.",
    )
    center_size: int = Field(
        11,
        ge=7,
        le=31,
        title="Window size",
        description="Side of the window in which the kernel is looked for, odd, in pixels.",
    )
