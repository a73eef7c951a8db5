"""Artificial curtains, as a focused ion beam leaves them, to add to images."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_STREAKS_PER_COLUMN = 0.5
_REACH = 7.0  # standard deviations, beyond which a streak is darker than 1e-10 of its middle


def curtains(shape: tuple[int, int], std: float, generator: np.random.Generator) -> Array:
    """Draw streaks along the columns, as an ion beam leaves behind hard places of a sample.

    Each begins sharply, fades out, is 1 to 5 pixels wide and 80 to 400 long, and at most about a
    degree away from the columns; a few are much stronger than the rest.

    Parameters
    ----------
    shape : tuple of int
        Numbers of rows and columns.
    std : float
        Standard deviation of the result.
    generator : Generator
        Source of randomness.

    Returns
    -------
    ndarray
        float64 of `shape`.
    """
    y, x = np.arange(shape[0])[:, None], np.arange(shape[1])[None, :]
    total: Array = np.zeros(shape)
    for _ in range(round(_STREAKS_PER_COLUMN * shape[1])):
        width = np.exp(generator.normal(0.2, 0.5))
        length = generator.uniform(80.0, 400.0)
        start = generator.uniform(-length, shape[0])
        brightness = generator.normal() * np.exp(generator.normal(0.0, 0.7))
        tilt = np.radians(generator.normal(0.0, 0.3))
        center = generator.uniform(0.0, shape[1]) + np.tan(tilt) * (y - start)
        along = np.clip((y - start) / 10.0, 0.0, 1.0) * np.clip(
            (start + length - y) / (0.4 * length), 0.0, 1.0
        )
        reach = _REACH * width
        low, high = (int(place) for place in (center.min() - reach, center.max() + reach + 1.0))
        near = slice(max(0, low), max(0, high))
        streak = np.exp(-0.5 * np.square((x[:, near] - center) / width))
        total[:, near] += brightness * along * streak
    total *= std / total.std()
    return total
