"""The only place that starts threads: a generator of events, run beside the interface."""

from __future__ import annotations

import threading
from functools import cache
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QThreadPool, Slot
from superqt.utils import create_worker

from autoStructN2V.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    EventHandler = Callable[[Any], None]
    MakeEvents = Callable[[Callable[[], bool]], Generator[Any, Any, Any]]

_alive: set[Job] = set()
"""Jobs whose thread has not ended: what a thread has sent must find its receiver."""


@cache
def _threads() -> QThreadPool:
    """Return threads of our own: those of Qt are one per core, and a waiting run keeps one."""
    pool = QThreadPool()
    pool.setMaxThreadCount(16)
    return pool


def jobs_alive() -> list[Job]:
    """Return the jobs whose thread has not ended."""
    return list(_alive)


class JobFailedError(Exception):
    """A job ended with a RuntimeError, which the worker would swallow; its cause is that error."""


def error_text(error: Exception) -> str:
    """Return what a person is told about an error of a job.

    Errors that a person can mend say so in one sentence; of others the kind is named as well.
    """
    if isinstance(error, UserError):
        return str(error)
    cause = error.__cause__ or error
    if isinstance(cause, UserError):
        return str(cause)
    return f"Something unexpected went wrong ({type(cause).__name__}: {str(cause)[:300]})."


class Job(QObject):
    """A generator that runs in a thread; what it yields arrives in the thread of the interface.

    Parameters
    ----------
    make_events : callable
        Called in the thread with a ``should_stop`` callable; returns the generator.
    on_event, on_result, on_error : callable
        Called in the thread of the interface. Exactly one of the last two is called, once, unless
        the job is abandoned.
    """

    def __init__(
        self,
        make_events: MakeEvents,
        on_event: EventHandler,
        on_result: EventHandler,
        on_error: Callable[[Exception], None],
    ) -> None:
        super().__init__()
        self._stop = threading.Event()
        self._ended = threading.Event()
        self._handlers: tuple[EventHandler, EventHandler, EventHandler] | None
        self._handlers = (on_event, on_result, on_error)
        # by default an error would be raised in the event loop as well
        self._worker = create_worker(self._guarded, make_events, _ignore_errors=True)
        # slots of an object of this thread: Qt delivers to it, and here, with every binding
        self._worker.yielded.connect(self._on_yielded)
        self._worker.returned.connect(self._on_returned)
        self._worker.errored.connect(self._on_errored)
        self._worker.finished.connect(self._on_finished)

    def start(self) -> None:
        """Start the thread."""
        _alive.add(self)
        _threads().start(self._worker)

    def answer(self, value: object) -> None:
        """Send a value into the generator; it receives it after its current event."""
        self._worker.send(value)

    def cancel(self) -> None:
        """Ask the generator to end; it returns what is finished, within about a second."""
        self._stop.set()

    def abandon(self) -> None:
        """Cancel, and let nobody know of anything that still comes."""
        self._handlers = None
        self.cancel()

    def wait(self, seconds: float) -> bool:
        """Block until the generator has ended, for ``seconds`` at most; tell whether it has."""
        return self._ended.wait(seconds)

    def _guarded(self, make_events: MakeEvents) -> Generator[Any, Any, Any]:
        try:
            return (yield from make_events(self._stop.is_set))
        except RuntimeError as error:
            raise JobFailedError(str(error)) from error
        finally:
            self._ended.set()

    @Slot(object)  # type: ignore[untyped-decorator, unused-ignore]
    def _on_yielded(self, event: object) -> None:
        if self._handlers is not None:
            self._handlers[0](event)

    @Slot(object)  # type: ignore[untyped-decorator, unused-ignore]
    def _on_returned(self, result: object) -> None:
        if self._handlers is not None:
            self._handlers[1](result)

    @Slot(object)  # type: ignore[untyped-decorator, unused-ignore]
    def _on_errored(self, error: object) -> None:
        if self._handlers is not None:
            self._handlers[2](error)

    @Slot()  # type: ignore[untyped-decorator, unused-ignore]
    def _on_finished(self) -> None:
        self._handlers = None
        _alive.discard(self)
