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


def finest_asymmetry(
    stacks: Sequence[NDArray[np.float32]],
    fields: Sequence[NoiseField],
    levels: Levels,
    limits: NoiseLimits = NOISE_LIMITS,
) -> float | None:
    """Read the third moment of the noise over its variance from the finest differences.

    Parameters
    ----------
    stacks : sequence of (Z, Y, X) float32
        Noisy images.
    fields : sequence of NoiseField
        Say which pixels can be used.
    levels : tuple of (brightness, variance)
        Strength of the noise.
    limits : NoiseLimits
        What counts as white.

    Returns
    -------
    float or None
        In units of the images. None if the finest differences hold other things than white noise,
        or no level is known.
    """
    pairs = [
        (stack, np.isfinite(field.structure)) for stack, field in zip(stacks, fields, strict=True)
    ]

    def differences(order: int) -> NDArray[np.float64]:
        return np.concatenate([fine_differences(stack, order)[used] for stack, used in pairs])

    low, high = (float(np.square(differences(order)).sum()) for order in (_LOW, _HIGH))
    if not levels or not 0.0 < low < limits.strength.steepest * high:
        return None
    scale = limits.background.brightness_scale
    bright = np.concatenate([blur(stack, scale)[used] for stack, used in pairs])
    variance = float(variance_at_levels(levels, bright).mean())
    third = float((differences(_OF_MOMENT) ** 3).mean()) / _share_of_third_moment()
    return third / variance if variance > 0.0 else None


def fine_differences(stack: NDArray[np.float32], order: int) -> NDArray[np.float64]:
    """Difference along both axes of a (Z, Y, X) stack; of white noise it has the variance."""
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
