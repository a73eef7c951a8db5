"""Find the images of a file or folder and open them as stacks."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from autoStructN2V.datasets.images.formats.file_source import FolderStackSource
from autoStructN2V.datasets.images.formats.location import Location
from autoStructN2V.datasets.images.formats.opening import Choices
from autoStructN2V.datasets.images.formats.registry import FORMATS, TIFF, format_of, is_image
from autoStructN2V.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from autoStructN2V.datasets.images.formats.file_source import FileSource
    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.vocabulary import Mode, TripletsAlong

_WILDCARDS = re.compile(r"[*?]|\[[^]]+\]")


def open_images(
    path: Path | str,
    *,
    extension: str | None = None,
    mode: Mode,
    axes: str | None = None,
    channel: int | None = None,
    timepoint: int | None = None,
    triplets_along: TripletsAlong = "z",
    unreadable: list[InputError] | None = None,
) -> list[ImageSource]:
    """Open an image file, or all image files of a folder, without reading the pixels.

    Parameters
    ----------
    path : Path or str
        One file or Zarr store, ``file.h5:/dataset``, the address of a Zarr store, a folder of
        images, or a pattern such as ``"day1/*.mrc"``; of several, all are taken in natural order
        (2 before 10), and hidden ones are ignored.
    extension : str, optional
        Ending of the files in the folder, in upper or lower case; ``".tif"`` includes
        ``".tiff"``, and None stands for all formats.
    mode : {"2D", "2.5D"}
        In 2D every file becomes a source and every page an image. In 2.5D a folder of single
        images of equal shape is one stack; otherwise every file is one.
    axes : str, optional
        Names of the axes, for files that do not name them or name them wrongly, for example
        ``"ZYX"``.
    channel, timepoint : int, optional
        Chosen channel and timepoint, from 0.
    triplets_along : {"z", "time"}
        What the slices are neighbors along in 2.5D: slices of a stack, or frames of a movie.
    unreadable : list, optional
        Takes the errors of files of a folder that cannot be used, and the others are opened;
        without it, one such file is an error of the whole. A slice of a stack is never left out.

    Returns
    -------
    list of ImageSource
        At least one.

    Raises
    ------
    InputError
        If nothing is found, a file is damaged or incomplete, or a choice is needed.
    """
    location = Location.of(path)
    choices = Choices(mode, axes, channel, timepoint, triplets_along)
    if location.is_there and is_image(location.path):
        return [_opened(location, choices)]
    files = _found(location.path, extension)

    def open_file(file: Path) -> FileSource:
        return _opened(Location(file), choices)

    failed: list[InputError] = []
    sources = _without_parts(files, open_file, failed)
    is_stack = mode == "2.5D" and any(source.shape[0] == 1 for source in sources)
    if failed and (unreadable is None or is_stack or not sources):
        raise failed[0]
    if unreadable is not None:
        unreadable += failed
    if is_stack:
        folder = location.path if location.path.is_dir() else location.path.parent
        return [_stack_of_files(folder, sources, "T" if choices.is_along_time else "Z")]
    return list(sources)


def _opened(location: Location, choices: Choices) -> FileSource:
    """Open a file or store, which can be opened again in the same way by another process."""
    source = format_of(location).open(location, choices)
    is_on_disk = location.address is None
    place = replace(location, path=location.path.absolute()) if is_on_disk else location
    source.reopen = partial(_opened, place, choices)
    return source


def _found(path: Path, extension: str | None) -> list[Path]:
    """Return the images of a folder, or those that a pattern stands for."""
    if path.is_dir():
        return list_images(path, extension)
    if not _WILDCARDS.search(str(path)):
        raise InputError(f"{path} does not exist; choose an image file or a folder of images.")
    images = [file for file in _matches(path) if is_image(file)]
    if not images:
        raise InputError(f"No image fits {path}; choose an image file or a folder of images.")
    return sorted(images, key=_natural_key)


def _matches(pattern: Path) -> list[Path]:
    """Return what a path with wildcards stands for, hidden files left out."""
    first = next(i for i, part in enumerate(pattern.parts) if _WILDCARDS.search(part))
    folder = Path(*pattern.parts[:first])
    found = folder.glob(str(Path(*pattern.parts[first:])))
    return [path for path in found if not path.name.startswith(".")]


def list_images(folder: Path, extension: str | None = None) -> list[Path]:
    """List the image files and Zarr stores of a folder in natural order.

    Parameters
    ----------
    folder : Path
        Folder; those inside it are not searched.
    extension : str, optional
        Ending of the files, see :func:`open_images`.

    Returns
    -------
    list of Path
        At least one file.

    Raises
    ------
    InputError
        If the folder cannot be read or holds no such file.
    """
    endings = _endings(extension)
    try:
        entries = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
    except PermissionError as error:
        raise InputError(f"{folder} may not be read; change its permissions.") from error
    # a link to nothing is a file that is missing, not one that was never there
    files = [entry for entry in entries if is_image(entry) or _is_broken_link(entry)]
    images = [file for file in files if file.name.casefold().endswith(endings)]
    if not images:
        wanted = f"files that end in {' or '.join(endings)}" if extension else "images"
        others = f"files of other kinds: {len(files)}" if files else "it is empty"
        raise InputError(
            f"{folder} holds no {wanted} ({others}); choose another folder or file ending."
        )
    return sorted(images, key=_natural_key)


def _is_broken_link(path: Path) -> bool:
    return path.is_symlink() and not path.exists()


def _endings(extension: str | None) -> tuple[str, ...]:
    if extension is None:
        return tuple(ending for format_ in FORMATS for ending in format_.endings)
    ending = "." + extension.casefold().lstrip("*.")
    return TIFF.endings if ending in TIFF.endings else (ending,)


def _natural_key(path: Path) -> tuple[list[tuple[int, int | str]], str]:
    """Sort numbers by value; the plain name settles ties such as 1 and 01."""
    pieces = re.split(r"(\d+)", path.name.casefold())
    key: list[tuple[int, int | str]] = [
        (0, int(piece)) if piece.isdecimal() else (1, piece) for piece in pieces if piece
    ]
    return key, path.name


def _without_parts(
    files: list[Path], open_file: Callable[[Path], FileSource], failed: list[InputError]
) -> list[FileSource]:
    """Open files, but not those that are parts of an OME-TIFF image which another one shows.

    Errors of single files are added to ``failed``.
    """
    opened: list[FileSource] = []
    parts: set[Path] = set()
    for file in files:
        if file in parts:
            continue
        try:
            source = open_file(file)
        except InputError as error:
            failed.append(error)
            continue
        opened.append(source)
        parts |= source.files - {file}
    return [source for source in opened if source.path not in parts]


def _stack_of_files(folder: Path, sources: list[FileSource], letter: str) -> FolderStackSource:
    """Join single images to a stack, if there is no doubt that they are one."""
    stacks = [source for source in sources if source.shape[0] > 1]
    if stacks:
        raise InputError(
            f"{folder} mixes single images and stacks (such as {stacks[0].path.name}); for 2.5D "
            "put either into a folder of its own."
        )
    first = sources[0]
    for source in sources:
        if source.shape != first.shape or source.dtype != first.dtype:
            raise InputError(
                f"The images of {folder} cannot be one stack: {_described(source)}, "
                f"{_described(first)}; they must be equal."
            )
    return FolderStackSource(folder, sources, letter)


def _described(source: FileSource) -> str:
    return f"{source.path.name} is {source.shape[1]} x {source.shape[2]} {source.dtype}"
