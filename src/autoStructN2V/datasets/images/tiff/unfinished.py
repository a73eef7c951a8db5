"""What there is of a TIFF file that was not finished."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class PixelPlace:
    """Where the slices lie in a file.

    Attributes
    ----------
    offset : int
        Bytes before the first one.
    slice_bytes : int
        Bytes of each.
    n_slices : int
    dtype : str
        Data type and byte order of the pixels, as ``"<f4"``.
    """

    offset: int
    slice_bytes: int
    n_slices: int
    dtype: str


class TiffContent:
    """A file that may hold slices.

    Parameters
    ----------
    file : BinaryIO
        Open for reading.
    n_bytes : int
        Its size.
    wanted : PixelPlace
        As it has to be, but for offset and byte order.
    """

    def __init__(self, file: BinaryIO, n_bytes: int, wanted: PixelPlace) -> None:
        self.place = wanted
        self._file = file
        self._n_bytes = n_bytes

    @property
    def n_slices(self) -> int:
        """Slices that it is to have."""
        return self.place.n_slices

    def fits(self, head: Mapping[str, Any]) -> bool:
        """Tell whether the first line of a journal is about this file, and take its place."""
        place = PixelPlace(**head["place"])
        is_whole = head["size"] == self._n_bytes and 0 < place.offset < self._n_bytes
        if not is_whole or not _is_like(place, self.place):
            return False
        self.place = place
        return bool(head["header"] == _sum_of_header(self._file, place))

    def sum_of(self, z: int) -> int:
        """Return the checksum of a slice."""
        self._file.seek(self.place.offset + z * self.place.slice_bytes)
        return zlib.crc32(self._file.read(self.place.slice_bytes))


def journal_head(file: Path, place: PixelPlace) -> dict[str, Any]:
    """Return the first line of the journal of a file without pixels."""
    with file.open("rb") as content:
        header = _sum_of_header(content, place)
    return {"size": file.stat().st_size, "header": header, "place": vars(place)}


def _is_like(place: PixelPlace, wanted: PixelPlace) -> bool:
    """Tell whether places differ in offset and byte order at most."""
    orders = {"<", ">", "|"}
    return replace(place, offset=wanted.offset, dtype=wanted.dtype) == wanted and (
        place.dtype[:1] in orders and place.dtype[1:] == wanted.dtype[1:]
    )


def _sum_of_header(content: BinaryIO, place: PixelPlace) -> int:
    """Return the checksum of all that are no pixels."""
    content.seek(0)
    before = zlib.crc32(content.read(place.offset))
    content.seek(place.offset + place.n_slices * place.slice_bytes)
    return zlib.crc32(content.read(), before)
