"""Buttons of the mask editor that change the kernel: history, shapes, size, files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from qtpy.QtCore import QEvent, QSize, Qt, Signal
from qtpy.QtGui import QIcon, QKeySequence, QPainter, QPixmap, QShortcut
from qtpy.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QToolButton,
    QWidget,
)
from superqt.utils import signals_blocked

from autoStructN2V.errors import UserError
from autoStructN2V.masking.kernels.cells import MAX_KERNEL_SIZE
from napari_autostructn2v.lifetime import connect
from napari_autostructn2v.session.documents.kernel_shapes import Shape, drawn
from napari_autostructn2v.widgets.colors import GridColors
from napari_autostructn2v.widgets.editors import IntBox
from napari_autostructn2v.widgets.save_dialog import ask_where_to_save

if TYPE_CHECKING:
    from collections.abc import Callable

    from autoStructN2V.masking import Kernel
    from napari_autostructn2v.session.documents.kernel_document import KernelDocument

FILE_PATTERN = "Kernel (*.npy)"
_PROPOSED = Path("kernel.npy")
_SHAPES: dict[Shape, str] = {
    "horizontal": "Horizontal line",
    "vertical": "Vertical line",
    "falling": "Diagonal from top left to bottom right",
    "rising": "Diagonal from bottom left to top right",
    "cross": "Cross",
    "square": "Square",
}
_FIRST_LENGTH = 7
_CELLS_OF_ICON = 5
_LINES_OF_ICON = 1.4
_ICON_SPACING = 2


class OddBox(IntBox):
    """Odd whole number up to the largest size of a kernel."""

    def __init__(self, name: str, tooltip: str) -> None:
        super().__init__(1, MAX_KERNEL_SIZE)
        self.setSingleStep(2)
        two_buttons = 2 * self.sizeHint().height()
        self.setMinimumWidth(self.fontMetrics().horizontalAdvance("0000") + two_buttons)
        self.setAccessibleName(name)
        self.setToolTip(f"{tooltip} (odd, at most {MAX_KERNEL_SIZE} pixels).")

    def valueFromText(self, text: str | None) -> int:  # noqa: N802 - name given by Qt
        """Return the number typed; an even one becomes the next odd one."""
        return super().valueFromText(text) | 1


class KernelTools(QWidget):
    """Everything that changes the kernel, apart from the grid and the extractor.

    Parameters
    ----------
    document : KernelDocument
        What the buttons change.
    parent : QWidget, optional
    """

    failed = Signal(str)
    """One sentence about a file that could not be read or written."""

    def __init__(self, document: KernelDocument, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self._z = document.center[0]
        self._saved: tuple[Path, Kernel] | None = None
        self.undo_button = QPushButton("Undo")
        self.redo_button = QPushButton("Redo")
        self.clear_button = QPushButton("Clear")
        self.mirror_box = QCheckBox("Mirrored")
        self.shape_buttons = {shape: QToolButton() for shape in _SHAPES}
        self.length_box = OddBox("Length of the shape", "Length of the shape")
        self.height_box = OddBox("Kernel height", "Height of the kernel")
        self.width_box = OddBox("Kernel width", "Width of the kernel")
        self.load_button = QPushButton("Load…")
        self.save_button = QPushButton("Save…")
        self._explain()
        self._arrange()
        self._connect()
        self._refresh()
        self._paint_icons()

    def set_z(self, z: int) -> None:
        """Choose the slice that shapes are drawn into."""
        self._z = z

    def saved_path(self) -> Path | None:
        """Return the file that holds exactly this kernel, if it was saved or loaded here."""
        if self._saved is not None and self._saved[1] == self._document.kernel:
            return self._saved[0]
        return None

    def load(self) -> None:
        """Ask for a file and replace the kernel by what it holds."""
        path, _ = QFileDialog.getOpenFileName(self, "Load kernel", "", FILE_PATTERN)
        if path:
            self.load_from(path)

    def load_from(self, path: str | Path) -> None:
        """Replace the kernel by that of a file, or say why not."""
        try:
            self._document.load(path)
        except UserError as error:
            self.failed.emit(str(error))
        else:
            self._saved = Path(path), self._document.kernel
            self.failed.emit("")

    def save(self) -> Path | None:
        """Ask for a file and write the kernel; return the path, or None if it was not written."""
        path = ask_where_to_save(self, "Save kernel", _PROPOSED, FILE_PATTERN, [".npy"])
        return self.save_to(path) if path else None

    def save_to(self, path: str | Path) -> Path | None:
        """Write the kernel; return the path, or None after saying why not."""
        try:
            written = self._document.save(path)
        except UserError as error:
            self.failed.emit(str(error))
            return None
        self._saved = written, self._document.kernel
        self.failed.emit("")
        return written

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: N802 - name given by Qt
        """Paint the icons anew when the theme changes."""
        super().changeEvent(event)
        if event is not None and event.type() in (
            QEvent.Type.StyleChange,
            QEvent.Type.PaletteChange,
        ):
            self._paint_icons()

    def _explain(self) -> None:
        self.clear_button.setToolTip("Show every pixel but the center.")
        self.mirror_box.setToolTip(
            "Change the pixel opposite of the center as well; noise that is shared with the pixel "
            "to the left is shared with the pixel to the right."
        )
        for shape, button in self.shape_buttons.items():
            button.setToolTip(f"{_SHAPES[shape]}: hide it in addition to what is hidden.")
            button.setAccessibleName(_SHAPES[shape])
        self.length_box.setValue(_FIRST_LENGTH)
        self.load_button.setToolTip("Load a kernel from a .npy file.")
        self.save_button.setToolTip("Save the kernel as .npy file, for other trainings and Python.")

    def _arrange(self) -> None:
        history = QHBoxLayout()
        for widget in (self.undo_button, self.redo_button, self.clear_button, self.mirror_box):
            history.addWidget(widget)
        shapes = QHBoxLayout()
        shapes.setSpacing(_ICON_SPACING)
        for button in self.shape_buttons.values():
            shapes.addWidget(button)
        shapes.addStretch()
        shapes.addWidget(self.length_box)
        size = QHBoxLayout()
        size.addWidget(self.height_box, 1)
        size.addWidget(QLabel("x"))
        size.addWidget(self.width_box, 1)
        files = QHBoxLayout()
        files.addWidget(self.load_button)
        files.addWidget(self.save_button)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.addLayout(history, 0, 0, 1, 2)
        rows = {"Add shape": shapes, "Size (px)": size, "File": files}
        for row, (title, layout) in enumerate(rows.items(), start=1):
            grid.addWidget(QLabel(title), row, 0)
            grid.addLayout(layout, row, 1)
        grid.setColumnStretch(1, 1)

    def _connect(self) -> None:
        self.undo_button.clicked.connect(self._document.history.undo)
        self.redo_button.clicked.connect(self._document.history.redo)
        self.clear_button.clicked.connect(self._document.clear)
        self.mirror_box.toggled.connect(self._on_mirrored)
        for button in self.shape_buttons.values():
            button.clicked.connect(self._on_shape)
        self.height_box.valueChanged.connect(self._on_size)
        self.width_box.valueChanged.connect(self._on_size)
        self.load_button.clicked.connect(self.load)
        self.save_button.clicked.connect(self.save)
        connect(self, self._document.changed, self._refresh)

    def _on_mirrored(self, is_on: bool) -> None:
        self._document.is_mirrored = is_on

    def _on_shape(self) -> None:
        for shape, button in self.shape_buttons.items():
            if button is self.sender():
                z = min(self._z, len(self._document.planes) - 1)
                self._document.add_shape(shape, self.length_box.value() or 1, z)

    def _on_size(self) -> None:
        self._document.resize(self.height_box.value() or 1, self.width_box.value() or 1)

    def _refresh(self) -> None:
        document = self._document
        self.undo_button.setEnabled(document.history.can_undo)
        self.undo_button.setToolTip(f"Undo: {document.history.undo_name} (Ctrl+Z)")
        self.redo_button.setEnabled(document.history.can_redo)
        self.redo_button.setToolTip(f"Redo: {document.history.redo_name} (Ctrl+Shift+Z)")
        height, width = document.kernel.middle.shape
        for box, value in ((self.height_box, height), (self.width_box, width)):
            with signals_blocked(box):
                box.setValue(value)
        with signals_blocked(self.mirror_box):
            self.mirror_box.setChecked(document.is_mirrored)

    def _paint_icons(self) -> None:
        side = round(self.fontMetrics().height() * _LINES_OF_ICON)
        for shape, button in self.shape_buttons.items():
            button.setIconSize(QSize(side, side))
            button.setIcon(_icon(shape, side, GridColors(self.palette()), self.devicePixelRatioF()))


def add_history_shortcuts(
    widget: QWidget, undo: Callable[[], None], redo: Callable[[], None]
) -> None:
    """Let the usual keys undo and redo while the focus is in a widget."""
    for keys, slot in (("Ctrl+Z", undo), ("Ctrl+Shift+Z", redo)):
        shortcut = QShortcut(QKeySequence(keys), widget)
        shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        shortcut.activated.connect(slot)


def _icon(shape: Shape, side: int, colors: GridColors, ratio: float) -> QIcon:
    """Draw a shape as a small kernel."""
    cell = max(1, int(side * ratio) // _CELLS_OF_ICON)
    pixmap = QPixmap(cell * _CELLS_OF_ICON, cell * _CELLS_OF_ICON)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    figure = drawn(shape, _CELLS_OF_ICON)
    top, left = ((_CELLS_OF_ICON - n) // 2 for n in cast("tuple[int, int]", figure.shape))
    for y, x in np.argwhere(figure).tolist():
        painter.fillRect((left + x) * cell, (top + y) * cell, cell - 1, cell - 1, colors.ink)
    painter.end()
    return QIcon(pixmap)
