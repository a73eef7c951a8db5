"""Bars of a job hand on what it yields, gets and returns."""

import sys
from types import ModuleType, SimpleNamespace

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


class Page:
    """What a notebook shows in one place; the last is what stays."""

    def __init__(self, text):
        self.shown = [text]

    def update(self, text):
        self.shown.append(text)


@pytest.fixture
def plain_diagrams():
    """Diagrams are looked at here."""


@pytest.fixture
def notebook(monkeypatch):
    """Let this be a kernel of Jupyter; holds what it shows."""
    pages, module, display = [], ModuleType("IPython"), ModuleType("IPython.display")

    def show(text, *, display_id):
        assert display_id is True, "else nothing could be replaced"
        pages.append(Page(text))
        return pages[-1]

    module.version_info = (9, 0)  # matplotlib asks for it
    module.get_ipython = lambda: SimpleNamespace(kernel=object())
    display.HTML, display.display = str, show
    monkeypatch.setitem(sys.modules, "IPython", module)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    return pages


def test_losses_grow_in_one_place_of_a_notebook_and_are_complete_at_the_end(notebook, capsys):
    def two_stages():
        for stage in (1, 2):
            for epoch in range(1, 6):
                yield EpochFinished(stage, epoch, 5, 1 / epoch, 2 / epoch, 2 / epoch, 0.1, 1.0, 1.0)

    finish(with_progress(two_stages(), losses=True))
    (page,) = notebook
    assert page.shown[-1].count("<svg") == 2
    assert "Train 1, epoch 5 of 5" in page.shown[-1] and "Train 2, epoch 5 of 5" in page.shown[-1]
    assert "mean squared error" in page.shown[-1]
    assert len(page.shown) < 10, "to draw must not cost more than to train"


def test_without_a_notebook_no_diagram_is_drawn(monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert finish(with_progress(job([]), losses=True)) == "result"
    assert capsys.readouterr().out == "The images are small.\n"
