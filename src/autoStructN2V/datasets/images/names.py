"""Names of the files that denoised images are written to."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from autoStructN2V.datasets.images.formats.ome_zarr.reading import is_zarr
from autoStructN2V.datasets.images.formats.registry import (
    result_ending,
    result_format,
    unwritten_ending,
)
from autoStructN2V.datasets.images.sources import file_stem
from autoStructN2V.errors import ConfigError
from autoStructN2V.files import shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from autoStructN2V.datasets.images.sources import ImageSource

_REFUSED = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')


def safe_name(name: str) -> str:
    """Return the name of an image or a layer as part of a file name, never of a path.

    Parameters
    ----------
    name : str
        Any text, such as ``"/data/raw/vol.tif"`` or ``"group/dataset"``.

    Returns
    -------
    str
        Not empty; what a file system refuses is an underscore.
    """
    return shortened(_REFUSED.sub("_", name).strip().lstrip(".")) or "image"


def free_name(path: Path, is_taken: Callable[[Path], bool] = os.path.exists) -> Path:
    """Return a name that no file has yet, numbered if need be.

    Parameters
    ----------
    path : Path
        Wanted name.
    is_taken : callable
        Tells whether a name cannot be used; default: whether there is a file of that name.
    """
    number, free = 2, path
    stem = file_stem(path)
    while is_taken(free):
        free = path.with_name(f"{stem}_{number}{path.name[len(stem) :]}")
        number += 1
    return free


def chosen_name(image: ImageSource) -> str:
    """Return the name of an image and of what was chosen from its file, as ``cells_c1_t0``.

    Parameters
    ----------
    image : ImageSource
        Whose metadata say which channel and which timepoint were chosen, if any.
    """
    chosen = {"c": image.metadata.channel, "t": image.metadata.timepoint}
    parts = [f"_{letter}{number}" for letter, number in chosen.items() if number is not None]
    return "".join([image.name, *parts])


def denoised_name(
    name: str, *, index: int | str | None = None, stage: int | None = None, ending: str = ".tif"
) -> str:
    """Return the name of the file that a denoised image is written to.

    Parameters
    ----------
    name : str
        Of the noisy image or layer, with what was chosen from it (:func:`chosen_name`).
    index : int or str, optional
        Which one along other axes it is.
    stage : int, optional
        Stage whose model denoised it, where there are two.
    ending : str
        Chooses the format.
    """
    parts = [safe_name(name), index, "denoised", f"stage{stage}" if stage is not None else None]
    return f"{'_'.join(str(part) for part in parts if part is not None)}{ending}"


def doubt_file(path: Path) -> Path:
    """Return the name of the file for the map of where to doubt a result.

    Parameters
    ----------
    path : Path
        File of the result.
    """
    stem = file_stem(path)
    return path.with_name(f"{stem}_doubt{path.name[len(stem) :]}")


def output_files(
    sources: Sequence[ImageSource],
    source: Path,
    output: Path,
    *,
    stage: int | None = None,
    keep_existing: bool = False,
    overwrite: bool = False,
    resume: bool = False,
) -> list[Path]:
    """Name one file for each source, never one of the inputs.

    Nothing that exists is replaced unless that is asked for.

    Parameters
    ----------
    sources : sequence of ImageSource
        Images to be denoised.
    source : Path
        File or folder that they were read from.
    output : Path
        For a single image, a file whose ending chooses the format; else a folder, in which
        each result gets the format of its input.
    stage : int, optional
        Named in the files of a folder.
    keep_existing : bool
        Whether new files get numbers where files of their names exist.
    overwrite : bool
        Whether files that exist are replaced.
    resume : bool
        Whether files that exist are looked at later, to be kept if they are finished results.

    Raises
    ------
    ConfigError
        If an input would be overwritten, two results would have the same name, the output is
        named as a file of a format that is not written, or a file exists and neither of the two
        is asked for.
    """
    if result_format(output) is not None:
        if len(sources) > 1:
            raise ConfigError(
                f"The output {output} is one file but there are {len(sources)} images; name a "
                "folder."
            )
        files = [output]
    else:
        _refuse_unwritten(output)
        files = [output / _result_name(image, stage) for image in sources]
    if len(set(files)) < len(files):
        raise ConfigError("Two input images have the same name; denoise them one by one.")
    if keep_existing:
        return [free_name(file) for file in files]
    _refuse_inputs(files, sources, source)
    if not (overwrite or resume):
        refuse_existing(files)
    return files


def refuse_file(folder: Path) -> None:
    """Refuse a name that says file for the folder of a training.

    Raises
    ------
    ConfigError
        If there is nothing of this name yet.
    """
    if not folder.exists() and (result_format(folder) is not None or unwritten_ending(folder)):
        raise ConfigError(
            f"A training writes a folder, and {folder} is named as a file; leave its ending out."
        )


def _refuse_unwritten(output: Path) -> None:
    ending = unwritten_ending(output)
    if ending is not None and not output.is_dir():
        raise ConfigError(
            f"{output} cannot be written, since results are never {ending} files; name a file that "
            "ends with .tif, .ome.zarr or .mrc, or a folder."
        )


def _result_name(image: ImageSource, stage: int | None) -> str:
    ending = result_ending(image.metadata)
    return denoised_name(chosen_name(image), stage=stage, ending=ending)


def refuse_existing(files: Sequence[Path]) -> None:
    """Refuse to replace files.

    Raises
    ------
    ConfigError
        If one exists.
    """
    there = [file for file in files if os.path.lexists(file)]
    if there:
        more = f", and so do {len(there) - 1} more" if len(there) > 1 else ""
        raise ConfigError(
            f"{there[0]} exists already{more}; name another output, or replace what is there with "
            "--overwrite (overwrite=True)."
        )


def _refuse_inputs(files: Sequence[Path], sources: Sequence[ImageSource], source: Path) -> None:
    inputs = {image.metadata.path.resolve() for image in sources if image.metadata.path}
    inputs.add(source.resolve())
    if source.is_dir():
        inputs |= {file.resolve() for file in source.iterdir()}
    for file in files:
        resolved = file.resolve()
        if resolved in inputs:
            raise ConfigError(f"The output {file} is an input image; name another file.")
        if any(parent in inputs and is_zarr(parent) for parent in resolved.parents):
            raise ConfigError(f"The output {file} lies inside an input image; name another place.")
