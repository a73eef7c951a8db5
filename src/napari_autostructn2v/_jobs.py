"""The only place that starts threads: a generator of events, run beside the interface."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from superqt.utils import create_worker

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    EventHandler = Callable[[Any], None]
    MakeEvents = Callable[[Callable[[], bool]], Generator[Any, Any, Any]]


class JobFailedError(Exception):
    """A job ended with a RuntimeError, which the worker would swallow; its cause is that error."""


class Job:
    """A generator that runs in a thread; what it yields arrives in the thread of the interface.

    Parameters
    ----------
    make_events : callable
        Called in the thread with a ``should_stop`` callable; returns the generator.
    on_event, on_result, on_error : callable
        Called in the thread of the interface. Exactly one of the last two is called, once.
    """

    def __init__(
        self,
        make_events: MakeEvents,
        on_event: EventHandler,
        on_result: EventHandler,
        on_error: Callable[[Exception], None],
    ) -> None:
        self._stop = threading.Event()
        self._ended = threading.Event()
        # by default an error would be raised in the event loop as well
        self._worker = create_worker(self._guarded, make_events, _ignore_errors=True)
        self._worker.yielded.connect(on_event)
        self._worker.returned.connect(on_result)
        self._worker.errored.connect(on_error)

    def start(self) -> None:
        """Start the thread."""
        self._worker.start()

    def answer(self, value: object) -> None:
        """Send a value into the generator; it receives it after its current event."""
        self._worker.send(value)

    def cancel(self) -> None:
        """Ask the generator to end; it returns what is finished, within about a second."""
        self._stop.set()

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
