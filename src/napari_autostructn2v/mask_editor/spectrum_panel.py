"""Spectra of the images, the patterns in them, and what is done about each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)
from superqt.utils import signals_blocked

from autoStructN2V.masking.patterns.fourier.choices import Wave
from autoStructN2V.masking.patterns.fourier.places import Places
from napari_autostructn2v.lifetime import call_later, connect
from napari_autostructn2v.mask_editor.spectrum_view import SpectrumView
from napari_autostructn2v.widgets.editors import ChoiceBox
from napari_autostructn2v.widgets.sections import sentence, show_sentence

if TYPE_CHECKING:
    from autoStructN2V.masking import Pattern
    from autoStructN2V.masking.patterns.fourier.choices import Choice
    from autoStructN2V.masking.patterns.fourier.places import Frequency
    from autoStructN2V.masking.patterns.spectrum import Spectrum
    from napari_autostructn2v.session.documents.pattern_document import PatternDocument

_HINT = "Click a pattern to remove it first, or to leave it in the images."
_WELCOME = "Inspect the noise of a layer, or start a training, to see its spectrum here."
_TOO_SMALL = "These images are too small for a spectrum; it needs 32 x 32 pixels."
_NO_PATTERNS = "No pattern was found."
_LINES_OF_LIST = 4
_LINES_OF_PLACE = 2.6  # two, and their margins


class SpectrumPanel(QWidget):
    """A spectrum to choose, what is under the mouse, and a list of all patterns.

    Parameters
    ----------
    document : PatternDocument
        What is shown and edited.
    parent : QWidget, optional
    """

    def __init__(self, document: PatternDocument, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self.kind_box = ChoiceBox([(_WELCOME, None)])
        self.view = SpectrumView()
        self.place_text = QLabel(_HINT)
        self.welcome = sentence(_WELCOME)
        self.list = QListWidget()
        self.undo_button = QPushButton("Undo")
        self.redo_button = QPushButton("Redo")
        self.reset_button = QPushButton("As found")
        self.note = sentence()
        self._shown: Spectrum | None = None
        self._listed: tuple[Pattern, ...] = ()
        self._explain()
        self._arrange()
        self._connect()
        self._refresh()

    @property
    def spectrum(self) -> Spectrum | None:
        """The spectrum that is shown."""
        return self._document.spectra.get(self.kind_box.value() or "")

    def set_note(self, text: str) -> None:
        """Say what becomes of changes."""
        show_sentence(self.note, text)

    def _explain(self) -> None:
        self.kind_box.setAccessibleName("Spectrum of")
        self.kind_box.setToolTip(
            "Whose spectrum is shown. What a stage removed is the noisy image, without what is "
            "removed first, minus its result."
        )
        self.list.setAccessibleName("Patterns that are removed first")
        self.list.setToolTip("What is checked is taken out of the images before anything else.")
        self.list.setWordWrap(True)
        height = self.fontMetrics().lineSpacing() * _LINES_OF_LIST
        self.list.setFixedHeight(height + 2 * self.list.frameWidth())
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.reset_button.setToolTip(
            "Remove what was found and nothing else; Undo brings your choices back."
        )
        # long texts about a place neither widen the dock nor move what is below
        self.place_text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.place_text.setFixedHeight(round(self.fontMetrics().lineSpacing() * _LINES_OF_PLACE))
        self.place_text.setWordWrap(True)
        self.place_text.setAlignment(Qt.AlignmentFlag.AlignTop)

    def _arrange(self) -> None:
        row = QHBoxLayout()
        for button in (self.undo_button, self.redo_button, self.reset_button):
            row.addWidget(button)
        self.content = QWidget()
        inner = QVBoxLayout(self.content)
        inner.setContentsMargins(0, 0, 0, 0)
        for widget in (self.kind_box, self.view, self.place_text, self.list):
            inner.addWidget(widget)
        inner.addLayout(row)
        inner.addWidget(self.note)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.welcome)
        column.addWidget(self.content)

    def _connect(self) -> None:
        self.kind_box.valueChanged.connect(self._show_spectrum)
        self.view.pointed.connect(self._on_pointed)
        self.view.hovered.connect(self._on_hovered)
        self.list.itemChanged.connect(self._on_checked)
        self.undo_button.clicked.connect(self._document.history.undo)
        self.redo_button.clicked.connect(self._document.history.redo)
        self.reset_button.clicked.connect(self._document.reset)
        connect(self, self._document.changed, self._refresh)

    def _on_pointed(self, frequency: Frequency, reach: float) -> None:
        if self.spectrum is not None:
            self._document.point(frequency, reach, self.spectrum)
            self._on_hovered(frequency, reach)

    def _on_hovered(self, frequency: Frequency | None, reach: float) -> None:
        spectrum = self.spectrum
        if frequency is None or spectrum is None:
            return self.place_text.setText(_HINT)
        text = describe_place(self._document, frequency, reach, spectrum)
        return self.place_text.setText(text)

    def _on_checked(self, item: QListWidgetItem) -> None:
        pattern = self._listed[self.list.row(item)]
        # the list is made anew, which it must not be while it tells of a change
        call_later(self, lambda: self._document.toggle(pattern))

    def _refresh(self) -> None:
        document = self._document
        has_spectrum = bool(document.spectra)
        self.content.setVisible(has_spectrum)
        self.welcome.setText(_WELCOME if document.removal is None else _TOO_SMALL)
        self.welcome.setVisible(not has_spectrum)
        self._offer_kinds(list(document.spectra))
        self._list_patterns()
        removed = [p for p in document.patterns if document.is_removed(p)]
        staying = [p for p in document.patterns if p not in removed]
        self.view.show_patterns(removed, staying)
        self._show_spectrum()
        history = document.history
        self.undo_button.setEnabled(history.can_undo)
        self.undo_button.setToolTip(f"Undo: {history.undo_name} (Ctrl+Z)")
        self.redo_button.setEnabled(history.can_redo)
        self.redo_button.setToolTip(f"Redo: {history.redo_name} (Ctrl+Shift+Z)")
        self.reset_button.setEnabled(bool(document.edits))

    def _offer_kinds(self, names: list[str]) -> None:
        """Offer the spectra that there are; what was chosen stays."""
        offered = [self.kind_box.itemText(i) for i in range(self.kind_box.count())]
        if names and offered != names:
            with signals_blocked(self.kind_box):
                chosen = self.kind_box.value()
                self.kind_box.setChoices([(name, name) for name in names])
                self.kind_box.setValue(chosen if chosen in names else names[0])

    def _show_spectrum(self) -> None:
        if self.spectrum is not None and self.spectrum is not self._shown:
            self._shown = self.spectrum
            self.view.show_spectrum(self.spectrum)

    def _list_patterns(self) -> None:
        row = self.list.currentRow()
        with signals_blocked(self.list):
            self.list.clear()
            self._listed = self._document.patterns
            for pattern in self._document.patterns:
                self.list.addItem(self._item(pattern))
            if not self._document.patterns:
                item = QListWidgetItem(_NO_PATTERNS)
                item.setFlags(Qt.ItemFlag.NoItemFlags)
                self.list.addItem(item)
            self.list.setCurrentRow(min(row, self.list.count() - 1))

    def _item(self, pattern: Pattern) -> QListWidgetItem:
        is_removed = self._document.is_removed(pattern)
        item = QListWidgetItem(f"{pattern.noun[:1].upper()}{pattern.noun[1:]}: {pattern.sentence}")
        item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable)
        item.setFlags(item.flags() | Qt.ItemFlag.ItemIsSelectable)
        item.setCheckState(Qt.CheckState.Checked if is_removed else Qt.CheckState.Unchecked)
        return item


def describe_place(
    document: PatternDocument, frequency: Frequency, reach: float, spectrum: Spectrum
) -> str:
    """Say what lies at a place of a spectrum, and what a click there does.

    Parameters
    ----------
    document : PatternDocument
        Patterns that are known.
    frequency : (float, float)
        Along y and along x, in cycles per pixel.
    reach : float
        How exact that is, in cycles per pixel.
    spectrum : Spectrum
        What is looked at.
    """
    found = document.at(frequency, reach, spectrum)
    if found is None:
        return "The middle: brightness of the images, which always stays."
    if isinstance(found, Wave | str):
        return f"{_about(found, spectrum)}. Click to remove it first."
    if document.is_removed(found):
        return f"Removed first: {found.sentence}. Click to leave it in."
    return f"Stays: {found.sentence}. Click to remove it first."


def _about(choice: Choice, spectrum: Spectrum) -> str:
    if not isinstance(choice, Wave):
        return f"Where offsets of {choice} would be"
    excess = Places(spectrum).excess(choice.frequency)
    return (
        f"Period {choice.period_px:.3g} px {choice.direction}, {excess:.2g} times the power around"
    )
