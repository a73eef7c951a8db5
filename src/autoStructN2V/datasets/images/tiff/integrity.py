"""Make sure that a TIFF file is complete before hours are spent on a part of it."""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING

import tifffile

from autoStructN2V.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tifffile import TiffFile, TiffPageSeries

_VALUE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}
_VALUE_SIZES |= {13: 4, 16: 8, 17: 8, 18: 8}
"""Bytes of one value of each TIFF data type."""

_NEEDED_TAGS = {254, 256, 257, 258, 259, 262, 266, 270, 273, 277, 278, 279, 282, 283, 284, 317}
_NEEDED_TAGS |= {322, 323, 324, 325, 338, 339, 347, 32997, 32998, 50838, 50839}
"""Tags without which pixels or axes are read wrongly; of the others a reader can do without."""

_LARGEST_UNDOUBTED = 2**28
_BEST_COMPRESSION = 10_000
"""Bytes of one image, and how many times those of its file, above which its size is not believed:
Deflate reaches 1000 times at best."""


def check_complete(tif: TiffFile, series: Sequence[TiffPageSeries], path: Path) -> None:
    """Make sure that every promised page lies inside the file, without decoding any.

    Parameters
    ----------
    tif : TiffFile
        Open file.
    series : sequence of TiffPageSeries
        The image series that are to be read.
    path : Path
        File, for messages.

    Raises
    ------
    InputError
        If the file is cut off, a page is missing, the compression is unknown, or there is not a
        pixel or far more than the file can hold.
    """
    if any(0 in one.shape for one in series):
        raise InputError(f"{path.name} states a size of 0 pixels; copy or export it again.")
    _check_claim(tif, series, path)
    n_planes = sum(math.prod(one.shape[:-2]) for one in series)
    promised = _imagej_planes(tif)
    if series[0].kind != "imagej" and promised > n_planes:
        raise _cut_off(path, f"{promised} images were announced, {n_planes} are there")
    first = series[0]
    if len(series) > 1 or first.dataoffset is None:
        _check_segments(series, path)
    elif first.dataoffset + first.nbytes > tif.filehandle.size:
        raise _cut_off(path, "pixels are missing at its end")
    _check_compression(first, path)


def check_page_list(tif: TiffFile, path: Path) -> None:
    """Make sure that the list of pages has an end, before anybody follows it to there.

    Parameters
    ----------
    tif : TiffFile
        Open file, of which no page but the first was read.
    path : Path
        File, for messages.

    Raises
    ------
    InputError
        If the list breaks off or runs in a circle.
    """
    if not _has_whole_page_list(tif):
        raise _cut_off(path, "its list of pages breaks off")


def _check_claim(tif: TiffFile, series: Sequence[TiffPageSeries], path: Path) -> None:
    """Refuse images of damaged sizes, which would take all memory to find out."""
    largest = max(one.keyframe.nbytes for one in series)
    if largest > max(_LARGEST_UNDOUBTED, _BEST_COMPRESSION * tif.filehandle.size):
        raise InputError(
            f"{path.name} states {' x '.join(map(str, series[0].shape))} pixels, far more than a "
            "file of its size can hold; copy or export it again."
        )


def _cut_off(path: Path, finding: str) -> InputError:
    return InputError(f"{path.name} is incomplete: {finding}; copy or export it again.")


def _imagej_planes(tif: TiffFile) -> int:
    stated = tif.imagej_metadata if tif.is_imagej else None
    return int((stated or {}).get("images", 1))


def _has_whole_page_list(tif: TiffFile) -> bool:
    """Follow the chain of pages: in a truncated file it points behind the end.

    The parser itself would silently stop at the last page that it finds.
    """
    if tif.is_lsm or tif.is_scanimage:
        # Large files of these kinds have offsets that the parser has to mend.
        return True
    file, layout = tif.filehandle, tif.tiff
    file.seek(8 if layout.offsetsize == 8 else 4)
    seen: set[int] = set()
    while True:
        raw = file.read(layout.offsetsize)
        if len(raw) < layout.offsetsize:
            return False
        (offset,) = struct.unpack(layout.offsetformat, raw)
        if offset == 0:
            return True
        if offset in seen:
            return False
        seen.add(offset)
        if offset >= file.size or not _tags_are_inside(tif, offset):
            return False


def _tags_are_inside(tif: TiffFile, offset: int) -> bool:
    """Look at the tags of the page at `offset`; leave the file at the link to the next page."""
    file, layout = tif.filehandle, tif.tiff
    file.seek(offset)
    raw = file.read(layout.tagnosize)
    if len(raw) < layout.tagnosize:
        return False
    (n_tags,) = struct.unpack(layout.tagnoformat, raw)
    raw = file.read(n_tags * layout.tagsize)
    if len(raw) < n_tags * layout.tagsize:
        return False
    word = layout.offsetformat[-1]
    for tag, kind, count, position in struct.iter_unpack(f"{layout.byteorder}HH{word}{word}", raw):
        n_bytes = _VALUE_SIZES.get(kind, 0) * count
        if tag not in _NEEDED_TAGS:
            continue
        if n_bytes > layout.offsetsize and position + n_bytes > file.size:
            return False
    return True


def _check_segments(series: Sequence[TiffPageSeries], path: Path) -> None:
    pages = [page for one in series for page in one]
    for number, page in enumerate(pages):
        if page is None:
            raise _cut_off(path, f"image {number} of {len(pages)} is missing")
        file_size = page.parent.filehandle.size
        segments = zip(page.dataoffsets, page.databytecounts, strict=True)
        if not all(_is_inside(*segment, file_size) for segment in segments):
            raise _cut_off(path, f"pixels of image {number} of {len(pages)} are missing")
        if page.is_contiguous and sum(page.databytecounts) < page.nbytes:
            raise _cut_off(path, f"pixels of image {number} of {len(pages)} are missing")


def _is_inside(offset: int, count: int, file_size: int) -> bool:
    """Tell whether a piece of an image lies in the file, or is one that was left empty."""
    is_empty = offset == count == 0  # legal: reads as zeros
    return is_empty or (count > 0 and offset + count <= file_size)


def _check_compression(series: TiffPageSeries, path: Path) -> None:
    compression = series.keyframe.compression
    try:
        tifffile.TIFF.DECOMPRESSORS[compression]
    except KeyError as error:
        raise InputError(
            f"{path.name} is compressed in a way that cannot be read ({compression!s}); save it "
            "uncompressed or with Deflate (zlib)."
        ) from error
