"""What a running job reports: small frozen values, in the order in which things happen.

A job is a generator of these events. A notebook iterates over them, the command line draws them as
progress bars, a user interface repaints on them. Only :class:`KernelProposed` expects an answer,
see :mod:`autoStructN2V.pipeline`.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from autoStructN2V.inference.noise_report import StageComparison, StageReport
    from autoStructN2V.masking.extraction import KernelProposal
    from autoStructN2V.trainers.checkpoint import TrainedModel


@dataclass(frozen=True)
class StageStarted:
    """Training of a stage begins.

    Attributes
    ----------
    stage : {1, 2}
    n_epochs : int
        Most epochs that will be trained; early stopping may end sooner.
    n_parameters : int
        Trainable parameters of the network.
    device : str
        Device that computes, for example ``cpu`` or ``cuda``.
    kernel : (h, w) or (3, h, w) bool
        Pixels that will be hidden around each predicted one.
    """

    stage: int
    n_epochs: int
    n_parameters: int
    device: str
    kernel: NDArray[np.bool_]


@dataclass(frozen=True)
class BatchFinished:
    """A few optimizer steps were made; ``step`` of ``n_steps`` in this epoch."""

    stage: int
    epoch: int
    n_epochs: int
    step: int
    n_steps: int
    eta_seconds: float


@dataclass(frozen=True)
class EpochFinished:
    """An epoch ended and was validated.

    Attributes
    ----------
    stage : {1, 2}
    epoch, n_epochs : int
        Epoch just finished, counted from 1, and the most there will be.
    train_loss, val_loss, best_val_loss : float
        Mean squared errors at hidden pixels, normalized intensity squared. They contain the noise,
        so they approach the noise variance and not zero. In the refinement the training loss is
        that of all pixels, on the same scale.
    learning_rate : float
        Learning rate of the last step.
    seconds, eta_seconds : float
        Time of this epoch, and estimated time to the end of this stage's training.
    """

    stage: int
    epoch: int
    n_epochs: int
    train_loss: float
    val_loss: float
    best_val_loss: float
    learning_rate: float
    seconds: float
    eta_seconds: float


@dataclass(frozen=True)
class Preview:
    """Denoised slice of the network as it is now; ``image`` (y, x) float32, input intensities."""

    stage: int
    slice_index: int
    image: NDArray[np.float32]


@dataclass(frozen=True)
class PredictionProgress:
    """Denoising with the trained network; ``n_done`` of ``n_tiles`` tiles."""

    stage: int
    n_done: int
    n_tiles: int
    eta_seconds: float


@dataclass(frozen=True)
class KernelProposed:
    """A kernel was extracted and waits for a decision."""

    proposal: "KernelProposal"


@dataclass(frozen=True)
class AwaitingDecision:
    """The job is idle until a decision about the kernel is sent; repeated while it waits."""


@dataclass(frozen=True)
class StageTrained:
    """A stage is trained or imported and about to be applied; ``model`` is worth keeping now."""

    stage: int
    model: "TrainedModel"


@dataclass(frozen=True)
class StageFinished:
    """A stage is trained and was applied.

    Attributes
    ----------
    stage : {1, 2}
    model : TrainedModel
        Model to keep and reuse.
    denoised : list of (z, y, x) float32 arrays, or None
        Denoised stacks in input intensities, one for each input; None when written to files.
    report : StageReport or None
        What is left of the noise; None when cancelled.
    is_stopped : bool
        Whether the training was cancelled; the model is then the best one so far.
    """

    stage: int
    model: "TrainedModel"
    denoised: list[NDArray[np.float32]] | None
    report: "StageReport | None"
    is_stopped: bool


@dataclass(frozen=True)
class StagesCompared:
    """Both stages were finished and compared without clean data."""

    comparison: "StageComparison"


@dataclass(frozen=True)
class Warned:
    """Something the user should know; one plain sentence."""

    message: str


Event = (
    StageStarted
    | BatchFinished
    | EpochFinished
    | Preview
    | PredictionProgress
    | KernelProposed
    | AwaitingDecision
    | StageTrained
    | StageFinished
    | StagesCompared
    | Warned
)
