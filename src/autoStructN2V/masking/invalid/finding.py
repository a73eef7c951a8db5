"""Stacks that know which of their pixels are no signal, and what is said of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from autoStructN2V.masking.invalid.source import PlaceMemory, SignalSource
from autoStructN2V.quantities import percent_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from autoStructN2V.datasets.images.sources import ImageSource

OUTLIERS_SWITCH = "Repair outliers"


def only_signal(
    sources: Sequence[ImageSource],
    should_stop: Callable[[], bool] = lambda: False,
    *,
    repair_outliers: bool = True,
) -> list[SignalSource]:
    """Return stacks that know which of their pixels are no signal, and are read without these.

    Parameters
    ----------
    sources : sequence of ImageSource
        Stacks as they are; none is read before the result is.
    should_stop : callable
        Asked where one slice needs others to be read; True leaves out what these tell.
    repair_outliers : bool
        Whether outliers count as no signal; missing pixels always do.
    """
    memory = PlaceMemory()
    return [
        SignalSource(source, memory, should_stop, repairs=repair_outliers) for source in sources
    ]


def invalid_sentences(sources: Sequence[SignalSource]) -> list[str]:
    """Say how many pixels are no signal, of the slices that were read so far.

    Parameters
    ----------
    sources : sequence of SignalSource
        Stacks.

    Returns
    -------
    list of str
        A sentence for outliers, one for missing pixels; empty if there are none.
    """
    n_outliers, n_missing, n_pixels = (
        sum(numbers) for numbers in zip(*(source.counts for source in sources), strict=True)
    )
    found = []
    if n_outliers:
        fixed = sum(source.n_fixed for source in sources)
        places = "place" if fixed == 1 else "places"
        same = f", those of {fixed} {places} in all slices" if fixed else ""
        share = percent_text(n_outliers / n_pixels, _decimals(n_outliers / n_pixels))
        found.append(
            f"{n_outliers} {'pixel is an outlier' if n_outliers == 1 else 'pixels are outliers'} "
            f"({share}{same}): hot, dead or stuck pixels, or cosmic rays, farther from all around "
            "than noise and optics allow. They are ignored, and filled from their surroundings; "
            f"train with {OUTLIERS_SWITCH} off to keep them."
        )
    if n_missing:
        share = percent_text(n_missing / n_pixels, _decimals(n_missing / n_pixels))
        found.append(
            f"{share} of the pixels are missing (not a number, or exactly constant outside of the "
            "image). They are ignored, and the result has there what the input has."
        )
    return found


def _decimals(share: float) -> int:
    """Return how many decimals show a share of 0..1 in percent: two digits, at most four places."""
    return min(4, max(0, 1 - math.floor(math.log10(100.0 * share))))
