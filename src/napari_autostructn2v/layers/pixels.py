"""The pixels of a layer, in memory or computed on demand, as stacks that are read by slices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image

from autoStructN2V.datasets.images.checks import as_source
from autoStructN2V.datasets.images.sources import ArraySource
from autoStructN2V.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Layer
    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.metadata import ImageMetadata
    from autoStructN2V.datasets.images.sources import ImageSource

_COLORS = 3
Where = tuple[int | slice, ...]


class LazyStack:
    """A stack whose slices are computed or read when they are asked for (dask, zarr).

    Parameters
    ----------
    data : array-like
        Of any number of axes, sliced like an array.
    name : str
    metadata : ImageMetadata
    where : tuple of int and slice, optional
        Which part of it is (y, x) or (z, y, x), without steps; default: all of it.
    """

    def __init__(
        self, data: Any, name: str, metadata: ImageMetadata, where: Where | None = None
    ) -> None:
        self._data = data
        self._where: Where = where or (slice(None),) * len(data.shape)
        self.name = name
        self.metadata = metadata
        shape = tuple(
            int(size)
            for size, part in zip(data.shape, self._where, strict=True)
            if isinstance(part, slice)
        )
        self.original_axes_shape: tuple[str, tuple[int, ...]] = (
            metadata.axes[-len(shape) :],
            shape,
        )
        self._n_axes = len(shape)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Numbers of slices, rows and columns."""
        z, y, x = (1, *self.original_axes_shape[1])[-3:]
        return z, y, x

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Data type of the pixels."""
        dtype: np.dtype[np.generic] = np.dtype(self._data.dtype)
        return dtype

    def read_slice(self, z: int) -> NDArray[np.float32]:
        """Return slice ``z`` as a new array (y, x) float32."""
        return np.array(self.read_stored(z), np.float32)

    def read_stored(self, z: int) -> NDArray[np.generic]:
        """Return slice ``z``, (y, x) in the data type of the pixels."""
        where = list(self._where)
        if self._n_axes == 3:
            where[next(i for i, part in enumerate(where) if isinstance(part, slice))] = z
        return np.asarray(self._data[tuple(where)])


def full_resolution(layer: Layer) -> Any:
    """Return the pixels of an image layer, at the finest scale if it has several.

    Raises
    ------
    InputError
        If it is no image layer, or a color image with transparency.
    """
    if not isinstance(layer, Image):
        raise InputError(
            f"{layer.name} is a {type(layer).__name__.lower()} layer; choose an image layer."
        )
    data = layer.data[0] if layer.multiscale else layer.data
    if layer.rgb and data.shape[-1] != _COLORS:
        raise InputError(
            f"{layer.name} is a color image with transparency, which cannot be denoised; split it "
            "(right-click on the layer, Split RGB), and denoise its colors."
        )
    return data


def source_of(data: Any, name: str, metadata: ImageMetadata, where: Where) -> ImageSource:
    """Return a part of an array as a stack; what lies in memory is not copied.

    Raises
    ------
    InputError
        If its data type cannot be denoised.
    """
    if isinstance(data, np.ndarray):
        return as_source(data[where], name=name, metadata=metadata)
    return LazyStack(data, name, metadata, where)


def snapshot(sources: Sequence[ImageSource]) -> list[ImageSource]:
    """Copy pixels that lie in memory: a layer may be painted on while a job works on it.

    Parameters
    ----------
    sources : sequence of ImageSource
        Of a layer. Where memory does not suffice for copies, they are returned as they are.
    """
    try:
        return [s.snapshot() if isinstance(s, ArraySource) else s for s in sources]
    except MemoryError:
        return list(sources)
