"""How many steps an epoch has."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from autoStructN2V.datasets.splitting import Split
    from autoStructN2V.trainers.config import StageConfig


def steps_in_epoch(config: StageConfig, split: Split, n_epochs: int) -> int:
    """Return the number of optimizer steps in one epoch.

    Parameters
    ----------
    config : StageConfig
        Parameters of the stage.
    split : Split
        Where patches may start.
    n_epochs : int
        Epochs of the whole training, which share what it may look at.

    Returns
    -------
    int
        At least 1.
    """
    return max(1, int(min(_wanted(config, split), _most(config, split, n_epochs))))


def is_shortened(config: StageConfig, split: Split, n_epochs: int) -> bool:
    """Whether a training is shorter than asked for, as it looks at each pixel as often as it may.

    Parameters
    ----------
    config, split, n_epochs
        As of :func:`steps_in_epoch`.
    """
    return _most(config, split, n_epochs) < _wanted(config, split)


def _wanted(config: StageConfig, split: Split) -> int:
    """Return the steps in an epoch that are asked for."""
    if config.steps_per_epoch:
        return config.steps_per_epoch
    n_slices = len(np.unique(split.training.rectangles[:, 0]))
    return n_slices * config.patches_per_image // config.batch_size


def _most(config: StageConfig, split: Split, n_epochs: int) -> float:
    """Return the most steps in an epoch."""
    if not config.most_passes:
        return math.inf
    per_step = config.batch_size * config.patch_size**2
    n_seen = config.most_passes * split.training.n_pixels(config.patch_size)
    return round(n_seen / (per_step * n_epochs))
