"""One slice of the kernel as a grid of cells, painted over its evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QEvent, QPoint, QRect, QSize, Qt, Signal
from qtpy.QtGui import QBrush, QPainter
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_autostructn2v.lifetime import connect
from napari_autostructn2v.widgets.colors import GridColors, mixed, paint_frame
from napari_autostructn2v.widgets.correlation import CorrelationScale, paint_cell_mark

if TYPE_CHECKING:
    from qtpy.QtGui import QFocusEvent, QKeyEvent, QMouseEvent, QPaintEvent

    from napari_autostructn2v.session.documents.kernel_document import Cell, KernelDocument

_SIDE_LINES = 25  # longer side of the grid, in lines of text
_LARGEST_CELL_LINES = 2.0
_LEAST_CELL = 6  # px
_INSTRUCTIONS = (
    "Arrow keys move to another pixel, Space hides or shows it, Home goes to the center, "
    "Page up and Page down change the slice."
)
_PAGES: dict[int, int] = {Qt.Key.Key_PageUp.value: -1, Qt.Key.Key_PageDown.value: 1}
_MOVES: dict[int, tuple[int, int]] = {
    Qt.Key.Key_Left.value: (0, -1),
    Qt.Key.Key_Right.value: (0, 1),
    Qt.Key.Key_Up.value: (-1, 0),
    Qt.Key.Key_Down.value: (1, 0),
}


def describe_cell(document: KernelDocument, cell: Cell) -> str:
    """Say where a cell lies and what was measured there: ``dy -1, dx +3: correlation 0.31``."""
    steps = [i - middle for i, middle in zip(cell, document.center, strict=True)]
    names = ("dz", "dy", "dx")[0 if document.mode == "2.5D" else 1 :]
    place = ", ".join(
        f"{name} {step:+d}" if step else f"{name} 0"
        for name, step in zip(names, steps[-len(names) :], strict=True)
    )
    if not any(steps):
        return f"{place}: the predicted pixel, always hidden"
    state = "hidden" if document.planes[cell] else "shown"
    correlation = round(float(document.correlations()[cell]), 2) + 0.0  # -0.0 becomes 0.0
    if np.isfinite(correlation):
        return f"{place}: correlation {correlation:.2f}, {state}"
    return f"{place}: {state}" + (", not measured" if document.autocorrelation else "")


class KernelGrid(QWidget):
    """Grid of square cells in image orientation: y down, x right.

    A click toggles a cell, a drag gives all cells the new state of the first.

    Parameters
    ----------
    document : KernelDocument
        What is shown and edited.
    parent : QWidget, optional
    """

    cell_described = Signal(str)
    """Text about the cell under the mouse or with the focus; empty without one."""
    slice_requested = Signal(int)
    """The keyboard asks for another slice of the kernel."""

    def __init__(self, document: KernelDocument, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self._focus: Cell = document.center
        self._hover: Cell | None = None
        self._brush: bool | None = None  # the state that a drag paints
        self._shape = document.planes.shape
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleDescription(_INSTRUCTIONS)
        connect(self, document.changed, self._on_changed)
        connect(self, document.evidence_changed, self._on_changed)
        self._on_changed()

    @property
    def z(self) -> int:
        """Slice of the kernel that is shown."""
        return self._focus[0]

    def set_z(self, z: int) -> None:
        """Show another slice of the kernel."""
        self._hover = None
        self._move_focus((z, *self._focus[1:]))
        self.cell_described.emit("")

    @property
    def focus_cell(self) -> Cell:
        """Cell that the keyboard acts on."""
        return self._focus

    def cell_at(self, point: QPoint) -> Cell | None:
        """Return the cell under a point of the widget."""
        origin, side = self._origin, self._cell_side
        y, x = (point.y() - origin.y()) // side, (point.x() - origin.x()) // side
        _, height, width = self._shape
        return (self.z, y, x) if 0 <= y < height and 0 <= x < width else None

    def rect_of(self, cell: Cell) -> QRect:
        """Return where a cell of the slice shown is painted."""
        side = self._cell_side
        corner = self._origin + QPoint(cell[2] * side, cell[1] * side)
        return QRect(corner, QSize(side - 1, side - 1))

    def sizeHint(self) -> QSize:  # noqa: N802 - name given by Qt
        """Return the size at which the grid is comfortable to click."""
        _, height, width = self._shape
        side = self._comfortable_side
        return QSize(width * side + 5, height * side + 5)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - name given by Qt
        """Return a width that fits into narrow docks; the height stays as it is."""
        return QSize(self._shape[2] * _LEAST_CELL + 5, self.sizeHint().height())

    def mousePressEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """Toggle a cell and begin a stroke."""
        if event is None or event.button() != Qt.MouseButton.LeftButton:
            return
        cell = self.cell_at(event.position().toPoint())
        if cell is None:
            return
        is_center = cell == self._document.center
        self._brush = is_center or not self._document.planes[cell]
        self._document.history.begin_stroke()
        self._document.set_cells([cell], self._brush)
        self._move_focus(cell)
        self._describe(cell)

    def mouseMoveEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """Continue a stroke, and describe the cell under the mouse."""
        if event is None:
            return
        cell = self.cell_at(event.position().toPoint())
        if cell is not None and self._brush is not None and cell != self._focus:
            self._document.set_cells(_line(self._focus, cell), self._brush)
            self._move_focus(cell)
        if cell != self._hover:
            self._hover = cell
            self._describe(cell)
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802
        """End a stroke."""
        if self._brush is not None:
            self._end_stroke()

    def leaveEvent(self, event: QEvent | None) -> None:  # noqa: N802
        """Forget the cell under the mouse."""
        self._hover = None
        self._describe(self._focus if self.hasFocus() else None)
        self.update()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802
        """Move, toggle, or go to the center or another slice."""
        if event is None:
            return
        key = event.key()  # may be a number without a name, so no Qt.Key
        z, y, x = self._focus
        if key in _MOVES:
            dy, dx = _MOVES[key]
            self._move_focus((z, y + dy, x + dx))
        elif key == Qt.Key.Key_Space.value:
            self._document.toggle(self._focus)
        elif key == Qt.Key.Key_Home.value:
            self._move_focus((z, *self._document.center[1:]))
        elif key in _PAGES and self._shape[0] > 1:
            self.slice_requested.emit(int(np.clip(z + _PAGES[key], 0, self._shape[0] - 1)))
        else:
            super().keyPressEvent(event)
            return
        self._describe(self._focus)

    def focusInEvent(self, event: QFocusEvent | None) -> None:  # noqa: N802
        """Show and describe the cell that the keyboard acts on."""
        super().focusInEvent(event)
        self._describe(self._focus)
        self.update()

    def focusOutEvent(self, event: QFocusEvent | None) -> None:  # noqa: N802
        """End a stroke that lost its mouse, and hide the focus cell."""
        super().focusOutEvent(event)
        self._end_stroke()
        self._describe(self._hover)
        self.update()

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: N802
        """Follow a change of the font."""
        super().changeEvent(event)
        self.updateGeometry()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802
        """Paint evidence, hidden cells, hover and focus."""
        painter, colors = QPainter(self), GridColors(self.palette())
        correlations, planes = self._document.correlations(), self._document.planes
        scale = CorrelationScale.of(self._document)
        for (y, x), is_hidden in np.ndenumerate(planes[self.z]):
            cell = (self.z, y, x)
            rect, correlation = self.rect_of(cell), correlations[cell]
            is_measured = scale is not None and np.isfinite(correlation)
            position = scale.position(correlation) if scale and is_measured else 0.0
            painter.fillRect(rect, colors.shade(position))
            if scale and not is_measured:
                painter.fillRect(rect, _hatched(colors))
            if is_hidden:
                paint_cell_mark(painter, rect, colors, cell == self._document.center)
        self._paint_hover(painter, colors)
        if self.hasFocus():
            paint_frame(painter, self.rect_of(self._focus).adjusted(-2, -2, 2, 2), 2, colors.focus)
        painter.end()

    def _paint_hover(self, painter: QPainter, colors: GridColors) -> None:
        if self._hover is None:
            return
        partner = self._document.mirrored(self._hover)
        cells = [self._hover]
        if self._document.is_mirrored and partner[0] == self.z:
            cells.append(partner)
        for cell in cells:
            paint_frame(painter, self.rect_of(cell).adjusted(-1, -1, 1, 1), 1, colors.ink)

    @property
    def _comfortable_side(self) -> int:
        line = self.fontMetrics().height()
        side = min(_SIDE_LINES * line / max(self._shape[1:]), _LARGEST_CELL_LINES * line)
        return max(_LEAST_CELL, int(side))

    @property
    def _cell_side(self) -> int:
        fitting = (self.width() - 5) // int(self._shape[2])
        return max(2, min(self._comfortable_side, fitting))

    @property
    def _origin(self) -> QPoint:
        _, height, width = self._shape
        side = self._cell_side
        return QPoint(
            (self.width() - width * side + 1) // 2, (self.height() - height * side + 1) // 2
        )

    def _on_changed(self) -> None:
        shape = self._document.planes.shape
        if shape != self._shape:
            self._shape, self._hover, self._brush = shape, None, None
            self._focus = self._document.center
            self.updateGeometry()
        self._move_focus(self._focus)
        if self._hover is not None or self.hasFocus():
            self._describe(self._hover or self._focus)

    def _end_stroke(self) -> None:
        self._brush = None
        self._document.history.end_stroke()

    def _move_focus(self, cell: Cell) -> None:
        z, y, x = (int(np.clip(i, 0, n - 1)) for i, n in zip(cell, self._shape, strict=True))
        self._focus = (z, y, x)
        # screen readers announce a change of the name of the widget that has the focus
        self.setAccessibleName(f"Kernel, {describe_cell(self._document, self._focus)}")
        self.update()

    def _describe(self, cell: Cell | None) -> None:
        self.cell_described.emit("" if cell is None else describe_cell(self._document, cell))


def _line(start: Cell, end: Cell) -> list[Cell]:
    """Return the cells from one to another, both included, so that fast drags leave no gaps."""
    n = max(abs(b - a) for a, b in zip(start, end, strict=True)) + 1
    ys, xs = (
        np.linspace(a, b, n).round().astype(int) for a, b in zip(start[1:], end[1:], strict=True)
    )
    return [(end[0], int(y), int(x)) for y, x in zip(ys, xs, strict=True)]


def _hatched(colors: GridColors) -> QBrush:
    """Return the pattern of cells for which nothing was measured."""
    return QBrush(mixed(colors.zero, colors.ink, 0.3), Qt.BrushStyle.BDiagPattern)
