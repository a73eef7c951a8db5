"""Planes of an image, one at a time, however its file stores them."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Protocol

import numpy as np

from autoStructN2V.datasets.images.axes import KNOWN_AXES, StoredImage, plane_order
from autoStructN2V.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    Region = tuple[int | slice, ...]

_COLOR_SAMPLES = (3, 4)
_MOST_KEPT = 2**28
"""Bytes of decoded planes that a reader keeps because they are stored in one piece."""


class PlaneReader(Protocol):
    """Reads single planes (y, x) of a file, counted over all its leading axes."""

    def read(self, plane: int) -> NDArray[np.generic]:
        """Return one plane in the stored data type."""


class ContiguousPlanes:
    """Planes that follow each other uncompressed in a file.

    Parameters
    ----------
    path : Path
        File.
    offset : int
        Position of the first plane in bytes.
    dtype : dtype
        Stored data type, with its byte order.
    plane_shape : tuple of int
        Rows and columns, and samples where these come last.
    """

    def __init__(
        self, path: Path, offset: int, dtype: np.dtype[np.generic], plane_shape: tuple[int, ...]
    ) -> None:
        self._path = path
        self._offset = offset
        self._dtype = dtype
        self._plane_shape = plane_shape

    def read(self, plane: int) -> NDArray[np.generic]:
        """Return one plane in the stored data type."""
        count = math.prod(self._plane_shape)
        with self._path.open("rb") as file:
            file.seek(self._offset + plane * count * self._dtype.itemsize)
            values: NDArray[np.generic] = np.fromfile(file, self._dtype, count)
        return values.reshape(self._plane_shape)


class ArrayPlanes:
    """Planes of an array with axes in any order, of which any region can be read.

    Planes that are stored in one chunk are decoded together, and those of the last chunk are kept:
    slices are mostly read one after the other.

    Parameters
    ----------
    read_region : callable
        Takes an index for each axis, a number or a slice, and returns these pixels.
    axes : str
        Letters out of ``TZCYX`` in stored order, ``Y`` and ``X`` among them.
    shape : tuple of int
        Their sizes.
    chunks : tuple of int, optional
        Sizes of the pieces that the array is stored in; default: single planes.
    itemsize : int
        Bytes of a pixel.
    """

    def __init__(
        self,
        read_region: Callable[[Region], NDArray[np.generic]],
        axes: str,
        shape: tuple[int, ...],
        chunks: tuple[int, ...] | None = None,
        itemsize: int = 4,
    ) -> None:
        self._read_region = read_region
        self._axes = axes
        self._sizes = dict(zip(axes, shape, strict=True))
        ordered, sizes = plane_order(axes, shape)
        self._leading, self._leading_shape = ordered[:-2], sizes[:-2]
        self._thick, self._step = self._thickness(chunks, math.prod(sizes[-2:]) * itemsize)
        self._kept: tuple[tuple[int, ...], NDArray[np.generic]] | None = None
        self._lock = threading.Lock()

    @property
    def n_together(self) -> int:
        """Planes that follow each other and are decoded together."""
        return self._step if self._thick == self._leading[-1:] else 1

    def _thickness(self, chunks: tuple[int, ...] | None, n_bytes: int) -> tuple[str | None, int]:
        """Return the innermost leading axis whose planes share chunks, and how many do."""
        for letter in reversed(self._leading):
            step = dict(zip(self._axes, chunks or (), strict=False)).get(letter, 1)
            if 1 < step <= _MOST_KEPT // n_bytes:
                return letter, step
        return None, 1

    def read(self, plane: int) -> NDArray[np.generic]:
        """Return one plane (y, x) in the stored data type."""
        places = np.unravel_index(plane, self._leading_shape)
        place = {k: int(i) for k, i in zip(self._leading, places, strict=True)}
        if self._thick is None:
            return self._region(place)
        number, inside = divmod(place[self._thick], self._step)
        start = number * self._step
        stop = min(start + self._step, self._sizes[self._thick])
        key = (start, *(i for letter, i in place.items() if letter != self._thick))
        with self._lock:
            if self._kept is None or self._kept[0] != key:
                self._kept = None  # two chunks at a time would take twice the memory
                self._kept = key, self._region(place, slice(start, stop))
            pixels: NDArray[np.generic] = self._kept[1][inside]
        return pixels

    def _region(self, place: dict[str, int], thick: slice | None = None) -> NDArray[np.generic]:
        """Read a plane, or those at the indices ``thick`` of the thick axis, (n, y, x)."""
        chosen: dict[str, int | slice] = {"Y": slice(None), "X": slice(None), **place}
        if thick is not None and self._thick is not None:
            chosen[self._thick] = thick
        pixels = np.asarray(self._read_region(tuple(chosen[letter] for letter in self._axes)))
        left = [letter for letter in self._axes if isinstance(chosen[letter], slice)]
        wanted = [letter for letter in (self._thick, "Y", "X") if letter in left]
        return pixels.transpose([left.index(letter) for letter in wanted])


def planes_of_array(
    read_region: Callable[[Region], NDArray[np.generic]],
    stored: StoredImage,
    chunks: tuple[int, ...] | None = None,
    itemsize: int = 4,
) -> Callable[[str, tuple[int, ...]], ArrayPlanes]:
    """Return what makes the planes of an array once its axes are named.

    Parameters
    ----------
    read_region : callable
        Takes an index for each stored axis, a number or a slice, and returns these pixels.
    stored : StoredImage
        Axes and sizes of the array; of size 1 there may be some that get no name.
    chunks : tuple of int, optional
        Sizes of the pieces that the array is stored in; default: single planes.
    itemsize : int
        Bytes of a pixel.
    """

    def planes(axes: str, shape: tuple[int, ...]) -> ArrayPlanes:
        places = _named_places(stored, len(axes))

        def read(region: Region) -> NDArray[np.generic]:
            whole: list[int | slice] = [0] * len(stored.shape)
            for place, index in zip(places, region, strict=True):
                whole[place] = index
            return read_region(tuple(whole))

        kept = None if chunks is None else tuple(chunks[place] for place in places)
        return ArrayPlanes(read, axes, shape, kept, itemsize)

    return planes


def _named_places(stored: StoredImage, n_named: int) -> list[int]:
    """Return which axes have names: all, or those that :func:`name_axes` keeps."""
    everything = list(range(len(stored.shape)))
    large = [place for place in everything if stored.shape[place] > 1]
    known = [i for i in everything if i in large or stored.axes[i] in KNOWN_AXES]
    return next(places for places in (everything, known, large) if len(places) == n_named)


def axes_of_array(shape: tuple[int, ...], where: str) -> StoredImage:
    """Guess the axes of an array that does not name them.

    Parameters
    ----------
    shape : tuple of int
        Its sizes.
    where : str
        Its name for messages.

    Raises
    ------
    InputError
        If it has less than two axes.
    """
    if len(shape) < 2:
        raise InputError(
            f"{where} has {len(shape)} axes; an image has rows and columns, so choose another "
            "array."
        )
    if len(shape) == 3 and shape[-1] in _COLOR_SAMPLES:
        return StoredImage("YXS", shape, is_color=True, is_any_order=True)
    return StoredImage("Q" * (len(shape) - 2) + "YX", shape, is_any_order=True)


class SamplePlanes:
    """Planes of channels that are stored pixel by pixel.

    Parameters
    ----------
    reader : PlaneReader
        Reads all channels of a plane, (y, x, c).
    n_channels : int
        Channels, the last of the leading axes.
    """

    def __init__(self, reader: PlaneReader, n_channels: int) -> None:
        self._reader = reader
        self._n_channels = n_channels

    def read(self, plane: int) -> NDArray[np.generic]:
        """Return one plane in the stored data type."""
        place, channel = divmod(plane, self._n_channels)
        values: NDArray[np.generic] = self._reader.read(place)[..., channel]
        return values
