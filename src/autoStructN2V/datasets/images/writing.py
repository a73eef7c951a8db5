"""Write denoised stacks slice by slice, with the axes and scale of their input."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from autoStructN2V.datasets.images.formats.registry import TIFF, result_format
from autoStructN2V.datasets.images.formats.result import ReadablePlanes, Result
from autoStructN2V.datasets.images.offset import restored
from autoStructN2V.files import (
    atomic_folder,
    atomic_write,
    ensure_writable_folder,
    output_error,
    remove_dead_leftovers,
    write_bytes,
    write_json,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager
    from types import TracebackType

    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.formats.result import PlaneWriter
    from autoStructN2V.datasets.images.sources import ImageSource
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


class _DiscardedError(Exception):
    """The file is not wanted any more."""


@dataclass(frozen=True)
class SliceWriter:
    """Writes single slices of a result; of a store, in any process that has its disk.

    Attributes
    ----------
    path : Path
        Final name of the result, for messages.
    planes : PlaneWriter
        Takes them in the type of the result.
    shape : (z, y, x)
        Of the whole stack.
    offset : float
        Added to all intensities.
    journal : Unfinished or None
        Takes note of them.
    """

    path: Path
    planes: PlaneWriter
    shape: tuple[int, int, int]
    offset: float
    journal: Unfinished | None

    def write(self, z: int, image: NDArray[np.generic]) -> None:
        """Write one slice, as :meth:`StackWriter.write`."""
        if not 0 <= z < self.shape[0] or image.shape != self.shape[1:]:
            raise ValueError(f"slice {z} of shape {image.shape} in a stack of {self.shape}")
        complete = restored(image, self.offset, self.planes.dtype)
        try:
            checksum = self.planes.write(z, to_dtype(complete, self.planes.dtype))
        except OSError as error:
            raise output_error(self.path, error) from error
        if self.journal is not None:
            self.journal.note(z, checksum)


class StackWriter:
    """Write a file one slice at a time, in constant memory; use it in a ``with`` block.

    The file appears under its name when the block ends and every slice was written. If the
    block raises, or :meth:`discard` was called, nothing appears and an older file stays.

    Parameters
    ----------
    path : Path or str
        Name of the new file; its ending chooses the format (``.tif``, ``.ome.zarr``, ``.mrc``).
    source : ImageSource
        Input, whose axes, shape and scale the new file gets.
    output_dtype : {"float32", "input"}
        Data type of the pixels: float32, or that of the input, rounded and saturated.
    history : mapping, optional
        How the images were made; kept in the file as text.
    unfinished : Unfinished, optional
        Journal of the file: what was written before a crash is in :attr:`finished`, and what is
        written stays when the block raises or is discarded. Formats whose files cannot be gone on
        with are written anew.

    Attributes
    ----------
    finished : frozenset of int
        Slices that are in the file already, on entering the block.
    slices : SliceWriter
        What writes single slices, within the block.

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
        self._result = Result.of(source, output_dtype, self.history)
        self._format = result_format(self.path) or TIFF
        self._missing = set(range(source.shape[0]))
        self._is_discarded = False
        self._unfinished = unfinished if self._format.go_on is not None else None

    def __enter__(self) -> Self:
        remove_dead_leftovers(self.path)
        with ExitStack() as stack:
            planes = self._gone_on_with(self.path)
            if planes is None:
                temporary = stack.enter_context(self._replacing())
                planes = self._gone_on_with(temporary) or self._begun(temporary)
            stack.callback(planes.close)
            self.slices = SliceWriter(self.path, planes, self.shape, self._added, self._unfinished)
            if isinstance(planes, ReadablePlanes) and self._unfinished is not None:
                self.finished = self._unfinished.finished
            self._missing -= self.finished
            self._stack = stack.pop_all()
        return self

    def _replacing(self) -> AbstractContextManager[Path]:
        """Give a path to write to, which gets its name when all went well."""
        replacing = atomic_folder if self._format.is_folder else atomic_write
        return replacing(self.path, partial=self._unfinished.partial if self._unfinished else None)

    def _begun(self, temporary: Path) -> PlaneWriter:
        """Create a file without pixels."""
        if self._unfinished is not None and self._format.begin is not None:
            return self._format.begin(temporary, self._result, self._unfinished)
        assert self._format.write is not None
        return self._format.write(temporary, self._result)

    def _gone_on_with(self, file: Path) -> PlaneWriter | None:
        """Take over a file that its journal knows; one of its final name only if it is whole."""
        if self._unfinished is None or self._format.go_on is None:
            return None
        is_final = file == self.path
        planes = self._format.go_on(file, self._result, self._unfinished, is_final=is_final)
        if planes is None:
            return None
        if is_final and len(self._unfinished.finished) < self.shape[0]:
            planes.close()
            return None
        return planes

    def stored(self, z: int) -> NDArray[np.generic]:
        """Return a slice of :attr:`finished` (y, x) as it is in the file."""
        planes = self.slices.planes
        assert isinstance(planes, ReadablePlanes)
        return planes.read(z)

    def write(self, z: int, image: NDArray[np.generic]) -> None:
        """Write one slice; the order of the slices is free.

        Parameters
        ----------
        z : int
            Index of the slice.
        image : ndarray
            (y, x), intensities as the source is read; never clipped unless the output has an
            integer data type. Pixels of the output's own data type are written as they are.

        Raises
        ------
        OutputError
            If the disk is full.
        """
        self.slices.write(z, image)
        self.wrote(z)

    def wrote(self, z: int) -> None:
        """Count a slice that another process has written with :attr:`slices`."""
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
            with self._stack:
                self.slices.planes.finish()
            return
        self._stack.__exit__(_DiscardedError, _DiscardedError(), None)
        if not self._is_discarded:
            raise ValueError(f"{len(self._missing)} of {self.shape[0]} slices were not written")


def write_stack(
    path: Path | str,
    stack: NDArray[np.generic],
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


def to_dtype(image: NDArray[np.generic], dtype: np.dtype[np.generic]) -> NDArray[np.generic]:
    """Convert intensities to a data type; integers are rounded and saturated.

    Parameters
    ----------
    image : ndarray
        Values of any shape; NaN becomes 0 in an integer data type.
    dtype : dtype
        Integer or floating-point data type.

    Returns
    -------
    ndarray
        Same shape, of `dtype`.
    """
    if dtype.kind == "f" or image.dtype.newbyteorder("=") == dtype.newbyteorder("="):
        return image.astype(dtype)
    limits = np.iinfo(dtype.name)
    rounded = np.rint(np.nan_to_num(image.astype(np.float64), posinf=np.inf, neginf=-np.inf))
    # The largest 64-bit integers have no float64: stay on those that do.
    highest = float(limits.max)
    if highest > limits.max:
        highest = float(np.nextafter(highest, 0))
    return np.clip(rounded, float(limits.min), highest).astype(dtype)
