"""Write files so that a crash or a full disk leaves no half-written file."""

from __future__ import annotations

import errno
import json
import os
import platform
import re
import secrets
import shutil
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import psutil

from autoStructN2V.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_MOST_BYTES = 180  # of the 255 that file systems allow in a name: endings and numbers follow
_OWN_MARK = re.compile(r"([0-9a-f]{1,8})-[0-9a-f]{8}")
_TEMPORARY = re.compile(r"\..*-[0-9a-f]{8}(\.\w+)?", re.DOTALL)


def shortened(name: str) -> str:
    """Return as much of a name as leaves room for what is added to it in the name of a file."""
    encoded = os.fsencode(name)
    if len(encoded) <= _MOST_BYTES:
        return name
    return encoded[:_MOST_BYTES].decode(errors="ignore")


@contextmanager
def atomic_write(path: Path | str, *, partial: Path | None = None) -> Iterator[Path]:
    """Give a temporary path to write to, and rename it to `path` when all went well.

    The temporary file lies in the same folder and has the same ending. If the body raises,
    is cancelled, or the disk is full, it is removed, and a file that was at `path` before
    stays as it was. Missing folders are created.

    Parameters
    ----------
    path : Path or str
        Final name of the file.
    partial : Path, optional
        The temporary file: it may exist already, and stays when the body raises, to be gone on
        with.

    Yields
    ------
    Path
        Where to write.

    Raises
    ------
    OutputError
        If the folder is read-only or missing, or the disk is full.
    """
    # A symbolic link is followed: the file that it names is to be replaced, not the link.
    target = Path(os.path.realpath(path))
    temporary = partial or _temporary(target)
    try:
        _make_folder(target.parent)
        yield temporary
        flush(temporary)
        temporary.replace(target)
    except OutputError:
        raise
    except OSError as error:
        raise output_error(target, error) from error
    finally:
        if partial is None:
            remove_quietly(temporary)


@contextmanager
def atomic_folder(path: Path | str, *, partial: Path | None = None) -> Iterator[Path]:
    """Give a name for a new folder, and rename it to `path` when all went well.

    As :func:`atomic_write`, for what looks like one file and is a folder. What was at `path`
    before is put aside for the moment of the exchange, and removed then.

    Parameters
    ----------
    path : Path or str
        Final name of the folder.
    partial : Path, optional
        As of :func:`atomic_write`.

    Yields
    ------
    Path
        Where to write; nothing is there yet, unless it is ``partial``.

    Raises
    ------
    OutputError
        If the folder around it is read-only or missing, or the disk is full.
    """
    target = Path(os.path.realpath(path))
    temporary = partial or _temporary(target)
    # never taken for a leftover: after a kill it may be all that there is of the older result
    aside = _hidden(target)
    try:
        _make_folder(target.parent)
        yield temporary
        if hasattr(os, "sync"):  # a call for each of thousands of files would take minutes
            os.sync()
        if os.path.lexists(target):
            target.rename(aside)
        temporary.rename(target)
    except OutputError:
        raise
    except OSError as error:
        if aside.exists() and not target.exists():
            aside.rename(target)
        raise output_error(target, error) from error
    finally:
        if partial is None:
            remove_quietly(temporary)
        remove_quietly(aside)


def write_bytes(path: Path | str, content: bytes) -> None:
    """Write `content` to `path`, see :func:`atomic_write`.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)


def write_json(path: Path | str, content: Mapping[str, object]) -> None:
    """Write `content` as indented JSON, see :func:`atomic_write`.

    Paths become text, arrays lists, and numpy numbers plain ones.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    text = json.dumps(content, indent=2, ensure_ascii=False, default=_plain)
    # what no encoding holds (names of files that are not UTF-8) is escaped, as JSON allows
    write_bytes(path, (text + "\n").encode(errors="backslashreplace"))


def ensure_writable_folder(path: Path | str) -> Path:
    """Create a folder if need be and make sure that files can be written to it.

    Parameters
    ----------
    path : Path or str
        Folder.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    OutputError
        If it cannot be created, is a file, or is read-only.
    """
    folder = Path(path)
    probe = folder / f".autostructn2v-{secrets.token_hex(4)}"
    _make_folder(folder)
    try:
        probe.write_bytes(b"")
    except OSError as error:
        raise output_error(folder, error) from error
    finally:
        remove_quietly(probe)
    return folder


def make_new_folder(path: Path) -> bool:
    """Create a folder unless it exists; of several processes, one alone is told that it is new.

    Raises
    ------
    OutputError
        If it cannot be created, as when one of the folders around it is a file.
    """
    _make_folder(path.parent)
    try:
        path.mkdir()
    except FileExistsError:
        return False
    except OSError as error:
        raise output_error(path, error) from error
    return True


def refuse_file_in_place_of_folder(folder: Path) -> None:
    """Refuse to write into what is no folder, or cannot become one.

    Raises
    ------
    OutputError
        If that is so.
    """
    for place in (folder, *folder.parents):
        # in this order: a folder that another process makes between the two is no file
        if not os.path.lexists(place):
            continue
        if place.is_dir():
            return
        raise OutputError(
            f"{place} is no folder, and a folder of this name is needed; move or rename it, or "
            "choose another folder for the results."
        )


def _make_folder(folder: Path) -> None:
    refuse_file_in_place_of_folder(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise output_error(folder, error) from error


def remove_leftovers(folder: Path) -> None:
    """Remove temporary files that a killed process left in a folder.

    Parameters
    ----------
    folder : Path
        In which no other process writes.
    """
    try:
        found = list(folder.iterdir())
    except OSError:
        return
    for path in found:
        if _TEMPORARY.fullmatch(path.name):
            remove_quietly(path)


def remove_dead_leftovers(path: Path | str) -> None:
    """Remove temporary files and folders that killed processes of this machine left of a result.

    Those of a process that runs, and of other machines that share the disk, stay.

    Parameters
    ----------
    path : Path or str
        Final name of the result.
    """
    target = Path(os.path.realpath(path))
    start = f".{shortened(target.stem)}-{_host()}-"
    try:
        beside = list(target.parent.iterdir())
    except OSError:
        return
    for place in beside:
        if not place.name.startswith(start):
            continue
        written_by = _OWN_MARK.fullmatch(place.name.removeprefix(start).removesuffix(target.suffix))
        if written_by is not None and not psutil.pid_exists(int(written_by[1], 16)):
            remove_quietly(place)


def _temporary(target: Path) -> Path:
    """Return a new hidden name beside a file, which says what machine and process it is of."""
    return _hidden(target, f"{_host()}-{os.getpid():x}-")


def _hidden(target: Path, mark: str = "") -> Path:
    """Return a new hidden name beside a file."""
    return target.with_name(
        f".{shortened(target.stem)}-{mark}{secrets.token_hex(4)}{target.suffix}"
    )


def _host() -> str:
    return f"{zlib.crc32(platform.node().encode()):08x}"


def output_error(path: Path, error: OSError) -> OutputError:
    """Say in one sentence why `path` could not be written.

    Parameters
    ----------
    path : Path
        File or folder.
    error : OSError
        What the system reported.

    Returns
    -------
    OutputError
        To be raised from `error`.
    """
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OutputError(
            f"{path} cannot be written because the disk is full; free some space or choose "
            "another folder."
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return OutputError(
            f"{path} may not be written: the folder or file is read-only or in use; choose "
            "another folder."
        )
    reason = error.strerror or str(error)
    return OutputError(f"{path} cannot be written ({reason}); choose another folder or name.")


def flush(path: Path) -> None:
    """Have the content on the disk before the name, in case the machine stops in between.

    Parameters
    ----------
    path : Path
        File that was written.
    """
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def remove_quietly(path: Path) -> None:
    """Remove a file or a folder, if it is there and can be removed."""
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError:
        # Nothing can be done about a leftover; the error that led here matters more.
        return


def _plain(value: object) -> object:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")
