"""Names of the dock widgets, and how one of them is opened."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QDockWidget

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


def show_dock(viewer: napari.Viewer, name: DockName) -> QWidget:
    """Open a dock widget, or bring it to the front if it is open; return the widget in it.

    Docks of this plugin become tabs of each other, so that each has the full height.
    """
    window = viewer.window
    others = [dock for dock in _open_docks(viewer) if not dock.objectName().startswith(name)]
    dock: QDockWidget
    widget: QWidget
    dock, widget = window.add_plugin_dock_widget(PLUGIN, name)
    if others and dock not in window._qt_window.tabifiedDockWidgets(others[0]):
        window._qt_window.tabifyDockWidget(others[0], dock)
    dock.show()
    dock.raise_()
    return widget


def _open_docks(viewer: napari.Viewer) -> list[QDockWidget]:
    """Return the open docks of this plugin."""
    docks = viewer.window._qt_window.findChildren(QDockWidget)
    return [dock for dock in docks if dock.objectName().endswith(f"({PLUGIN})")]
