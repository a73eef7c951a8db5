"""The models on this computer: found, chosen, renamed, deleted and brought back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QItemSelectionModel, QModelIndex, QSize, Qt, Signal
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListView,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from autoStructN2V.pipeline.shelf.deleting import KEPT_DAYS
from autoStructN2V.pipeline.shelf.labels import LONGEST
from napari_autostructn2v.inference.shelf_items import MODEL_ROLE, ShelfItems, ShelfSearch
from napari_autostructn2v.inference.shelf_rows import ShelfRow, fit_words, row_height
from napari_autostructn2v.lifetime import connect
from napari_autostructn2v.session.state import Status
from napari_autostructn2v.widgets.dock_content import open_outside
from napari_autostructn2v.widgets.sections import sentence, show_sentence
from napari_autostructn2v.widgets.status import Notice

if TYPE_CHECKING:
    from pathlib import Path

    from qtpy.QtGui import QKeyEvent

    from autoStructN2V.pipeline import ShelvedModel
    from napari_autostructn2v.session.work.shelf import ModelShelf, ShelfState

_ROWS_SHOWN = 3


class ShelfView(QWidget):
    """A list of models with a search, and what can be done with the one that is selected.

    Parameters
    ----------
    shelf : ModelShelf
        Whose models are listed.
    """

    use_requested = Signal(object)
    """Model folder of the model that is to be applied."""
    train_requested = Signal(object)
    """Model folder of the model whose training is to go on."""

    def __init__(self, shelf: ModelShelf) -> None:
        super().__init__()
        self._shelf = shelf
        self._chosen: Path | None = None  # what a person selected, not the program
        self._noted: ShelvedModel | None = None  # whose note is shown, while it is written too
        self._is_busy = False
        self._make_widgets()
        self._arrange()
        self._connect()
        self._show(shelf.state)

    def selected(self) -> ShelvedModel | None:
        """Return the model that is selected."""
        index = self.list.currentIndex()
        model: ShelvedModel | None = index.data(MODEL_ROLE) if index.isValid() else None
        return model

    def show_task_running(self, is_running: bool) -> None:
        """Offer to load a model unless something runs."""
        if is_running != self._is_busy:
            self._is_busy = is_running
            self._show_selected()

    # building

    def _make_widgets(self) -> None:
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search names, images, methods, notes")
        self.search.setAccessibleName("Search models")
        self.search.setClearButtonEnabled(True)
        self.summary = QLabel()
        self.summary.setWordWrap(True)
        self.items = ShelfItems(self)
        self.found = ShelfSearch(self.items, self)
        self.list = _List()
        self.list.setModel(self.found)
        self.words = sentence()
        self.note = QLineEdit()
        self.note.setPlaceholderText("Note")
        self.note.setAccessibleName("Note on the model")
        self.note.setMaxLength(LONGEST)
        self.use_button = QPushButton("Use")
        self.use_button.setToolTip("Take this model to denoise images (Enter, or double-click).")
        self.train_button = QPushButton("Train on…")
        self.train_button.setToolTip("Continue its training, or fine-tune it, in Configuration.")
        self.rename_button = QPushButton("Rename")
        self.rename_button.setToolTip("Call it something else (F2); an empty name is taken back.")
        self.folder_button = QPushButton("Show folder")
        self.folder_button.setToolTip("Open the folder of the model.")
        self.delete_button = QPushButton("Delete")
        self.delete_button.setToolTip(
            f"Set the model aside (Del). For {KEPT_DAYS} days it can be brought back; denoised "
            "images stay."
        )
        self.problem = Notice(Status.FAILED)
        self.deleted = Notice(Status.PENDING)
        self.undo_button = QPushButton("Undo")
        self.undo_button.setToolTip("Bring back the model that was deleted last.")

    def _arrange(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        undo = QHBoxLayout()
        undo.addWidget(self.deleted, 1)
        undo.addWidget(self.undo_button)
        column.addWidget(self.search)
        column.addWidget(self.summary)
        column.addLayout(undo)
        for widget in (self.problem, self.list, self.words, self.note):
            column.addWidget(widget)
        for buttons in (self._buttons[:2], self._buttons[2:]):
            row = QHBoxLayout()
            for button in buttons:
                row.addWidget(button, 1)
            column.addLayout(row)

    @property
    def _buttons(self) -> tuple[QPushButton, ...]:
        to_train = (self.use_button, self.train_button)
        return (*to_train, self.rename_button, self.folder_button, self.delete_button)

    def _connect(self) -> None:
        self.search.textChanged.connect(self._on_search)
        self.items.renamed.connect(self._shelf.rename)
        self.list.activated.connect(self._use)
        self.list.delete_requested.connect(self._delete)
        selection = self.list.selectionModel()
        if selection is not None:
            selection.currentChanged.connect(self._on_selected)
        self.note.editingFinished.connect(self._on_note)
        self.use_button.clicked.connect(self._use)
        self.train_button.clicked.connect(self._train)
        self.rename_button.clicked.connect(self._rename)
        self.folder_button.clicked.connect(self._open_folder)
        self.delete_button.clicked.connect(self._delete)
        self.undo_button.clicked.connect(self._shelf.undo_delete)
        connect(self, self._shelf.changed, self._show)

    # what a person does

    def _on_search(self, text: str) -> None:
        self.found.search(text)
        if self.selected() is None:
            self._select(self.found.index(0, 0))
        self._refresh()

    def _on_selected(self, index: QModelIndex, before: QModelIndex) -> None:
        model = self.selected()
        if model is not None:
            self._chosen = model.folder
        self._show_selected()

    def _use(self, *_: object) -> None:
        model = self.selected()
        if model is not None and not self._is_busy:
            self.use_requested.emit(model.folder)

    def _train(self) -> None:
        model = self.selected()
        if model is not None:
            self.train_requested.emit(model.folder)

    def _rename(self) -> None:
        self.list.setFocus()
        self.list.edit(self.list.currentIndex())

    def _on_note(self) -> None:
        model = self._noted
        if model is not None and self.note.text().strip() != model.note:
            self._shelf.note(model, self.note.text())

    def _open_folder(self) -> None:
        model = self.selected()
        open_outside(model.folder if model is not None else None)

    def _delete(self) -> None:
        model = self.selected()
        if model is None:
            return
        index = self.list.currentIndex()
        below = self.found.index(index.row() + 1, 0)
        neighbor = below if below.isValid() else self.found.index(index.row() - 1, 0)
        chosen: ShelvedModel | None = neighbor.data(MODEL_ROLE) if neighbor.isValid() else None
        self._chosen = chosen.folder if chosen is not None else None
        self._shelf.delete(model)

    # what the session reports

    def _show(self, state: ShelfState) -> None:
        """Show the models; the one that was selected stays so."""
        if tuple(state.models) != self.items.models:
            chosen = self._chosen
            self.items.show_models(state.models)
            row = None if chosen is None else self.items.row_of(chosen)
            self._select(self.found.mapFromSource(self.items.index(row or 0, 0)))
            self._chosen = None if row is None else chosen  # what nobody chose may change
        self.problem.show_text(state.problem)
        name = state.deleted[-1].name if state.deleted else ""
        self.deleted.show_text(f"Deleted {name}." if name else "")
        self.undo_button.setVisible(bool(name))
        self._refresh()

    def _select(self, index: QModelIndex) -> None:
        selection = self.list.selectionModel()
        if selection is not None:
            selection.setCurrentIndex(index, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        self.list.scrollTo(index)

    def _refresh(self) -> None:
        state, n_found = self._shelf.state, self.found.rowCount()
        self.summary.setText(_summary(state, n_found))
        self.summary.setToolTip("\n".join(state.unreadable))
        self.search.setVisible(bool(state.models))
        self.list.setVisible(n_found > 0)
        self.list.updateGeometry()
        self._show_selected()

    def _show_selected(self) -> None:
        model = self.selected()
        for widget in (*self._buttons, self.note):
            widget.setVisible(model is not None)
        for button in (self.use_button, self.train_button):
            button.setEnabled(not self._is_busy)
        show_sentence(self.words, "" if model is None else _details(model))
        if not self.note.hasFocus():
            self._noted = model
            self.note.setText("" if model is None else model.note)


class _List(QListView):
    """Rows of equal height, a few of which are seen at once."""

    delete_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setItemDelegate(ShelfRow(self))
        self.setUniformItemSizes(True)
        self.setAccessibleName("Models on this computer")
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def keyPressEvent(self, event: QKeyEvent | None) -> None:  # noqa: N802 - name given by Qt
        """Let Del delete, beside what a list does."""
        if event is not None and event.matches(QKeySequence.StandardKey.Delete):
            self.delete_requested.emit()
        else:
            super().keyPressEvent(event)

    def sizeHint(self) -> QSize:  # noqa: N802 - name given by Qt
        """Return room for some rows; the others are scrolled to."""
        model = self.model()
        n_rows = min(_ROWS_SHOWN, model.rowCount() if model is not None else 0)
        viewport = self.viewport()
        # a style may draw more than a frame
        around = self.height() - viewport.height() if viewport is not None else 0
        height = row_height(self.fontMetrics()) * max(1, n_rows)
        return QSize(super().sizeHint().width(), height + max(around, 2 * self.frameWidth()))

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - name given by Qt
        """Return the height of the size hint."""
        return QSize(super().minimumSizeHint().width(), self.sizeHint().height())


def _summary(state: ShelfState, n_found: int) -> str:
    """Say what is listed, and in which order."""
    n = len(state.models)
    if not n:
        where = f" in {state.folder}" if state.folder is not None else ""
        return "Looking for models…" if state.is_looking else f"There are no models{where} yet."
    if not n_found:
        return f"None of the {n} models has these words."
    counted = f"{n} models" if n > 1 else "1 model"
    parts = [f"{n_found} of {counted}" if n_found < n else counted]
    if state.compared_with and state.is_looking:
        parts.append(f"comparing them with {state.compared_with}…")
    elif state.compared_with:
        parts.append(f"what fits {state.compared_with} best comes first")
    elif n > 1:
        parts.append("the newest comes first")
    if state.unreadable:
        parts.append(f"{len(state.unreadable)} could not be read")
    return ", ".join(parts) + "."


def _details(model: ShelvedModel) -> str:
    rows = (fit_words(model), f"Noise: {model.noise}.", f"Kernel: {model.kernel}.")
    return "\n".join(row for row in rows if row)
