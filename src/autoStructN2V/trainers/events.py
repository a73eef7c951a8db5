"""What a training yields while it runs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


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
class Warned:
    """Something the user should know; one plain sentence."""

    message: str


TrainingEvent = BatchFinished | EpochFinished | Preview | Warned
