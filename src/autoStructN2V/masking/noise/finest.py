"""Tell noise from structure by the differences of closest neighbors, where no place is flat.

Optics blur structure over a few pixels, and a difference of high order does not see it any more,
while it sees white noise as well as one of low order does. So where second and eighth differences
hold the same power, that power is the noise, and the shape of its histogram can be read there.

References
----------
Olsen, S. I.: Estimation of noise in images: an evaluation. CVGIP 55, 319 (1993).
doi:10.1006/cgip.1993.1022
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from autoStructN2V.masking.noise.background import blur
from autoStructN2V.masking.noise.levels import variance_at_levels
from autoStructN2V.masking.noise.limits import NOISE_LIMITS, NoiseLimits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from autoStructN2V.masking.noise.background import NoiseField
    from autoStructN2V.masking.noise.levels import Levels

_LOW, _HIGH = 2, 8  # order of the differences that are compared
_OF_MOMENT = 4  # a higher order sees less structure, and less of the third moment
_N_PARTS = 20  # of the pixels, whose scatter gives the standard error


def is_white_at_finest(
    stacks: Sequence[NDArray[np.float32]],
    fields: Sequence[NoiseField],
    limits: NoiseLimits = NOISE_LIMITS,
) -> bool:
    """Whether the finest differences of images hold white noise and nothing else.

    Parameters
    ----------
    stacks : sequence of (Z, Y, X) float32
        Noisy images.
    fields : sequence of NoiseField
        Say which pixels can be used.
    limits : NoiseLimits
        What counts as white.
    """
    low, high = (
        float(np.square(_usable_differences(stacks, fields, order)).sum())
        for order in (_LOW, _HIGH)
    )
    steepest = limits.strength.steepest
    return 0.0 < high < steepest * low and low < steepest * high


def finest_asymmetry(
    stacks: Sequence[NDArray[np.float32]],
    fields: Sequence[NoiseField],
    levels: Levels,
    limits: NoiseLimits = NOISE_LIMITS,
) -> float | None:
    """Read the third moment of white noise over its variance from the finest differences.

    Parameters
    ----------
    stacks : sequence of (Z, Y, X) float32
        Noisy images.
    fields : sequence of NoiseField
        Say which pixels can be used.
    levels : tuple of (brightness, variance)
        Strength of the noise, at least one.
    limits : NoiseLimits
        What is more than chance.

    Returns
    -------
    float or None
        In units of the images. None if it is no more than chance, as in few pixels, or where few
        of them decide.
    """
    cubes = _usable_differences(stacks, fields, _OF_MOMENT) ** 3
    scale = limits.background.brightness_scale
    bright = [blur(s, scale)[_usable(f)] for s, f in zip(stacks, fields, strict=True)]
    variance = float(variance_at_levels(levels, np.concatenate(bright)).mean())
    parts = np.array([part.sum() for part in np.array_split(cubes - cubes.mean(), _N_PARTS)])
    error = float(np.sqrt(np.square(parts).sum())) / cubes.size
    third = float(cubes.mean())
    if variance <= 0.0 or abs(third) < limits.significance.clear_errors * error:
        return None
    return third / _share_of_third_moment() / variance


def _usable(field: NoiseField) -> NDArray[np.bool_]:
    """Tell which pixels (Z, Y, X) can be used with all neighbors that differences reach."""
    reach = np.ones((1, _HIGH + 1, _HIGH + 1), bool)
    usable: NDArray[np.bool_] = ndimage.binary_erosion(np.isfinite(field.structure), reach)
    return usable


def _usable_differences(
    stacks: Sequence[NDArray[np.float32]], fields: Sequence[NoiseField], order: int
) -> NDArray[np.float64]:
    """Return the differences (N,) at the pixels that can be used."""
    pairs = zip(stacks, fields, strict=True)
    return np.concatenate(
        [fine_differences(stack, order)[_usable(field)] for stack, field in pairs]
    )


def fine_differences(stack: NDArray[np.float32], order: int) -> NDArray[np.float64]:
    """Difference along both axes of a (Z, Y, X) stack; of white noise it has the variance.

    Within half the order of the edges, where the stack is mirrored, it has more.
    """
    taps = _taps(order)
    along_y = ndimage.convolve1d(stack.astype(np.float64), taps, axis=1, mode="mirror")
    found: NDArray[np.float64] = ndimage.convolve1d(along_y, taps, axis=2, mode="mirror")
    return found


def _taps(order: int) -> NDArray[np.float64]:
    """Weights (order + 1,) of a difference, of norm 1."""
    taps = np.poly(np.ones(order))
    return taps / np.linalg.norm(taps)


def _share_of_third_moment() -> float:
    """Third moment of differences of independent noise, relative to that of the noise."""
    return float((_taps(_OF_MOMENT) ** 3).sum()) ** 2
