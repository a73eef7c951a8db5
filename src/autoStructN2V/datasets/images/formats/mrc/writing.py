"""Write an MRC file section by section, with the voxel size and the header of its input."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from autoStructN2V.datasets.images.formats.mrc.reading import HEADER_BYTES
from autoStructN2V.datasets.images.formats.packages import imported
from autoStructN2V.datasets.images.formats.result import require_space
from autoStructN2V.datasets.images.metadata import UNIT_IN_MICROMETERS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.formats.result import Result

MRC_DTYPES = ("int8", "int16", "uint16", "float16", "float32")
"""Data types that MRC has; images of others are written as float32."""

_KEPT = ("nxstart", "nystart", "nzstart", "mapc", "mapr", "maps", "cellb", "exttyp", "origin")
_ANGSTROM = UNIT_IN_MICROMETERS["angstrom"]
_MOST_LABELS = 10


class MrcPlaneWriter:
    """Writes the sections of an MRC file in constant memory.

    Parameters
    ----------
    path : Path
        Name of the new file.
    result : Result
        What it is to hold.
    """

    def __init__(self, path: Path, result: Result) -> None:
        self.dtype = mrc_dtype(result.dtype)
        own = result.metadata.own
        extended = own.get("extended", b"") if _is_same_stack(result) else b""
        assert isinstance(extended, bytes)
        self._offset = HEADER_BYTES + len(extended)
        require_space(path.parent, result.n_bytes + self._offset)
        header = _header(path, result, self.dtype)
        header.nsymbt = len(extended)
        self._header = header
        self._values = _Values()
        self._file = path.open("r+b")
        self._file.write(header.tobytes() + extended)
        self._file.truncate(self._offset + int(np.prod(result.shape)) * self.dtype.itemsize)

    def write(self, plane: int, pixels: NDArray[np.generic]) -> int:
        """Write a section (y, x), counted over all leading axes."""
        stored = pixels.astype(self.dtype.newbyteorder("<"), order="C")
        self._values.add(pixels)
        self._file.seek(self._offset + plane * stored.nbytes)
        self._file.write(stored.tobytes())
        self._file.flush()
        return 0

    def finish(self) -> None:
        """Write the statistics of the pixels into the header."""
        self._values.describe(self._header)
        self._file.seek(0)
        self._file.write(self._header.tobytes())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class _Values:
    """Extremes, mean and deviation of pixels that come plane by plane."""

    def __init__(self) -> None:
        self._low, self._high = np.inf, -np.inf
        self._n, self._sum, self._squares = 0, 0.0, 0.0

    def add(self, pixels: NDArray[np.generic]) -> None:
        values = pixels.astype(np.float64)
        self._low = min(self._low, float(values.min()))
        self._high = max(self._high, float(values.max()))
        self._n += values.size
        self._sum += float(values.sum())
        self._squares += float(np.square(values).sum())

    def describe(self, header: Any) -> None:
        mean = self._sum / max(self._n, 1)
        header.dmin, header.dmax, header.dmean = self._low, self._high, mean
        header.rms = np.sqrt(max(self._squares / max(self._n, 1) - mean**2, 0.0))


def mrc_dtype(wanted: np.dtype[np.generic]) -> np.dtype[np.generic]:
    """Return the data type in which MRC holds values of another."""
    return wanted if wanted.name in MRC_DTYPES else np.dtype(np.float32)


def _is_same_stack(result: Result) -> bool:
    """Whether the result has every section of its file, so that what is said of each stays true."""
    metadata = result.metadata
    return metadata.format == "MRC" and result.shape == metadata.shape


def _header(path: Path, result: Result, dtype: np.dtype[np.generic]) -> Any:
    """Let ``mrcfile`` make the header of a file, and add what the input states."""
    mrcfile = imported("mrcfile", path.name)
    shape = result.shape if len(result.shape) != 4 else (1, *result.shape[1:])
    mode = mrcfile.utils.mode_from_dtype(dtype)
    tiny = (*(1,) * max(len(shape) - 2, 0), 1, 1)
    with mrcfile.new_mmap(path, tiny, mrc_mode=mode, overwrite=True) as mrc:
        header = mrc.header.copy()
    header.nx, header.ny = header.mx, header.my = shape[-1], shape[-2]
    header.nz = int(np.prod(result.shape[:-2]))
    header.mz = 1 if len(shape) == 2 else shape[-3]
    _state(header, result)
    return header


def _state(header: Any, result: Result) -> None:
    """Write the size of voxels, the origin and how the file was made."""
    metadata = result.metadata
    stated: Any = metadata.own.get("header") if metadata.format == "MRC" else None
    if stated is not None:
        for name in _KEPT:
            header[name] = stated[name]
        header.label, header.nlabl = stated.label, stated.nlabl
    scale = metadata.scale_um
    if scale is not None:
        lengths = dict(zip("zyx", (size / _ANGSTROM for size in scale), strict=True))
        axes = {int(header.maps): "z", int(header.mapr): "y", int(header.mapc): "x"}
        for number, cell, n in zip((1, 2, 3), "xyz", ("mx", "my", "mz"), strict=True):
            header[n] = {"x": header.nx, "y": header.ny, "z": header.mz}[axes.get(number, cell)]
            header.cella[cell] = lengths[axes.get(number, cell)] * header[n]
    _add_label(header, result)


def history_label(history: Mapping[str, object]) -> bytes:
    """Return what a header says of how its file was made: it has no room for more than a sum."""
    text = json.dumps(dict(history), default=str)
    return f"autoStructN2V, made by {hashlib.sha256(text.encode()).hexdigest()[:32]}".encode()


def _add_label(header: Any, result: Result) -> None:
    number = min(int(header.nlabl), _MOST_LABELS - 1)
    header.label[number] = history_label(result.history)
    header.nlabl = number + 1
