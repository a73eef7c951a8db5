"""Names of the dock widgets, and the one place that opens them."""

from __future__ import annotations

import weakref
from enum import StrEnum
from typing import TYPE_CHECKING

from npe2 import PluginManager
from qtpy.QtCore import QChildEvent, QEvent, QObject, QTimer
from qtpy.QtWidgets import QDockWidget, QMainWindow

from napari_autostructn2v.lifetime import connect, viewer_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import napari
    from psygnal import SignalInstance

PLUGIN = "napari-autostructn2v"
MENU_NAME = "autoStructN2V"
"""Display name in the manifest, which the Plugins menu puts behind the names of docks."""
COMPARE_COMMAND = f"{PLUGIN}.compare"
"""Its name in the manifest."""


class DockName(StrEnum):
    """Display names of the dock widgets, as in the manifest."""

    CONFIGURATION = "Configuration"
    TRAINING = "Training"
    MASK_EDITOR = "Mask editor"
    INFERENCE = "Inference"


def title_of(name: DockName) -> str:
    """Return the title of a dock, as the Plugins menu gives it."""
    return f"{name} ({MENU_NAME})"


class DockOpener(QObject):
    """Opens the docks that are asked for, and brings those that are open to the front.

    Parameters
    ----------
    viewer : napari.Viewer
        Held weakly; the window of it keeps this object.
    requested : psygnal signal instance
        Emits the :class:`DockName` of the dock that is wanted.
    """

    def __init__(self, viewer: napari.Viewer, requested: SignalInstance) -> None:
        window = viewer.window._qt_window
        super().__init__(window)
        self._viewer = weakref.ref(viewer)
        self._tabs = DockTabs(window)
        connect(self, requested, self.open)

    def open(self, name: DockName) -> None:
        """Open a dock widget, or bring it to the front if it is open, however it was opened."""
        docks = _open_docks(viewer_of(self._viewer).window._qt_window)
        found = (dock for dock in docks if dock.objectName().startswith(f"{name} ("))
        self._tabs.bring_to_front(next(found, None) or self._new(name))

    def _new(self, name: DockName) -> QDockWidget:
        """Make a dock that the Plugins menu will know as its own, by its name."""
        viewer = viewer_of(self._viewer)
        manifest = PluginManager.instance().get_manifest(PLUGIN)
        widgets = manifest.contributions.widgets or []
        make = next(widget for widget in widgets if widget.display_name == name).get_callable()
        dock: QDockWidget = viewer.window.add_dock_widget(make(viewer), name=title_of(name))
        return dock


class DockTabs(QObject):
    """Makes tabs of the docks of this plugin, so that each has the full height of the window.

    Only a dock that is new is moved: what a person has arranged stays. The dock that was opened or
    asked for last comes to the front. The window arranges its tabs later, so that a dock can only
    be raised for good then; which one is decided at that moment, by what was asked for last.

    Parameters
    ----------
    window : QMainWindow
        Window of the viewer.
    """

    def __init__(self, window: QMainWindow) -> None:
        super().__init__(window)
        self._known: weakref.WeakSet[QDockWidget] = weakref.WeakSet()  # closed ones are gone
        self._asked_last: weakref.ref[QDockWidget] | None = None
        # by the first, a new dock has its name and its place; by the second, the window its tabs
        self._look_soon = _timer(self, self._look)
        self._raise_soon = _timer(self, self._raise_asked_last)
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        """Look for a new dock whenever the window gets a child."""
        if isinstance(event, QChildEvent) and event.type() == QEvent.Type.ChildAdded:
            if isinstance(dock := event.child(), QDockWidget):
                self._asked_last = weakref.ref(dock)
            self._arrange_soon()
        return False

    def bring_to_front(self, dock: QDockWidget) -> None:
        """Show a dock before the others, until another one is asked for."""
        self._asked_last = weakref.ref(dock)
        dock.show()
        dock.raise_()
        self._arrange_soon()

    @property
    def is_settled(self) -> bool:
        """Whether nothing is left to be arranged or raised."""
        return not (self._look_soon.isActive() or self._raise_soon.isActive())

    def _arrange_soon(self) -> None:
        self._raise_soon.stop()  # what is arranged now could come before what is raised
        self._look_soon.start()

    def _look(self) -> None:
        window = self.parent()  # not kept, which would keep the viewer alive
        if not isinstance(window, QMainWindow):
            return
        docks = _open_docks(window)
        placed = [dock for dock in docks if dock in self._known]
        for dock in docks:
            if dock not in placed:
                # the names of all four fit on their tabs without that of the plugin
                dock.setWindowTitle(dock.objectName().rpartition(" (")[0])
                _join(window, dock, placed)
                placed.append(dock)
        self._known = weakref.WeakSet(docks)
        self._raise_soon.start()

    def _raise_asked_last(self) -> None:
        dock = self._asked_last() if self._asked_last is not None else None
        self._asked_last = None  # a tab that a person clicks on later stays in front
        window = self.parent()
        if dock is not None and isinstance(window, QMainWindow) and dock in _open_docks(window):
            dock.raise_()


def _timer(owner: QObject, slot: Callable[[], None]) -> QTimer:
    """Return a timer that, once started, makes a call when the event loop comes to it."""
    timer = QTimer(owner)
    timer.setSingleShot(True)
    timer.timeout.connect(slot)
    return timer


def _join(window: QMainWindow, dock: QDockWidget, others: list[QDockWidget]) -> None:
    """Make a dock a tab beside the first of the others in the same area."""
    area = window.dockWidgetArea(dock)
    beside = [o for o in others if window.dockWidgetArea(o) == area and not o.isFloating()]
    if beside and not dock.isFloating():
        window.tabifyDockWidget(beside[0], dock)


def _open_docks(window: QMainWindow) -> list[QDockWidget]:
    """Return the open docks of this plugin: of the menu, of this program, of a script."""
    endings = (f"({MENU_NAME})", f"({PLUGIN})")
    docks = window.findChildren(QDockWidget)
    return [dock for dock in docks if dock.objectName().endswith(endings)]
