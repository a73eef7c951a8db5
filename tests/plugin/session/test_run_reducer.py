"""The state of a run follows from the events of the core."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from autoStructN2V.masking import Kernel
from autoStructN2V.pipeline import validate_config
from autoStructN2V.pipeline.events import (
    KernelProposed,
    PredictionProgress,
    StageFinished,
    StageStarted,
)
from autoStructN2V.trainers.events import BatchFinished, EpochFinished, Warned
from napari_autostructn2v.session.run_reducer import after, ended, failed, started
from napari_autostructn2v.session.state import Part, Phase, RunState, Status
from napari_autostructn2v.widgets.run_text import has_details

KERNEL = Kernel.center_only()
P, T, X, D, A, C, S, K, F, N, G = (
    *(Status.PENDING, Status.TRAINING, Status.EXTRACTING, Status.DENOISING, Status.AWAITING),
    *(Status.COMPLETE, Status.SKIPPED, Status.CANCELLED, Status.FAILED),
    *(Status.NOT_NEEDED, Status.GIVEN),
)


def run_of(events: list[Any], **fields: Any) -> RunState:
    state = started(validate_config(fields), "cells")
    for event in events:
        state = after(state, event)
    return state


def finished(stage: int, *, is_stopped: bool = False) -> StageFinished:
    report = None if is_stopped else Mock()
    return StageFinished(stage, Mock(), None, report, is_stopped)


STAGE1 = [
    StageStarted(1, 4, 100, "cpu", KERNEL),
    BatchFinished(1, 2, 4, 5, 10, 7.0),
    EpochFinished(1, 2, 4, 0.5, 0.6, 0.6, 1e-3, 1.0, 2.0),
]
STAGE2 = [StageStarted(2, 4, 100, "cpu", KERNEL)]


@pytest.mark.parametrize(
    ("events", "phase", "statuses"),
    [
        ([], Phase.PREPARING, (P, P, P)),
        (STAGE1, Phase.STAGE1, (T, P, P)),
        ([*STAGE1, PredictionProgress(1, 1, 4, 3.0)], Phase.STAGE1, (D, P, P)),
        ([*STAGE1, finished(1)], Phase.EXTRACTION, (C, X, P)),
        ([*STAGE1, finished(1), KernelProposed(Mock())], Phase.REVIEW, (C, A, P)),
        ([*STAGE1, finished(1), KernelProposed(Mock()), *STAGE2], Phase.STAGE2, (C, C, T)),
        ([*STAGE1, finished(1, is_stopped=True)], Phase.STAGE1, (K, P, P)),
    ],
)
def test_badges_follow_the_events(
    events: list[Any], phase: Phase, statuses: tuple[Status, ...]
) -> None:
    state = run_of(events)
    assert state.phase is phase
    assert tuple(state.statuses[part] for part in Part) == statuses


@pytest.mark.parametrize(
    ("fields", "statuses"),
    [
        ({"method": "n2v"}, (P, S, S)),
        ({"run_stage2": False}, (P, S, S)),
        ({"run_stage1": False, "stage2": {"mask_source": "extractor"}}, (N, P, P)),
        ({"stage2": {"mask_source": "file", "mask_file_path": "kernel.npy"}}, (P, G, P)),
    ],
)
def test_parts_that_will_not_run_say_so_from_the_start(
    fields: dict[str, Any], statuses: tuple[Status, ...]
) -> None:
    assert tuple(run_of([], **fields).statuses.values()) == statuses


def test_a_kernel_from_a_file_is_described_and_never_said_to_be_left_out() -> None:
    stage2 = {"mask_source": "file", "mask_file_path": "kernel.npy"}
    state = run_of([], stage2=stage2)
    assert not has_details(state, Part.KERNEL)
    state = after(after(state, finished(1)), STAGE2[0])
    assert state.statuses[Part.KERNEL] is Status.GIVEN
    assert has_details(state, Part.KERNEL)


def test_progress_counts_over_all_epochs_of_a_stage() -> None:
    progress = run_of(STAGE1[:2]).progress
    assert progress is not None
    assert progress.text == "Epoch 2 of 4, step 5 of 10"
    assert progress.fraction == pytest.approx(1.5 / 4)


def test_an_error_keeps_what_is_complete() -> None:
    state = failed(run_of([*STAGE1, finished(1)]), "no memory")
    assert tuple(state.statuses.values()) == (C, F, S)
    assert state.error == "no memory"
    assert not state.phase.is_running


def test_cancelling_keeps_what_is_complete() -> None:
    run = run_of([*STAGE1, finished(1), Warned("dim")])
    state = ended(run, is_stopped=True, folder=Path("out"))
    assert tuple(state.statuses.values()) == (C, K, K)
    assert state.phase is Phase.CANCELLED
    assert state.messages == ("dim",)
