"""Dialogs that ask for the .json file of a configuration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFileDialog, QMessageBox

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

_FILTER = "Configuration (*.json)"
_SUFFIX = ".json"


def ask_for_saved(parent: QWidget) -> Path | None:
    """Return the file that a person wants to read; None if none."""
    path, _ = QFileDialog.getOpenFileName(parent, "Load a configuration", "", _FILTER)
    return Path(path) if path else None


def ask_where_to_save(parent: QWidget) -> Path | None:
    """Return the .json file that a person wants to write; None if none."""
    dialog = QFileDialog(parent, "Save the configuration", "", _FILTER)
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setDefaultSuffix(_SUFFIX)
    dialog.selectFile(f"config{_SUFFIX}")
    chosen = dialog.selectedFiles() if dialog.exec() else []
    dialog.deleteLater()
    if not chosen:
        return None
    path = json_file(Path(chosen[0]))
    # the dialog has asked about the name as it was typed: it takes the 5 of run_1.5 for a suffix
    is_asked = str(path) == chosen[0]
    return path if is_asked or not path.exists() or _may_replace(parent, path) else None


def json_file(path: Path) -> Path:
    """Return the path with .json at its end; nothing of its name is taken away."""
    return path if path.name.lower().endswith(_SUFFIX) else path.with_name(path.name + _SUFFIX)


def _may_replace(parent: QWidget, path: Path) -> bool:
    yes = QMessageBox.StandardButton.Yes
    question = f"{path.name} exists already. Replace it?"
    title = "Save the configuration"
    return bool(
        QMessageBox.question(parent, title, question, yes | QMessageBox.StandardButton.No) == yes
    )
