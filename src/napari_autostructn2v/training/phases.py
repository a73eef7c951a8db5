"""Parts of a run in the Training dock: title, status, and details that can be hidden."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_autostructn2v.widgets.sections import sentence, show_sentence
from napari_autostructn2v.widgets.status import StatusBadge, ValueCard

if TYPE_CHECKING:
    from autoStructN2V.trainers.events import EpochFinished
    from napari_autostructn2v.session.state import Part, Status

_CARDS = {
    "train_loss": ("Training", "Training loss of the last epoch: how well hidden pixels of the "
                   "training patches are predicted. It contains the noise."),
    "val_loss": ("Validation", "Validation loss of the last epoch: the same for pixels that are "
                 "not trained on. It contains the noise."),
    "best_val_loss": ("Best validation", "Lowest validation loss so far; the model of that epoch "
                      "is kept."),
}  # fmt: skip


class PhaseSection(QWidget):
    """A part of a run: click its title to see or hide the details.

    Parameters
    ----------
    part : Part
    parent : QWidget, optional
    """

    def __init__(self, part: Part, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title = str(part)
        self._has_details = False
        self.toggle = QPushButton()
        self.toggle.setCheckable(True)
        self.toggle.setStyleSheet(
            "text-align: left; border: none; background-color: transparent; font-weight: bold;"
        )
        self.toggle.setToolTip("Show or hide details")
        self.badge = StatusBadge(part)
        self.content = QWidget()
        self.column = QVBoxLayout(self.content)
        self.column.setContentsMargins(self.fontMetrics().height(), 0, 0, 0)
        self.text = sentence()
        self.column.addWidget(self.text)
        header = QHBoxLayout()
        header.addWidget(self.toggle, 1)
        header.addWidget(self.badge, 0, Qt.AlignmentFlag.AlignVCenter)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addLayout(header)
        outer.addWidget(self.content)
        self.toggle.toggled.connect(self._on_toggled)
        self._on_toggled(False)

    @property
    def is_expanded(self) -> bool:
        """Whether the details are shown."""
        return self.toggle.isChecked()

    def set_title(self, title: str) -> None:
        """Name the part."""
        self._title = title
        self._on_toggled(self.is_expanded)

    def set_status(self, status: Status, *, has_details: bool) -> None:
        """Show a status; details appear when there are some, and go when there are none."""
        self.badge.set_status(status)
        if has_details is not self._has_details:
            self._has_details = has_details
            self.toggle.setChecked(has_details)

    def set_text(self, text: str) -> None:
        """Show what became of the part."""
        show_sentence(self.text, text)

    def _on_toggled(self, is_expanded: bool) -> None:
        self.toggle.setText(f"{'▾' if is_expanded else '▸'}  {self._title}")
        self.content.setVisible(is_expanded)


class StageSection(PhaseSection):
    """A stage, with the figures of its last epoch.

    Parameters
    ----------
    part : Part
    parent : QWidget, optional
    """

    def __init__(self, part: Part, parent: QWidget | None = None) -> None:
        super().__init__(part, parent)
        self.cards = {name: ValueCard(*texts) for name, texts in _CARDS.items()}
        row = QHBoxLayout()
        for card in self.cards.values():
            row.addWidget(card)
        self.column.insertLayout(0, row)

    def show_epoch(self, event: EpochFinished | None) -> None:
        """Show the figures of an epoch, or none."""
        for name, card in self.cards.items():
            card.set_value(f"{getattr(event, name):.4f}" if event else None)
