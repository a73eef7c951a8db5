"""Maps of doubt of the images of a run, made slice by slice when they are looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from autoStructN2V.datasets.images.offset import with_offset_off
from autoStructN2V.datasets.images.validity import as_read
from autoStructN2V.inference.doubt import doubt_of
from autoStructN2V.masking.invalid.finding import only_signal

if TYPE_CHECKING:
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
    repairs_outliers : bool
        Whether outliers were left out.
    """

    noise: Autocorrelation
    removal: PatternRemoval
    offset: float = 0.0
    repairs_outliers: bool = True

    def prepared(self, noisy: ImageSource) -> ImageSource:
        """Return a noisy stack as the run worked on it, to be given to :meth:`of_slice`."""
        (known,) = only_signal(
            [with_offset_off(noisy, self.offset)], repair_outliers=self.repairs_outliers
        )
        # a removal of its own, which is gone with the stack that it remembers
        return self.removal.forgetful().applied_to(known)

    def of_slice(
        self, prepared: ImageSource, z: int, denoised: NDArray[np.floating]
    ) -> NDArray[np.float32]:
        """Return the map of slice ``z``, (y, x), given what became of it in input intensities."""
        result = as_read(prepared, z, (denoised - self.offset).astype(np.float32))
        return doubt_of(prepared.read_slice(z), result, self.noise).map
