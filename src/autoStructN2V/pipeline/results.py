"""What a training leaves behind, and where denoised stacks are collected."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

from autoStructN2V.datasets.images.offset import with_offset_off
from autoStructN2V.datasets.images.sources import ArraySource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.inference.noise_report import StageComparison, StageReport
    from autoStructN2V.inference.trained_model import TrainedModel
    from autoStructN2V.inference.verdict import Verdict
    from autoStructN2V.masking.kernels.extraction import KernelProposal
    from autoStructN2V.masking.kernels.kernel import Kernel
    from autoStructN2V.masking.noise.autocorrelation import Autocorrelation
    from autoStructN2V.trainers.events import EpochFinished

    WriteSlice = Callable[[int, NDArray[np.float32]], None]


@dataclass(frozen=True)
class StackTarget:
    """Where the slices of one denoised stack go.

    Attributes
    ----------
    write : callable
        Takes the index of a slice and its pixels (y, x) float32, in input intensities.
    finished : frozenset of int
        Slices that are there already, from before a crash.
    """

    write: WriteSlice
    finished: frozenset[int] = frozenset()


@dataclass(frozen=True)
class StageResult:
    """Outcome of one stage.

    Attributes
    ----------
    model : TrainedModel
    denoised : list of (z, y, x) float32 arrays, or None
        One for each input, in input intensities (float64 where these lie on an offset that
        float32 cannot hold); None when written to files or cancelled.
    report : StageReport or None
        What is left of the noise; None when cancelled.
    history : list of EpochFinished
    """

    model: TrainedModel
    denoised: list[NDArray[np.float32]] | None
    report: StageReport | None
    history: list[EpochFinished] = field(default_factory=list)


@dataclass(frozen=True)
class PipelineResult:
    """Outcome of a whole training.

    Attributes
    ----------
    stage1, stage2 : StageResult or None
        None for a stage that did not run. Plain Noise2Void fills ``stage1``.
    proposal : KernelProposal or None
        Automatic kernel with its evidence.
    kernel : Kernel or None
        Kernel that stage 2 used.
    is_stopped : bool
        Whether the training was cancelled.
    comparison : StageComparison or None
        Which stage is better; None unless both came to their end.
    verdict : Verdict or None
        How far the results are from the truth, and a Gaussian filter; None if that cannot be told.
    noise : Autocorrelation or None
        What was measured of the noise, on the grid that was worked on; None if it could not be,
        or of a run that was stopped before.
    """

    stage1: StageResult | None
    stage2: StageResult | None
    proposal: KernelProposal | None
    kernel: Kernel | None
    is_stopped: bool
    comparison: StageComparison | None = None
    verdict: Verdict | None = None
    noise: Autocorrelation | None = None

    @property
    def last_stage(self) -> StageResult | None:
        """The last stage that ran."""
        return self.stage2 or self.stage1


class ResultSink(Protocol):
    """Where denoised slices go."""

    def writer(
        self, model: TrainedModel, source: ImageSource
    ) -> AbstractContextManager[StackTarget]:
        """Return a context that takes the slices of one stack, denoised with a model.

        No stack is collected on an error.
        """

    def denoised(self, stage: int) -> Sequence[ImageSource]:
        """Return what was collected for a stage, to be read again."""

    def arrays(self, stage: int) -> list[NDArray[np.float32]] | None:
        """Return the (z, y, x) stacks of a stage, or None when they are not in memory."""


class ArraySink:
    """Collect denoised stacks in memory."""

    def __init__(self) -> None:
        self._stacks: dict[int, list[NDArray[np.float32]]] = {}
        self._offset = 0.0

    @contextmanager
    def writer(self, model: TrainedModel, source: ImageSource) -> Iterator[StackTarget]:
        """Return a context that takes the slices of one stack, denoised with a model."""
        offset = self._offset = source.metadata.offset
        # float32 cannot hold what is on an offset
        stack = np.empty(source.shape, np.float64 if offset else np.float32)

        def write(z: int, image: NDArray[np.float32]) -> None:
            stack[z] = image
            stack[z] += offset

        yield StackTarget(write)
        self._stacks.setdefault(model.stage, []).append(stack)

    def denoised(self, stage: int) -> Sequence[ImageSource]:
        """Return what was collected for a stage, read as the images that it was made of."""
        stacks = (ArraySource(stack) for stack in self._stacks.get(stage, []))
        return [with_offset_off(stack, self._offset) for stack in stacks]

    def arrays(self, stage: int) -> list[NDArray[np.float32]] | None:
        """Return the (z, y, x) stacks of a stage."""
        return self._stacks.get(stage)
