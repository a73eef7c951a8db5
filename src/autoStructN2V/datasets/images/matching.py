"""Images of another gain or offset, read on the scale of the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from autoStructN2V.datasets.images.sources import SourceView
from autoStructN2V.datasets.images.validity import invalid_pixels, missing_pixels, put_back, seen_as

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.sources import ImageSource

    Image = NDArray[np.float32]


class MatchedSource(SourceView):
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
        self._gain = np.float32(gain)
        self._offset = np.float32(offset)

    def read_slice(self, z: int) -> Image:
        """Read a slice (y, x) float32 on the other scale."""
        return self._scaled(self._source.read_slice(z))

    def invalid_pixels(self, z: int) -> NDArray[np.bool_] | None:
        """Return which pixels (y, x) of a slice are no signal; None if all are."""
        return invalid_pixels(self._source, z)

    def missing_pixels(self, z: int) -> NDArray[np.bool_] | None:
        """Return which of them are missing; None if no pixel is."""
        return missing_pixels(self._source, z)

    def put_back(self, z: int, image: Image) -> Image:
        """Return a result (y, x) of a slice on the scale of the stack, missing pixels as stored."""
        back = (image - self._offset) / self._gain
        return put_back(self._source, z, back)

    def seen_as(self, image: Image) -> Image:
        """Return a result (y, x) as it would be read: on the other scale."""
        return self._scaled(seen_as(self._source, image))

    def _scaled(self, image: Image) -> Image:
        scaled: Image = self._gain * image + self._offset
        return scaled
