"""Models in packages that this program exported: they hold the model file as well."""

from __future__ import annotations

import re
import shutil
import tempfile
import zipfile
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from autoStructN2V.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator

_CONFIG = "config.json"
_MODEL = re.compile(r"stage([12])_model\.pth")
_MOST_UNPACKED = 20  # times what is stored, and some: weights hardly get smaller
_ALWAYS_UNPACKED = 1_000_000  # bytes
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError)


def is_package(path: Path) -> bool:
    """Tell by its name whether a file is a package."""
    return path.suffix.casefold() == ".zip"


def packaged_stage(path: Path) -> int:
    """Return the stage, 1 or 2, of the model that is in a package.

    Raises
    ------
    ModelError
        If there is none.
    """
    with _opened(path) as archive:
        return int(_model_in(archive, path)[1])


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """Give the model file of a package as a file of its own, for as long as the block lasts.

    The configuration lies beside it, if the package has it.

    Raises
    ------
    ModelError
        If there is none, or the package is damaged.
    """
    with tempfile.TemporaryDirectory() as folder:
        with _opened(path) as archive:
            target = _unpack(archive, _model_in(archive, path)[0], Path(folder))
            if _CONFIG in archive.namelist():
                _unpack(archive, _CONFIG, Path(folder))
        yield target


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except FileNotFoundError as error:
        raise ModelError(f"{path} does not exist; choose a package of a model.") from error
    except PermissionError as error:
        raise ModelError(f"{path} may not be read; change its permissions.") from error
    except ModelError:
        raise
    except _DAMAGED as error:
        raise ModelError(f"{path} is damaged or not a package; use a copy.") from error


def _model_in(archive: zipfile.ZipFile, path: Path) -> re.Match[str]:
    """Return the match of the name of the model file, group 1 its stage."""
    found = [match for name in archive.namelist() if (match := _MODEL.fullmatch(name))]
    if not found:
        raise ModelError(
            f"{path} holds no model of autoStructN2V; it reads packages that it exported itself."
        )
    return found[-1]


def _unpack(archive: zipfile.ZipFile, name: str, folder: Path) -> Path:
    stored = archive.getinfo(name)
    if stored.file_size > _MOST_UNPACKED * stored.compress_size + _ALWAYS_UNPACKED:
        raise ValueError("unpacks to more than a model has")
    with archive.open(name) as content, (folder / name).open("wb") as file:
        shutil.copyfileobj(content, file)
    return folder / name
