"""What a stage removed, and what it left, as spectra."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from autoStructN2V.datasets.images.validity import Comparable
from autoStructN2V.masking.patterns.fourier.slices import some_slices
from autoStructN2V.masking.patterns.spectrum import Spectrum, spectrum_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autoStructN2V.datasets.images.sources import ImageSource


@dataclass(frozen=True, eq=False)
class StageSpectra:
    """Spectra of what came of a stage.

    Attributes
    ----------
    removed : Spectrum
        Of noisy images without the patterns that are removed first, minus the result.
    denoised : Spectrum
        Of the result.
    """

    removed: Spectrum
    denoised: Spectrum


def stage_spectra(
    noisy: Sequence[ImageSource], denoised: Sequence[ImageSource]
) -> StageSpectra | None:
    """Measure the spectra of a stage in a few slices.

    Parameters
    ----------
    noisy : sequence of ImageSource
        Stacks without the patterns that are removed first.
    denoised : sequence of ImageSource
        The results, pairwise.

    Returns
    -------
    StageSpectra or None
        None of images smaller than 32 pixels.
    """
    results = [Comparable(b, a) for a, b in zip(noisy, denoised, strict=True)]
    before, after = some_slices(noisy), some_slices(results)
    removed = spectrum_of([a - b for a, b in zip(before, after, strict=True)])
    left = spectrum_of(after)
    return None if removed is None or left is None else StageSpectra(removed, left)
