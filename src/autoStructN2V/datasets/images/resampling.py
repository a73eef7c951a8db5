"""Images on a coarser grid, and back: cosine transforms that are cut off or filled up with zeros.

What changes more slowly than the coarser grid can show survives exactly; all else is left out.
Cosines, unlike waves, do not join opposite edges of an image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import fft

from autoStructN2V.datasets.images.matching import scale_of
from autoStructN2V.datasets.images.sources import SourceView
from autoStructN2V.datasets.images.validity import invalid_pixels, missing_pixels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.matching import Scale
    from autoStructN2V.datasets.images.sources import ImageSource

_LITTLE = 0.25  # of a pixel of the coarser grid, which is more than ringing


def resampled(
    image: NDArray[np.floating] | NDArray[np.bool_], shape: tuple[int, int]
) -> NDArray[np.float32]:
    """Bring an image to another number of rows and columns, over the same field of view.

    Parameters
    ----------
    image : (y, x) array
        Finite values.
    shape : tuple of int
        Rows and columns of the result.

    Returns
    -------
    (y', x') float32
        Intensities as in ``image``: the mean is the same.
    """
    rows, columns = (min(sides) for sides in zip(image.shape, shape, strict=True))
    cosines = np.zeros(shape)
    cosines[:rows, :columns] = fft.dctn(image.astype(np.float64), norm="ortho")[:rows, :columns]
    scale = np.sqrt(np.prod(shape) / np.prod(image.shape))
    result: NDArray[np.float64] = fft.idctn(cosines, norm="ortho", overwrite_x=True) * scale
    return result.astype(np.float32)


def coarse_shape(shape: Sequence[int], share: float) -> tuple[int, int]:
    """Return how many rows and columns ``share`` of those of an image are; one at least."""
    rows, columns = (max(1, round(share * side)) for side in shape)
    return rows, columns


class CoarseSource(SourceView):
    """A stack whose slices are read on a coarser grid.

    Parameters
    ----------
    source : ImageSource
        Stack on its own grid.
    share : float
        Rows and columns of the coarser grid relative to those of the stack, 0..1.
    """

    def __init__(self, source: ImageSource, share: float) -> None:
        super().__init__(source)
        self._shape = coarse_shape(source.shape[1:], share)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Numbers of slices, and of rows and columns of the coarser grid."""
        return (self._source.shape[0], *self._shape)

    def read_slice(self, z: int) -> NDArray[np.float32]:
        """Read a slice (y, x) float32 on the coarser grid, in stored intensities."""
        return resampled(self._source.read_slice(z), self._shape)

    def invalid_pixels(self, z: int) -> NDArray[np.bool_] | None:
        """Return which pixels (y, x) of the coarser grid are no signal; None if all are."""
        return self._coarse(invalid_pixels(self._source, z))

    def missing_pixels(self, z: int) -> NDArray[np.bool_] | None:
        """Return which of them are missing; None if no pixel is."""
        return self._coarse(missing_pixels(self._source, z))

    def put_back(self, z: int, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return a result (y, x); what is missing is put back on the grid of the stack only."""
        return image

    def scale_of(self, z: int) -> Scale:
        """Return how the intensities of a slice follow from those in which noise is measured."""
        return scale_of(self._source, z)

    def _coarse(self, mask: NDArray[np.bool_] | None) -> NDArray[np.bool_] | None:
        """Mark the pixels of the coarser grid that hold more than a little of marked ones."""
        if mask is None:
            return None
        coarse: NDArray[np.bool_] = resampled(mask, self._shape) > _LITTLE
        return coarse if coarse.any() else None


def on_coarse_grid(sources: Sequence[ImageSource], share: float) -> list[ImageSource]:
    """Return stacks that are read on a coarser grid; those that were given if ``share`` is 1."""
    return list(sources) if share == 1.0 else [CoarseSource(source, share) for source in sources]
