"""A spectrum as a picture, and where patterns lie in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from autoStructN2V.masking.patterns.pattern import Sinusoid

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from autoStructN2V.masking.patterns.fourier.places import Frequency
    from autoStructN2V.masking.patterns.pattern import Pattern

_BLACK, _WHITE = 1.0, 99.9  # percentiles of the logarithm


def gray_levels(power: NDArray[np.float64], largest: int) -> NDArray[np.uint8]:
    """Return the logarithm of a spectrum in gray levels.

    Parameters
    ----------
    power : (side, side) float64
        Frequency 0 in the middle.
    largest : int
        Side of the picture in pixels; of a larger spectrum, the strongest bins are shown, so that
        no peak gets lost.

    Returns
    -------
    (n, n) uint8
        ``n`` is ``largest`` at most.
    """
    step = -(-len(power) // largest)
    n = len(power) // step
    first = (len(power) - n * step) // 2
    cut = power[first : first + n * step, first : first + n * step]
    levels = np.log(cut.reshape(n, step, n, step).max(axis=(1, 3)) + 1e-30)
    low, high = np.percentile(levels, [_BLACK, _WHITE])
    shown = np.clip((levels - low) / max(float(high - low), 1e-12), 0.0, 1.0)
    return np.asarray(np.round(255.0 * shown), np.uint8)


def places_of(pattern: Pattern) -> tuple[Frequency, Frequency]:
    """Return the two places of a pattern that are opposite of each other.

    Parameters
    ----------
    pattern : Pattern
        A wave lies at two places; offsets and stripes fill the row or the column between them.

    Returns
    -------
    two (float, float)
        Along y and along x, in cycles per pixel, -0.5..0.5.
    """
    if isinstance(pattern, Sinusoid):
        fy, fx = pattern.frequency
    else:
        # columns are constant along y, so that they lie where its frequency is 0
        fy, fx = (0.0, 0.5) if pattern.lines == "columns" else (0.5, 0.0)
    return (fy, fx), (-fy, -fx)
