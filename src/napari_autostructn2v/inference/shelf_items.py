"""The models on this computer as an item model of Qt: what a list shows of them, and a search."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QRect,
    QSortFilterProxyModel,
    Qt,
    Signal,
)
from qtpy.QtGui import QImage

from napari_autostructn2v.widgets.forms import choice_label

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from qtpy.QtCore import QObject, QPersistentModelIndex

    from autoStructN2V.pipeline import ShelvedModel

    Index = QModelIndex | QPersistentModelIndex

MODEL_ROLE = Qt.ItemDataRole.UserRole
"""The :class:`ShelvedModel` of a row."""
_PICTURE_SIDE = 144  # px: twice what is shown, for screens with small pixels
_NO_PARENT = QModelIndex()
_EDITABLE = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsEditable


def kind_of(model: ShelvedModel) -> str:
    """Return when a model was trained, its mode and its method."""
    parts = (model.date, model.mode, choice_label("method", model.method))
    return ", ".join(part for part in parts if part)


def words_of(model: ShelvedModel) -> str:
    """Return what there is to know about a model, in lines."""
    rows = {
        "Trained": kind_of(model),
        "On": model.trained_on,
        "From": model.origin,
        "Noise": model.noise,
        "Kernel": model.kernel,
        "Fit": model.reason,
        "Note": model.note,
        "Place": model.place,
    }
    return "\n".join([model.name, *(f"{name}: {text}" for name, text in rows.items() if text)])


def read_picture(path: Path) -> QImage:
    """Read the middle of the picture of a model, half noisy and half denoised.

    Parameters
    ----------
    path : Path
        Image file.

    Returns
    -------
    QImage
        A small square; a null one if the file cannot be read.
    """
    image = QImage(str(path))
    side = min(image.width(), image.height())
    if not side:
        return image
    left, top = (image.width() - side) // 2, (image.height() - side) // 2
    middle = image.copy(QRect(left, top, side, side))
    return middle.scaledToWidth(
        min(side, _PICTURE_SIDE), Qt.TransformationMode.SmoothTransformation
    )


class ShelfItems(QAbstractListModel):
    """One row for each model; pictures are read when they are to be seen."""

    renamed = Signal(object, str)
    """A model, and what a person calls it now."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._models: tuple[ShelvedModel, ...] = ()
        self._pictures: dict[Path, QImage] = {}

    @property
    def models(self) -> tuple[ShelvedModel, ...]:
        """What is shown, in its order."""
        return self._models

    def show_models(self, models: Sequence[ShelvedModel]) -> None:
        """Show models in the order in which they are given."""
        self.beginResetModel()
        self._models = tuple(models)
        self.endResetModel()

    def rowCount(self, parent: Index = _NO_PARENT) -> int:  # noqa: N802 - name given by Qt
        """Return how many there are."""
        return 0 if parent.isValid() else len(self._models)

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Let names be edited in their place."""
        return _EDITABLE if index.isValid() else Qt.ItemFlag.NoItemFlags

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a row shows."""
        if not index.isValid():
            return None
        model = self._models[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole | Qt.ItemDataRole.EditRole:
                return model.name
            case Qt.ItemDataRole.ToolTipRole | Qt.ItemDataRole.AccessibleDescriptionRole:
                return words_of(model)
            case Qt.ItemDataRole.DecorationRole:
                return self._picture(model)
            case _:
                return model if role == MODEL_ROLE else None

    def setData(  # noqa: N802 - name given by Qt
        self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole
    ) -> bool:
        """Ask for another name; it is shown once it is written."""
        if not index.isValid() or role != Qt.ItemDataRole.EditRole:
            return False
        model = self._models[index.row()]
        if value != model.name:
            self.renamed.emit(model, value)
        return True

    def row_of(self, folder: Path) -> int | None:
        """Return the row of the model of a folder; None if it is not there."""
        rows = (row for row, model in enumerate(self._models) if model.folder == folder)
        return next(rows, None)

    def _picture(self, model: ShelvedModel) -> QImage | None:
        if model.picture is None:
            return None
        if model.picture not in self._pictures:
            self._pictures[model.picture] = read_picture(model.picture)
        return self._pictures[model.picture]


class ShelfSearch(QSortFilterProxyModel):
    """Lets those rows through of which something has all words of a search."""

    def __init__(self, items: ShelfItems, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._words: list[str] = []
        self.setSourceModel(items)

    def search(self, text: str) -> None:
        """Show the models that have all words somewhere in what is said of them."""
        self._words = text.casefold().split()
        self.invalidate()

    def filterAcceptsRow(self, row: int, parent: Index) -> bool:  # noqa: N802 - name given by Qt
        """Tell whether a row has all words."""
        source = self.sourceModel()
        if not self._words or source is None:
            return True
        text = words_of(source.index(row, 0).data(MODEL_ROLE)).casefold()
        return all(word in text for word in self._words)
