"""Stacks whose slices are read from files."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from autoStructN2V.datasets.images.sources import checked_slice, file_stem, to_float32
from autoStructN2V.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.formats.planes import PlaneReader
    from autoStructN2V.datasets.images.metadata import ImageMetadata

    Image = NDArray[np.float32]


class FileSource:
    """A stack in a file; :func:`autoStructN2V.datasets.images.reading.open_images` makes one.

    Parameters
    ----------
    path : Path
        File, or the folder that is one, as of Zarr.
    reader : PlaneReader
        Reads the planes of the file.
    planes : sequence of int
        The planes that are the slices of this stack, in order.
    dtype : dtype
        Stored data type.
    original_axes_shape : tuple
        Axes and sizes of the slices in the file.
    metadata : ImageMetadata
        Axes and scale of the whole file.
    files : frozenset of Path
        Files that hold the planes (OME may use several); default: `path` alone.
    name : str
        Short name; default: that of the file without its ending.

    Attributes
    ----------
    reopen : callable, optional
        Opens the file again, in another process.
    """

    def __init__(
        self,
        path: Path,
        reader: PlaneReader,
        planes: Sequence[int],
        dtype: np.dtype[np.generic],
        original_axes_shape: tuple[str, tuple[int, ...]],
        metadata: ImageMetadata,
        files: frozenset[Path] = frozenset(),
        name: str = "",
    ) -> None:
        self.name = name or file_stem(path)
        self.dtype = dtype
        self.original_axes_shape = original_axes_shape
        self.metadata = metadata
        self.path = path
        self.files = files or frozenset({path})
        self.reopen: Callable[[], FileSource] | None = None
        self._reader = reader
        self._planes = planes

    def __reduce__(self) -> str | tuple[Any, ...]:
        """Travel to another process as what opens the file again."""
        return super().__reduce__() if self.reopen is None else (_reopened, (self.reopen,))

    @property
    def n_together(self) -> int:
        """Slices that are decoded together."""
        return int(getattr(self._reader, "n_together", 1))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Numbers of slices, rows and columns (z, y, x)."""
        y, x = self.original_axes_shape[1][-2:]
        return len(self._planes), y, x

    def read_slice(self, z: int) -> Image:
        """Read slice `z` from the file, (y, x) float32.

        Raises
        ------
        InputError
            If the file is damaged, was changed or has gone.
        """
        return to_float32(self.read_stored(z))

    def read_stored(self, z: int) -> NDArray[np.generic]:
        """Read slice `z` from the file, (y, x) in the stored data type; raises as `read_slice`."""
        plane = self._planes[checked_slice(z, len(self._planes))]
        try:
            return self._reader.read(plane)
        except Exception as error:
            # Decoders raise errors of many kinds, some of them their own.
            raise InputError(
                f"Slice {z} of {self.path} cannot be read; the file is damaged or was changed "
                f"after it had been opened ({error})."
            ) from error


def _reopened(reopen: Callable[[], FileSource]) -> FileSource:
    return reopen()


class FolderStackSource:
    """A folder of single images of equal shape, seen as one stack.

    Parameters
    ----------
    folder : Path
        Where the files lie; gives the name.
    slices : sequence of FileSource
        Sources of one slice each, of equal shape and data type, in their order.
    letter : {"Z", "T"}
        Whether they follow each other in z or in time.
    """

    def __init__(self, folder: Path, slices: Sequence[FileSource], letter: str = "Z") -> None:
        first = slices[0]
        self.name = folder.resolve().name
        self.dtype = first.dtype
        self.shape: tuple[int, int, int] = (len(slices), *first.shape[1:])
        self.original_axes_shape: tuple[str, tuple[int, ...]] = (f"{letter}YX", self.shape)
        self.metadata = replace(
            first.metadata,
            axes=f"{letter}YX",
            shape=self.shape,
            path=folder,
            selection=f"{len(slices)} files, one {'frame' if letter == 'T' else 'slice'} each",
        )
        self._slices = slices

    def read_slice(self, z: int) -> Image:
        """Read the only slice of file `z`, (y, x) float32."""
        return to_float32(self.read_stored(z))

    def read_stored(self, z: int) -> NDArray[np.generic]:
        """Read the only slice of file `z`, (y, x) in the stored data type."""
        return self._slices[checked_slice(z, self.shape[0])].read_stored(0)
