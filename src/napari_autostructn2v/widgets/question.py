"""A question before something that cannot be taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QMessageBox

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget


def is_confirmed(parent: QWidget, title: str, question: str) -> bool:
    """Ask a question; return whether the answer is yes.

    Parameters
    ----------
    parent : QWidget
        Over which it appears.
    title, question : str
        What is asked.
    """
    yes = QMessageBox.StandardButton.Yes
    return bool(
        QMessageBox.question(parent, title, question, yes | QMessageBox.StandardButton.No) == yes
    )
