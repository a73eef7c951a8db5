"""Small pictures of a kernel on its evidence, and of a spectrum with the patterns in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QPointF, QRect, QRectF, QSize, Qt
from qtpy.QtGui import QImage, QPainter, QPen
from qtpy.QtWidgets import QSizePolicy, QWidget

from autoStructN2V.masking.patterns.fourier.picture import gray_levels, places_of
from napari_autostructn2v.widgets.colors import GridColors
from napari_autostructn2v.widgets.correlation import CorrelationScale, paint_cell_mark

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from qtpy.QtGui import QPaintEvent

    from autoStructN2V.masking import Kernel, Pattern, PatternRemoval

_LINES = 7  # of text: side of a picture
_LEAST_CELLS = 11  # of evidence, along a side
_RING = 4.0  # px
_STROKE = 0.2  # of half the spectrum: length of the marks of lines


class _Thumbnail(QWidget):
    """A square picture."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:  # noqa: N802 - name given by Qt
        """Return a square of a few lines of text."""
        side = self.fontMetrics().lineSpacing() * _LINES
        return QSize(side, side)


class KernelThumbnail(_Thumbnail):
    """The middle slice of a kernel on its evidence."""

    def __init__(self) -> None:
        super().__init__("Kernel")
        self._kernel: Kernel | None = None
        self._values = np.zeros((1, 1))
        self._scale = CorrelationScale()

    def show_kernel(self, kernel: Kernel, correlations: NDArray[np.float64]) -> None:
        """Show a kernel on correlations (S, H, W) of the noise."""
        self._kernel, self._scale = kernel, CorrelationScale.of_values(correlations)
        side = min(max(_LEAST_CELLS, *kernel.middle.shape), *correlations.shape[1:])
        self._values = _middle_of(correlations[len(correlations) // 2], side)
        self.setToolTip(f"The proposed kernel {kernel.description.sentence}.")
        self.setAccessibleDescription(self.toolTip())
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802 - name given by Qt
        """Paint evidence and hidden cells."""
        if self._kernel is None:
            return
        painter, colors = QPainter(self), GridColors(self.palette())
        n = len(self._values)
        cell = max(1, min(self.width(), self.height()) // n)
        hidden = {(0, 0), *((int(y), int(x)) for z, y, x in self._kernel.offsets if z == 0)}
        for (row, column), value in np.ndenumerate(self._values):
            rect = QRect(column * cell, row * cell, max(1, cell - 1), max(1, cell - 1))
            painter.fillRect(rect, colors.shade(self._scale.position(float(value))))
            offset = row - n // 2, column - n // 2
            if offset in hidden:
                paint_cell_mark(painter, rect, colors, offset == (0, 0))
        painter.end()


class SpectrumThumbnail(_Thumbnail):
    """A spectrum in gray levels, with a mark on each pattern."""

    def __init__(self) -> None:
        super().__init__("Spectrum")
        self._removal: PatternRemoval | None = None
        self._levels: NDArray[np.uint8] | None = None

    def show_removal(self, removal: PatternRemoval | None) -> None:
        """Show the spectrum in which patterns were found."""
        self._removal = removal
        self._levels = None
        if removal is not None and removal.spectrum is not None:
            self._levels = gray_levels(removal.spectrum.whole, self.sizeHint().width())
            found = removal.sentence or "No pattern covers the images."
            self.setToolTip(f"{found} The Mask editor shows it larger, to be changed.")
            self.setAccessibleDescription(self.toolTip())
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802 - name given by Qt
        """Paint the spectrum and the marks."""
        if self._levels is None or self._removal is None:
            return
        painter, colors = QPainter(self), GridColors(self.palette())
        levels = np.ascontiguousarray(self._levels)
        side = len(levels)
        image = QImage(levels.tobytes(), side, side, side, QImage.Format.Format_Grayscale8)
        painter.drawImage(QRectF(self.rect()), image)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for pattern in self._removal.all_patterns:
            is_removed = pattern in self._removal.patterns
            pen = QPen(colors.shade(1.0 if is_removed else -1.0), 2)
            pen.setStyle(Qt.PenStyle.SolidLine if is_removed else Qt.PenStyle.DotLine)
            painter.setPen(pen)
            self._paint_mark(painter, pattern)
        painter.end()

    def _paint_mark(self, painter: QPainter, pattern: Pattern) -> None:
        for fy, fx in places_of(pattern):
            place, inner = self._point(fy, fx), self._point(fy * (1 - _STROKE), fx * (1 - _STROKE))
            if pattern.lines is None:
                painter.drawEllipse(place, _RING, _RING)
            else:
                painter.drawLine(place, inner)

    def _point(self, fy: float, fx: float) -> QPointF:
        return QPointF((fx + 0.5) * self.width(), (fy + 0.5) * self.height())


def _middle_of(values: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """Return the middle (side, side) of an odd array."""
    top, left = ((n - side) // 2 for n in values.shape)
    return values[top : top + side, left : left + side]
