"""Open an MRC file: its header by ``mrcfile``, its sections one at a time.

References
----------
Cheng et al. 2015, MRC2014: Extensions to the MRC format header for electron cryo-microscopy and
tomography, https://doi.org/10.1016/j.jsb.2015.04.002
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from autoStructN2V.datasets.images.axes import StoredImage
from autoStructN2V.datasets.images.formats.opening import Header, source_of
from autoStructN2V.datasets.images.formats.packages import imported
from autoStructN2V.datasets.images.formats.planes import ContiguousPlanes
from autoStructN2V.datasets.images.metadata import ImageMetadata
from autoStructN2V.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from autoStructN2V.datasets.images.formats.file_source import FileSource
    from autoStructN2V.datasets.images.formats.location import Location
    from autoStructN2V.datasets.images.formats.opening import Choices

HEADER_BYTES = 1024
_IMOD_STAMP = 1146047817
_IMOD_WORD = 10  # of those behind the version
_SIGNED_BYTES = 1  # flag of IMOD
_VOLUMES = 401  # space groups from here on are those of several volumes
_MOST_VOLUMES = 630


def open_mrc(location: Location, choices: Choices) -> FileSource:
    """Open an MRC file as a stack, without reading its pixels.

    Parameters
    ----------
    location : Location
        File.
    choices : Choices
        What a person chooses of it.

    Returns
    -------
    FileSource
        Its sections.

    Raises
    ------
    InputError
        If the file is missing, not MRC, damaged, cut off, or if a choice is needed.
    """
    path = location.path
    header, extended = _read_header(path)
    dtype = _dtype(header, path)
    axes, shape = _axes_shape(header, path)
    offset = HEADER_BYTES + int(header.nsymbt)
    missing = offset + math.prod(shape) * dtype.itemsize - path.stat().st_size
    if missing > 0:
        raise InputError(
            f"{path.name} is incomplete: {missing} bytes of pixels are missing at its end; copy or "
            "export it again."
        )
    own = {"header": header, "extended": extended}
    return source_of(
        Header(
            path,
            path.name,
            StoredImage(axes, shape),
            dtype,
            lambda axes, shape: _metadata(header, own, path, axes, shape),
            lambda _, shape: ContiguousPlanes(path, offset, dtype, shape[-2:]),
        ),
        choices,
    )


def _read_header(path: Path) -> tuple[Any, bytes]:
    """Return the header, a record of NumPy, and the extended header."""
    mrcfile = imported("mrcfile", path.name)
    try:
        with warnings.catch_warnings():
            # flaws that do not matter for the pixels; those that do are looked for below
            warnings.simplefilter("ignore")
            with mrcfile.open(path, header_only=True, permissive=True) as mrc:
                extended = mrc.extended_header
                return mrc.header.copy(), b"" if extended is None else extended.tobytes()
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist; choose another file.") from error
    except PermissionError as error:
        raise InputError(f"{path} may not be read; change its permissions.") from error
    except Exception as error:
        # a damaged file can raise nearly anything inside the parser
        raise _not_mrc(path, str(error)) from error


def _not_mrc(path: Path, finding: str) -> InputError:
    return InputError(f"{path} is not an MRC file ({finding:.80}); choose another file.")


def _dtype(header: Any, path: Path) -> np.dtype[np.generic]:
    mrcfile = imported("mrcfile", path.name)
    try:
        dtype: np.dtype[np.generic] = mrcfile.utils.data_dtype_from_header(header)
    except ValueError as error:
        raise _not_mrc(path, f"its data have mode {int(header.mode)}") from error
    if dtype == np.int8 and _is_unsigned(header):
        return np.dtype(np.uint8)
    return dtype


def _is_unsigned(header: Any) -> bool:
    """Tell whether bytes are unsigned: IMOD says so behind a stamp of its own."""
    words = np.frombuffer(bytes(header.extra2), header.mode.dtype)
    stamp, flags = int(words[_IMOD_WORD]), int(words[_IMOD_WORD + 1])
    return stamp == _IMOD_STAMP and not flags & _SIGNED_BYTES


def _axes_shape(header: Any, path: Path) -> tuple[str, tuple[int, ...]]:
    """Return what is stored: sections of rows, or volumes of sections."""
    nx, ny, nz, mz = (int(n) for n in (header.nx, header.ny, header.nz, header.mz))
    if min(nx, ny, nz) <= 0:
        raise _not_mrc(path, f"it states {nx} x {ny} x {nz} pixels")
    is_volumes = _VOLUMES <= int(header.ispg) <= _MOST_VOLUMES and mz > 0 and nz % mz == 0
    if is_volumes and nz > mz:
        return "TZYX", (nz // mz, mz, ny, nx)
    return ("ZYX", (nz, ny, nx)) if nz > 1 else ("YX", (ny, nx))


def _metadata(
    header: Any, own: dict[str, object], path: Path, axes: str, shape: tuple[int, ...]
) -> ImageMetadata:
    """Return the size of a voxel in ångström, which is the unit of all lengths."""
    z, y, x = _voxel_size(header)
    origin = (float(header.origin.z), float(header.origin.y), float(header.origin.x))
    return ImageMetadata(
        axes=axes,
        shape=shape,
        pixel_size=(y, x),
        z_spacing=z,
        unit=None if min(y, x) <= 0 else "Å",
        path=path,
        format="MRC",
        origin=origin if any(origin) and np.isfinite(origin).all() else None,
        own=own,
    )


def _voxel_size(header: Any) -> tuple[float, float, float]:
    """Return the size (z, y, x) along sections, rows and columns; 0 where none is stated."""
    cells = {1: (header.cella.x, header.mx), 2: (header.cella.y, header.my)}
    cells[3] = (header.cella.z, header.mz)
    order = [int(header.maps), int(header.mapr), int(header.mapc)]
    if sorted(order) != [1, 2, 3]:
        order = [3, 2, 1]
    z, y, x = (
        float(length) / int(n) if int(n) > 0 and np.isfinite(length) else 0.0
        for length, n in (cells[i] for i in order)
    )
    return z, y, x
