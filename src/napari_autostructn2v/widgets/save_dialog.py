"""The dialog that asks for the name of a new file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QFileDialog

from napari_autostructn2v.widgets.question import is_confirmed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtWidgets import QWidget


def ask_where_to_save(
    parent: QWidget, title: str, proposed: Path, pattern: str, endings: Sequence[str]
) -> Path | None:
    """Ask for the name of a new file.

    Parameters
    ----------
    parent : QWidget
        Window above which the dialog opens.
    title : str
        Of the dialog.
    proposed : Path
        Folder and name that the dialog starts with.
    pattern : str
        Kind of the files that the dialog lists, as ``"Configuration (*.json)"``.
    endings : sequence of str
        That the name may have, as ``".json"``; the first is added to a name that has none.

    Returns
    -------
    Path or None
        Exists only if a person agreed to replace it. None: cancelled.
    """
    dialog = QFileDialog(parent, title, str(proposed.parent), pattern)
    dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
    dialog.setDefaultSuffix(endings[0])
    dialog.selectFile(proposed.name)
    chosen = dialog.selectedFiles() if dialog.exec() else []
    dialog.deleteLater()
    if not chosen:
        return None
    typed = Path(chosen[0])
    path = with_ending(typed, endings)
    # the dialog has asked about the name as it was typed: it takes the 5 of run_1.5 for an ending
    return path if path == typed or not path.exists() or _may_replace(parent, title, path) else None


def with_ending(path: Path, endings: Sequence[str]) -> Path:
    """Return a path with one of the endings; nothing of its name is taken away."""
    is_complete = path.name.casefold().endswith(tuple(endings))
    return path if is_complete else path.with_name(f"{path.name}{endings[0]}")


def _may_replace(parent: QWidget, title: str, path: Path) -> bool:
    return is_confirmed(parent, title, f"{path.name} exists already. Replace it?")
