"""Stacks that are read one slice at a time, whatever they are stored in."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from autoStructN2V.datasets.images.metadata import ImageMetadata
from autoStructN2V.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.formats.planes import PlaneReader

    Image = NDArray[np.float32]


@runtime_checkable
class ImageSource(Protocol):
    """A stack (z, y, x) of raw intensities, read one slice at a time.

    Slices that are independent images (frames, files) are slices of a source as well; the
    metadata tell them apart.
    """

    @property
    def name(self) -> str:
        """Short name, such as the file name without its extension."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Numbers of slices, rows and columns (z, y, x)."""

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Data type of the stored intensities."""

    @property
    def metadata(self) -> ImageMetadata:
        """Axes, scale and origin as stored."""

    @property
    def original_axes_shape(self) -> tuple[str, tuple[int, ...]]:
        """Axes and sizes that the slices had in the file, such as ``("TZYX", (3, 5, 64, 64))``.

        The product of all sizes but the last two is the number of slices.
        """

    def read_slice(self, z: int) -> Image:
        """Read slice `z` as a new array (y, x) float32, intensities as stored.

        Raises
        ------
        InputError
            If the file has become unreadable.
        """


@runtime_checkable
class StoredSource(ImageSource, Protocol):
    """A stack that can also be read in the data type in which it is stored.

    float32 has 24 bits: what is only handed on, or lies on a large offset, is not read through it.
    """

    def read_stored(self, z: int) -> NDArray[np.generic]:
        """Read slice `z`, (y, x) in the data type that it is stored in; raises as `read_slice`."""


def read_stack(source: ImageSource) -> Image:
    """Read all slices of `source` into memory.

    Parameters
    ----------
    source : ImageSource
        Stack to read.

    Returns
    -------
    ndarray
        (z, y, x) float32, intensities as stored.
    """
    stack = np.empty(source.shape, np.float32)
    for z in range(source.shape[0]):
        stack[z] = source.read_slice(z)
    return stack


def read_stored_stack(source: StoredSource) -> NDArray[np.generic]:
    """Read all slices of `source` into memory, (z, y, x) in the data type that it is stored in."""
    return np.stack([source.read_stored(z) for z in range(source.shape[0])])


def slices_together(source: ImageSource) -> int:
    """Return how many slices of a stack are decoded together; those before a multiple of it."""
    return int(getattr(source, "n_together", 1))


def require_real_numbers(dtype: np.dtype[np.generic] | None, where: str) -> np.dtype[np.generic]:
    """Return `dtype` if it holds intensities.

    Parameters
    ----------
    dtype : dtype, optional
        Data type of an image; None if its file states one that does not exist.
    where : str
        Name of the image for the message.

    Returns
    -------
    dtype
        The same.

    Raises
    ------
    InputError
        If it is complex, boolean or no number at all.
    """
    if dtype is None or dtype.kind not in "iuf":
        found = "an unknown data type" if dtype is None else f"data type {dtype}"
        raise InputError(
            f"{where} has {found}; only integers and real floating-point numbers can be denoised, "
            "so convert it."
        )
    return np.dtype(dtype)


class SourceView:
    """What is known of a stack that is read from another one, with changed intensities.

    Whoever inherits from it says how a slice is read, and what else is different.

    Parameters
    ----------
    source : ImageSource
        The other one.
    """

    def __init__(self, source: ImageSource) -> None:
        self._source = source

    @property
    def name(self) -> str:
        """Short name."""
        return self._source.name

    @property
    def shape(self) -> tuple[int, int, int]:
        """Numbers of slices, rows and columns."""
        return self._source.shape

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Data type as stored."""
        return self._source.dtype

    @property
    def metadata(self) -> ImageMetadata:
        """Axes, scale and origin as stored."""
        return self._source.metadata

    @property
    def original_axes_shape(self) -> tuple[str, tuple[int, ...]]:
        """Axes and sizes in the file."""
        return self._source.original_axes_shape

    @property
    def n_together(self) -> int:
        """Slices that are decoded together."""
        return slices_together(self._source)


class ArraySource:
    """A stack that lies in memory.

    Parameters
    ----------
    array : ndarray
        (y, x) or (z, y, x), integers or floating-point numbers; never modified.
    name : str
        Short name.
    metadata : ImageMetadata, optional
        Axes and scale, if known.
    """

    def __init__(
        self,
        array: NDArray[np.generic],
        name: str = "image",
        metadata: ImageMetadata | None = None,
    ) -> None:
        self.name = name
        self._stack = array if array.ndim == 3 else array[None]
        axes = "ZYX" if array.ndim == 3 else "YX"
        if metadata is not None and len(metadata.axes) == array.ndim:
            axes = metadata.axes
        self.original_axes_shape: tuple[str, tuple[int, ...]] = (axes, array.shape)
        self.metadata = metadata or ImageMetadata(axes=axes, shape=array.shape)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Numbers of slices, rows and columns (z, y, x)."""
        z, y, x = self._stack.shape
        return z, y, x

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Data type of the array."""
        return self._stack.dtype

    def read_slice(self, z: int) -> Image:
        """Return a copy of slice `z`, (y, x) float32."""
        return _to_float32(self.read_stored(z))

    def read_stored(self, z: int) -> NDArray[np.generic]:
        """Return slice `z`, (y, x) in the data type of the array."""
        return np.asarray(self._stack[_checked(z, self.shape[0])])

    def snapshot(self) -> ArraySource:
        """Return a copy of the pixels as they are now; of those on disk, no copy is made."""
        is_in_memory = isinstance(self._stack, np.ndarray) and not _is_mapped(self._stack)
        if not is_in_memory:
            return self
        array = self._stack.copy()
        return ArraySource(array.reshape(self.original_axes_shape[1]), self.name, self.metadata)


def _is_mapped(array: NDArray[np.generic]) -> bool:
    """Tell whether an array is a view of a file."""
    base: object = array
    while isinstance(base, np.ndarray):
        if isinstance(base, np.memmap):
            return True
        base = base.base
    return False


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
        return _to_float32(self.read_stored(z))

    def read_stored(self, z: int) -> NDArray[np.generic]:
        """Read slice `z` from the file, (y, x) in the stored data type; raises as `read_slice`."""
        plane = self._planes[_checked(z, len(self._planes))]
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
        return _to_float32(self.read_stored(z))

    def read_stored(self, z: int) -> NDArray[np.generic]:
        """Read the only slice of file `z`, (y, x) in the stored data type."""
        return self._slices[_checked(z, self.shape[0])].read_stored(0)


def _checked(z: int, n_slices: int) -> int:
    if not 0 <= z < n_slices:
        raise IndexError(f"slice {z} of a stack of {n_slices} slices")
    return z


def _to_float32(image: NDArray[np.generic]) -> Image:
    # A float64 value beyond the float32 range becomes infinity, which the checks report.
    with np.errstate(over="ignore"):
        return np.array(image, dtype=np.float32, order="C")


def file_stem(path: Path) -> str:
    """Return the name of a file without its ending, which may be double, as ``.ome.tif``."""
    stem = path.stem
    return stem[: -len(".ome")] if stem.casefold().endswith(".ome") else stem
