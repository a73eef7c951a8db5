"""Detect and remove what no kernel can hide: sinusoids, endless lines and long stripes.

All of them can be predicted from outside any kernel, so a blind-spot network keeps them.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from autoStructN2V.masking.patterns.demodulation import covers, remove_sinusoids
from autoStructN2V.masking.patterns.lines import (
    lines_of_slices,
    remove_lines,
    remove_stripes,
    shared_lines,
    shared_profiles,
    stripes_of_slices,
)
from autoStructN2V.masking.patterns.pattern import PeriodicPattern
from autoStructN2V.masking.patterns.sinusoids import detect_sinusoids
from autoStructN2V.sampling import evenly
from autoStructN2V.vocabulary import StripeRemoval

_MOST_SLICES = 16  # in which offsets of single slices are looked for


def detect_periodic_patterns(
    images: Sequence[NDArray[np.floating]], remove_stripes: StripeRemoval = "auto"
) -> list[PeriodicPattern]:
    """Find what repeats strictly, or runs on endlessly, in images.

    Parameters
    ----------
    images : sequence of (Z, Y, X) array
        Finite values; shapes may differ.
    remove_stripes : {'auto', 'rows', 'columns', 'off'}, default 'auto'
        Where there are stripes; 'auto' looks for them.

    Returns
    -------
    list of PeriodicPattern
        Offsets of lines, stripes, then sinusoids, the strongest first; empty if there are none, or
        the images are too small to tell (below 64 pixels, for sinusoids 32, for stripes 220).
    """
    sinusoids = detect_sinusoids(images)
    stacks = [remove_sinusoids(stack, sinusoids) for stack in images] if sinusoids else images
    shared = shared_lines([_halves(stack) for stack in stacks if len(stack) > 1])
    if shared:
        stacks = [remove_patterns(stack, shared) for stack in stacks]
    slices = [plane for stack in stacks for plane in stack]
    chosen = [slices[i] for i in evenly(len(slices), _MOST_SLICES)]
    lines = lines_of_slices(chosen)
    if lines:
        chosen = [remove_lines(plane, lines, {}) for plane in chosen]
    local = [wave for wave in sinusoids if not covers(images, wave)]
    stripes = stripes_of_slices(chosen, local, remove_stripes)
    return [*shared, *lines, *stripes, *sinusoids]


def remove_patterns(
    stack: NDArray[np.floating], patterns: Sequence[PeriodicPattern]
) -> NDArray[np.float32]:
    """Subtract sinusoids, offsets of lines and stripes.

    Parameters
    ----------
    stack : (Z, Y, X) array
        Finite values, any units.
    patterns : sequence of PeriodicPattern
        From :func:`detect_periodic_patterns`.

    Returns
    -------
    (Z, Y, X) float32
        A new stack in the same units.
    """
    cleaned = remove_sinusoids(stack, patterns)
    profiles = shared_profiles(cleaned.mean(axis=0, dtype=np.float64), patterns)
    planes = [remove_lines(plane, patterns, profiles) for plane in cleaned]
    return np.stack([remove_stripes(plane, patterns) for plane in planes])


def _halves(stack: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Average every other slice, and the rest."""
    first, second = (stack[start::2].mean(axis=0, dtype=np.float64) for start in (0, 1))
    return first, second
