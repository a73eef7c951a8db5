"""Bars of a job hand on what it yields, gets and returns."""

import pytest

from autoStructN2V.pipeline import finish, with_progress
from autoStructN2V.pipeline.events import PredictionProgress
from autoStructN2V.trainers import BatchFinished, EpochFinished, Warned

EVENTS = [
    Warned("The images are small."),
    BatchFinished(1, 1, 2, 1, 4, 3.0),
    BatchFinished(1, 1, 2, 4, 4, 2.0),
    EpochFinished(1, 1, 2, 0.5, 0.25, 0.25, 1e-3, 1.0, 1.0),
    BatchFinished(1, 2, 2, 4, 4, 0.0),
    PredictionProgress(1, 3, 3, 0.0),
]


def job(answers):
    for event in EVENTS:
        answers.append((yield event))
    return "result"


def test_what_is_trained_and_denoised_is_drawn(capsys):
    seen = []
    assert finish(with_progress(job([])), seen.append) == "result"
    assert seen == EVENTS
    out, err = capsys.readouterr()
    assert out == "The images are small.\n"
    for said in (
        "Train 1: 100%",
        "8/8",
        "loss=0.5000, validation=0.2500",
        "Denoise 1: 100%",
        "3/3",
    ):
        assert said in err


def test_decisions_reach_the_job(capsys):
    answers = []
    events = with_progress(job(answers))
    next(events)
    for number in range(len(EVENTS) - 1):
        events.send(number)
    with pytest.raises(StopIteration) as end:
        events.send("last")
    assert end.value.value == "result"
    assert answers == [0, 1, 2, 3, 4, "last"]


def test_a_job_that_is_left_ends(capsys):
    ended = []

    def endless():
        try:
            while True:
                yield EVENTS[1]
        finally:
            ended.append(True)

    events = with_progress(endless())
    next(events)
    events.close()
    assert ended == [True]
