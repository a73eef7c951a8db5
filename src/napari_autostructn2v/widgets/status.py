"""Small widgets that show where a run stands: a badge, a figure, a notice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QRectF, QSize, Qt
from qtpy.QtGui import QColor, QFont, QFontMetrics, QPainter, QPalette
from qtpy.QtWidgets import QLabel, QSizePolicy, QWidget

from napari_autostructn2v.session.state import Status
from napari_autostructn2v.widgets.colors import mixed

if TYPE_CHECKING:
    from qtpy.QtGui import QPaintEvent

_WORKING, _ASKING, _GOOD, _BAD = 212, 40, 140, 2  # hues in degrees
_HUES = {
    Status.TRAINING: _WORKING,
    Status.EXTRACTING: _WORKING,
    Status.DENOISING: _WORKING,
    Status.AWAITING: _ASKING,
    Status.COMPLETE: _GOOD,
    Status.FAILED: _BAD,
}
_NEUTRAL_SHARE = 0.16
_CARD_SHARE = 0.08
_NO_VALUE = "-"


def status_colors(status: Status, palette: QPalette) -> tuple[QColor, QColor]:
    """Return background and text color of a status, in a dark or light theme.

    Parameters
    ----------
    status : Status
        Statuses at which nothing happens are gray.
    palette : QPalette
        Of the widget that is painted.
    """
    window = palette.color(QPalette.ColorRole.Window)
    ink = palette.color(QPalette.ColorRole.WindowText)
    if status not in _HUES:
        return mixed(window, ink, _NEUTRAL_SHARE), ink
    hue, is_dark = _HUES[status] / 360, window.lightness() < ink.lightness()
    if is_dark:
        return QColor.fromHslF(hue, 0.55, 0.27), QColor.fromHslF(hue, 0.9, 0.9)
    return QColor.fromHslF(hue, 0.65, 0.84), QColor.fromHslF(hue, 0.9, 0.15)


class StatusBadge(QWidget):
    """A status in words on its color.

    Parameters
    ----------
    name : str
        What has the status; read aloud by screen readers.
    parent : QWidget, optional
    """

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.status = Status.PENDING
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(f"Status of {name}")
        self.setAccessibleDescription(self.status)

    def set_status(self, status: Status) -> None:
        """Show a status."""
        if status is not self.status:
            self.status = status
            self.setAccessibleDescription(status)
            self.updateGeometry()
            self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - name given by Qt
        """Return room for the text and round ends."""
        metrics = self.fontMetrics()
        height = round(metrics.height() * 1.4)
        return QSize(metrics.horizontalAdvance(self.status) + height, height)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - name given by Qt
        """Return the size hint: the text is never cut."""
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802 - name given by Qt
        """Paint the text on a round-ended bar."""
        background, ink = status_colors(self.status, self.palette())
        painter = QPainter(self)
        _fill_rounded(painter, QRectF(self.rect()), self.height() / 2, background)
        painter.setPen(ink)
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self.status)
        painter.end()


class ValueCard(QWidget):
    """One figure with its name above it.

    Parameters
    ----------
    title : str
    tooltip : str
        What the figure means.
    parent : QWidget, optional
    """

    def __init__(self, title: str, tooltip: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title = title
        self.value = _NO_VALUE
        self.setToolTip(tooltip)
        self.setAccessibleName(title)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def set_value(self, value: str | None) -> None:
        """Show a figure; None: there is none yet."""
        value = value or _NO_VALUE
        if value != self.value:
            self.value = value
            self.setAccessibleDescription(value)
            self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - name given by Qt
        """Return room for title and figure."""
        metrics = self.fontMetrics()
        width = metrics.horizontalAdvance(self._title) + metrics.height()
        return QSize(width, round(metrics.height() * 2.8))

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - name given by Qt
        """Return the size hint: the title is never cut."""
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802 - name given by Qt
        """Paint title and figure, one above the other."""
        window = self.palette().color(QPalette.ColorRole.Window)
        ink = self.palette().color(QPalette.ColorRole.WindowText)
        margin = self.fontMetrics().height() // 4
        painter = QPainter(self)
        _fill_rounded(painter, QRectF(self.rect()), margin, mixed(window, ink, _CARD_SHARE))
        inner = self.rect().adjusted(0, margin, 0, -margin)
        center = Qt.AlignmentFlag.AlignHCenter
        painter.setPen(mixed(ink, window, 0.25))
        painter.drawText(inner, center | Qt.AlignmentFlag.AlignTop, self._title)
        painter.setPen(ink)
        painter.setFont(_larger(self.font()))
        painter.drawText(inner, center | Qt.AlignmentFlag.AlignBottom, self.value)
        painter.end()


class Notice(QLabel):
    """Text of any length that can be selected, with a bar in the color of a status beside it.

    Parameters
    ----------
    status : Status
        Gives the color.
    parent : QWidget, optional

    Attributes
    ----------
    status : Status
    """

    def __init__(self, status: Status, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.status = status
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        # margins would not do: a frame resets its own when its parent or the style changes
        self.setIndent(QFontMetrics(self.font()).height())
        self.hide()

    def show_text(self, text: str, status: Status | None = None) -> None:
        """Show a text, or nothing at all when it is empty; in the color of another status if so."""
        if status is not None and status is not self.status:
            self.status = status
            self.update()
        self.setText(text)
        self.setVisible(bool(text))

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802 - name given by Qt
        """Paint the bar and the text."""
        background, ink = status_colors(self.status, self.palette())
        painter = QPainter(self)
        bar = QRectF(0, 0, self.indent() / 3, self.height())
        _fill_rounded(painter, bar, bar.width() / 2, mixed(background, ink, 0.4))
        painter.end()
        super().paintEvent(event)


def _fill_rounded(painter: QPainter, rect: QRectF, radius: float, color: QColor) -> None:
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(color)
    painter.drawRoundedRect(rect, radius, radius)


def _larger(font: QFont) -> QFont:
    font = QFont(font)
    if font.pointSizeF() > 0:
        font.setPointSizeF(font.pointSizeF() * 1.15)
    font.setBold(True)
    return font
