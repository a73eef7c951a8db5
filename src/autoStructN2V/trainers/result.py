"""What the training of one stage leaves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from autoStructN2V.models.unet import FlexibleUNet
    from autoStructN2V.trainers.events import EpochFinished


@dataclass
class TrainingResult:
    """Outcome of a training.

    Attributes
    ----------
    network : FlexibleUNet
        Network with the best averaged weights, in evaluation mode; of the refinement the latest
        ones that are better than those before.
    history : list of EpochFinished
        One entry for each finished epoch.
    is_stopped : bool
        Whether it was cancelled before its end.
    is_refined : bool
        Whether the last epochs hid nothing, see :class:`.Refinement`.
    optimizer : list or None
        Averages of gradients, by which the training can be continued.
    """

    network: FlexibleUNet
    history: list[EpochFinished] = field(default_factory=list)
    is_stopped: bool = False
    is_refined: bool = False
    optimizer: list[Any] | None = None
