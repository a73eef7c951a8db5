"""The spectrum of a few slices of stacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoStructN2V.masking.patterns.spectrum import Spectrum, spectrum_of
from autoStructN2V.sampling import MOST_SLICES, evenly

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.sources import ImageSource


def some_slices(sources: Sequence[ImageSource]) -> list[NDArray[np.float32]]:
    """Read a few slices (1, Y, X) from all over stacks; of equal stacks the same ones."""
    places = [(source, z) for source in sources for z in range(source.shape[0])]
    chosen = [places[i] for i in evenly(len(places), MOST_SLICES)]
    return [source.read_slice(z)[None] for source, z in chosen]


def spectrum_of_slices(sources: Sequence[ImageSource]) -> Spectrum | None:
    """Average the power spectra of a few slices; None of images smaller than 32 pixels.

    Parameters
    ----------
    sources : sequence of ImageSource
        Stacks; shapes may differ.
    """
    return spectrum_of(some_slices(sources))
