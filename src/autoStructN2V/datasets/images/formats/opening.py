"""From what the header of a file says to a stack: axes named, slices chosen."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from autoStructN2V.datasets.images.axes import name_axes, plane_order, select_planes
from autoStructN2V.datasets.images.formats.file_source import FileSource
from autoStructN2V.datasets.images.sources import require_real_numbers
from autoStructN2V.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy as np

    from autoStructN2V.datasets.images.axes import StoredImage
    from autoStructN2V.datasets.images.formats.planes import PlaneReader
    from autoStructN2V.datasets.images.metadata import ImageMetadata
    from autoStructN2V.vocabulary import Mode, TripletsAlong


@dataclass(frozen=True)
class Choices:
    """What a person chooses of a file.

    Attributes
    ----------
    mode : {"2D", "2.5D"}
        In 2.5D the slices have to be neighbors, along what ``triplets_along`` says.
    axes : str, optional
        Names of the axes, for files that do not name them or name them wrongly.
    channel, timepoint : int, optional
        Chosen channel and timepoint, from 0.
    triplets_along : {"z", "time"}
        What slices are neighbors along in 2.5D.
    """

    mode: Mode
    axes: str | None = None
    channel: int | None = None
    timepoint: int | None = None
    triplets_along: TripletsAlong = "z"

    @property
    def is_along_time(self) -> bool:
        """Whether frames of a movie are what is to be neighbors."""
        return self.mode == "2.5D" and self.triplets_along == "time"


@dataclass(frozen=True)
class Header:
    """What is known of an image before any pixel is read.

    Attributes
    ----------
    path : Path
        File, or folder that is one.
    where : str
        What messages call it.
    stored : StoredImage
        Axes and sizes.
    dtype : dtype or None
        Data type of the pixels; None if there is none of the stated name.
    metadata : callable
        Returns what is stated about an image whose axes, and their sizes, are those that it takes:
        ``YX`` last.
    planes : callable
        Returns what reads the planes of an image whose axes, and their sizes, are those that it
        takes: in stored order.
    name : str
        Short name; default: that of the file.
    files : frozenset of Path
        Files that hold the planes; default: `path` alone.
    """

    path: Path
    where: str
    stored: StoredImage
    dtype: np.dtype[np.generic] | None
    metadata: Callable[[str, tuple[int, ...]], ImageMetadata]
    planes: Callable[[str, tuple[int, ...]], PlaneReader]
    name: str = ""
    files: frozenset[Path] = frozenset()


def source_of(header: Header, choices: Choices) -> FileSource:
    """Return the stack that a person chooses of a file.

    Parameters
    ----------
    header : Header
        What the file says.
    choices : Choices
        What the person says, which goes before.

    Returns
    -------
    FileSource
        Its slices in the order of the file.

    Raises
    ------
    InputError
        If it holds no intensities or no pixel, or if a choice is needed.
    """
    dtype = require_real_numbers(header.dtype, header.where)
    if 0 in header.stored.shape:
        raise InputError(f"{header.where} states a size of 0 pixels; copy or export it again.")
    named = name_axes(
        header.stored, choices.axes, header.where, pages="T" if choices.is_along_time else "Z"
    )
    axes, shape = plane_order(*named)
    chosen = select_planes(
        axes,
        shape,
        mode=choices.mode,
        channel=choices.channel,
        timepoint=choices.timepoint,
        where=header.where,
        along_time=choices.is_along_time,
    )
    stated = header.metadata(axes, shape)
    is_unasked = choices.axes is None and header.stored.is_taken_as_stack
    note = _stack_note(header.where, header.stored.n_samples)
    return FileSource(
        header.path,
        header.planes(*named),
        [int(plane) for plane in chosen.planes],
        dtype,
        (chosen.axes, chosen.shape),
        replace(
            stated,
            selection=chosen.description,
            channel=choices.channel if "C" in axes else None,
            timepoint=choices.timepoint if "T" in axes else None,
            notes=(*stated.notes, note) if is_unasked else stated.notes,
        ),
        header.files,
        header.name,
    )


def _stack_note(name: str, n: int) -> str:
    return (
        f"{name} says that its {n} images are colors, as a program says of any {n} images, and is "
        f"read as a stack of {n} slices; if they are channels, say axes='CYX' and choose one."
    )
