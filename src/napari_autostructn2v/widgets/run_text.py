"""What the Training dock says about a run, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoStructN2V.pipeline.channels import ChannelsFolder
from autoStructN2V.pipeline.configuration.of_preset import is_modified
from autoStructN2V.quantities import duration_text, percent_text
from autoStructN2V.vocabulary import stage_in_words
from napari_autostructn2v.session.state import (
    IS_OVER,
    PART_OF_STAGE,
    PHASE_OF_STAGE,
    STAGE_OF_PART,
    Part,
    Phase,
    Progress,
    Status,
)
from napari_autostructn2v.widgets.forms import choice_label

if TYPE_CHECKING:
    from autoStructN2V.pipeline.configuration.models import PipelineConfig
    from napari_autostructn2v.session.interruptions import Interrupted
    from napari_autostructn2v.session.state import RunState

_KNOWN = (Status.GIVEN, Status.KEPT)  # before the training
_NO_LAYER = "No image layer chosen"
REPORT_HELP = (
    "Show the page that explains the result: before and after, the kernel, figures, and a text for "
    "your methods section"
)
REVIEW = (
    "The kernel is ready. Look at it, change it if you like, and approve it to train stage 2 with "
    "it."
)


def interrupted_text(found: Interrupted) -> str:
    """Say what interrupted training was found, and how far it was."""
    images = ", ".join(found.image_names[:3]) + (", ..." if len(found.image_names) > 3 else "")
    parts = [part for part in (found.began, images, _how_far(found)) if part]
    return f"An interrupted training was found: {'; '.join(parts)}."


def _how_far(found: Interrupted) -> str:
    if isinstance(found, ChannelsFolder):
        return found.how_far()
    epochs = found.checkpoints.epochs
    if found.config is None or not epochs:
        return ""
    stage = max(epochs)
    name = stage_in_words(found.config.method, stage)
    return f"{name}, epoch {epochs[stage]} of at most {found.config.num_epochs}"


def part_title(part: Part, method: str) -> str:
    """Return the name of a part; plain Noise2Void has a single one."""
    return choice_label("method", method) if method == "n2v" else str(part)


def shown_parts(method: str) -> tuple[Part, ...]:
    """Return the parts that a method has."""
    return (Part.STAGE1,) if method == "n2v" else tuple(Part)


def what_is_trained(
    config: PipelineConfig, layer_name: str, device: str = "", n_channels: int = 1
) -> str:
    """Say in a line what a training is, or will be, about.

    Parameters
    ----------
    config : PipelineConfig
        Of the training.
    layer_name : str
        Empty if there is none.
    device : str
        Empty until it is known.
    n_channels : int
        How many of them get a model of their own.
    """
    modified = " (modified)" if is_modified(config) else ""
    going_on = choice_label("start_as", config.start_as) if config.start_model else ""
    parts = [
        layer_name or _NO_LAYER,
        going_on,
        choice_label("method", config.method),
        config.mode_text,
        f"preset {choice_label('preset', config.preset)}{modified}",
        f"a model for each of {n_channels} channels" if n_channels > 1 else "",
    ]
    parts.append(f"on {choice_label('device', device)}" if device else "")
    return ", ".join(part for part in parts if part)


def channel_text(run: RunState) -> str:
    """Say which of several channels is trained; empty if there is one model."""
    now = run.channel
    return "" if now is None else f"Channel {now.channel} ({now.channel + 1} of {now.n_channels})"


def progress_text(run: RunState) -> str:
    """Say what a run does at this moment."""
    if run.progress is None:
        return ""
    channel = channel_text(run)
    return f"{channel}, {_part_text(run)}" if channel else _part_text(run)


def _part_text(run: RunState) -> str:
    assert run.progress is not None
    for stage, phase in PHASE_OF_STAGE.items():
        if run.phase is phase and run.config is not None:
            return f"{part_title(PART_OF_STAGE[stage], run.config.method)}: {run.progress.text}"
    return run.progress.text


def bar_text(progress: Progress) -> str:
    """Say how much of the current work is done and how long the rest takes."""
    done = percent_text(progress.fraction)
    if progress.eta_seconds is None:
        return done
    return f"{done}, {duration_text(progress.eta_seconds)} left"


def stage_text(run: RunState, stage: int) -> str:
    """Say what became of a stage, if it is over."""
    report = run.reports.get(stage)
    if report is not None:
        return report.sentence
    is_cancelled = run.statuses[PART_OF_STAGE[stage]] is Status.CANCELLED
    if is_cancelled and any(event.stage == stage for event in run.history):
        return "Cancelled; the best model so far is kept."
    return ""


def has_details(run: RunState, part: Part) -> bool:
    """Return whether there is anything to say about a part besides its status."""
    status = run.statuses[part]
    if status not in IS_OVER:
        return status is not Status.PENDING
    stage = STAGE_OF_PART.get(part)
    if stage is None:
        return status is Status.COMPLETE or (status in _KNOWN and run.kernel is not None)
    return stage in run.reports or any(event.stage == stage for event in run.history)


def outcome_text(run: RunState) -> str:
    """Say how a run ended, if it did."""
    if run.phase is Phase.CANCELLED:
        return "The training was cancelled; what was finished is kept."
    if run.phase is not Phase.DONE or run.config is None:
        return ""
    sentences = ["The training is complete."]
    if run.channel is not None:
        sentences = [
            f"The training is complete: a model for each of {run.channel.n_channels} channels. Of "
            "the last one:"
        ]
    if run.verdict is not None:
        sentences.append(run.verdict.sentence)
    if left := noise_left_text(run):
        sentences.append(left)
    if run.comparison is not None:
        sentences.append(run.comparison.sentence)
    sentences += [r.shared_noise for r in run.reports.values() if r.shared_noise is not None]
    return " ".join(sentences)


def is_bad_outcome(run: RunState) -> bool:
    """Return whether a plain filter is better than what was trained, or stage 2 was in vain."""
    is_lost = run.verdict is not None and run.verdict.loses_to_gaussian
    is_in_vain = run.comparison is not None and run.comparison.better_stage == 1
    return is_lost or is_in_vain or any(r.shared_noise for r in run.reports.values())


def noise_left_text(run: RunState) -> str:
    """Say how much of the structured noise each stage of a training left."""
    return _shares_text(run, "Structured noise left", "structured_noise_left")


def doubt_text(run: RunState) -> str:
    """Say in how much of the area each stage of a training removed more or less than noise."""
    title = "Area where clearly more than noise was removed"
    return _shares_text(run, title, "doubtful_area", n_decimals=1)


def _shares_text(run: RunState, title: str, name: str, n_decimals: int = 0) -> str:
    """Name a share of each report that has it."""
    method = run.config.method if run.config is not None else ""
    shares = {stage: getattr(report, name) for stage, report in run.reports.items()}
    known = [
        f"{percent_text(share, n_decimals)} after {stage_in_words(method, stage)}"
        for stage, share in sorted(shares.items())
        if share is not None
    ]
    return f"{title}: {', '.join(known)}." if known else ""


def notes_text(run: RunState) -> str:
    """Return what a person should know, except what the outcome says."""
    outcome = outcome_text(run)
    last = "" if run.channel is None else f"Channel {run.channel.channel}: "
    return "\n".join(m for m in run.messages if m.removeprefix(last) not in outcome)
