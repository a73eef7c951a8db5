"""Calls of widgets that come and go: by long-lived objects (session, viewer), and later."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, Protocol

from qtpy.compat import isalive
from qtpy.QtCore import QTimer

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari
    from qtpy.QtCore import QObject


class _Emitter(Protocol):
    """A psygnal signal or an event emitter of napari."""

    def connect(self, callback: Any) -> Any: ...

    def disconnect(self, callback: Any) -> Any: ...


_releases: set[Callable[..., None]] = set()


def connect(widget: QObject, signal: _Emitter, slot: Callable[..., object]) -> Callable[[], None]:
    """Connect ``signal`` to ``slot`` for as long as ``widget`` exists.

    Neither the signal nor the connection keeps the widget alive, and once Qt has deleted the widget
    the slot is not called again, even if a reference to the Python object is left.

    Parameters
    ----------
    widget : QObject
        Object whose end ends the connection.
    signal : psygnal signal instance or napari event emitter
        Of an object that may live longer than the widget.
    slot : bound method
        Usually of the widget.

    Returns
    -------
    callable
        Ends the connection before the widget ends; nothing of it is left then.
    """
    signal.connect(slot)
    method = weakref.WeakMethod(slot)

    def disconnect() -> None:
        bound = method()
        if bound is not None:
            # emitters of napari raise for callbacks that they have dropped already
            try:
                signal.disconnect(bound)
            except (ValueError, KeyError, AttributeError):
                return

    forget = at_end(widget, disconnect)

    def end() -> None:
        forget()
        disconnect()

    return end


def unwrapped(viewer: Any) -> Any:
    """Return the viewer itself: napari hands docks a proxy, which nothing else keeps."""
    return getattr(viewer, "__wrapped__", viewer)


def viewer_of(reference: weakref.ref[napari.Viewer]) -> napari.Viewer:
    """Return the viewer that is meant; raises a ReferenceError once it was closed."""
    viewer = reference()
    if viewer is None:
        raise ReferenceError("The viewer was closed.")
    return viewer


def at_end(widget: QObject, call: Callable[[], object]) -> Callable[[], None]:
    """Make a call once Qt deletes ``widget``.

    Parameters
    ----------
    widget : QObject
        Object whose end is waited for.
    call : callable
        Must not refer to the widget, which it would keep alive.

    Returns
    -------
    callable
        Takes it back: no call is made any more.
    """

    def release(*_: object) -> None:
        _releases.discard(release)
        call()

    # collected together with the widget, it would be emptied while Qt still calls it: a crash
    _releases.add(release)
    widget.destroyed.connect(release)
    reference = weakref.ref(widget)

    def forget() -> None:
        if release not in _releases:
            return
        _releases.discard(release)
        alive = reference()
        if alive is not None and isalive(alive):  # type: ignore[no-untyped-call]
            alive.destroyed.disconnect(release)

    return forget


def call_later(owner: QObject, slot: Callable[[], object]) -> None:
    """Call ``slot`` from the event loop, unless ``owner`` is deleted before.

    A single shot of Qt does not know the owner with every binding.

    Parameters
    ----------
    owner : QObject
        Object that is needed for the call.
    slot : bound method
        Usually of the owner.
    """
    if not isalive(owner):  # type: ignore[no-untyped-call]
        return
    timer = QTimer(owner)
    timer.setSingleShot(True)
    timer.timeout.connect(slot)
    timer.timeout.connect(timer.deleteLater)
    timer.start(0)
