"""The spectrum of images as a picture that can be pointed at, with marks on patterns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtWidgets import QSizePolicy, QWidget

from autoStructN2V.masking.patterns.fourier.picture import gray_levels, places_of
from napari_autostructn2v.widgets.colors import GridColors, mixed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtGui import QMouseEvent, QShowEvent, QWheelEvent

    from autoStructN2V.masking import Pattern
    from autoStructN2V.masking.patterns.fourier.places import Frequency
    from autoStructN2V.masking.patterns.spectrum import Spectrum

_SIDE_LINES = 24  # side of the picture, in lines of text
_REACH = 8  # px on the screen: how exactly a person points
_MARK = 16  # px: a ring around a wave
_STROKE = 0.2  # of half the picture: what lies in the middle of a line has no mark on it
_WHEEL_STEP = 0.8  # of the range for each notch
_PERIODS = (2, 4, 8)  # px, at the axes
_HELP = (
    "<p>Strength of each wave in the images: fast ones at the edge, slow ones in the middle, waves "
    "along x to the left and right, waves along y above and below. A pattern that repeats strictly "
    "is a point, twice because of the symmetry; offsets of rows or columns are a line through the "
    "middle; noise and structure are broad.</p><p>Click a mark, or any other place, to take a "
    "pattern out of what is removed first or to add one. Ctrl and the wheel zoom.</p>"
)


class SpectrumView(pg.PlotWidget):  # type: ignore[misc]
    """A spectrum in gray levels: y down, x right, frequency 0 in the middle.

    Parameters
    ----------
    parent : QWidget, optional
    """

    pointed = Signal(object, float)
    """A place (along y, along x) in cycles per pixel was clicked; and how exact that is."""
    hovered = Signal(object, float)
    """The mouse is at a place, or at None."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._colors: GridColors | None = None
        self._pressed: QPointF | None = None
        self._image = pg.ImageItem(axisOrder="row-major")
        self._removed = pg.ScatterPlotItem(pxMode=True)
        self._staying = pg.ScatterPlotItem(pxMode=True)
        self._lines: list[Any] = []
        self._patterns: tuple[Sequence[Pattern], Sequence[Pattern]] = ((), ())
        self._item = self.getPlotItem()
        for item in (self._image, self._removed, self._staying):
            self._item.addItem(item)
        self._prepare()

    def show_spectrum(self, spectrum: Spectrum) -> None:
        """Show the power of a spectrum."""
        side = spectrum.side
        self._image.setImage(gray_levels(spectrum.whole, side), levels=(0, 255))
        first = (-(side // 2) - 0.5) / side  # a bin reaches to both sides of its frequency
        self._image.setRect(QRectF(first, first, 1.0, 1.0))

    def show_patterns(self, removed: Sequence[Pattern], staying: Sequence[Pattern]) -> None:
        """Mark patterns: those that are removed in whole lines, others in dashed ones."""
        self._patterns = removed, staying
        colors = self._colors or GridColors(self.palette())
        for line in self._lines:
            self._item.removeItem(line)
        self._lines = []
        looks = ((self._removed, removed, 1.0, False), (self._staying, staying, -1.0, True))
        for scatter, patterns, hue, is_dashed in looks:
            pen = pg.mkPen(colors.shade(hue), width=2)
            if is_dashed:
                pen.setDashPattern([3.0, 2.0])
            waves = [place for p in patterns if p.lines is None for place in places_of(p)]
            spots = [{"pos": (fx, fy), "size": _MARK} for fy, fx in waves]
            scatter.setData(spots, symbol="o", pen=pen, brush=None)
            for pattern in (p for p in patterns if p.lines is not None):
                self._add_strokes(pattern, pen)

    def place_of(self, frequency: Frequency) -> QPointF:
        """Return where a place is in the widget, in pixels."""
        view = self._item.getViewBox()
        scene = view.mapViewToScene(QPointF(frequency[1], frequency[0]))
        return QPointF(self.mapFromScene(scene))

    def frequency_at(self, position: QPointF) -> Frequency | None:
        """Return the place at a point of the widget; None outside of the picture."""
        point = self._item.getViewBox().mapSceneToView(self.mapToScene(position.toPoint()))
        fy, fx = float(point.y()), float(point.x())
        return (fy, fx) if max(abs(fy), abs(fx)) <= 0.5 else None

    def sizeHint(self) -> QSize:  # noqa: N802 - name given by Qt
        """Return room for a square picture and its axes."""
        side = self.fontMetrics().lineSpacing() * _SIDE_LINES
        return QSize(side, side)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - name given by Qt
        """Return what fits into narrow docks."""
        return QSize(self.fontMetrics().lineSpacing() * _SIDE_LINES // 2, self.sizeHint().height())

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - name given by Qt
        """Begin a click."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._pressed = event.position()
        event.accept()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - name given by Qt
        """End a click, unless the mouse has moved away meanwhile."""
        pressed, self._pressed = self._pressed, None
        event.accept()
        if pressed is None or (event.position() - pressed).manhattanLength() > _REACH:
            return
        place = self.frequency_at(event.position())
        if place is not None:
            self.pointed.emit(place, self._reach)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - name given by Qt
        """Take the second of two fast clicks as a click."""
        self.mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - name given by Qt
        """Tell what is under the mouse."""
        self.hovered.emit(self.frequency_at(event.position()), self._reach)

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802 - name given by Qt
        """Forget what was under the mouse."""
        super().leaveEvent(event)
        self.hovered.emit(None, 0.0)

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802 - name given by Qt
        """Zoom with the Ctrl key; else the wheel scrolls the dock."""
        if not event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            return event.ignore()
        factor = _WHEEL_STEP if event.angleDelta().y() > 0 else 1.0 / _WHEEL_STEP
        place = self.frequency_at(event.position())
        view = self._item.getViewBox()
        if place is not None:
            view.scaleBy((factor, factor), center=QPointF(place[1], place[0]))
        if min(view.viewRect().width(), view.viewRect().height()) >= 1.0:
            self._show_all()
        return event.accept()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - name given by Qt
        """Follow the theme."""
        super().changeEvent(event)
        changes = (QEvent.Type.StyleChange, QEvent.Type.PaletteChange)
        if event.type() in changes and hasattr(self, "_patterns"):
            self._follow_theme()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - name given by Qt
        """Take the colors of the window that the widget is in by now."""
        super().showEvent(event)
        self._follow_theme()

    @property
    def _reach(self) -> float:
        """How exactly a person points, in cycles per pixel."""
        return float(_REACH * self._item.getViewBox().viewPixelSize()[0])

    def _prepare(self) -> None:
        self.setToolTip(_HELP)
        self.setAccessibleName("Spectrum")
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # the list below does the same by keys
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        # the highest number reaches above its axis, and the label below the other one
        half = self.fontMetrics().lineSpacing() // 2
        self._item.layout.setContentsMargins(0, half, 0, half)
        self._item.setMenuEnabled(False)
        self._item.hideButtons()
        view = self._item.getViewBox()
        view.setMouseEnabled(False, False)
        view.setAspectLocked(True)
        view.invertY(True)
        ticks = [(sign / period, str(period)) for period in _PERIODS for sign in (-1, 1)]
        for side in ("left", "bottom"):
            axis = self._item.getAxis(side)
            axis.setTicks([[*ticks, (0.0, "∞")]])
            axis.enableAutoSIPrefix(False)
        self._show_all()

    def _show_all(self) -> None:
        self._item.setRange(QRectF(-0.5, -0.5, 1.0, 1.0), padding=0.0)

    def _add_strokes(self, pattern: Pattern, pen: Any) -> None:
        """Mark both ends of the line that offsets or stripes fill."""
        for fy, fx in places_of(pattern):
            ends = np.array([1.0, 1.0 - _STROKE])
            stroke = pg.PlotCurveItem(fx * ends, fy * ends, pen=pen)
            self._lines.append(stroke)
            self._item.addItem(stroke)

    def _follow_theme(self) -> None:
        colors = GridColors(self.palette())
        known = self._colors
        if known and (known.background, known.ink) == (colors.background, colors.ink):
            return
        self._colors = colors
        self.setBackground(colors.background)
        for side, label in (("left", "Period along y (px)"), ("bottom", "Period along x (px)")):
            axis = self._item.getAxis(side)
            axis.setPen(mixed(colors.background, colors.ink, 0.4))
            axis.setTextPen(colors.ink)
            axis.setLabel(label, color=colors.ink.name())
        self.show_patterns(*self._patterns)
