"""Models that are deleted are set aside beside where they were, and can be brought back.

They lie in ``.deleted/<when>/`` in the folder that holds their model folder. For good they are
removed by :func:`purge_models`, once they have been there for :data:`KEPT_DAYS` days.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from autoStructN2V.errors import ConfigError, ModelError
from autoStructN2V.files import output_error
from autoStructN2V.inference.model_files import folders_below
from autoStructN2V.pipeline.files.interrupted import is_running
from autoStructN2V.pipeline.shelf.labels import folder_of

KEPT_DAYS = 30
_ASIDE = ".deleted"
_WHEN = "%Y%m%d-%H%M%S-%f"


def delete_model(path: Path | str) -> Path:
    """Set a model aside: it is listed no more, and can be brought back for 30 days.

    Denoised images of its training stay where they are.

    Parameters
    ----------
    path : path-like
        Model folder, or a folder that holds exactly one.

    Returns
    -------
    Path
        Where the model folder was, for :func:`restore_model`.

    Raises
    ------
    ModelError
        If there is no model, or more than one.
    ConfigError
        If it is being trained.
    OutputError
        If it cannot be moved.
    """
    folder = folder_of(path).absolute()
    if is_running(folder):
        raise ConfigError(f"The training in {folder} is running; end it before you delete it.")
    when = f"{datetime.now().astimezone():{_WHEN}}"
    _move(folder, folder.parent / _ASIDE / when / folder.name)
    return folder


def restore_model(path: Path | str) -> Path:
    """Bring back a model that was deleted, the last one of that place.

    Parameters
    ----------
    path : path-like
        Where its model folder was.

    Returns
    -------
    Path
        Where it is again.

    Raises
    ------
    ModelError
        If none was deleted there, or it was removed for good.
    ConfigError
        If there is something else at its place.
    OutputError
        If it cannot be moved.
    """
    folder = Path(path).absolute()
    aside = sorted((folder.parent / _ASIDE).glob(f"*/{_escaped(folder.name)}"))
    if not aside:
        raise ModelError(
            f"No model was deleted from {folder}, or more than {KEPT_DAYS} days ago; name the "
            "folder in which it was."
        )
    if folder.exists():
        raise ConfigError(f"{folder} exists; rename it, then bring the deleted model back.")
    _move(aside[-1], folder)
    _remove_if_empty(aside[-1].parent)
    return folder


def purge_models(folder: Path | str, now: datetime | None = None) -> list[Path]:
    """Remove for good what was deleted more than 30 days ago.

    Parameters
    ----------
    folder : path-like
        As the output folder of a configuration; all below it is looked through.
    now : datetime, optional
        Default: the time of the computer.

    Returns
    -------
    list of Path
        Where the models were that are gone for good. What cannot be removed is left.
    """
    oldest = (now or datetime.now().astimezone()) - timedelta(days=KEPT_DAYS)
    gone: list[Path] = []
    for place in folders_below(Path(folder)):
        for moment in _moments(place / _ASIDE):
            if moment.name < f"{oldest:{_WHEN}}":
                names = [model.name for model in moment.iterdir()]
                shutil.rmtree(moment, ignore_errors=True)
                gone += [place / name for name in names if not (moment / name).exists()]
                _remove_if_empty(moment)
    return gone


def _moments(aside: Path) -> list[Path]:
    """Return the folders of what was deleted at one moment; nothing else is touched."""
    found = []
    for path in aside.glob("*/"):
        with suppress(ValueError):
            datetime.strptime(path.name, _WHEN)
            found.append(path)
    return found


def _escaped(name: str) -> str:
    """Return a name as a pattern that means nothing but itself."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def _move(source: Path, target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        source.rename(target)
    except OSError as error:
        _remove_if_empty(target.parent)
        raise output_error(source, error) from error


def _remove_if_empty(moment: Path) -> None:
    with suppress(OSError):  # not empty
        moment.rmdir()
        moment.parent.rmdir()
