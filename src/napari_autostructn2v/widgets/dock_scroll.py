"""Scroll area for the content of a dock: scrolls down, never sideways."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, QSize, Qt
from qtpy.QtWidgets import QFrame, QScrollArea, QStyle, QWidget


class DockScroll(QScrollArea):
    """Scrolls its content vertically and asks for the width at which nothing is cut off.

    Parameters
    ----------
    content : QWidget
        Its layout must exist.
    """

    def __init__(self, content: QWidget) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._content = content
        self.setWidget(content)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - name given by Qt
        """Return the width that the content needs beside a scroll bar."""
        style = self.style()
        bar = style.pixelMetric(QStyle.PixelMetric.PM_ScrollBarExtent) if style else 0
        least = self._content.minimumSizeHint().width() + bar
        return QSize(least, super().minimumSizeHint().height())

    def sizeHint(self) -> QSize:  # noqa: N802 - name given by Qt
        """Return the least width that is good."""
        return super().sizeHint().expandedTo(self.minimumSizeHint())

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        """Notice when the content needs another width."""
        if event is not None and event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return super().eventFilter(watched, event)
