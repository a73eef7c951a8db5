"""What is common to the dock widgets: they end when their dock is closed, and open files."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QWidget

if TYPE_CHECKING:
    from pathlib import Path

    from qtpy.QtWidgets import QDockWidget


class DockContent(QWidget):
    """A widget that is deleted when its dock is closed: napari takes it out and keeps it."""

    _dock: weakref.ref[QDockWidget] | None = None

    @property
    def _parent(self) -> QDockWidget | None:
        """The dock. napari sets it; a strong reference would be one in a circle."""
        return self._dock() if self._dock is not None else None

    @_parent.setter
    def _parent(self, dock: QDockWidget) -> None:
        self._dock = weakref.ref(dock)
        # a dock behind another tab is not hidden: only this signal tells
        dock.visibilityChanged.connect(self.on_seen)

    def event(self, event: QEvent | None) -> bool:
        """End when the dock is closed."""
        handled = super().event(event)
        is_taken = event is not None and event.type() == QEvent.Type.ParentChange
        if is_taken and self.parent() is None:
            self.on_closed()
            self.deleteLater()
        return handled

    def on_closed(self) -> None:
        """Do what is left to do before the widget is deleted because its dock was closed."""

    def on_seen(self, is_seen: bool) -> None:
        """Do what depends on whether a person sees the dock, which may be behind another tab."""


def open_outside(path: Path | None) -> None:
    """Open a file or folder with the program that a person uses for it; None does nothing."""
    if path is not None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))
