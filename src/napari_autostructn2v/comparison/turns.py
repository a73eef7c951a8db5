"""Work that is done in turns of the event loop, so that clicks never wait for all of it."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from napari_autostructn2v.lifetime import at_end, call_later

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from qtpy.QtCore import QObject


class Turns:
    """Does work in steps, each in a turn of its own.

    Parameters
    ----------
    owner : QObject
        With its end the work ends, wherever it is.
    """

    def __init__(self, owner: QObject) -> None:
        self._owner = weakref.ref(owner)
        self._steps: Iterator[object] | None = None
        self._is_waiting = False
        self._forget: Callable[[], None] | None = None

    @property
    def is_busy(self) -> bool:
        """Whether something is left to do."""
        return self._steps is not None

    def take(self, steps: Iterator[object]) -> None:
        """Do the first step at once and the others later, in place of what was not done yet.

        Parameters
        ----------
        steps : iterator
            Does a step whenever the next item is asked for.
        """
        self._steps = steps
        owner = self._owner()
        if owner is not None and self._forget is None:
            # what is left to do may keep a viewer alive
            self._forget = at_end(owner, self.drop)
        self._do_one()

    def drop(self) -> None:
        """Do nothing more of what was begun."""
        self._steps = None
        if self._forget is not None:
            self._forget()
            self._forget = None

    def _do_one(self) -> None:
        steps = self._steps
        if steps is None:
            return
        try:
            next(steps)
        except StopIteration:
            self._end(steps)
        except Exception:
            self._end(steps)
            raise
        finally:
            owner = self._owner()
            if self._steps is not None and owner is not None and not self._is_waiting:
                self._is_waiting = True
                call_later(owner, self._on_turn)

    def _on_turn(self) -> None:
        self._is_waiting = False
        self._do_one()

    def _end(self, steps: Iterator[object]) -> None:
        if self._steps is steps:  # else a step has begun something else
            self.drop()
