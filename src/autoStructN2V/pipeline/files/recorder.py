"""Files that a training writes, and the sink that streams denoised stacks to disk."""

from __future__ import annotations

import csv
import io
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from autoStructN2V.datasets.images.formats.registry import result_ending
from autoStructN2V.datasets.images.names import chosen_name, free_name, safe_name
from autoStructN2V.datasets.images.offset import with_offset_off
from autoStructN2V.datasets.images.reading import open_images
from autoStructN2V.datasets.images.writing import StackWriter
from autoStructN2V.files import atomic_write, write_bytes, write_json
from autoStructN2V.inference.model_files import MODEL_FILES
from autoStructN2V.inference.trained_model import save_model
from autoStructN2V.pipeline.configuration.file import with_absolute_paths, write_config
from autoStructN2V.pipeline.events import (
    Event,
    ImagesRead,
    KernelProposed,
    StageFinished,
    StageStarted,
    StageTrained,
)
from autoStructN2V.pipeline.files.figures import draw_evidence
from autoStructN2V.pipeline.files.folders import CONFIG, LOG, REPORT
from autoStructN2V.pipeline.going_on.optimizer_state import optimizer_file, save_optimizer
from autoStructN2V.pipeline.report.record import RunRecord
from autoStructN2V.pipeline.results import StackTarget
from autoStructN2V.trainers.events import EpochFinished, Warned

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from PIL import Image

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.inference.trained_model import TrainedModel
    from autoStructN2V.masking.kernels.kernel import Kernel
    from autoStructN2V.pipeline.configuration.models import PipelineConfig
    from autoStructN2V.pipeline.files.checkpoints import RunCheckpoints
    from autoStructN2V.pipeline.files.folders import RunFolders
    from autoStructN2V.pipeline.results import ArraySink, PipelineResult
    from autoStructN2V.vocabulary import OutputDtype

_LOG_FIELDS = (
    "stage",
    "epoch",
    "train_loss",
    "val_loss",
    "best_val_loss",
    "learning_rate",
    "seconds",
)


@dataclass
class FileSink:
    """Write denoised stacks to files of the formats of their inputs, slice by slice.

    Attributes
    ----------
    folders : RunFolders
    config : PipelineConfig
    checkpoints : RunCheckpoints
        Tell which slices were written before a crash.
    memory : ArraySink, optional
        Takes the stacks as well, for a program that shows them.
    """

    folders: RunFolders
    config: PipelineConfig
    checkpoints: RunCheckpoints
    memory: ArraySink | None = None
    files: dict[int, list[Path]] = field(default_factory=dict)
    _offset: float = 0.0

    @contextmanager
    def writer(self, model: TrainedModel, source: ImageSource) -> Iterator[StackTarget]:
        """Return a context that takes the slices of one stack; the file appears at its end."""
        stage = model.stage
        self._offset = source.metadata.offset
        path = self._path(stage, source)
        history = {"stage": stage, "training_id": self.folders.training_id}
        dtype: OutputDtype = self.config.output_dtype
        kept = self.memory.writer(model, source) if self.memory else nullcontext(_NOWHERE)
        journal = self.checkpoints.journal(model, path) if self._is_all_in_files else None
        with (
            StackWriter(
                path, source, output_dtype=dtype, history=history, unfinished=journal
            ) as stack,
            kept as memory,
        ):

            def write(z: int, image: NDArray[np.float32]) -> None:
                memory.write(z, image)
                stack.write(z, image)

            for z in stack.finished if self.memory else ():
                memory.write(z, stack.stored(z).astype(np.float32))
            yield StackTarget(write, stack.finished)
        self.files.setdefault(stage, []).append(path)

    def _path(self, stage: int, source: ImageSource) -> Path:
        """Return a name that none of this run's files has; one that exists is of its last try."""
        ending = result_ending(source.metadata)
        wanted = f"{safe_name(chosen_name(source))}_stage{stage}{ending}"
        taken = {file.name.casefold() for file in self.files.get(stage, [])}
        folder = self.folders.stage_results(stage)
        return free_name(folder / wanted, lambda path: path.name.casefold() in taken)

    @property
    def _is_all_in_files(self) -> bool:
        """Whether files hold all that memory is to get; else nothing in them can be reused."""
        is_exact = self.config.output_dtype == "float32" and not self._offset
        return self.memory is None or is_exact

    def denoised(self, stage: int) -> Sequence[ImageSource]:
        """Return the files of a stage as sources, read as the images that they were made of."""
        return [
            with_offset_off(source, self._offset)
            for path in self.files.get(stage, [])
            for source in open_images(path, mode="2D")
        ]

    def arrays(self, stage: int) -> list[NDArray[np.float32]] | None:
        """Return the (z, y, x) stacks of a stage if they are kept in memory as well."""
        return self.memory.arrays(stage) if self.memory else None


def _ignore(z: int, image: NDArray[np.float32]) -> None:
    """Keep nothing."""


_NOWHERE = StackTarget(_ignore)


class RunRecorder:
    """Write models, log and report of a training while it runs.

    Each file is complete at any time, so that a crash costs at most the current stage.

    Parameters
    ----------
    folders : RunFolders
    config : PipelineConfig
    """

    def __init__(self, folders: RunFolders, config: PipelineConfig) -> None:
        self.folders = folders
        self._config = config
        self._log: list[EpochFinished] = []
        self._report: dict[str, Any] = {}
        self._evidence: NDArray[np.float64] | None = None
        self._messages: list[str] = []
        self._read: ImagesRead | None = None
        write_config(folders.model / CONFIG, with_absolute_paths(config))

    @property
    def images(self) -> tuple[tuple[str, Path | None], ...]:
        """Names and files of the images that are used, once they are known."""
        found = self._read.images if self._read is not None else ()
        return tuple((image.name, image.metadata.path) for image in found)

    def record(self, event: Event) -> None:
        """Write what an event brought."""
        if isinstance(event, ImagesRead):
            self._read = event
        elif isinstance(event, KernelProposed):
            self._evidence = event.proposal.autocorrelation.values
        elif isinstance(event, Warned):
            self._messages.append(event.message)
        elif isinstance(event, StageStarted) and event.stage == 2:
            self._write_kernel(event.kernel)
        elif isinstance(event, EpochFinished):
            self._log.append(event)
            self._write_log()
        elif isinstance(event, StageTrained):
            path = self.folders.model / MODEL_FILES[event.stage]
            save_model(path, event.model)
            if event.optimizer is not None:
                save_optimizer(optimizer_file(path), event.optimizer)
        elif isinstance(event, StageFinished):
            if event.report is not None:
                self._report[f"stage{event.stage}"] = event.report.to_dict()
                write_json(self.folders.model / REPORT, self._report)

    def finish(self, result: PipelineResult, left_out: Sequence[str] = ()) -> None:
        """Write what the run came to, and what is wrong with files that were left out."""
        if left_out:
            self._report["left_out"] = list(left_out)
            self._messages += [f"Left out: {reason}" for reason in left_out]
        if result.proposal is not None:
            statistics = result.proposal.statistics
            self._report["kernel"] = {
                "proposed": statistics.sentence,
                "pattern_type": statistics.pattern_type,
                "n_active": statistics.n_active,
                "advice": result.proposal.advice.message,
            }
        if result.comparison is not None:
            self._report["comparison"] = result.comparison.to_dict()
        if result.verdict is not None:
            self._report["verdict"] = result.verdict.to_dict()
        self._report["is_stopped"] = result.is_stopped
        write_json(self.folders.model / REPORT, self._report)

    def run_record(
        self, result: PipelineResult, sink: FileSink, seconds: float
    ) -> RunRecord | None:
        """Return what a report is made from; None of a run that ended before its first event."""
        if self._read is None:
            return None
        both = {1: result.stage1, 2: result.stage2}
        finished = [n for n, stage in both.items() if stage is not None and stage.report]
        return RunRecord(
            self._config,
            result,
            self._read.images,
            self._read.removal,
            {stage: sink.denoised(stage) for stage in finished},
            self.folders.training_id,
            self._messages,
            seconds,
        )

    def _write_kernel(self, kernel: Kernel) -> None:
        kernel.save(self.folders.model / "mask.npy")
        removal = None if self._read is None else self._read.removal
        picture = draw_evidence(kernel, self._evidence, removal)
        save_png(self.folders.model / "mask.png", picture)

    def _write_log(self) -> None:
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(_LOG_FIELDS)
        rows.writerows([getattr(epoch, name) for name in _LOG_FIELDS] for epoch in self._log)
        write_bytes(self.folders.model / LOG, text.getvalue().encode())


def save_png(path: Path, image: Image.Image) -> None:
    """Write an image as PNG, atomically.

    Raises
    ------
    OutputError
        When it cannot be written.
    """
    with atomic_write(path) as temporary:
        image.save(temporary, format="PNG")
