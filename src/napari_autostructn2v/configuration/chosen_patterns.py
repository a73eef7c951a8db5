"""What a person chose in the spectrum of one image, where it holds for another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QWidget

from autoStructN2V.masking.patterns.fourier.choices import Wave
from napari_autostructn2v.session.state import Status
from napari_autostructn2v.widgets.status import Notice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autoStructN2V.masking.patterns.fourier.choices import Choice
    from napari_autostructn2v.session.documents.pattern_document import PatternDocument


class ChosenPatterns(QWidget):
    """Says what is removed, or stays, otherwise than it is found; hidden where it was chosen."""

    forget_requested = Signal()
    """All is to be done as it is found."""

    def __init__(self) -> None:
        super().__init__()
        self.notice = Notice(Status.AWAITING)
        self.forget_button = QPushButton("Forget")
        self.forget_button.setToolTip(
            "Remove what is found in this image, and nothing else. Undo below the spectrum of the "
            "Mask editor brings the choice back."
        )
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.notice, 1)
        row.addWidget(self.forget_button)
        self.forget_button.clicked.connect(self.forget_requested)

    def show_choice(self, patterns: PatternDocument, image: str) -> None:
        """Show what was chosen for another image than the one of this name; else nothing."""
        edits = patterns.edits
        is_said = bool(edits and image) and patterns.chosen_on != image
        self.setVisible(is_said)
        where = f"in the spectrum of {patterns.chosen_on}" if patterns.chosen_on else "by hand"
        parts = [
            f"{verb} {_in_words(choices)}"
            for verb, choices in (("remove", edits.removed), ("keep", edits.kept))
            if choices
        ]
        text = f"Chosen {where}, and done to {image} as well: {'; '.join(parts)}."
        self.notice.show_text(text if is_said else "")


def _in_words(choices: Sequence[Choice]) -> str:
    return ", ".join(
        f"period {choice.period_px:.3g} px {choice.direction}"
        if isinstance(choice, Wave)
        else f"offsets of {choice}"
        for choice in choices
    )
