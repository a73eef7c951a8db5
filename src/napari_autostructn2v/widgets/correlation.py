"""Colors of correlations: warm above zero, cool below, the background at zero."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QRect, QSize, Qt
from qtpy.QtGui import QLinearGradient, QPainter
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_autostructn2v.widgets.colors import GridColors, paint_frame

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from qtpy.QtGui import QPaintEvent

    from napari_autostructn2v.session.documents.kernel_document import KernelDocument

_LEAST_LIMIT = 0.1  # below, the statistical error of the measurement would look like a pattern
_LEAST_SIDE_OF_DOT = 12  # px


@dataclass(frozen=True)
class CorrelationScale:
    """Where a correlation lies between the ends of the color scale.

    Attributes
    ----------
    limit : float
        Correlation, positive, at the ends of the scale.
    is_logarithmic : bool
        Whether the scale is log(1 + abs(value)).
    """

    limit: float = 1.0
    is_logarithmic: bool = True

    @classmethod
    def of(cls, document: KernelDocument) -> CorrelationScale | None:
        """Return the scale for the evidence of a document; the center, always 1, does not count."""
        if document.autocorrelation is None:
            return None
        return cls.of_values(document.autocorrelation.values, document.extractor.log_autocorr)

    @classmethod
    def of_values(
        cls, correlations: NDArray[np.float64], is_logarithmic: bool = True
    ) -> CorrelationScale:
        """Return the scale for correlations (S, H, W); the center, always 1, does not count."""
        others = np.abs(correlations)
        others[tuple(side // 2 for side in others.shape)] = 0.0
        return cls(float(np.clip(others.max(), _LEAST_LIMIT, 1.0)), is_logarithmic)

    def position(self, correlation: float) -> float:
        """Return the place of a correlation between -1 and 1."""
        size, limit = min(abs(correlation), self.limit), self.limit
        if self.is_logarithmic:
            size, limit = np.log1p(size), np.log1p(limit)
        return float(np.copysign(size / limit, correlation))


class CorrelationLegend(QWidget):
    """A color bar with its numbers."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._scale: CorrelationScale | None = None
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Color scale of the noise autocorrelation")
        self.setToolTip(
            "Correlation of the noise of a pixel with that of the center: warm colors for noise "
            "that is alike, cool colors for noise that is opposite."
        )

    def set_scale(self, scale: CorrelationScale | None) -> None:
        """Show a scale, or nothing."""
        self._scale = scale
        limit = f"-{scale.limit:.2g} to {scale.limit:.2g}" if scale else "nothing measured"
        self.setAccessibleDescription(limit)
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - name given by Qt
        """Return room for the numbers and a bar."""
        metrics = self.fontMetrics()
        return QSize(metrics.horizontalAdvance("correlation -0.00 0 0.00") * 2, metrics.height())

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802 - name given by Qt
        """Paint the numbers and the bar between them."""
        if self._scale is None:
            return
        colors, painter = GridColors(self.palette()), QPainter(self)
        low, high = f"-{self._scale.limit:.2g}", f"+{self._scale.limit:.2g}"
        gap = self.fontMetrics().horizontalAdvance("x")
        left, right = (self.fontMetrics().horizontalAdvance(text) + gap for text in (low, high))
        bar = self.rect().adjusted(left, 2, -right, -2)
        gradient = QLinearGradient(bar.left(), 0, bar.right(), 0)
        for stop in np.linspace(0, 1, 9):
            value = self._scale.limit * (2 * stop - 1)
            gradient.setColorAt(stop, colors.shade(self._scale.position(value)))
        painter.fillRect(bar, gradient)
        painter.setPen(colors.ink)
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignLeft | middle, low)
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignRight | middle, high)
        painter.drawText(bar, Qt.AlignmentFlag.AlignCenter, "0")
        painter.end()


def paint_cell_mark(painter: QPainter, cell: QRect, colors: GridColors, is_center: bool) -> None:
    """Mark a cell as hidden: a thick border and a dot; the center: a square instead."""
    side = min(cell.width(), cell.height())
    thick = max(2, round(side / 12))
    paint_frame(painter, cell, thick, colors.ink)
    if side < _LEAST_SIDE_OF_DOT:
        if is_center:
            painter.fillRect(cell, colors.ink)
        return
    paint_frame(painter, cell.adjusted(thick, thick, -thick, -thick), 1, colors.background)
    size = round(side * (0.5 if is_center else 0.3))
    dot = QRect(0, 0, size, size)
    dot.moveCenter(cell.center())
    draw = painter.drawRect if is_center else painter.drawEllipse
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, not is_center)
    painter.setPen(Qt.PenStyle.NoPen)
    for area, color in ((dot.adjusted(-1, -1, 1, 1), colors.background), (dot, colors.ink)):
        painter.setBrush(color)
        draw(area)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
