"""Parameters of the network, and the base of every configuration model."""

from typing import Annotated, Literal

from pydantic import Field

from autoStructN2V.frozen_config import FrozenConfig

Features = Annotated[
    int,
    Field(
        ge=8,
        le=128,
        title="Features",
        description="Channels of the first network level; each level below has twice as many. "
        "More features can draw finer detail and take longer to train.",
    ),
]
NumLayers = Annotated[
    int,
    Field(
        ge=1,
        le=5,
        title="Layers",
        description="Number of times the network halves the resolution. "
        "The patch size must be a multiple of 2 to this power.",
    ),
]
UpsamplingMode = Literal["bilinear", "nearest", "bicubic"]


class NetworkConfig(FrozenConfig):
    """Parameters of :class:`autoStructN2V.models.FlexibleUNet`."""

    features: Features = 64
    num_layers: NumLayers = 2
    use_resize_conv: bool = Field(
        True,
        title="Resize convolution",
        description="Enlarge by interpolation and a convolution, which avoids checkerboard "
        "artifacts; off: transposed convolution.",
    )
    upsampling_mode: UpsamplingMode = Field(
        "bilinear",
        title="Upsampling",
        description="Interpolation of the resize convolution.",
    )
