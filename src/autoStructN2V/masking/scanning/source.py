"""A stack whose odd rows are read where they belong."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np

from autoStructN2V.datasets.images.sources import SourceView
from autoStructN2V.datasets.images.validity import invalid_pixels, missing_pixels, put_back
from autoStructN2V.masking.scanning.limits import SCAN_LIMITS, ScanLimits
from autoStructN2V.masking.scanning.shift import find_row_shift, shifted_odd_rows
from autoStructN2V.sampling import evenly

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.sources import ImageSource

    Image = NDArray[np.float32]
    Mask = NDArray[np.bool_]

ScalarT = TypeVar("ScalarT", bound=np.generic)

ROWS_SWITCH = "Align scanned rows"


class AlignedSource(SourceView):
    """A stack whose odd rows are moved back by the shift that was found.

    Parameters
    ----------
    source : ImageSource
        The stack as it is.
    shift : float
        How far its odd rows lie to the right, in pixels.
    """

    def __init__(self, source: ImageSource, shift: float) -> None:
        super().__init__(source)
        self.shift = shift

    def read_slice(self, z: int) -> Image:
        """Read a slice (y, x) float32 with its odd rows where they belong."""
        return shifted_odd_rows(self._source.read_slice(z), -self.shift)

    def invalid_pixels(self, z: int) -> Mask | None:
        """Return which pixels (y, x) of a slice are no signal; None if all are."""
        return self._moved(invalid_pixels(self._source, z))

    def missing_pixels(self, z: int) -> Mask | None:
        """Return which of them are missing; None if no pixel is."""
        return self._moved(missing_pixels(self._source, z))

    def put_back(self, z: int, image: Image) -> Image:
        """Return a result (y, x) of a slice with what is missing as stored, but moved as well."""
        missing = self.missing_pixels(z)
        if missing is None:
            return image
        return np.where(missing, self._rolled(put_back(self._source, z, image)), image)

    def _moved(self, mask: Mask | None) -> Mask | None:
        return None if mask is None else self._rolled(mask)

    def _rolled(self, image: NDArray[ScalarT]) -> NDArray[ScalarT]:
        """Return an array (y, x) whose odd rows are moved by whole pixels; ends are repeated."""
        columns = np.arange(image.shape[1]) + round(self.shift)
        result = image.copy()
        result[1::2] = image[1::2][:, np.clip(columns, 0, image.shape[1] - 1)]
        return result


def aligned(
    sources: Sequence[ImageSource],
    *,
    is_wanted: bool = True,
    should_stop: Callable[[], bool] = lambda: False,
    limits: ScanLimits = SCAN_LIMITS,
) -> list[ImageSource]:
    """Return stacks whose odd rows are read where they belong; the same where they do already.

    Parameters
    ----------
    sources : sequence of ImageSource
        Stacks; a few slices of each are read.
    is_wanted : bool
        False returns the stacks as they are.
    should_stop : callable
        Asked before every slice that is read; True ends the search.
    limits : ScanLimits
        What counts as a shift.
    """
    if not is_wanted:
        return list(sources)
    found: list[ImageSource] = []
    for source in sources:
        slices = []
        for z in evenly(source.shape[0], limits.most_slices):
            if should_stop():
                return list(sources)
            slices.append(source.read_slice(z))
        shift = find_row_shift(slices, limits)
        found.append(AlignedSource(source, shift) if shift else source)
    return found


def shift_sentences(sources: Sequence[ImageSource]) -> list[str]:
    """Say by how much odd rows were shifted, in one sentence; in none if none were."""
    shifts = [source.shift for source in sources if isinstance(source, AlignedSource)]
    if not shifts:
        return []
    low, high = f"{min(shifts):+.2f}", f"{max(shifts):+.2f}"
    number = low if low == high else f"{low} to {high}"
    sentence = (
        f"Every other row lies {number} pixels to the right of its neighbors, as of a scanner that "
        "records on the way there and back: these rows are moved back, in the result too; train "
        f"with {ROWS_SWITCH} off to leave them."
    )
    return [sentence]
