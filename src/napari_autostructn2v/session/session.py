"""The state that the dock widgets of one viewer share, and the few ways to change it."""

from __future__ import annotations

import weakref
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from autoStructN2V.datasets.images.checks import check_layout
from autoStructN2V.errors import KernelError, UserError
from autoStructN2V.masking import Kernel
from autoStructN2V.pipeline import (
    Approve,
    PipelineConfig,
    RunOutput,
    Skip,
    recorded_events,
    validate_config,
)
from autoStructN2V.pipeline.events import (
    AwaitingDecision,
    KernelProposed,
    StageFinished,
    StageTrained,
)
from autoStructN2V.trainers.events import EpochFinished, Preview
from napari_autostructn2v.layers.results import ResultLayers, ready_for_layers
from napari_autostructn2v.layers.stacks import LayerStacks, snapshot, stacks_of
from napari_autostructn2v.session.docks import DockName, DockTabs, show_dock
from napari_autostructn2v.session.jobs import Job
from napari_autostructn2v.session.models import ModelTasks
from napari_autostructn2v.session.run_reducer import after, ended, failed, started, with_message
from napari_autostructn2v.session.settings import first_config
from napari_autostructn2v.session.state import ModelCard, Part, Phase, Progress, RunState, Status
from napari_autostructn2v.session.task_errors import error_text

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from pathlib import Path

    import napari
    from napari.layers import Layer
    from qtpy.QtWidgets import QWidget

    from autoStructN2V.inference.trained_model import TrainedModel
    from autoStructN2V.pipeline.events import Event
    from napari_autostructn2v.session.imported_model import ImportedModel

_SECONDS_TO_END = 5.0
_sessions: weakref.WeakKeyDictionary[napari.Viewer, Session] = weakref.WeakKeyDictionary()


class Session(ModelTasks):
    """What the dock widgets of one viewer have in common.

    Widgets read the attributes, change them through the methods, and repaint on the signals. A run
    belongs to the session: it goes on when docks are closed, and ends with the viewer.

    Parameters
    ----------
    viewer : napari.Viewer
        Held weakly.

    Attributes
    ----------
    config : PipelineConfig
        What the next training is started with.
    config_problem : str or None
        Why what a person entered last is not in ``config``; nothing is started then.
    source : LayerStacks or None
        What it is started on.
    run : RunState
        The training that runs, or the last one.
    results : ResultLayers or None
        Layers of that training.
    auto_approve : bool
        Whether a proposed kernel is approved without asking.
    document : KernelDocument
        The kernel that is edited.
    task : TaskState
        Work beside a training.
    """

    config_changed = Signal(object)
    config_problem_changed = Signal(object)
    source_changed = Signal(object)
    run_changed = Signal(object)
    epoch_finished = Signal(object)
    models_imported = Signal(object)
    """The :class:`ImportedModel` that the configuration now goes on from."""
    auto_approve_changed = Signal(bool)

    def __init__(self, viewer: napari.Viewer) -> None:
        super().__init__(viewer)
        self.config: PipelineConfig = validate_config(first_config())
        self.config_problem: str | None = None
        self.source: LayerStacks | None = None
        self.run = RunState()
        self.results: ResultLayers | None = None
        self.auto_approve = False
        self._training: Job | None = None
        self._trained: dict[int, TrainedModel] = {}
        self._slice_in_view = 0
        viewer.layers.events.removed.connect(self._on_layer_removed)
        viewer.dims.events.current_step.connect(self._on_slider_moved)

    # what a training is started with

    def set_config(self, config: PipelineConfig) -> None:
        """Replace the configuration of the next training."""
        if config != self.config:
            self.config = config
            self.config_changed.emit(config)

    def set_config_problem(self, problem: str | None) -> None:
        """Say that a person sees other values than those of the configuration, and why."""
        if problem != self.config_problem:
            self.config_problem = problem
            self.config_problem_changed.emit(problem)

    def choose_layer(self, layer: Layer, index: int | None = None) -> None:
        """Choose what the next training is started on.

        Parameters
        ----------
        layer : napari layer
            An image layer.
        index : int, optional
            Which one along a leading axis (time, channel); default: all.

        Raises
        ------
        InputError
            If the layer cannot be denoised; nothing is chosen then.
        """
        self.source = None
        try:
            self.source = stacks_of(layer, index)
        finally:
            self.source_changed.emit(self.source)

    def clear_layer(self) -> None:
        """Choose nothing."""
        if self.source is not None:
            self.source = None
            self.source_changed.emit(None)

    # the training

    def cannot_start(self) -> str | None:
        """Return why a training cannot be started now, or None if it can."""
        if self.run.phase.is_running:
            return "A training is running; only one can run at a time."
        if any(session._training is not None for session in _sessions.values()):
            return "A training is running in another window; only one can run at a time."
        if self.config_problem is not None:
            return f"Correct this in Configuration first: {self.config_problem}"
        if self.source is None:
            return "No image layer is chosen; choose one in Configuration."
        largest = max(stage.patch_size for stage in self.config.used_stages)
        try:
            check_layout(self.source.sources, patch_size=largest, mode=self.config.mode)
        except UserError as error:
            return str(error)
        return None

    def start_training(self) -> None:
        """Start a training; it takes copies of the configuration and of the choice of layer."""
        reason = self.cannot_start()
        if reason is not None or self.source is None:
            self._set_run(replace(self.run, error=reason))
            return
        try:
            stacks = self._source_now(self.source)
        except UserError as error:
            self._set_run(replace(self.run, error=str(error)))
            return
        config = self.config
        # without the pixels: a layer that is removed later shall free its memory
        self.results = ResultLayers(self.viewer, replace(stacks, sources=()), config)
        self._on_slider_moved()

        def events(should_stop: Callable[[], bool]) -> Generator[Event, Any, RunOutput]:
            trained = recorded_events(
                snapshot(stacks.sources),
                config,
                should_stop=should_stop,
                review=True,
                preview_slice=self._shown_slice,
                keep_arrays=True,
            )
            return ready_for_layers(trained, stacks)

        self._trained = {}
        self._await_models()
        self._set_run(started(config, stacks.name))
        self._training = Job(events, self._on_event, self._on_result, self._on_error)
        self._training.start()

    def _source_now(self, source: LayerStacks) -> LayerStacks:
        """Take the layer as it is now: its name or its pixels may be new."""
        layer = source.layer
        if layer is not None and layer in self.viewer.layers:
            self.choose_layer(layer, source.index)
        return self.source or source

    def cancel_training(self) -> None:
        """End the training; what is finished stays."""
        if self._training is not None:
            self._training.cancel()
            self._set_run(replace(self.run, is_stopping=True))

    def set_auto_approve(self, is_on: bool) -> None:
        """Choose whether a proposed kernel is approved without asking."""
        if is_on != self.auto_approve:
            self.auto_approve = is_on
            self.auto_approve_changed.emit(is_on)

    def approve(self) -> None:
        """Let the training that waits go on to stage 2 with the kernel of :attr:`document`."""
        if self._training is None or self.run.phase is not Phase.REVIEW:
            return
        try:
            kernel = Kernel.from_array(self.document.kernel, self._run_config.mode)
        except KernelError as error:
            self._set_run(with_message(self.run, str(error)))
            return
        self._training.answer(Approve(kernel))
        self._set_run(
            replace(
                self.run,
                phase=Phase.STAGE2,
                statuses={**self.run.statuses, Part.KERNEL: Status.COMPLETE},
                progress=Progress("Preparing stage 2", 0.0),
            )
        )

    def skip_stage2(self) -> None:
        """Let the training that waits end with stage 1."""
        if self._training is None or self.run.phase is not Phase.REVIEW:
            return
        self._training.answer(Skip())
        skipped = {Part.KERNEL: Status.SKIPPED, Part.STAGE2: Status.SKIPPED}
        self._set_run(
            replace(
                self.run,
                phase=Phase.EXTRACTION,
                statuses={**self.run.statuses, **skipped},
                progress=Progress("Finishing", 1.0),
            )
        )

    def new_run(self) -> None:
        """Forget the last run; its layers, files and model stay."""
        if not self.run.phase.is_running:
            self.results = None
            self._set_run(RunState())

    # models

    def import_models(self, paths: Sequence[Path]) -> None:
        """Let the configuration go on from models; it stays as it is if they cannot be used.

        Parameters
        ----------
        paths : sequence of Path
            One folder, or one or two .pth files with or without their .json file.
        """
        from napari_autostructn2v.session.config_edits import with_changes
        from napari_autostructn2v.session.imported_model import import_model

        def show(found: ImportedModel) -> None:
            try:
                config = with_changes(self.config, found.changes(self.config))
            except UserError as error:
                return self._end_task(error=str(error))
            if found.is_complete:
                self._choose_model(found.card)
            self._end_task()
            self.set_config(config)
            return self.models_imported.emit(found)

        self._start_work("import", "Loading the model", lambda: import_model(paths), show)

    # docks and end

    def show(self, dock: DockName) -> QWidget:
        """Open a dock widget and bring it to the front."""
        return show_dock(self.viewer, dock)

    def close(self, *_: object) -> None:
        """End what runs; called when the viewer is closed."""
        jobs = [job for job in (self._training, self._task_job) if job is not None]
        for job in jobs:
            job.abandon()
        for job in jobs:
            job.wait(_SECONDS_TO_END)
        self._training = self._task_job = None

    # what the job reports

    @property
    def _run_config(self) -> PipelineConfig:
        return self.run.config or self.config

    def _shown_slice(self) -> int:
        # asked from the thread of the training, which must not touch the viewer
        return self._slice_in_view

    def _on_event(self, event: Event) -> None:
        if isinstance(event, AwaitingDecision):
            return
        if isinstance(event, Preview):
            if self.results is not None:
                self.results.show_preview(event)
            return
        self._set_run(after(self.run, event))
        if isinstance(event, EpochFinished):
            self.epoch_finished.emit(event)
        elif isinstance(event, StageTrained):
            self._keep_model(event)
        elif isinstance(event, StageFinished) and self.results is not None:
            self.results.add_result(event)
        elif isinstance(event, KernelProposed) and not self.run.is_stopping:
            self._review(event)

    def _review(self, event: KernelProposed) -> None:
        self.document.set_proposal(event.proposal, self._run_config.stage2.extractor)
        for message in event.proposal.advice.messages:
            self._set_run(with_message(self.run, message))
        if self.auto_approve:
            self.approve()
        else:
            self.show(DockName.MASK_EDITOR)

    def _keep_model(self, event: StageTrained) -> None:
        self._trained[event.stage] = event.model
        self._offer_model(ModelCard(dict(self._trained)))

    def _on_result(self, output: RunOutput) -> None:
        self._training = None
        if self.results is not None:
            self.results.remove_preview()
        if self._trained:
            self._offer_model(ModelCard(dict(self._trained), output.folders.model))
        self._set_run(ended(self.run, output))

    def _on_error(self, error: Exception) -> None:
        self._training = None
        if self.results is not None:
            self.results.remove_preview()
        self._set_run(failed(self.run, error_text(error)))

    def _set_run(self, run: RunState) -> None:
        self.run = run
        self.run_changed.emit(run)

    def _on_layer_removed(self, event: Any) -> None:
        if self.source is not None and self.source.layer is event.value:
            self.clear_layer()

    def _on_slider_moved(self, event: object = None) -> None:
        stacks = self.results.stacks if self.results is not None else None
        index = stacks.slice_in_view(self.viewer.dims.point) if stacks is not None else None
        if index is not None:
            self._slice_in_view = index


def session_for(viewer: napari.Viewer) -> Session:
    """Return the session of a viewer; the first call makes it."""
    # every dock gets a proxy of its own; a weak dictionary would forget the session with the proxy
    viewer = getattr(viewer, "__wrapped__", viewer)
    if viewer not in _sessions:
        session = Session(viewer)
        window = viewer.window._qt_window
        window.destroyed.connect(session.close)
        DockTabs(window)
        _sessions[viewer] = session
    return _sessions[viewer]
