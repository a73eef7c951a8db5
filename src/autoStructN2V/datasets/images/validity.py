"""Which pixels of a stack are no signal, whatever it is read through.

A stack that knows has :meth:`PartlyValid.invalid_pixels`; of all others every pixel is signal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from autoStructN2V.datasets.images.sources import SourceView

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.sources import ImageSource


@runtime_checkable
class PartlyValid(Protocol):
    """A stack some of whose pixels are no signal; these are filled where it is read."""

    def invalid_pixels(self, z: int) -> NDArray[np.bool_] | None:
        """Return which pixels (y, x) of a slice are no signal; None if all are."""

    def missing_pixels(self, z: int) -> NDArray[np.bool_] | None:
        """Return which of them hold nothing, as NaN and padding; None if there are none."""

    def put_back(self, z: int, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return a result (y, x) of a slice with what is missing in it as it was."""


@runtime_checkable
class Rescaled(Protocol):
    """A stack whose intensities are not read as they are stored."""

    def seen_as(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return stored intensities (y, x) as they would be read."""


def seen_as(source: ImageSource, image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return an image (y, x) of stored intensities on the scale that a source is read on."""
    return source.seen_as(image) if isinstance(source, Rescaled) else image


def invalid_pixels(source: ImageSource, z: int) -> NDArray[np.bool_] | None:
    """Return which pixels of a slice are no signal.

    Parameters
    ----------
    source : ImageSource
        Stack.
    z : int
        Slice.

    Returns
    -------
    (y, x) bool or None
        None if every pixel is signal.
    """
    return source.invalid_pixels(z) if isinstance(source, PartlyValid) else None


def missing_pixels(source: ImageSource, z: int) -> NDArray[np.bool_] | None:
    """Return which pixels (y, x) of a slice are missing, which :func:`invalid_pixels` are too."""
    return source.missing_pixels(z) if isinstance(source, PartlyValid) else None


def put_back(source: ImageSource, z: int, image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a result (y, x) of a slice of a source with missing pixels as they were in that."""
    return source.put_back(z, image) if isinstance(source, PartlyValid) else image


def as_read(source: ImageSource, z: int, image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a result (y, x) of a slice so that it can be compared with what a source reads.

    It is on the scale of that, and the same where that is no signal.
    """
    seen = seen_as(source, image)
    invalid = invalid_pixels(source, z)
    return seen if invalid is None else np.where(invalid, source.read_slice(z), seen)


class Comparable(SourceView):
    """A result on the scale of its source, whose invalid pixels are those of that.

    Parameters
    ----------
    result : ImageSource
        Denoised stack.
    source : ImageSource
        What it was made of.
    """

    def __init__(self, result: ImageSource, source: ImageSource) -> None:
        super().__init__(result)
        self._made_of = source

    def read_slice(self, z: int) -> NDArray[np.float32]:
        """Read a slice (y, x) float32 of the result, that of the source where it is no signal."""
        return as_read(self._made_of, z, self._source.read_slice(z))
