"""Sections of a dock: headed, or collapsible."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, QSize, Qt
from qtpy.QtGui import QIcon, QPixmap
from qtpy.QtWidgets import QFrame, QGridLayout, QLabel, QScrollArea, QWidget
from superqt import QCollapsible
from superqt.utils import signals_blocked


class Collapsible(QCollapsible):
    """A part that is hidden until its title is clicked."""

    def __init__(self, title: str) -> None:
        # icons made from text keep the color of the theme in which they were made; an icon without
        # a picture is no icon for PySide6
        nothing = QPixmap(1, 1)
        nothing.fill(Qt.GlobalColor.transparent)
        super().__init__(title, expandedIcon=QIcon(nothing), collapsedIcon=QIcon(nothing))
        self._title = title
        self.setDuration(0)
        button = self.toggleButton()
        button.setIconSize(nothing.size())
        button.setStyleSheet("text-align: left; border: none; background: transparent;")
        for layout in (self.layout(), self.content().layout()):
            if layout is not None:
                layout.setContentsMargins(0, 0, 0, 0)
        self.toggled.connect(self._show_arrow)
        self._show_arrow(False)

    def add(self, widget: QWidget) -> None:
        """Add a widget to what is hidden."""
        self.addWidget(widget)

    def expand(self, animate: bool = True) -> None:
        """Show what is hidden."""
        with signals_blocked(self.toggleButton()):  # superqt 0.7 tells it twice otherwise
            super().expand(animate)

    def collapse(self, animate: bool = True) -> None:
        """Hide it again."""
        with signals_blocked(self.toggleButton()):
            super().collapse(animate)

    def _show_arrow(self, is_expanded: bool) -> None:
        self.setText(f"{'▾' if is_expanded else '▸'}  {self._title}")


class VerticalScrollArea(QScrollArea):
    """Scrolls up and down, and is always wide enough for what is in it."""

    def __init__(self, content: QWidget) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setWidget(content)  # whose events a scroll area filters anyway
        self._followed: QWidget | None = None
        if (bar := self.verticalScrollBar()) is not None:
            bar.rangeChanged.connect(self._show_followed)
            bar.actionTriggered.connect(self._on_scrolled)

    def follow(self, widget: QWidget | None) -> None:
        """Keep a widget of the content in view while the content grows, until a person scrolls."""
        self._followed = widget
        self._show_followed()

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - name given by Qt
        """Return the least width that cuts nothing off."""
        hint = super().minimumSizeHint()
        content, bar = self.widget(), self.verticalScrollBar()
        if content is not None and bar is not None:
            # the theme draws a frame even around an area that has none
            frame = 2 * self.frameWidth()
            hint.setWidth(content.minimumSizeHint().width() + bar.sizeHint().width() + frame)
        return hint

    def sizeHint(self) -> QSize:  # noqa: N802 - name given by Qt
        """Return a size at which nothing is cut off at the sides."""
        return super().sizeHint().expandedTo(self.minimumSizeHint())

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802
        """Follow the content when it grows."""
        if event is not None and event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return super().eventFilter(watched, event)

    def _show_followed(self, *_: object) -> None:
        if self._followed is not None:
            self.ensureWidgetVisible(self._followed)

    def _on_scrolled(self, action: int) -> None:
        self._followed = None


def label_width(widget: QWidget) -> int:
    """Return the width of the labels of all rows, so that their columns align."""
    return widget.fontMetrics().horizontalAdvance("Patches per image mm")


def labeled_rows(*rows: tuple[str, QWidget]) -> QWidget:
    """Arrange widgets below each other, with a label at the left of each."""
    form = QWidget()
    grid = QGridLayout(form)
    grid.setContentsMargins(0, 0, 0, 0)
    for number, (text, widget) in enumerate(rows):
        label = QLabel(text)
        label.setBuddy(widget)
        label.setToolTip(widget.toolTip())
        grid.addWidget(label, number, 0)
        grid.addWidget(widget, number, 1)
        grid.setColumnMinimumWidth(0, label_width(widget))
    grid.setColumnStretch(1, 1)
    return form


def heading(text: str) -> QLabel:
    """Return the heading of a section."""
    label = QLabel(f"<b>{text}</b>")
    label.setContentsMargins(0, label.fontMetrics().height() // 2, 0, 0)
    return label


def sentence(text: str = "") -> QLabel:
    """Return a label for text of any length, which can be selected and copied."""
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.setVisible(bool(text))
    return label


def show_sentence(label: QLabel, text: str) -> None:
    """Show a text, or hide its label when there is none."""
    label.setText(text)
    label.setVisible(bool(text))
