"""Write denoised stacks slice by slice, with the axes and scale of their input."""

from __future__ import annotations

import errno
import math
import os
import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self

import numpy as np
import tifffile

from autoStructN2V.datasets.images.offset import restored
from autoStructN2V.datasets.images.tiff.trial import layout_for
from autoStructN2V.datasets.images.unfinished import PixelPlace
from autoStructN2V.files import (
    atomic_write,
    ensure_writable_folder,
    output_error,
    write_bytes,
    write_json,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.datasets.images.tiff.layout import TiffLayout
    from autoStructN2V.datasets.images.unfinished import Unfinished
    from autoStructN2V.vocabulary import OutputDtype

__all__ = [
    "StackWriter",
    "atomic_write",
    "ensure_writable_folder",
    "to_dtype",
    "write_bytes",
    "write_json",
    "write_stack",
]


_SPARE_BYTES = 2**20


class _DiscardedError(Exception):
    """The file is not wanted any more."""


class StackWriter:
    """Write a TIFF file one slice at a time, in constant memory; use it in a ``with`` block.

    The file appears under its name when the block ends and every slice was written. If the
    block raises, or :meth:`discard` was called, nothing appears and an older file stays.

    Parameters
    ----------
    path : Path or str
        Name of the new file.
    source : ImageSource
        Input, whose axes, shape and scale the new file gets.
    output_dtype : {"float32", "input"}
        Data type of the pixels: float32, or that of the input, rounded and saturated.
    history : mapping, optional
        How the images were made; kept in the file as text.
    unfinished : Unfinished, optional
        Journal of the file: what was written before a crash is in :attr:`finished`, and what is
        written stays when the block raises or is discarded.

    Attributes
    ----------
    finished : frozenset of int
        Slices that are in the file already, on entering the block.

    Raises
    ------
    OutputError
        If the folder is read-only or the disk too full, on entering the block already.
    """

    def __init__(
        self,
        path: Path | str,
        source: ImageSource,
        *,
        output_dtype: OutputDtype = "float32",
        history: Mapping[str, object] | None = None,
        unfinished: Unfinished | None = None,
    ) -> None:
        self.path = Path(path)
        self.finished: frozenset[int] = frozenset()
        self.shape = source.shape
        self.history = dict(history or {})
        self._added = source.metadata.offset
        self._layout = layout_for(source, output_dtype, self.history)
        self._missing = set(range(source.shape[0]))
        self._is_discarded = False
        self._unfinished = unfinished
        self._offset, self._stored_dtype = 0, self._layout.dtype

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            if not self._goes_on_in(self.path):
                partial = self._unfinished.partial if self._unfinished else None
                temporary = stack.enter_context(atomic_write(self.path, partial=partial))
                if partial is None or not self._goes_on_in(partial):
                    self._begin(temporary)
                self._file: BinaryIO = stack.enter_context(temporary.open("r+b"))
            else:
                self._file = stack.enter_context(self.path.open("rb"))
            self._missing -= self.finished
            self._stack = stack.pop_all()
        return self

    def _begin(self, temporary: Path) -> None:
        """Create a file without pixels."""
        _require_space(temporary.parent, self._layout.n_bytes)
        self._offset, self._stored_dtype = _create(temporary, self._layout)
        if self._unfinished is not None:
            self._unfinished.begin(temporary, self._place)

    def _goes_on_in(self, file: Path) -> bool:
        """Take over a file that its journal knows; one of its final name only if it is whole."""
        if self._unfinished is None:
            return False
        found = self._unfinished.read(file, self._place)
        finished = self._unfinished.finished
        if found is None or (file == self.path and len(finished) < self.shape[0]):
            return False
        self._offset, self._stored_dtype = found.offset, np.dtype(found.dtype)
        self.finished = finished
        return True

    @property
    def _slice_bytes(self) -> int:
        return math.prod(self.shape[1:]) * self._layout.dtype.itemsize

    @property
    def _place(self) -> PixelPlace:
        """Where the pixels are, as far as that is known."""
        dtype = self._stored_dtype.str
        return PixelPlace(self._offset, self._slice_bytes, self.shape[0], dtype)

    def stored(self, z: int) -> NDArray[np.generic]:
        """Return a slice of :attr:`finished` (y, x) as it is in the file."""
        self._file.seek(self._offset + z * self._slice_bytes)
        stored = np.frombuffer(self._file.read(self._slice_bytes), self._stored_dtype)
        return stored.reshape(self.shape[1:]).astype(self._layout.dtype)

    def write(self, z: int, image: NDArray[np.floating]) -> None:
        """Write one slice; the order of the slices is free.

        Parameters
        ----------
        z : int
            Index of the slice.
        image : ndarray
            (y, x), intensities as the source is read; never clipped unless the output has an
            integer data type.

        Raises
        ------
        OutputError
            If the disk is full.
        """
        if not 0 <= z < self.shape[0] or image.shape != self.shape[1:]:
            raise ValueError(f"slice {z} of shape {image.shape} in a stack of {self.shape}")
        complete = restored(image, self._added, self._layout.dtype)
        pixels = to_dtype(complete, self._layout.dtype).astype(self._stored_dtype, order="C")
        try:
            self._file.seek(self._offset + z * pixels.nbytes)
            self._file.write(pixels.tobytes())
            self._file.flush()
        except OSError as error:
            raise output_error(self.path, error) from error
        if self._unfinished is not None:
            self._unfinished.note(z, pixels.tobytes())
        self._missing.discard(z)

    def discard(self) -> None:
        """Leave no file behind when the block ends, for example after a cancel."""
        self._is_discarded = True

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            self._stack.__exit__(kind, error, traceback)
            return
        if not self._is_discarded and not self._missing:
            self._stack.close()
            return
        self._stack.__exit__(_DiscardedError, _DiscardedError(), None)
        if not self._is_discarded:
            raise ValueError(f"{len(self._missing)} of {self.shape[0]} slices were not written")


def write_stack(
    path: Path | str,
    stack: NDArray[np.floating],
    source: ImageSource,
    *,
    output_dtype: OutputDtype = "float32",
    history: Mapping[str, object] | None = None,
) -> None:
    """Write a stack that lies in memory, see :class:`StackWriter`.

    Parameters
    ----------
    path : Path or str
        Name of the new file.
    stack : ndarray
        (z, y, x) of the shape of `source`, raw intensities.
    source : ImageSource
        Input, whose axes and scale the new file gets.
    output_dtype : {"float32", "input"}
        Data type of the pixels.
    history : mapping, optional
        How the images were made.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    with StackWriter(path, source, output_dtype=output_dtype, history=history) as writer:
        for z, image in enumerate(stack):
            writer.write(z, image)


def to_dtype(image: NDArray[np.floating], dtype: np.dtype[np.generic]) -> NDArray[np.generic]:
    """Convert intensities to a data type; integers are rounded and saturated.

    Parameters
    ----------
    image : ndarray
        Floating-point values of any shape; NaN becomes 0 in an integer data type.
    dtype : dtype
        Integer or floating-point data type.

    Returns
    -------
    ndarray
        Same shape, of `dtype`.
    """
    if dtype.kind == "f" or image.dtype == dtype:
        return image.astype(dtype)
    limits = np.iinfo(dtype.name)
    rounded = np.rint(np.nan_to_num(image.astype(np.float64), posinf=np.inf, neginf=-np.inf))
    # The largest 64-bit integers have no float64: stay on those that do.
    highest = float(limits.max)
    if highest > limits.max:
        highest = float(np.nextafter(highest, 0))
    return np.clip(rounded, float(limits.min), highest).astype(dtype)


def _create(path: Path, layout: TiffLayout) -> tuple[int, np.dtype[np.generic]]:
    """Write a file without pixels; return where they belong and their data type there."""
    tifffile.imwrite(path, **layout.tifffile_arguments())
    with tifffile.TiffFile(path) as tif:
        offset = tif.series[0].dataoffset
        stored_dtype = layout.dtype.newbyteorder(tif.byteorder)
    if offset is None:
        raise RuntimeError(f"the pixels of {path} are not stored in one piece")
    return int(offset), stored_dtype


def _require_space(folder: Path, n_bytes: int) -> None:
    if shutil.disk_usage(folder).free < n_bytes + _SPARE_BYTES:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
