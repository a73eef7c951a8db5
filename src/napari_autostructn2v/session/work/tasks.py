"""Tasks: work beside a training, such as measuring noise or loading a model; one at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from autoStructN2V.pipeline.events import ChannelStarted, PredictionProgress
from autoStructN2V.trainers.events import Warned
from napari_autostructn2v.session.run_reducer import denoising_progress
from napari_autostructn2v.session.state import Progress, TaskState
from napari_autostructn2v.session.work.holder import JobHolder
from napari_autostructn2v.session.work.jobs import Job, error_text

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from autoStructN2V.pipeline.events import Event
    from napari_autostructn2v.session.state import TaskKind
    from napari_autostructn2v.session.work.jobs import MakeEvents

T = TypeVar("T")
_LEAVES_PARTS = ("denoise", "save")  # the other tasks end with all or nothing


class Tasks(JobHolder[TaskState]):
    """Runs one task at a time, and says how far it is and how it ended.

    Attributes
    ----------
    state : TaskState
        What runs, or ran last.
    job : Job or None
        The task that runs.
    """

    def __init__(self) -> None:
        super().__init__(TaskState())
        self._part = ""  # what of the images is denoised

    def start(
        self, kind: TaskKind, text: str, events: MakeEvents, show: Callable[[Any], None]
    ) -> bool:
        """Start a task, or say that another one runs.

        Parameters
        ----------
        kind : TaskKind
            What is done.
        text : str
            The same in words, until there is progress.
        events : callable
            Called in the thread of the task with a ``should_stop`` callable; returns a generator of
            warnings and progress.
        show : callable
            Gets what the generator returns, in the thread of the interface; has to call
            :meth:`end`.

        Returns
        -------
        bool
            Whether it was started.
        """
        if self.job is not None:
            busy = f"{self.state.what_runs}; wait for it, or cancel it."
            self.set_state(replace(self.state, error=busy))
            return False
        self.set_state(TaskState(kind, is_running=True, progress=Progress(text, 0.0)))
        self._part = ""
        self.job = Job(events, self._on_event, show, self._on_error)
        self.job.start()
        return True

    def start_work(
        self, kind: TaskKind, text: str, work: Callable[[], T], show: Callable[[T], None]
    ) -> bool:
        """Start a task that has nothing to report before its end; else as :meth:`start`."""

        def events(should_stop: Callable[[], bool]) -> Generator[Event, Any, T]:
            yield from ()
            return work()

        return self.start(kind, text, events, show)

    def end(self, *messages: str, error: str | None = None) -> None:
        """Say how the task ended; another one can be started then."""
        self.job = None
        self.set_state(
            TaskState(self.state.kind, messages=(*self.state.messages, *messages), error=error)
        )

    def cancel(self) -> None:
        """End the task that runs; what is finished stays."""
        if self.job is None:
            return
        if self.state.kind in _LEAVES_PARTS:
            self.job.cancel()
            self.set_state(replace(self.state, is_stopping=True))
        else:
            # what its thread still computes is of no use: nobody has to wait for it
            self.abandon()
            self.end("Cancelled.")

    def forget(self) -> None:
        """Say nothing any more about the task that ran last."""
        if not self.state.is_running:
            self.set_state(TaskState())

    def _on_event(self, event: Event) -> None:
        if isinstance(event, ChannelStarted):
            self._part = event.message
        elif isinstance(event, Warned):
            self.set_state(replace(self.state, messages=(*self.state.messages, event.message)))
        elif isinstance(event, PredictionProgress):
            progress = denoising_progress(event)
            text = f"{self._part}: {progress.text}" if self._part else progress.text
            self.set_state(replace(self.state, progress=replace(progress, text=text)))

    def _on_error(self, error: Exception) -> None:
        self.end(error=error_text(error))
