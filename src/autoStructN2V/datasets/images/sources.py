"""Stacks that are read one slice at a time, whatever they are stored in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from autoStructN2V.datasets.images.metadata import ImageMetadata
from autoStructN2V.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

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
        return to_float32(self.read_stored(z))

    def read_stored(self, z: int) -> NDArray[np.generic]:
        """Return slice `z`, (y, x) in the data type of the array."""
        return np.asarray(self._stack[checked_slice(z, self.shape[0])])

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


def checked_slice(z: int, n_slices: int) -> int:
    """Return the number of a slice; an IndexError if there is none such."""
    if not 0 <= z < n_slices:
        raise IndexError(f"slice {z} of a stack of {n_slices} slices")
    return z


def to_float32(image: NDArray[np.generic]) -> Image:
    """Return a copy of an image as float32."""
    # A float64 value beyond the float32 range becomes infinity, which the checks report.
    with np.errstate(over="ignore"):
        return np.array(image, dtype=np.float32, order="C")


def file_stem(path: Path) -> str:
    """Return the name of a file without its ending, which may be double, as ``.ome.tif``."""
    stem = path.stem
    return stem[: -len(".ome")] if stem.casefold().endswith(".ome") else stem
