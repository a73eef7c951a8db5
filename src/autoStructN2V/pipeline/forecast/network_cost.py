"""How much a network computes and holds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

from autoStructN2V.models.unet import FlexibleUNet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from autoStructN2V.models.config import NetworkConfig
    from autoStructN2V.vocabulary import Mode

COST_OF_STEP = 3  # a training step costs about three predictions


@dataclass(frozen=True)
class NetworkCost:
    """What a network costs.

    Attributes
    ----------
    flops_per_pixel : float
        Floating-point operations of a prediction.
    kept_per_pixel : float
        Values that a training step keeps for the way back.
    n_parameters : int
        Size of the network.
    features : int
        Channels of its first level.
    reach, stride : int
        Receptive radius and side of the coarsest cell in pixels.
    """

    flops_per_pixel: float
    kept_per_pixel: float
    n_parameters: int
    features: int
    reach: int
    stride: int


@cache
def network_cost(config: NetworkConfig, mode: Mode) -> NetworkCost:
    """Count the work of a :class:`FlexibleUNet`, without doing it."""
    convolutions = list(_convolutions(config, 3 if mode == "2.5D" else 1))
    # reach and stride do not depend on the number of features
    narrow = FlexibleUNet(config.model_copy(update={"features": 8}))
    return NetworkCost(
        flops_per_pixel=sum(
            2 * n_in * n_out * taps / 4**level for level, n_in, n_out, taps in convolutions
        ),
        kept_per_pixel=sum(n_in / 4**level for level, n_in, _, _ in convolutions),
        n_parameters=sum(n_in * n_out * taps + n_out for _, n_in, n_out, taps in convolutions),
        features=config.features,
        reach=narrow.receptive_radius,
        stride=narrow.stride,
    )


def _convolutions(config: NetworkConfig, n_channels: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield level of the input, channels in and out, and products per input pixel and pair."""
    widths = [config.features * 2**level for level in range(config.num_layers + 1)]
    for level, (n_in, n_out) in enumerate(pairwise([n_channels, *widths])):
        yield level, n_in, n_out, 9
        yield level, n_out, n_out, 9
    for level, width in enumerate(widths[:-1]):
        yield level + 1, 2 * width, width, 1 if config.use_resize_conv else 4
        yield level, 2 * width, width, 9
        yield level, width, width, 9
    yield 0, widths[0], 1, 1
