"""Dialogs that ask for the .json file of a configuration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFileDialog

from napari_autostructn2v.widgets.save_dialog import ask_where_to_save

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

_FILTER = "Configuration (*.json)"
_PROPOSED = Path("config.json")


def ask_for_saved(parent: QWidget) -> Path | None:
    """Return the file that a person wants to read; None if none."""
    path, _ = QFileDialog.getOpenFileName(parent, "Load a configuration", "", _FILTER)
    return Path(path) if path else None


def ask_for_new(parent: QWidget) -> Path | None:
    """Return the .json file that a person wants to write; None if none."""
    return ask_where_to_save(parent, "Save the configuration", _PROPOSED, _FILTER, [".json"])
