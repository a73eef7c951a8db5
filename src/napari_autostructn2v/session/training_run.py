"""The training of a viewer: one at a time, in the background."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from autoStructN2V.errors import KernelError
from autoStructN2V.masking import Kernel
from autoStructN2V.pipeline import Approve, RunOutput, Skip, recorded_events
from autoStructN2V.pipeline.channels import channel_events
from autoStructN2V.pipeline.events import (
    AwaitingDecision,
    ChannelStarted,
    ImagesRead,
    KernelProposed,
    StageFinished,
    StageTrained,
)
from autoStructN2V.trainers.events import Preview, Warned
from autoStructN2V.vocabulary import stage_in_words
from napari_autostructn2v.layers.channels import channels_of, channels_ready_for_layers, joined
from napari_autostructn2v.layers.large import (
    ResultsReady,
    is_large,
    stored_for_layers,
    stored_sources,
)
from napari_autostructn2v.layers.pixels import snapshot
from napari_autostructn2v.layers.results import ready_for_layers
from napari_autostructn2v.session.model_cards import channels_card
from napari_autostructn2v.session.run_reducer import (
    after,
    approved,
    ended,
    failed,
    skipped,
    started,
    with_message,
)
from napari_autostructn2v.session.state import ModelCard, Phase, RunState
from napari_autostructn2v.session.work.holder import JobHolder
from napari_autostructn2v.session.work.jobs import Job, error_text

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from autoStructN2V.inference.trained_model import TrainedModel
    from autoStructN2V.pipeline import PipelineConfig
    from autoStructN2V.pipeline.channels import ChannelsOutput
    from autoStructN2V.pipeline.events import Event
    from napari_autostructn2v.layers.results import ResultLayers
    from napari_autostructn2v.layers.stacks import LayerStacks


class TrainingRun(JobHolder[RunState]):
    """Starts a training, takes decisions about it, and keeps what came of it.

    Attributes
    ----------
    state : RunState
        The training that runs, or the last one.
    results : ResultLayers or None
        Layers of that training.
    auto_approve : bool
        Whether a proposed kernel is approved without asking.
    job : Job or None
        The thread of the training that runs.
    """

    kernel_proposed = Signal(object)
    """The :class:`KernelProposal` that the training waits with, unless it is approved at once."""
    models_trained = Signal(object)
    """A :class:`ModelCard` of all stages that are trained so far."""
    images_read = Signal(object, str)
    """The :class:`PatternRemoval` of the training, and the name of its layer."""
    stage_seen = Signal(str, object)
    """The name of a stage, and the :class:`StageSpectra` of what came of it."""
    auto_approve_changed = Signal(bool)

    def __init__(self) -> None:
        super().__init__(RunState())
        self.results: ResultLayers | None = None
        self.auto_approve = False
        self._trained: dict[int, TrainedModel] = {}

    def start(
        self,
        config: PipelineConfig,
        stacks: LayerStacks,
        results: ResultLayers,
        *,
        resume: bool = False,
    ) -> None:
        """Start a training; whoever calls makes sure that none runs.

        Parameters
        ----------
        config : PipelineConfig
            Settings of the training.
        stacks : LayerStacks
            What it learns from and denoises.
        results : ResultLayers
            Where its images are shown.
        resume : bool
            Whether to go on with the interrupted one of its folder.
        """
        is_each = config.channels == "each" and stacks.n_channels > 1
        events = _each_channel if is_each else _one_model
        train = partial(events, stacks, results, config, resume=resume)
        self.results = results
        self._trained = {}
        self.set_state(started(config, stacks.name))
        self.job = Job(train, self._on_event, self._on_result, self._on_error)
        self.job.start()

    def refuse(self, reason: str) -> None:
        """Say why no training was started; the one that runs, or ran last, stays."""
        self.set_state(replace(self.state, error=reason))

    def cancel(self) -> None:
        """End the training; what is finished stays."""
        if self.job is not None:
            self.job.cancel()
            self.set_state(replace(self.state, is_stopping=True))

    def set_auto_approve(self, is_on: bool) -> None:
        """Choose whether a proposed kernel is approved without asking."""
        if is_on != self.auto_approve:
            self.auto_approve = is_on
            self.auto_approve_changed.emit(is_on)

    def approve(self, kernel: Kernel) -> None:
        """Let the training that waits go on to stage 2.

        Parameters
        ----------
        kernel : Kernel
            What stage 2 hides; one that is not for this training is refused with a message.
        """
        if self.job is None or self.state.phase is not Phase.REVIEW or self.state.config is None:
            return
        try:
            kernel = Kernel.from_array(kernel, self.state.config.mode)
            kernel.require_grid(self.state.grid_share)
        except KernelError as error:
            self.set_state(with_message(self.state, str(error)))
            return
        self.job.answer(Approve(kernel))
        self.set_state(approved(self.state))

    def skip_stage2(self) -> None:
        """Let the training that waits end with stage 1."""
        if self.job is not None and self.state.phase is Phase.REVIEW:
            self.job.answer(Skip())
            self.set_state(skipped(self.state))

    def forget(self) -> None:
        """Make ready for another training; layers, files and models of the last one stay."""
        if not self.state.phase.is_running:
            self.results = None
            self.set_state(RunState())

    def _on_event(self, event: Event | ResultsReady) -> None:
        if isinstance(event, ResultsReady):
            if self.results is not None:
                self.results.add_ready(event)
            return
        if not isinstance(event, AwaitingDecision | Preview):
            self.set_state(after(self.state, event))
        match event:
            case Preview() if self.results is not None:
                self.results.show_preview(event)
            case ChannelStarted():
                self._trained = {}
                if self.results is not None:
                    self.results.begin_channel(event.channel)
            case StageTrained():
                self._trained[event.stage] = event.model
                self.models_trained.emit(ModelCard(dict(self._trained)))
            case ImagesRead() | StageFinished():
                self._on_images(event)
            case KernelProposed(is_decided=False) if not self.state.is_stopping:
                self._on_kernel(event)

    def _on_images(self, event: ImagesRead | StageFinished) -> None:
        """Show what was found in the images, or what a stage made of them."""
        if isinstance(event, ImagesRead):
            self.images_read.emit(event.removal, self.state.source_name)
            return
        if self.results is not None:
            self.results.add_result(event)
        if event.spectra is not None:
            self.stage_seen.emit(self._stage_name(event.stage), event.spectra)

    def _stage_name(self, stage: int) -> str:
        method = self.state.config.method if self.state.config is not None else ""
        return stage_in_words(method, stage)

    def _on_kernel(self, event: KernelProposed) -> None:
        for message in event.proposal.advice.messages:
            self.set_state(after(self.state, Warned(message)))
        self.kernel_proposed.emit(event.proposal)
        if self.auto_approve:
            self.approve(event.proposal.kernel)

    def _on_result(self, output: RunOutput | ChannelsOutput) -> None:
        self._end_job()
        if isinstance(output, RunOutput):
            if self._trained:
                self.models_trained.emit(ModelCard(dict(self._trained), output.folders.model))
            stopped, folders = output.result.is_stopped, output.folders
            state = ended(self.state, stopped, folders.experiment, output.report)
            self.set_state(replace(state, model_folder=folders.model if self._trained else None))
            return
        if not output.is_stopped:
            self.models_trained.emit(channels_card(output.folder))
        elif self._trained:
            folder = output.channels[-1].folders.model
            self.models_trained.emit(ModelCard(dict(self._trained), folder))
        self.set_state(ended(self.state, output.is_stopped, output.folder, None))

    def _on_error(self, error: Exception) -> None:
        self._end_job()
        self.set_state(failed(self.state, error_text(error)))

    def _end_job(self) -> None:
        self.job = None
        if self.results is not None:
            self.results.end()


def _one_model(
    stacks: LayerStacks,
    results: ResultLayers,
    config: PipelineConfig,
    should_stop: Callable[[], bool],
    *,
    resume: bool,
) -> Generator[Any, Any, RunOutput]:
    """Train on all stacks."""
    is_stored = is_large(stacks)
    events = recorded_events(
        stored_sources(stacks.sources) if is_stored else snapshot(stacks.sources),
        config,
        should_stop=should_stop,
        review=True,
        preview_slice=results.slice_in_view,
        keep_arrays=not is_stored,
        resume=resume,
    )
    return (stored_for_layers if is_stored else ready_for_layers)(events, stacks)


def _each_channel(
    stacks: LayerStacks,
    results: ResultLayers,
    config: PipelineConfig,
    should_stop: Callable[[], bool],
    *,
    resume: bool,
) -> Generator[Any, Any, ChannelsOutput]:
    """Train a model on the stacks of each channel."""
    events = channel_events(
        config,
        channels_of(stacks),
        should_stop=should_stop,
        review=True,
        preview_slice=results.slice_in_view,
        keep_arrays=not is_large(stacks),
        resume=resume,
        join=partial(joined, stacks),
    )
    return channels_ready_for_layers(events, stacks)
