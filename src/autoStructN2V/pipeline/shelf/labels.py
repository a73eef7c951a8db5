"""What a person calls a model, and what they note on it: a small file beside the model."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from autoStructN2V.errors import ConfigError, ModelError
from autoStructN2V.files import write_json
from autoStructN2V.inference.model_files import MODEL_FILES, find_models
from autoStructN2V.pipeline.files.plain_json import read_json

if TYPE_CHECKING:
    from pathlib import Path

LABEL_FILE = "label.json"
LONGEST = 200
"""Characters of a name, and of a note; each is one line."""


@dataclass(frozen=True)
class Label:
    """What a person calls a model.

    Attributes
    ----------
    name : str
        Empty: as its folders are called.
    note : str
        Empty: none.
    """

    name: str = ""
    note: str = ""


def label_model(path: Path | str, *, name: str | None = None, note: str | None = None) -> Label:
    """Name a model, or note something on it; its folder is called as before.

    Parameters
    ----------
    path : path-like
        Model folder, or a folder that holds exactly one.
    name : str, optional
        One line of 200 characters at most; empty brings back the name of its folders.
    note : str, optional
        One line of 200 characters at most; empty removes it.

    Returns
    -------
    Label
        All that is said of it now.

    Raises
    ------
    ConfigError
        If name or note are too long.
    ModelError
        If there is no model, or more than one.
    OutputError
        If it cannot be written.
    """
    folder = folder_of(path)
    before = read_label(folder)
    label = Label(
        before.name if name is None else _checked("name", name),
        before.note if note is None else _checked("note", note),
    )
    write_json(folder / LABEL_FILE, asdict(label))
    return label


def read_label(folder: Path) -> Label:
    """Return what a person said of the model of a folder; empty where nothing can be read."""
    found = read_json(folder / LABEL_FILE)
    name, note = (_one_line(str(found.get(part) or ""))[:LONGEST] for part in ("name", "note"))
    return Label(name, note)


def folder_of(path: Path | str) -> Path:
    """Return the model folder that is meant by it, or by a folder that holds exactly one.

    Raises
    ------
    ModelError
        If there is none, or more than one, or it is a file that lies by itself: the folder
        around it is none of ours.
    """
    file = next(iter(find_models(path).values()))
    if file.name not in MODEL_FILES.values():
        raise ModelError(
            f"{path} is a single file and no model folder, as trainings write them; rename, note "
            "or delete it where it lies."
        )
    return file.parent


def _checked(what: str, text: str) -> str:
    line = _one_line(text)
    if len(line) > LONGEST:
        raise ConfigError(
            f"The {what} of a model has {len(line)} characters, {LONGEST} are allowed; shorten it."
        )
    return line


def _one_line(text: str) -> str:
    return " ".join(text.split())
