"""A file that is written slice by slice, gone on with after a crash.

Pixels go to a file of its own until all are there. Its journal says of each slice that is in it, by
a checksum, what was written; only what agrees with it is taken for finished, so that a slice that
never reached the disk costs itself alone.
"""

from __future__ import annotations

import json
import os
import zlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self

from autoStructN2V.files import output_error, write_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

_MOST_BYTES = 50_000_000  # of a journal, which may come from anywhere: some million slices


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


@dataclass
class Unfinished:
    """A file that is being written, and its journal.

    Attributes
    ----------
    partial : Path
        Where the pixels are until they are complete; on the disk of the final file.
    path : Path
        The journal.
    made_by : str
        What the slices are made of and by: those of another making are not gone on with.
    """

    partial: Path
    path: Path
    made_by: str
    _sums: dict[int, int] = field(default_factory=dict)

    @classmethod
    def beside(cls, final: Path, made_by: str) -> Self:
        """Return one whose hidden files lie beside the final one."""
        final = Path(os.path.realpath(final))  # a link may lead to another disk
        partial = final.with_name(f".{final.stem[:150]}.pixels")
        return cls(partial, partial.with_suffix(".slices"), made_by)

    def read(self, file: Path, wanted: PixelPlace) -> PixelPlace | None:
        """Find out which slices of a file are as the journal says.

        Parameters
        ----------
        file : Path
            The partial or the final one.
        wanted : PixelPlace
            As it has to be, but for offset and byte order.

        Returns
        -------
        PixelPlace or None
            None if the journal is of another file, or there is none.
        """
        self._sums = {}
        try:
            with self.path.open("rb") as journal:
                first, *lines = journal.read(_MOST_BYTES).splitlines()
            head = json.loads(first)
            place = PixelPlace(**head["place"])
            if head["made_by"] != self.made_by or not _is_like(place, wanted):
                return None
            if head["size"] != file.stat().st_size or not 0 < place.offset < head["size"]:
                return None
            with file.open("rb") as content:
                if head["header"] != _sum_of_header(content, place):
                    return None
                noted = _sums_in(lines, place.n_slices)
                self._sums = {z: s for z, s in noted.items() if _sum(content, place, z) == s}
        except (OSError, ValueError, TypeError, KeyError, RecursionError, OverflowError):
            return None
        return place

    @property
    def finished(self) -> frozenset[int]:
        """Slices that are in the file."""
        return frozenset(self._sums)

    def begin(self, file: Path, place: PixelPlace) -> None:
        """Begin the journal of a file without slices."""
        self._sums = {}
        with file.open("rb") as content:
            header = _sum_of_header(content, place)
        head: Mapping[str, Any] = {
            "made_by": self.made_by,
            "size": file.stat().st_size,
            "header": header,
            "place": vars(place),
        }
        write_bytes(self.path, (json.dumps(head) + "\n").encode())

    def note(self, z: int, pixels: bytes) -> None:
        """Note that a slice was written.

        Raises
        ------
        OutputError
            If the disk is full.
        """
        self._sums[z] = zlib.crc32(pixels)
        try:
            with self.path.open("a") as journal:
                journal.write(f"{z} {self._sums[z]}\n")
        except OSError as error:
            raise output_error(self.path, error) from error


def _is_like(place: PixelPlace, wanted: PixelPlace) -> bool:
    """Tell whether places differ in offset and byte order at most."""
    orders = {"<", ">", "|"}
    return replace(place, offset=wanted.offset, dtype=wanted.dtype) == wanted and (
        place.dtype[:1] in orders and place.dtype[1:] == wanted.dtype[1:]
    )


def _sums_in(lines: list[bytes], n_slices: int) -> dict[int, int]:
    """Return the checksums of slices in a journal, whose last line may be cut off."""
    found = {}
    for line in lines:
        words = line.split()
        if len(words) == 2 and all(word.isdigit() and len(word) < 12 for word in words):
            found[int(words[0])] = int(words[1])
    return {z: value for z, value in found.items() if z < n_slices}


def _sum(content: BinaryIO, place: PixelPlace, z: int) -> int:
    content.seek(place.offset + z * place.slice_bytes)
    return zlib.crc32(content.read(place.slice_bytes))


def _sum_of_header(content: BinaryIO, place: PixelPlace) -> int:
    """Return the checksum of all that are no pixels."""
    content.seek(0)
    before = zlib.crc32(content.read(place.offset))
    content.seek(place.offset + place.n_slices * place.slice_bytes)
    return zlib.crc32(content.read(), before)
