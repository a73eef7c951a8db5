"""What a training and a task have in common: one job at a time, and a state that others show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from psygnal import Signal

if TYPE_CHECKING:
    from napari_autostructn2v.session.work.jobs import Job

State = TypeVar("State")


class JobHolder(Generic[State]):
    """Holds one job and its state.

    Attributes
    ----------
    state : object
        What runs, or ran last.
    job : Job or None
        The thread that runs.
    """

    changed = Signal(object)
    """The new state."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.job: Job | None = None

    def set_state(self, state: State) -> None:
        """Take another state and tell everybody who shows it."""
        self.state = state
        self.changed.emit(state)

    def abandon(self) -> Job | None:
        """Ask what runs to end, and say nothing of it any more; return it to be waited for."""
        job, self.job = self.job, None
        if job is not None:
            job.abandon()
        return job
