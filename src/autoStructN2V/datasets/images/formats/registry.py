"""All formats of images: what tells a file of each, what opens it, what writes it.

A new format is a module with a function that opens a file, and an entry here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from autoStructN2V.datasets.images.formats.bio_formats import READERS, open_bioio
from autoStructN2V.datasets.images.formats.hdf5 import open_hdf5
from autoStructN2V.datasets.images.formats.mrc.reading import open_mrc
from autoStructN2V.datasets.images.formats.mrc.writing import MrcPlaneWriter
from autoStructN2V.datasets.images.formats.ome_zarr.reading import is_zarr, open_zarr
from autoStructN2V.datasets.images.formats.ome_zarr.writing import (
    ZarrPlaneWriter,
    begun_zarr,
    resumed_zarr,
)
from autoStructN2V.datasets.images.tiff.file import open_tiff
from autoStructN2V.datasets.images.tiff.writing import (
    TiffPlaneWriter,
    begun_tiff,
    resumed_tiff,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from autoStructN2V.datasets.images.formats.file_source import FileSource
    from autoStructN2V.datasets.images.formats.location import Location
    from autoStructN2V.datasets.images.formats.opening import Choices
    from autoStructN2V.datasets.images.formats.result import GoOn, PlaneWriter, Result
    from autoStructN2V.datasets.images.metadata import ImageMetadata
    from autoStructN2V.datasets.images.unfinished import Unfinished


@dataclass(frozen=True)
class Format:
    """A kind of files.

    Attributes
    ----------
    name : str
        As ``metadata.format`` names it.
    endings : tuple of str
        By which its files are found, in lower case; the first is that of results.
    open : callable
        Opens a file as a stack, without reading its pixels.
    write : callable, optional
        Makes what writes the planes of a new file; without it, results become TIFF.
    is_folder : bool
        Whether what looks like a file is a folder.
    begin, go_on : callable, optional
        Do the same with a journal, and go on with what was not finished; without them, that is
        written anew.
    """

    name: str
    endings: tuple[str, ...]
    open: Callable[[Location, Choices], FileSource]
    write: Callable[[Path, Result], PlaneWriter] | None = None
    is_folder: bool = False
    begin: Callable[[Path, Result, Unfinished], PlaneWriter] | None = None
    go_on: GoOn | None = None

    def has(self, path: Path) -> bool:
        """Tell by its name whether a file is of this format."""
        return path.name.casefold().endswith(self.endings)


TIFF = Format(
    "TIFF",
    (".tif", ".tiff"),
    open_tiff,
    TiffPlaneWriter,
    begin=begun_tiff,
    go_on=resumed_tiff,
)
ZARR = Format(
    "OME-Zarr",
    (".ome.zarr", ".zarr"),
    open_zarr,
    ZarrPlaneWriter,
    is_folder=True,
    begin=begun_zarr,
    go_on=resumed_zarr,
)
MRC = Format(
    "MRC", (".mrc", ".map", ".rec", ".mrcs", ".st", ".ali", ".preali"), open_mrc, MrcPlaneWriter
)
HDF5 = Format("HDF5", (".h5", ".hdf5", ".hdf", ".he5"), open_hdf5)
BIOIO = Format("bioio", tuple(READERS), open_bioio)

_OTHERS = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".npy", ".npz", ".zip")
"""Which people take for images or their packages; they keep neither axes nor pixel sizes."""

FORMATS = (TIFF, ZARR, MRC, HDF5, BIOIO)
"""In the order in which a file is asked whether it is one."""


def file_endings() -> list[str]:
    """Return the endings of all formats whose images are files."""
    return [ending for format_ in FORMATS if not format_.is_folder for ending in format_.endings]


def format_of(location: Location) -> Format:
    """Return the format of a file or store; TIFF where neither name nor content tell another."""
    if location.address is not None or is_zarr(location.path):
        return ZARR
    return next((format_ for format_ in FORMATS if format_.has(location.path)), TIFF)


def is_image(path: Path) -> bool:
    """Tell whether something on disk is an image of its own and not a folder of images."""
    return is_zarr(path) or not path.is_dir()


def result_format(path: Path) -> Format | None:
    """Return the format that the name of a result asks for; None if it is that of a folder."""
    written = (format_ for format_ in FORMATS if format_.write is not None)
    return next((format_ for format_ in written if format_.has(path)), None)


def unwritten_ending(path: Path) -> str | None:
    """Return the ending by which a result is called a file that is not written; else None.

    Any other dot is part of the name of a folder, as in ``clean.v2``.
    """
    unwritten = [e for f in FORMATS if f.write is None for e in f.endings]
    name = path.name.casefold()
    return next((e for e in (*unwritten, *_OTHERS) if name.endswith(e)), None)


def result_ending(metadata: ImageMetadata) -> str:
    """Return the ending of a result: the format of the input where that is written, else TIFF.

    Parameters
    ----------
    metadata : ImageMetadata
        Of the input.
    """
    kept = (f for f in FORMATS if f.name == metadata.format and f.write is not None)
    format_ = next(kept, TIFF)
    own = metadata.path.suffix.casefold() if metadata.path is not None else ""
    return own if format_ is MRC and own in (".map", ".rec") else format_.endings[0]
