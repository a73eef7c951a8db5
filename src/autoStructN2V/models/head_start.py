"""Weights that a training can begin with instead of random ones.

A network of the size that the presets use was trained on images that were drawn, with the truth
known, and its weights are part of the package; ``benchmarks/head_start.py`` makes them again. They
know what areas, lines and spots look like under many kinds of noise, and nobody's images.
"""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

import numpy as np
import torch

from autoStructN2V.models.config import NetworkConfig

if TYPE_CHECKING:
    from torch import Tensor

    from autoStructN2V.models.unet import FlexibleUNet

HEAD_START = NetworkConfig(features=32, num_layers=2)
"""Networks that there are weights for."""
GENTLY = 0.1
"""Times the learning rate, while pixels are hidden in a training that is to be refined.

What a network makes of the pixels that it sees is what these weights say then, and is soon
forgotten in large steps.
"""
_FILE = "head_start.npz"
_FIRST_LAYER = "encoder.0.0.weight"
_SHARE_OF_CENTER = 0.6  # of what a network sees of three slices; their noise is independent


def has_head_start(config: NetworkConfig) -> bool:
    """Whether there are weights for a network; other settings of a stage play no part."""
    return all(config[name] == HEAD_START[name] for name in NetworkConfig.model_fields)


def give_head_start(network: FlexibleUNet) -> None:
    """Replace the weights of a network by those of the package.

    Parameters
    ----------
    network : FlexibleUNet
        Of the size of :data:`HEAD_START`; one that sees three slices sees their weighted mean at
        first.
    """
    weights = _weights()
    if network.in_channels == 3:
        first = weights[_FIRST_LAYER]
        beside = first * ((1 - _SHARE_OF_CENTER) / 2)
        weights[_FIRST_LAYER] = torch.cat([beside, first * _SHARE_OF_CENTER, beside], dim=1)
    network.load_state_dict(weights)


def _weights() -> dict[str, Tensor]:
    """Read the weights from the package, where they are stored with 16 bits."""
    source = resources.files("autoStructN2V.models") / _FILE
    with resources.as_file(source) as path, np.load(path, allow_pickle=False) as stored:
        return {name: torch.from_numpy(stored[name].astype(np.float32)) for name in stored.files}
