"""Names of the dock widgets, and how one of them is opened."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QDockWidget, QMainWindow

from napari_autostructn2v._lifetime import call_later

if TYPE_CHECKING:
    import napari
    from qtpy.QtWidgets import QWidget

PLUGIN = "napari-autostructn2v"


class DockName(StrEnum):
    """Display names of the dock widgets, as in the manifest."""

    CONFIGURATION = "Configuration"
    TRAINING = "Training"
    MASK_EDITOR = "Mask editor"
    INFERENCE = "Inference"


class DockTabs(QObject):
    """Makes tabs of the docks of this plugin, so that each has the full height of the window.

    Only a dock that is new is moved: what a person has arranged stays.

    Parameters
    ----------
    window : QMainWindow
        Window of the viewer.
    """

    def __init__(self, window: QMainWindow) -> None:
        super().__init__(window)
        self._known: set[str] = set()
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        """Look for a new dock whenever the window gets a child."""
        if event is not None and event.type() == QEvent.Type.ChildAdded:
            call_later(self, self._look)  # by then it has its name and its place
        return False

    def _look(self) -> None:
        window = self.parent()  # not kept, which would keep the viewer alive
        if not isinstance(window, QMainWindow):
            return
        docks = _open_docks(window)
        placed = [dock for dock in docks if dock.objectName() in self._known]
        for dock in docks:
            if dock not in placed:
                _join(window, dock, placed)
                placed.append(dock)
        self._known = {dock.objectName() for dock in docks}


def show_dock(viewer: napari.Viewer, name: DockName) -> QWidget:
    """Open a dock widget, or bring it to the front if it is open; return the widget in it."""
    dock: QDockWidget
    widget: QWidget
    dock, widget = viewer.window.add_plugin_dock_widget(PLUGIN, name)
    dock.show()
    dock.raise_()
    call_later(dock, dock.raise_)  # once it is a tab
    return widget


def _join(window: QMainWindow, dock: QDockWidget, others: list[QDockWidget]) -> None:
    """Make a dock a tab beside the first of the others in the same area, and show it."""
    area = window.dockWidgetArea(dock)
    beside = [o for o in others if window.dockWidgetArea(o) == area and not o.isFloating()]
    if beside and not dock.isFloating():
        window.tabifyDockWidget(beside[0], dock)
        call_later(dock, dock.raise_)  # the window arranges its tabs first


def _open_docks(window: QMainWindow) -> list[QDockWidget]:
    """Return the open docks of this plugin."""
    docks = window.findChildren(QDockWidget)
    return [dock for dock in docks if dock.objectName().endswith(f"({PLUGIN})")]
