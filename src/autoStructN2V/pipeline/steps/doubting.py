"""Maps of doubt of the images of a run, made slice by slice when they are looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from autoStructN2V.datasets.images.offset import with_offset_off
from autoStructN2V.inference.doubt import doubt_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.masking.noise.autocorrelation import Autocorrelation
    from autoStructN2V.masking.patterns.removal import PatternRemoval


@dataclass(frozen=True)
class DoubtMaps:
    """What maps of doubt of the images of a run are made with.

    Attributes
    ----------
    noise : Autocorrelation
        Of the images, on their own grid.
    removal : PatternRemoval
        What was taken out of them first.
    offset : float
        Taken off their intensities.
    """

    noise: Autocorrelation
    removal: PatternRemoval
    offset: float = 0.0

    def prepared(self, noisy: ImageSource) -> ImageSource:
        """Return a noisy stack as the run worked on it, to be given to :meth:`of_slice`."""
        return self.removal.applied_to(with_offset_off(noisy, self.offset))

    def of_slice(
        self, prepared: ImageSource, z: int, denoised: NDArray[np.floating]
    ) -> NDArray[np.float32]:
        """Return the map of slice ``z``, (y, x), given what became of it in input intensities."""
        return doubt_of(prepared.read_slice(z), denoised - self.offset, self.noise).map
