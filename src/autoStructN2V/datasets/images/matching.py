"""Images or slices of another gain or offset, read on the scale of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from autoStructN2V.datasets.images.sources import SourceView
from autoStructN2V.datasets.images.validity import invalid_pixels, missing_pixels, put_back, seen_as

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.sources import ImageSource

    Image = NDArray[np.float32]


class Scale(NamedTuple):
    """How intensities that are read follow from those before: ``gain * before + shift``.

    Numbers, or arrays or tensors that fit to those of the intensities.
    """

    gain: Any
    shift: Any

    def of(self, before: Any) -> Any:
        """Return intensities on this scale."""
        return self.gain * before + self.shift

    def before(self, read: Any) -> Any:
        """Return what intensities on this scale were before."""
        return (read - self.shift) / self.gain

    def normalized(self, mean: float, std: float) -> Scale:
        """Return the same between intensities less a mean, divided by a standard deviation."""
        return Scale(self.gain, (self.shift + (self.gain - 1.0) * mean) / std)


class _ScaledSource(SourceView):
    """A stack whose slices are read on other scales."""

    def _scale_of(self, z: int) -> Scale:
        raise NotImplementedError

    def read_slice(self, z: int) -> Image:
        """Read a slice (y, x) float32 on the other scale."""
        image: Image = self._scale_of(z).of(self._source.read_slice(z))
        return image

    def invalid_pixels(self, z: int) -> NDArray[np.bool_] | None:
        """Return which pixels (y, x) of a slice are no signal; None if all are."""
        return invalid_pixels(self._source, z)

    def missing_pixels(self, z: int) -> NDArray[np.bool_] | None:
        """Return which of them are missing; None if no pixel is."""
        return missing_pixels(self._source, z)

    def put_back(self, z: int, image: Image) -> Image:
        """Return a result (y, x) of a slice on the scale of the stack, missing pixels as stored."""
        return put_back(self._source, z, self._scale_of(z).before(image))


class MatchedSource(_ScaledSource):
    """A stack whose intensities are read on another scale: ``gain * intensity + offset``.

    Parameters
    ----------
    source : ImageSource
        The stack as it is.
    gain : float
        Positive.
    offset : float
        On the scale that is read.
    """

    def __init__(self, source: ImageSource, gain: float, offset: float) -> None:
        super().__init__(source)
        self._scale = Scale(np.float32(gain), np.float32(offset))

    def seen_as(self, image: Image) -> Image:
        """Return a result (y, x) as it would be read: on the other scale."""
        seen: Image = self._scale.of(seen_as(self._source, image))
        return seen

    def _scale_of(self, z: int) -> Scale:
        return self._scale


class EvenedSource(_ScaledSource):
    """A stack each of whose slices is read on a scale of its own, for the eyes of a network.

    All that is measured of its noise is measured in :attr:`stored`, so that it is right for every
    slice.

    Parameters
    ----------
    source : ImageSource
        The stack as it is.
    gains, shifts : (z,) float
        Of each slice: what is read is ``gain * intensity + shift``; gains are positive.

    Attributes
    ----------
    stored : ImageSource
        The stack as it is.
    change : float
        Brightness of the last slice relative to the first one.
    """

    def __init__(
        self, source: ImageSource, gains: NDArray[np.floating], shifts: NDArray[np.floating]
    ) -> None:
        super().__init__(source)
        self.stored = source
        self.change = float(gains[0] / gains[-1])
        self._scales = np.stack([gains, shifts], axis=1).astype(np.float32)

    def scale_of(self, z: int) -> Scale:
        """Return how the intensities of a slice follow from those of the stack."""
        return self._scale_of(z)

    def _scale_of(self, z: int) -> Scale:
        return Scale(*self._scales[z])


@runtime_checkable
class Evened(Protocol):
    """A stack that may read its slices on scales of their own."""

    def scale_of(self, z: int) -> Scale:
        """Return how the intensities of a slice follow from those in which noise is measured."""


def scale_of(source: ImageSource, z: int) -> Scale:
    """Return how the intensities of a slice follow from those in which noise is measured."""
    return source.scale_of(z) if isinstance(source, Evened) else Scale(1.0, 0.0)


def as_measured(source: ImageSource) -> ImageSource:
    """Return a stack whose slices are all on one scale, as its noise is measured."""
    return source.stored if isinstance(source, EvenedSource) else source
