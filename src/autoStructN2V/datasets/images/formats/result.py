"""What writes a result, plane by plane, whatever its format."""

from __future__ import annotations

import errno
import math
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.metadata import ImageMetadata
    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.datasets.images.unfinished import Unfinished
    from autoStructN2V.vocabulary import OutputDtype

_SPARE_BYTES = 2**20


@dataclass(frozen=True)
class Result:
    """What a result is like before any of its pixels is known.

    Attributes
    ----------
    axes : str
        Axes out of ``TZCYX``, ending in ``YX``.
    shape : tuple of int
        Their sizes.
    dtype : dtype
        Wanted data type of the pixels, in the byte order of this machine.
    metadata : ImageMetadata
        Scale and origin of the input.
    history : mapping
        How the result was made; kept in the file as text.
    """

    axes: str
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    metadata: ImageMetadata
    history: Mapping[str, object]

    @classmethod
    def of(
        cls, source: ImageSource, output_dtype: OutputDtype, history: Mapping[str, object]
    ) -> Result:
        """Return what the result of an image is like.

        Parameters
        ----------
        source : ImageSource
            Image that the result is made of.
        output_dtype : {"float32", "input"}
            Data type of the pixels.
        history : mapping
            How it is made.
        """
        axes, shape = source.original_axes_shape
        dtype = np.dtype(np.float32) if output_dtype == "float32" else source.dtype
        return cls(axes, shape, dtype.newbyteorder("="), source.metadata, dict(history))

    @property
    def n_bytes(self) -> int:
        """Size of the pixels in bytes."""
        return math.prod(self.shape) * self.dtype.itemsize


class PlaneWriter(Protocol):
    """Takes the planes of a result in any order."""

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Data type of the planes that :meth:`write` takes."""

    def write(self, plane: int, pixels: NDArray[np.generic]) -> int:
        """Write a plane (y, x), counted over all leading axes, and return its checksum.

        It is 0 where no plane is ever read again.
        """

    def finish(self) -> None:
        """Write what is known when all planes are there."""

    def close(self) -> None:
        """Let go of the file, complete or not."""


@runtime_checkable
class ReadablePlanes(PlaneWriter, Protocol):
    """A result that can be gone on with: what is there can be read."""

    def read(self, plane: int) -> NDArray[np.generic]:
        """Return a plane (y, x) as it is there."""


class GoOn(Protocol):
    """Opens a result that was not finished."""

    def __call__(
        self, path: Path, result: Result, journal: Unfinished, *, is_final: bool
    ) -> ReadablePlanes | None:
        """Return what goes on with it, or None if the journal is of another one."""


def require_space(folder: Path, n_bytes: int) -> None:
    """Make sure that a disk has room before hours are spent.

    Raises
    ------
    OSError
        If it has not.
    """
    if shutil.disk_usage(folder).free < n_bytes + _SPARE_BYTES:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
