"""How many steps an epoch has."""

from __future__ import annotations

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
    wanted = config.steps_per_epoch
    if not wanted:
        n_slices = len(np.unique(split.training.rectangles[:, 0]))
        wanted = n_slices * config.patches_per_image // config.batch_size
    if config.most_passes:
        per_step = config.batch_size * config.patch_size**2
        n_seen = config.most_passes * split.training.n_pixels(config.patch_size)
        wanted = min(wanted, round(n_seen / (per_step * n_epochs)))
    return max(1, wanted)
