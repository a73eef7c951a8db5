"""The denoising network: a small U-Net for images of any size."""

from typing import TYPE_CHECKING, Self

import torch
import torch.nn.functional as F  # noqa: N812 - the name used throughout the PyTorch world
from torch import Tensor, nn

if TYPE_CHECKING:
    from autoStructN2V.models.config import NetworkConfig

_NEGATIVE_SLOPE = 0.1


class ConvBlock(nn.Sequential):
    """Two 3 x 3 convolutions, each followed by a leaky rectifier."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out_channels, 3, padding=1),
            nn.LeakyReLU(_NEGATIVE_SLOPE, inplace=True),
            nn.Conv2d(out_channels, out_channels, 3, padding=1),
            nn.LeakyReLU(_NEGATIVE_SLOPE, inplace=True),
        )


class ResizeConv(nn.Module):
    """Double the resolution by interpolation, then halve the channels by a 1 x 1 convolution.

    The convolution runs before the interpolation: both are linear and a 1 x 1 kernel commutes
    with resampling, so the result is the same at a quarter of the cost.

    References
    ----------
    Odena, Dumoulin, Olah: Deconvolution and Checkerboard Artifacts. Distill (2016).
    doi:10.23915/distill.00003
    """

    def __init__(self, in_channels: int, out_channels: int, mode: str) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 1)
        self.mode = mode

    def forward(self, x: Tensor) -> Tensor:
        """Return ``x`` (B, C_in, H, W) as (B, C_out, 2 H, 2 W)."""
        align = None if self.mode == "nearest" else False
        return F.interpolate(self.conv(x), scale_factor=2, mode=self.mode, align_corners=align)


class FlexibleUNet(nn.Module):
    """U-Net that predicts one slice from one slice (2D) or from three (2.5D).

    Parameters
    ----------
    config : NetworkConfig
        Features, layers and kind of upsampling.
    in_channels : {1, 3}
        Number of slices that the network sees.

    References
    ----------
    Ronneberger, Fischer, Brox: U-Net. MICCAI (2015). doi:10.1007/978-3-319-24574-4_28
    """

    def __init__(self, config: "NetworkConfig", in_channels: int = 1) -> None:
        super().__init__()
        if in_channels not in (1, 3):
            raise ValueError(f"in_channels is {in_channels}; 1 (2D) or 3 (2.5D) is allowed.")
        self.config = config
        self.in_channels = in_channels
        widths = [config.features * 2**level for level in range(config.num_layers + 1)]
        inputs = [in_channels, *widths[:-1]]
        self.encoder = nn.ModuleList(
            ConvBlock(i, o) for i, o in zip(inputs[:-1], widths[:-1], strict=True)
        )
        self.bottleneck = ConvBlock(inputs[-1], widths[-1])
        self.upsampling = nn.ModuleList(_upsampling(w, config) for w in widths[:0:-1])
        self.decoder = nn.ModuleList(ConvBlock(w, w // 2) for w in widths[:0:-1])
        self.head = nn.Conv2d(widths[0], 1, 1)
        self.apply(_initialize)

    @property
    def stride(self) -> int:
        """Side of one cell of the coarsest level in pixels; tiles start on this grid."""
        return int(2**self.config.num_layers)

    @property
    def receptive_radius(self) -> int:
        """Largest distance in pixels at which an input pixel can change an output pixel."""
        reach = {"nearest": 1, "bilinear": 1, "bicubic": 2}[self.config.upsampling_mode]
        up = reach if self.config.use_resize_conv else 1
        # a level that is not the coarsest: two ConvBlocks, the pooling and the upsampling
        levels = sum(2**level * (4 + 1 + 2 * up) for level in range(self.config.num_layers))
        return int(levels + 2 * self.stride)

    def placed_on(self, device: torch.device) -> Self:
        """Move to ``device``, in the memory layout that convolves fastest, and return self."""
        # torch documents memory_format but does not declare it
        self.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        return self

    def forward(self, x: Tensor) -> Tensor:
        """Predict the central slice.

        Parameters
        ----------
        x : Tensor, (B, 1 or 3, H, W)
            Normalized slices; any height and width.

        Returns
        -------
        Tensor, (B, 1, H, W)
            Predicted slice in normalized intensities.
        """
        height, width = x.shape[-2:]
        x = _pad_to_multiple(x, self.stride)
        skips = []
        for block in self.encoder:
            x = block(x)
            skips.append(x)
            x = F.max_pool2d(x, 2)
        x = self.bottleneck(x)
        for up, block in zip(self.upsampling, self.decoder, strict=True):
            x = block(torch.cat([up(x), skips.pop()], dim=1))
        prediction: Tensor = self.head(x)
        return prediction[..., :height, :width]


def _upsampling(in_channels: int, config: "NetworkConfig") -> nn.Module:
    if config.use_resize_conv:
        return ResizeConv(in_channels, in_channels // 2, config.upsampling_mode)
    return nn.ConvTranspose2d(in_channels, in_channels // 2, 2, stride=2)


def _initialize(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.kaiming_normal_(module.weight, a=_NEGATIVE_SLOPE, nonlinearity="leaky_relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def _pad_to_multiple(x: Tensor, multiple: int) -> Tensor:
    bottom, right = (-x.shape[-2]) % multiple, (-x.shape[-1]) % multiple
    if not bottom and not right:
        return x
    # repeating the edge, unlike reflection, works for images smaller than the padding
    return F.pad(x, (0, right, 0, bottom), mode="replicate")
