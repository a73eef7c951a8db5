"""How the state of a run follows from the events of the core; no side effects."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from autoStructN2V.pipeline.events import (
    ChannelStarted,
    Event,
    Judged,
    KernelProposed,
    PredictionProgress,
    StageFinished,
    StagesCompared,
    StageStarted,
)
from autoStructN2V.trainers.events import BatchFinished, EpochFinished, Warned
from napari_autostructn2v.session.state import (
    IS_OVER,
    LEFT_OUT,
    PART_OF_STAGE,
    PHASE_OF_STAGE,
    Part,
    Phase,
    Progress,
    RunState,
    Status,
)

if TYPE_CHECKING:
    from pathlib import Path

    from autoStructN2V.pipeline.configuration.models import PipelineConfig


def started(config: PipelineConfig, source_name: str) -> RunState:
    """Return the state of a run that is about to read its images."""
    statuses = dict.fromkeys(Part, Status.PENDING)
    has_stage2 = config.method == "autostructn2v" and config.run_stage2
    if config.method == "autostructn2v" and not config.run_stage1 and not config.stage1_model:
        statuses[Part.STAGE1] = Status.NOT_NEEDED
    if not has_stage2:
        statuses |= dict.fromkeys((Part.KERNEL, Part.STAGE2), Status.SKIPPED)
    elif config.keeps_kernel:
        statuses[Part.KERNEL] = Status.KEPT
    elif config.stage2.mask_source == "file":
        statuses[Part.KERNEL] = Status.GIVEN
    return RunState(
        phase=Phase.PREPARING,
        statuses=statuses,
        progress=Progress("Reading the images", 0.0),
        config=config,
        source_name=source_name,
    )


def after(state: RunState, event: Event) -> RunState:
    """Return the state of a run after an event."""
    match event:
        case ChannelStarted():
            return _next_channel(state, event)
        case StageStarted():
            return _stage_started(state, event)
        case BatchFinished():
            return replace(state, progress=_training_progress(event))
        case EpochFinished():
            return replace(state, history=(*state.history, event))
        case PredictionProgress():
            return _denoising(state, event)
        case KernelProposed():
            return _kernel_proposed(state, event)
        case StageFinished():
            return _stage_finished(state, event)
        case StagesCompared() | Judged():
            return _outcome(state, event)
        case Warned():
            return with_message(state, _of_channel(state, event.message))
        case _:
            return state


def _outcome(state: RunState, event: StagesCompared | Judged) -> RunState:
    if isinstance(event, Judged):
        return replace(state, verdict=event.verdict)
    return replace(state, comparison=event.comparison)


def _stage_started(state: RunState, event: StageStarted) -> RunState:
    state = _with_status(state, _part_before(event.stage), Status.COMPLETE)
    state = _with_status(state, PART_OF_STAGE[event.stage], Status.TRAINING)
    return replace(
        state,
        phase=PHASE_OF_STAGE[event.stage],
        device=event.device,
        kernel=event.kernel if event.stage == 2 else state.kernel,
        progress=Progress(f"Epoch 1 of {event.n_epochs}", 0.0),
    )


def with_message(state: RunState, message: str) -> RunState:
    """Return the state with one more thing that a person should know."""
    return replace(state, messages=(*state.messages, message))


def approved(state: RunState) -> RunState:
    """Return the state of a run whose kernel was approved."""
    state = _with_status(state, Part.KERNEL, Status.COMPLETE)
    return replace(state, phase=Phase.STAGE2, progress=Progress("Preparing stage 2", 0.0))


def skipped(state: RunState) -> RunState:
    """Return the state of a run that ends with stage 1 because a person wants it so."""
    left_out = {Part.KERNEL: Status.SKIPPED, Part.STAGE2: Status.SKIPPED}
    return replace(
        state,
        phase=Phase.EXTRACTION,
        statuses={**state.statuses, **left_out},
        progress=Progress("Finishing", 1.0),
    )


def _next_channel(state: RunState, event: ChannelStarted) -> RunState:
    """Return the state of a run that begins with the next channel; what is known is kept."""
    if state.config is None:
        return state
    messages = state.messages
    verdict = "" if state.verdict is None else _of_channel(state, state.verdict.sentence)
    if verdict and verdict not in messages:
        messages = (*messages, verdict)
    begun = started(state.config, state.source_name)
    return replace(
        begun, channel=event, messages=messages, device=state.device, is_stopping=state.is_stopping
    )


def _of_channel(state: RunState, message: str) -> str:
    """Say of which channel a message is, if there are several."""
    return message if state.channel is None else f"Channel {state.channel.channel}: {message}"


def ended(state: RunState, is_stopped: bool, folder: Path, report: Path | None = None) -> RunState:
    """Return the state of a run that came to its end or was cancelled.

    Parameters
    ----------
    state : RunState
        Before its end.
    is_stopped : bool
        Whether it was cancelled.
    folder : Path
        Where results and models were written.
    report : Path, optional
        The page that explains the result.
    """
    left = Status.CANCELLED if is_stopped else Status.SKIPPED
    statuses = {p: status if status in IS_OVER else left for p, status in state.statuses.items()}
    return replace(
        state,
        statuses=statuses,
        phase=Phase.CANCELLED if is_stopped else Phase.DONE,
        progress=None,
        is_stopping=False,
        folder=folder,
        report=report,
    )


def failed(state: RunState, message: str) -> RunState:
    """Return the state of a run that ended with an error; what is complete stays."""
    under_way = {Status.TRAINING, Status.EXTRACTING, Status.DENOISING, Status.AWAITING}
    statuses = {
        p: Status.FAILED if s in under_way else Status.SKIPPED if s is Status.PENDING else s
        for p, s in state.statuses.items()
    }
    return replace(
        state,
        statuses=statuses,
        phase=Phase.FAILED,
        error=message,
        progress=None,
        is_stopping=False,
    )


def _with_status(state: RunState, part: Part, status: Status) -> RunState:
    """Set the status of a part; a part that is left out stays so."""
    if state.statuses[part] in LEFT_OUT:
        return state
    return replace(state, statuses={**state.statuses, part: status})


def _part_before(stage: int) -> Part:
    # stage 2 starts when the kernel is decided
    return Part.KERNEL if stage == 2 else Part.STAGE1


def _training_progress(event: BatchFinished) -> Progress:
    done = event.epoch - 1 + event.step / event.n_steps
    return Progress(
        f"Epoch {event.epoch} of {event.n_epochs}, step {event.step} of {event.n_steps}",
        done / event.n_epochs,
        event.eta_seconds,
    )


def _denoising(state: RunState, event: PredictionProgress) -> RunState:
    state = _with_status(state, PART_OF_STAGE[event.stage], Status.DENOISING)
    return replace(state, phase=PHASE_OF_STAGE[event.stage], progress=denoising_progress(event))


def denoising_progress(event: PredictionProgress) -> Progress:
    """Return the progress of denoising in words."""
    return Progress(
        f"Denoising, tile {event.n_done} of {event.n_tiles}",
        event.n_done / event.n_tiles,
        event.eta_seconds,
    )


def _kernel_proposed(state: RunState, event: KernelProposed) -> RunState:
    state = replace(state, grid_share=event.proposal.kernel.grid_share)
    if event.is_decided:  # before the training was interrupted
        return _with_status(state, Part.KERNEL, Status.COMPLETE)
    state = _with_status(state, Part.KERNEL, Status.AWAITING)
    return replace(state, phase=Phase.REVIEW, progress=None)


def _stage_finished(state: RunState, event: StageFinished) -> RunState:
    status = Status.CANCELLED if event.report is None else Status.COMPLETE
    state = _with_status(state, PART_OF_STAGE[event.stage], status)
    if event.report is not None:
        state = replace(state, reports={**state.reports, event.stage: event.report})
    if event.stage == 1 and state.statuses[Part.KERNEL] is Status.PENDING and event.report:
        state = _with_status(state, Part.KERNEL, Status.EXTRACTING)
        return replace(state, phase=Phase.EXTRACTION, progress=Progress("Measuring the noise", 0.0))
    return replace(state, progress=None)
