"""What a session knows about its run, as frozen values that widgets repaint from."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from autoStructN2V.inference.model_files import REPORT_FILE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from autoStructN2V.inference.noise_report import StageComparison, StageReport
    from autoStructN2V.inference.trained_model import TrainedModel
    from autoStructN2V.inference.verdict import Verdict
    from autoStructN2V.masking import KernelProposal, PatternRemoval
    from autoStructN2V.masking.kernels.kernel import Kernel
    from autoStructN2V.pipeline.configuration.models import PipelineConfig
    from autoStructN2V.pipeline.events import ChannelStarted
    from autoStructN2V.trainers.events import EpochFinished
    from napari_autostructn2v.layers.stacks import LayerStacks


class Part(StrEnum):
    """Parts of a run, in their order."""

    STAGE1 = "Stage 1"
    KERNEL = "Mask extraction"
    STAGE2 = "Stage 2"


class Status(StrEnum):
    """Status of a part, as its badge says it."""

    PENDING = "Pending"
    TRAINING = "Training"
    EXTRACTING = "Extracting"
    DENOISING = "Denoising"
    AWAITING = "Awaiting approval"
    COMPLETE = "Complete"
    SKIPPED = "Skipped"
    NOT_NEEDED = "Not needed"
    GIVEN = "From file"
    KEPT = "Of the model"
    CANCELLED = "Cancelled"
    FAILED = "Failed"


PART_OF_STAGE = MappingProxyType({1: Part.STAGE1, 2: Part.STAGE2})
STAGE_OF_PART = MappingProxyType({part: stage for stage, part in PART_OF_STAGE.items()})
"""Of the parts that train a network."""

LEFT_OUT = frozenset({Status.SKIPPED, Status.NOT_NEEDED, Status.GIVEN, Status.KEPT})
"""Statuses of parts that are not done in a run."""

IS_OVER = LEFT_OUT | {Status.COMPLETE, Status.CANCELLED, Status.FAILED}
"""Statuses that do not change any more."""


class Phase(StrEnum):
    """What the whole run is doing."""

    IDLE = "idle"
    PREPARING = "reading images"
    STAGE1 = "stage 1"
    EXTRACTION = "mask extraction"
    REVIEW = "awaiting approval"
    STAGE2 = "stage 2"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"

    @property
    def is_running(self) -> bool:
        """Whether a run is under way, waiting for approval included."""
        return self not in (Phase.IDLE, Phase.DONE, Phase.CANCELLED, Phase.FAILED)


PHASE_OF_STAGE = MappingProxyType({1: Phase.STAGE1, 2: Phase.STAGE2})


@dataclass(frozen=True)
class Progress:
    """How far a piece of work is.

    Attributes
    ----------
    text : str
        Such as ``"Epoch 3 of 10, step 4 of 15"``.
    fraction : float
        0 to 1.
    eta_seconds : float or None
        Time left, if it can be told.
    """

    text: str
    fraction: float
    eta_seconds: float | None = None


@dataclass(frozen=True)
class RunState:
    """Everything about a run except its images and its kernel.

    Attributes
    ----------
    phase : Phase
    statuses : mapping of Part to Status
    progress : Progress or None
    config : PipelineConfig or None
        What the run was started with; None before the first.
    source_name : str
        Name of the layer that it was started on.
    channel : ChannelStarted or None
        Which of several channels, each with a model of its own, is trained.
    history : tuple of EpochFinished
        Of both stages.
    kernel : Kernel or None
        Kernel that stage 2 is trained with.
    grid_share : float
        Rows and columns of the grid that a kernel was proposed on, relative to those of the images.
    reports : mapping of stage to StageReport
    verdict : Verdict or None
        How far the results are from the truth, and a Gaussian filter, once that is known.
    comparison : StageComparison or None
        Which stage is better, once both are finished.
    messages : tuple of str
        What a person should know, the newest last.
    error : str or None
        Why it failed, as one sentence.
    is_stopping : bool
        Whether it was cancelled and is about to end.
    device : str
    folder : Path or None
        Where results and models were written.
    report : Path or None
        The page that explains the result.
    model_folder : Path or None
        Where its models were written, of which a training can go on.
    """

    phase: Phase = Phase.IDLE
    statuses: Mapping[Part, Status] = field(
        default_factory=lambda: dict.fromkeys(Part, Status.PENDING)
    )
    progress: Progress | None = None
    config: PipelineConfig | None = None
    source_name: str = ""
    channel: ChannelStarted | None = None
    history: tuple[EpochFinished, ...] = ()
    kernel: Kernel | None = None
    grid_share: float = 1.0
    reports: Mapping[int, StageReport] = field(default_factory=dict)
    comparison: StageComparison | None = None
    verdict: Verdict | None = None
    messages: tuple[str, ...] = ()
    error: str | None = None
    is_stopping: bool = False
    device: str = ""
    folder: Path | None = None
    report: Path | None = None
    model_folder: Path | None = None


TaskKind = Literal["measure", "denoise", "load", "import", "save", "open", "export"]

_WHAT_RUNS: Mapping[TaskKind, str] = MappingProxyType(
    {
        "measure": "The noise is being inspected",
        "denoise": "A model runs",
        "load": "A model is being loaded",
        "import": "A model is being imported",
        "save": "A layer is being saved",
        "open": "Files are being opened",
        "export": "A model is being exported",
    }
)


@dataclass(frozen=True)
class TaskState:
    """Work beside a training, such as measuring the noise of a layer or loading a model.

    Attributes
    ----------
    kind : {"measure", "denoise", "load", "import", "save", "open", "export"} or None
        What runs, or what ran last; None before the first.
    is_running : bool
    progress : Progress or None
    messages : tuple of str
        Warnings, and what came of it.
    error : str or None
    is_stopping : bool
    """

    kind: TaskKind | None = None
    is_running: bool = False
    progress: Progress | None = None
    messages: tuple[str, ...] = ()
    error: str | None = None
    is_stopping: bool = False

    @property
    def is_measuring(self) -> bool:
        """Whether the noise of a layer is being measured."""
        return self.is_running and self.kind == "measure"

    @property
    def is_denoising(self) -> bool:
        """Whether a model runs."""
        return self.is_running and self.kind == "denoise"

    @property
    def is_importing(self) -> bool:
        """Whether a model is read to go on from it."""
        return self.is_running and self.kind == "import"

    @property
    def what_runs(self) -> str:
        """What is being done, as the beginning of a sentence; empty if nothing."""
        return _WHAT_RUNS[self.kind] if self.is_running and self.kind is not None else ""


@dataclass(frozen=True)
class Measurement:
    """The noise of one layer.

    Attributes
    ----------
    stacks : LayerStacks
        What is measured, without the pixels.
    proposal : KernelProposal or None
        What came of it; None before the end, and when it failed.
    removal : PatternRemoval or None
        Patterns that were found; None before the end.
    """

    stacks: LayerStacks
    proposal: KernelProposal | None = None
    removal: PatternRemoval | None = None

    def is_of(self, stacks: LayerStacks | None) -> bool:
        """Tell whether this is about a choice of layer and index."""
        if stacks is None or stacks.layer is None:
            return False
        own = self.stacks
        return stacks.layer is own.layer and _choice(stacks) == _choice(own)


def _choice(stacks: LayerStacks) -> tuple[object, ...]:
    return dict(stacks.chosen), stacks.axes, stacks.along


@dataclass(frozen=True)
class ModelCard:
    """Trained models of one run.

    Attributes
    ----------
    models : mapping of stage to TrainedModel
        At least one; of a training of a model for each channel, those of the first.
    folder : Path or None
        Model folder, if it was written or read.
    channels : tuple of ModelCard
        The models of each channel; empty if there is one model for all.
    channel_names : tuple of str
        Names of the channels, empty where they have none.
    """

    models: Mapping[int, TrainedModel]
    folder: Path | None = None
    channels: tuple[ModelCard, ...] = ()
    channel_names: tuple[str, ...] = ()

    def channel_title(self, channel: int) -> str:
        """Return a channel's number and name."""
        name = self.channel_names[channel]
        return f"channel {channel} ({name})" if name else f"channel {channel}"

    @property
    def best_stage(self) -> int:
        """The last stage that there is."""
        return max(self.models)

    @property
    def report(self) -> Path | None:
        """The page that explains the result of the training, if it is there."""
        path = self.folder / REPORT_FILE if self.folder is not None else None
        return path if path is not None and path.is_file() else None

    def has_models_of(self, other: ModelCard | None) -> bool:
        """Tell whether these are the models of another card, which may know another folder."""
        if other is None or other.models.keys() != self.models.keys():
            return False
        return all(model is other.models[stage] for stage, model in self.models.items())
