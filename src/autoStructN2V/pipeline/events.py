"""What a running job reports: small frozen values, in the order in which things happen.

A job is a generator of these events. A notebook iterates over them, the command line draws them as
progress bars, a user interface repaints on them. Only :class:`KernelProposed` expects an answer,
see :mod:`autoStructN2V.pipeline`.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from autoStructN2V.trainers.events import TrainingEvent, Warned

if TYPE_CHECKING:
    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.inference.noise_report import StageComparison, StageReport
    from autoStructN2V.inference.trained_model import TrainedModel
    from autoStructN2V.inference.verdict import Verdict
    from autoStructN2V.masking.kernels.extraction import KernelProposal
    from autoStructN2V.masking.kernels.kernel import Kernel
    from autoStructN2V.masking.patterns.removal import PatternRemoval
    from autoStructN2V.pipeline.steps.doubting import DoubtMaps
    from autoStructN2V.pipeline.steps.stage_spectra import StageSpectra


@dataclass(frozen=True)
class ImageFailed(Warned):
    """One of several images cannot be denoised; the others are."""


@dataclass(frozen=True)
class ChannelStarted(Warned):
    """Of several channels, each with a model of its own, the next one begins.

    Attributes
    ----------
    channel : int
        From 0.
    n_channels : int
    """

    channel: int
    n_channels: int


@dataclass(frozen=True)
class ImagesRead:
    """The images were checked, and what covers them was found; the training begins.

    Attributes
    ----------
    images : tuple of ImageSource
        Those that are trained on and denoised, as they were given.
    removal : PatternRemoval
        What is taken out of them first.
    """

    images: "tuple[ImageSource, ...]"
    removal: "PatternRemoval"


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
    kernel : Kernel
        Pixels that will be hidden around each predicted one.
    """

    stage: int
    n_epochs: int
    n_parameters: int
    device: str
    kernel: "Kernel"


@dataclass(frozen=True)
class PredictionProgress:
    """Denoising with the trained network; ``n_done`` of ``n_tiles`` tiles, or slices of a cluster.

    The time left is infinite while it is not known. A cluster tells how many of its blocks were
    finished in a second.
    """

    stage: int
    n_done: int
    n_tiles: int
    eta_seconds: float
    blocks_per_second: float | None = None


@dataclass(frozen=True)
class KernelProposed:
    """A kernel was extracted and waits for a decision, unless one was made before a crash."""

    proposal: "KernelProposal"
    is_decided: bool = False


@dataclass(frozen=True)
class AwaitingDecision:
    """The job is idle until a decision about the kernel is sent; repeated while it waits."""


@dataclass(frozen=True)
class StageTrained:
    """A stage is trained or imported and about to be applied; ``model`` is worth keeping now.

    Attributes
    ----------
    stage : {1, 2}
    model : TrainedModel
    optimizer : list or None
        Averages of gradients with which the training can be continued; None of an imported model.
    """

    stage: int
    model: "TrainedModel"
    optimizer: "list[Any] | None" = None


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
    doubt : DoubtMaps or None
        Makes maps of where to doubt it; None where noise could not be told from structure.
    spectra : StageSpectra or None
        Of what it removed and left; None when cancelled, and of images smaller than 32 pixels.
    """

    stage: int
    model: "TrainedModel"
    denoised: list[NDArray[np.float32]] | None
    report: "StageReport | None"
    is_stopped: bool
    doubt: "DoubtMaps | None" = None
    spectra: "StageSpectra | None" = None


@dataclass(frozen=True)
class StagesCompared:
    """Both stages were finished and compared without clean data."""

    comparison: "StageComparison"


@dataclass(frozen=True)
class Judged:
    """The results were compared with each other and with a Gaussian filter, without clean data."""

    verdict: "Verdict"


Event = (
    TrainingEvent
    | ImagesRead
    | StageStarted
    | PredictionProgress
    | KernelProposed
    | AwaitingDecision
    | StageTrained
    | StageFinished
    | StagesCompared
    | Judged
)
