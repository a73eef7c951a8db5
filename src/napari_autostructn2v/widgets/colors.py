"""Colors that follow the theme of the viewer, mixed and painted."""

from __future__ import annotations

from qtpy.QtCore import QRect
from qtpy.QtGui import QColor, QPainter, QPalette

_WARM, _COOL, _MARK = 30, 212, 150  # hues in degrees: far apart for color-blind people as well
_ZERO_TINT = 0.12


def mixed(first: QColor, second: QColor, share: float) -> QColor:
    """Return a color between two others; ``share`` is that of the second, 0 to 1."""
    parts = zip(first.getRgb()[:3], second.getRgb()[:3], strict=True)
    return QColor(*(round(a + (b - a) * share) for a, b in parts))


class GridColors:
    """The colors of a grid of cells, in a dark or light theme.

    Parameters
    ----------
    palette : QPalette
        Of the widget that is painted.
    """

    def __init__(self, palette: QPalette) -> None:
        self.background = palette.color(QPalette.ColorRole.Window)
        self.ink = palette.color(QPalette.ColorRole.WindowText)
        self.zero = mixed(self.background, self.ink, _ZERO_TINT)
        is_dark = self.background.lightness() < self.ink.lightness()
        light = 0.62 if is_dark else 0.47
        self._warm = QColor.fromHslF(_WARM / 360, 1.0, light - 0.04)
        self._cool = QColor.fromHslF(_COOL / 360, 0.9, light)
        self.focus = QColor.fromHslF(_MARK / 360, 0.9, 0.55 if is_dark else 0.32)

    def shade(self, position: float) -> QColor:
        """Return the color of a place on the scale, -1 to 1."""
        return mixed(self.zero, self._warm if position > 0 else self._cool, abs(position))


def paint_frame(painter: QPainter, rect: QRect, thick: int, color: QColor) -> None:
    """Fill the border of a rectangle from inside, exact to the pixel."""
    for side in (
        QRect(rect.left(), rect.top(), rect.width(), thick),
        QRect(rect.left(), rect.bottom() + 1 - thick, rect.width(), thick),
        QRect(rect.left(), rect.top(), thick, rect.height()),
        QRect(rect.right() + 1 - thick, rect.top(), thick, rect.height()),
    ):
        painter.fillRect(side, color)
