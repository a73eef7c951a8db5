"""Write a TIFF file plane by plane into the place that its header keeps for them."""

from __future__ import annotations

import math
import zlib
from typing import TYPE_CHECKING

import numpy as np
import tifffile

from autoStructN2V.datasets.images.formats.result import require_space
from autoStructN2V.datasets.images.tiff.trial import layout_for
from autoStructN2V.datasets.images.tiff.unfinished import PixelPlace, TiffContent, journal_head

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.formats.result import Result
    from autoStructN2V.datasets.images.tiff.layout import TiffLayout
    from autoStructN2V.datasets.images.unfinished import Unfinished


class TiffPlaneWriter:
    """Writes the planes of a TIFF file in constant memory.

    Parameters
    ----------
    path : Path
        Name of the new file, or of one that is gone on with.
    result : Result
        What it is to hold.
    place : PixelPlace, optional
        Where the pixels lie in a file that exists.
    is_complete : bool
        Whether nothing is to be written into a file that exists.
    """

    def __init__(
        self,
        path: Path,
        result: Result,
        place: PixelPlace | None = None,
        *,
        is_complete: bool = False,
    ) -> None:
        self._plane_shape = result.shape[-2:]
        self.place = place or _create(path, result)
        self._stored_dtype = np.dtype(self.place.dtype)
        self.dtype = self._stored_dtype.newbyteorder("=")
        self._file = path.open("rb" if is_complete else "r+b")

    def write(self, plane: int, pixels: NDArray[np.generic]) -> int:
        """Write a plane (y, x), counted over all leading axes, and return its checksum."""
        stored = pixels.astype(self._stored_dtype, order="C").tobytes()
        self._file.seek(self.place.offset + plane * len(stored))
        self._file.write(stored)
        self._file.flush()
        return zlib.crc32(stored)

    def read(self, plane: int) -> NDArray[np.generic]:
        """Return a plane (y, x) as it is in the file."""
        self._file.seek(self.place.offset + plane * self.place.slice_bytes)
        stored = np.frombuffer(self._file.read(self.place.slice_bytes), self._stored_dtype)
        return stored.reshape(self._plane_shape).astype(self.dtype)

    def finish(self) -> None:
        """Nothing is left to be written."""

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def begun_tiff(path: Path, result: Result, journal: Unfinished) -> TiffPlaneWriter:
    """Create a file without pixels, and begin its journal."""
    planes = TiffPlaneWriter(path, result)
    journal.begin(journal_head(path, planes.place))
    return planes


def resumed_tiff(
    path: Path, result: Result, journal: Unfinished, *, is_final: bool
) -> TiffPlaneWriter | None:
    """Return what goes on with a file that its journal knows; None if there is none.

    Parameters
    ----------
    path : Path
        Where the file is.
    result : Result
        What it is to hold.
    journal : Unfinished
        Finds out which slices are there.
    is_final : bool
        Whether nothing is to be written any more: the file has its name already.
    """
    try:
        with path.open("rb") as file:
            content = TiffContent(file, path.stat().st_size, wanted_place(result))
            is_known = journal.read(content)
    except OSError:
        return None
    return TiffPlaneWriter(path, result, content.place, is_complete=is_final) if is_known else None


def wanted_place(result: Result) -> PixelPlace:
    """Return where the planes of a result are, as far as that is known before it is written."""
    n_bytes = math.prod(result.shape[-2:]) * result.dtype.itemsize
    return PixelPlace(0, n_bytes, math.prod(result.shape[:-2]), result.dtype.str)


def _create(path: Path, result: Result) -> PixelPlace:
    """Write a file without pixels; return where they belong."""
    layout: TiffLayout = layout_for(result)
    require_space(path.parent, layout.n_bytes)
    tifffile.imwrite(path, **layout.tifffile_arguments())
    with tifffile.TiffFile(path) as tif:
        offset = tif.series[0].dataoffset
        stored_dtype = layout.dtype.newbyteorder(tif.byteorder)
    if offset is None:
        raise RuntimeError(f"the pixels of {path} are not stored in one piece")
    wanted = wanted_place(result)
    return PixelPlace(int(offset), wanted.slice_bytes, wanted.n_slices, stored_dtype.str)
