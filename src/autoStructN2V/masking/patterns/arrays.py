"""Patterns of images that are in memory: found, and removed."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from autoStructN2V.datasets.images.sources import ArraySource, read_stack
from autoStructN2V.masking.patterns.finding import find_patterns
from autoStructN2V.masking.patterns.pattern import Pattern, Sinusoid, order_of
from autoStructN2V.masking.patterns.removal import PatternRemoval
from autoStructN2V.vocabulary import StripeRemoval


def detect_periodic_patterns(
    images: Sequence[NDArray[np.floating]], remove_stripes: StripeRemoval = "auto"
) -> list[Pattern]:
    """Find what repeats strictly, or runs on endlessly, in images.

    Parameters
    ----------
    images : sequence of (Z, Y, X) array
        Finite values; shapes may differ.
    remove_stripes : {'auto', 'rows', 'columns', 'off'}, default 'auto'
        Where there are stripes; 'auto' looks for them.

    Returns
    -------
    list of Pattern
        Offsets of lines, stripes, then sinusoids, the strongest first; empty if there are none, or
        the images are too small to tell (below 64 pixels, for sinusoids 32, for stripes 220).
    """
    sources = [ArraySource(stack) for stack in images]
    found = find_patterns(sources, remove_stripes=remove_stripes).patterns
    return sorted(found, key=lambda pattern: isinstance(pattern, Sinusoid))


def remove_patterns(
    stack: NDArray[np.floating], patterns: Sequence[Pattern]
) -> NDArray[np.float32]:
    """Subtract sinusoids, offsets of lines and stripes.

    Parameters
    ----------
    stack : (Z, Y, X) array
        Finite values, any units.
    patterns : sequence of Pattern
        From :func:`detect_periodic_patterns`.

    Returns
    -------
    (Z, Y, X) float32
        A new stack in the same units.
    """
    removal = PatternRemoval(tuple(sorted(patterns, key=order_of)))
    return read_stack(removal.applied_to(ArraySource(stack)))


def remove_sinusoids(
    stack: NDArray[np.floating], patterns: Sequence[Pattern]
) -> NDArray[np.float32]:
    """Subtract sinusoidal patterns, each with an amplitude and phase that may drift slowly.

    Parameters
    ----------
    stack : (Z, Y, X) array
        Finite values, any units.
    patterns : sequence of Pattern
        Offsets of lines and stripes are left alone.

    Returns
    -------
    (Z, Y, X) float32
        A new stack in the same units.
    """
    return remove_patterns(stack, [p for p in patterns if isinstance(p, Sinusoid)])
