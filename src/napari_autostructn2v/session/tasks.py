"""Work beside a training: measuring noise, denoising with a trained model, saving a layer."""

from __future__ import annotations

import weakref
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from psygnal import Signal

from autoStructN2V.datasets.images.checks import check_images
from autoStructN2V.datasets.images.offset import without_offset
from autoStructN2V.datasets.images.reading import open_images
from autoStructN2V.errors import InputError, UserError
from autoStructN2V.pipeline import (
    denoise_array_events,
    denoise_events,
    measure_evidence,
    output_files,
)
from autoStructN2V.pipeline.events import PredictionProgress
from autoStructN2V.trainers.events import Warned
from napari_autostructn2v.layers.files import FileImage, layer_writer, stage_in_names
from napari_autostructn2v.layers.stacks import snapshot
from napari_autostructn2v.session.denoised import Denoised
from napari_autostructn2v.session.jobs import Job
from napari_autostructn2v.session.kernel_document import KernelDocument
from napari_autostructn2v.session.run_reducer import denoising_progress
from napari_autostructn2v.session.state import Measurement, Phase, Progress, RunState, TaskState
from napari_autostructn2v.session.task_errors import error_text

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    import napari
    import numpy as np
    from napari.layers import Image
    from numpy.typing import NDArray

    from autoStructN2V.inference.trained_model import TrainedModel
    from autoStructN2V.masking import KernelProposal
    from autoStructN2V.masking.kernels.config import ExtractorConfig
    from autoStructN2V.pipeline.events import Event
    from autoStructN2V.vocabulary import DeviceName, Mode, OutputDtype, StripeRemoval
    from napari_autostructn2v.layers.stacks import LayerStacks
    from napari_autostructn2v.session.state import TaskKind

T = TypeVar("T")
_LEAVES_PARTS = ("denoise", "save")  # the other tasks end with all or nothing
_SMALLEST_MEASURED = 16  # px


class TaskRunner:
    """Runs one task at a time; the part of a session that is not about training.

    Parameters
    ----------
    viewer : napari.Viewer
        Where results are added; held weakly.

    Attributes
    ----------
    document : KernelDocument
        Gets the kernel that a measurement proposes.
    task : TaskState
        What runs, or ran last.
    last_denoised : Denoised or None
        What the last denoising made, until :meth:`forget_denoised`.
    measurement : Measurement or None
        The last one; None when there was none, or when its layer has new pixels by now.
    """

    task_changed = Signal(object)
    """The new :class:`TaskState`."""
    measured = Signal(object)
    """The new :class:`Measurement`, or None when the last one is outdated."""
    layer_denoised = Signal(object)
    """The layer that a model made."""
    files_denoised = Signal(object)
    """The list of files that a model wrote."""

    run: RunState

    def __init__(self, viewer: napari.Viewer) -> None:
        self._viewer = weakref.ref(viewer)
        self.document = KernelDocument()
        self.task = TaskState()
        self.measurement: Measurement | None = None
        self.last_denoised: Denoised | None = None
        self._task_job: Job | None = None

    @property
    def viewer(self) -> napari.Viewer:
        """The viewer of this session."""
        viewer = self._viewer()
        if viewer is None:
            raise ReferenceError("The viewer of this session was closed.")
        return viewer

    def measure(
        self,
        stacks: LayerStacks,
        mode: Mode,
        extractor: ExtractorConfig,
        remove_stripes: StripeRemoval = "auto",
    ) -> None:
        """Measure the noise of a layer and propose a kernel.

        The kernel goes into :attr:`document`, unless a training waits for the approval of another.

        Parameters
        ----------
        stacks : LayerStacks
            What to measure.
        mode : {"2D", "2.5D"}
            2.5D measures the correlation between neighboring slices too.
        extractor : ExtractorConfig
            Parameters of the extraction.
        remove_stripes : {"auto", "rows", "columns", "off"}
            Direction of stripes to leave out; "auto" looks for them.
        """
        # without the pixels: a layer that is removed later shall free its memory
        measured = replace(stacks, sources=())

        def events(should_stop: Callable[[], bool]) -> Generator[Event, Any, KernelProposal | None]:
            sources = without_offset(snapshot(stacks.sources))
            for message in check_images(
                sources, patch_size=_SMALLEST_MEASURED, mode=mode, should_stop=should_stop
            ):
                yield Warned(message)
            evidence = measure_evidence(
                sources, extractor, mode, should_stop, remove_stripes=remove_stripes
            )
            return evidence.propose(extractor) if evidence is not None else None

        def show(proposal: KernelProposal | None) -> None:
            if proposal is None:
                return self._end_task("Cancelled.")
            if self.run.phase is not Phase.REVIEW:
                self.document.set_proposal(proposal, extractor)
            if self.measurement is not None:  # the layer has the same pixels still
                self.measurement = Measurement(measured, proposal)
            self._end_task(*proposal.advice.messages)
            self.measured.emit(self.measurement)
            return None

        if self._task_job is None:
            self._watch_pixels(stacks)
            self.measurement = Measurement(measured)
        self._start_task("measure", "Measuring the noise", events, show)

    def denoise_layer(
        self,
        stacks: LayerStacks,
        model: TrainedModel,
        device: DeviceName = "auto",
        write: Callable[[Sequence[NDArray[np.float32]]], Path] | None = None,
    ) -> None:
        """Apply a model to a layer; the result becomes a layer of its own, or a file.

        Parameters
        ----------
        stacks : LayerStacks
            What to denoise.
        model : TrainedModel
            Model to apply.
        device : {"auto", "cpu", "cuda", "mps"}
            Device that computes.
        write : callable, optional
            Called in the thread of the task: writes the denoised stacks to a file instead.
        """

        def events(should_stop: Callable[[], bool]) -> Generator[Event, Any, Any]:
            denoised = yield from denoise_array_events(
                snapshot(stacks.sources), model, device=device, should_stop=should_stop
            )
            if denoised is None:
                return None
            return stacks.layer_data(denoised) if write is None else write(denoised)

        def show(outcome: NDArray[np.float32] | Path | None) -> None:
            if outcome is None:
                self._end_task("Cancelled; nothing was added.")
            elif isinstance(outcome, Path):
                self._end_task(f"Wrote {outcome}.")
                self.last_denoised = Denoised(self.task, (outcome,))
                self.files_denoised.emit([outcome])
            else:
                layer = self._add_denoised(stacks, outcome, model)
                self._end_task(f"Added layer {layer.name}.")
                self.last_denoised = Denoised(self.task, layer=weakref.ref(layer))
                self.layer_denoised.emit(layer)

        self._start_task("denoise", "Reading the images", events, show)

    def denoise_files(
        self,
        source: Path,
        output: Path,
        model: TrainedModel,
        *,
        device: DeviceName = "auto",
        output_dtype: OutputDtype = "float32",
    ) -> None:
        """Apply a model to a TIFF file or to a folder of them, and write the results.

        Parameters
        ----------
        source : Path
            File or folder.
        output : Path
            A .tif file for a single image, else a folder.
        model : TrainedModel
            Model to apply.
        device : {"auto", "cpu", "cuda", "mps"}
            Device that computes.
        output_dtype : {"float32", "input"}
            Data type of the results.
        """

        def events(should_stop: Callable[[], bool]) -> Generator[Event, Any, list[Path]]:
            unreadable: list[InputError] = []
            sources = open_images(source, mode=model.mode, unreadable=unreadable)
            outputs = output_files(
                sources, source, output, stage=stage_in_names(model), keep_existing=True
            )
            return (
                yield from denoise_events(
                    sources,
                    model,
                    outputs,
                    device=device,
                    output_dtype=output_dtype,
                    should_stop=should_stop,
                    unreadable=unreadable,
                )
            )

        def show(written: Sequence[Path]) -> None:
            files = "1 file" if len(written) == 1 else f"{len(written)} files"
            stopped = "Cancelled; wrote" if self.task.is_stopping else "Wrote"
            self._end_task(f"{stopped} {files} to {output}.")
            self.last_denoised = Denoised(self.task, tuple(written))
            self.files_denoised.emit(list(written))

        self._start_task("denoise", "Reading the images", events, show)

    def save_layer(self, path: Path, layer: Image) -> None:
        """Write a layer as it is now to a TIFF file, with its axes and its pixel size.

        Parameters
        ----------
        path : Path
            Name of the file; it appears when it is complete.
        layer : Image
            Grayscale image, stack, or stacks along one leading axis.

        Raises
        ------
        InputError
            If it is no such layer.
        """
        write = layer_writer(layer)

        def show(_: None) -> None:
            self._end_task(f"Saved {path}.")

        self._start_work("save", "Saving the layer", lambda: write(path), show)

    def open_files(self, files: Sequence[Path]) -> None:
        """Add images of files to the viewer; what is wrong with one does not stop the others.

        Parameters
        ----------
        files : sequence of Path
            TIFF files.
        """
        problems: list[str] = []

        def events(should_stop: Callable[[], bool]) -> Generator[Event, Any, list[FileImage]]:
            yield from ()
            images = []
            for file in files:
                if should_stop():
                    break
                try:
                    images.append(FileImage.read(file))
                except UserError as error:
                    problems.append(str(error))
            return images

        def show(images: Sequence[FileImage]) -> None:
            for image in images:
                self.viewer.add_layer(image.layer())
            self._end_task(error=" ".join(problems) or None)

        self._start_task("open", "Opening the files", events, show)

    def forget_denoised(self) -> None:
        """Make ready for other images; layers and files stay."""
        self.last_denoised = None
        if self.task.kind in ("denoise", "save", "open") and not self.task.is_running:
            self._set_task(TaskState())

    def cancel_task(self) -> None:
        """End the task that runs; what is finished stays."""
        if self._task_job is None:
            return
        if self.task.kind in _LEAVES_PARTS:
            self._task_job.cancel()
            self._set_task(replace(self.task, is_stopping=True))
        else:
            # what its thread still computes is of no use: nobody has to wait for it
            self._task_job.abandon()
            self._end_task("Cancelled.")

    def _start_work(
        self,
        kind: TaskKind,
        text: str,
        work: Callable[[], T],
        show: Callable[[T], None],
    ) -> None:
        """Start a task that has nothing to report before its end."""

        def events(should_stop: Callable[[], bool]) -> Generator[Event, Any, T]:
            yield from ()
            return work()

        self._start_task(kind, text, events, show)

    def _start_task(
        self,
        kind: TaskKind,
        text: str,
        events: Callable[[Callable[[], bool]], Generator[Any, Any, Any]],
        show: Callable[[Any], None],
    ) -> None:
        if self._task_job is not None:
            busy = f"{self.task.what_runs}; wait for it, or cancel it."
            self._set_task(replace(self.task, error=busy))
            return
        self._set_task(TaskState(kind, is_running=True, progress=Progress(text, 0.0)))
        self._task_job = Job(events, self._on_task_event, show, self._on_task_error)
        self._task_job.start()

    def _on_task_event(self, event: Event) -> None:
        if isinstance(event, Warned):
            self._set_task(replace(self.task, messages=(*self.task.messages, event.message)))
        elif isinstance(event, PredictionProgress):
            self._set_task(replace(self.task, progress=denoising_progress(event)))

    def _on_task_error(self, error: Exception) -> None:
        self._end_task(error=error_text(error))

    def _end_task(self, *messages: str, error: str | None = None) -> None:
        self._task_job = None
        self._set_task(
            TaskState(self.task.kind, messages=(*self.task.messages, *messages), error=error)
        )

    def _set_task(self, task: TaskState) -> None:
        self.task = task
        self.task_changed.emit(task)

    def _watch_pixels(self, stacks: LayerStacks) -> None:
        """Forget what is measured once the layer has other pixels."""
        if stacks.layer is not None:
            stacks.layer.events.data.connect(self._on_new_pixels)

    def _on_new_pixels(self, event: Any) -> None:
        if self.measurement is not None and self.measurement.stacks.layer is event.source:
            self.measurement = None
            self.measured.emit(None)

    def _add_denoised(
        self, stacks: LayerStacks, denoised: NDArray[np.float32], model: TrainedModel
    ) -> Image:
        name = "N2V" if model.method == "n2v" else f"stage {model.stage}"
        made_by = {"stage": model.stage, "method": model.method, "mode": model.mode}
        made_by |= model.provenance
        return self.viewer.add_layer(stacks.result_layer([denoised], f"denoised, {name}", made_by))
