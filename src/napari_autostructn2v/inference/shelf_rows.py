"""How a model is drawn in a list: picture, name, how it was made, and how well it fits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QModelIndex, QRect, QSize, Qt
from qtpy.QtGui import QFont, QFontMetrics, QPainter, QPalette
from qtpy.QtWidgets import QLineEdit, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from autoStructN2V.pipeline.shelf.labels import LONGEST
from napari_autostructn2v.inference.shelf_items import MODEL_ROLE, kind_of
from napari_autostructn2v.session.state import Status
from napari_autostructn2v.widgets.colors import mixed
from napari_autostructn2v.widgets.status import status_colors

if TYPE_CHECKING:
    from qtpy.QtCore import QPersistentModelIndex
    from qtpy.QtWidgets import QWidget

    from autoStructN2V.pipeline import ShelvedModel

    Index = QModelIndex | QPersistentModelIndex

_LINES = 4  # name, kind, images, fit
_SELECTED_SHARE, _DIM_SHARE, _BLANK_SHARE = 0.2, 0.25, 0.12  # of one color mixed into another
_MATTERS = 1.0  # misfit from which on a difference matters


def fit_words(model: ShelvedModel) -> str:
    """Say how well a model fits, and why; empty where it was not compared."""
    if model.misfit is None:
        return ""
    return f"{'Fits' if _fits(model) else 'Differs'}. {model.reason}"


def _fits(model: ShelvedModel) -> bool:
    return model.misfit is not None and model.misfit < _MATTERS


class ShelfRow(QStyledItemDelegate):
    """Draws a model in four lines beside its picture."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: N802
        """Return room for the lines; the width is that of the list."""
        height = row_height(option.fontMetrics)
        return QSize(height, height)

    def paint(self, painter: QPainter | None, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw a row."""
        if painter is None:
            return
        model: ShelvedModel = index.data(MODEL_ROLE)
        paper = option.palette.color(QPalette.ColorRole.Window)
        ink = option.palette.color(QPalette.ColorRole.WindowText)
        painter.save()
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(option.rect, mixed(paper, ink, _SELECTED_SHARE))
        picture = index.data(Qt.ItemDataRole.DecorationRole)
        if picture is None or picture.isNull():
            painter.fillRect(_picture_place(option), mixed(paper, ink, _BLANK_SHARE))
        else:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(_picture_place(option), picture)
        name = QFont(option.font)
        name.setBold(True)
        painter.setPen(ink)
        _write(painter, name, _line(option, 0), model.name)
        _write(painter, option.font, _line(option, 1), kind_of(model))
        painter.setPen(mixed(ink, paper, _DIM_SHARE))
        _write(painter, option.font, _line(option, 2), model.trained_on)
        if model.misfit is None:
            _write(painter, option.font, _line(option, 3), model.note or model.noise)
        else:
            self._draw_fit(painter, option, model)
        painter.restore()

    def createEditor(  # noqa: N802 - name given by Qt
        self, parent: QWidget | None, option: QStyleOptionViewItem, index: Index
    ) -> QWidget | None:
        """Return what the name is edited in."""
        editor = QLineEdit(parent)
        editor.setMaxLength(LONGEST)
        editor.setAccessibleName("Name of the model")
        return editor

    def updateEditorGeometry(  # noqa: N802 - name given by Qt
        self, editor: QWidget | None, option: QStyleOptionViewItem, index: Index
    ) -> None:
        """Put it where the name is."""
        if editor is not None:
            place = _line(option, 0)
            place.setHeight(editor.sizeHint().height())
            editor.setGeometry(place)

    def _draw_fit(
        self, painter: QPainter, option: QStyleOptionViewItem, model: ShelvedModel
    ) -> None:
        """Say on the color of good or of attention whether it fits, and why beside it."""
        word, _, reason = fit_words(model).partition(" ")
        status = Status.COMPLETE if _fits(model) else Status.AWAITING
        background, ink = status_colors(status, option.palette)
        line, gap = _line(option, 3), _margin(option.fontMetrics)
        badge = QRect(line)
        badge.setWidth(option.fontMetrics.horizontalAdvance(word) + 2 * gap)
        painter.fillRect(badge, background)
        painter.setPen(ink)
        painter.drawText(badge, Qt.AlignmentFlag.AlignCenter, word.rstrip("."))
        line.setLeft(badge.right() + 1 + gap)
        painter.setPen(option.palette.color(QPalette.ColorRole.WindowText))
        _write(painter, option.font, line, reason)


def row_height(metrics: QFontMetrics) -> int:
    """Return the height of a row in pixels."""
    return _line_height(metrics) * _LINES + 2 * _margin(metrics)


def _write(painter: QPainter, font: QFont, place: QRect, text: str) -> None:
    """Write one line of text, cut at the end where it is too long."""
    painter.setFont(font)
    fitting = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, place.width())
    painter.drawText(place, Qt.AlignmentFlag.AlignVCenter, fitting)


def _line_height(metrics: QFontMetrics) -> int:
    return metrics.lineSpacing() + 2


def _margin(metrics: QFontMetrics) -> int:
    return metrics.height() // 4


def _picture_place(option: QStyleOptionViewItem) -> QRect:
    gap, side = _margin(option.fontMetrics), _line_height(option.fontMetrics) * _LINES
    return QRect(option.rect.left() + gap, option.rect.top() + gap, side, side)


def _line(option: QStyleOptionViewItem, number: int) -> QRect:
    """Return the place of a line beside the picture, 0 at the top."""
    picture, height = _picture_place(option), _line_height(option.fontMetrics)
    left = picture.right() + 2 * _margin(option.fontMetrics)
    width = option.rect.right() - _margin(option.fontMetrics) - left
    return QRect(left, picture.top() + number * height, width, height)
