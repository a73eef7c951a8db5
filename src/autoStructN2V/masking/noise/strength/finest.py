"""Tell noise from structure by the differences of closest neighbors, where no place is flat.

A difference of high order sees less structure than one of low order, and white noise as well
(:mod:`..differences`). So where second and eighth differences hold about the same power, that power
is the noise, and the shape of its histogram can be read there.

References
----------
Olsen, S. I.: Estimation of noise in images: an evaluation. CVGIP 55, 319 (1993).
doi:10.1006/cgip.1993.1022
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from autoStructN2V.masking.noise.background import blur
from autoStructN2V.masking.noise.differences import fine_differences, share_of_third_moment
from autoStructN2V.masking.noise.limits import NOISE_LIMITS, NoiseLimits
from autoStructN2V.masking.noise.strength.chance import error_of_mean
from autoStructN2V.masking.noise.strength.levels import variance_at_levels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from autoStructN2V.masking.noise.background import NoiseField
    from autoStructN2V.masking.noise.strength.levels import Levels

_LOW, _HIGH = 2, 8  # order of the differences that are compared
_OF_MOMENT = 4  # a higher order sees less structure, and less of the third moment
_TINY = 1e-30


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
    usable = _usable_pixels(fields)
    low, high = (
        float(np.square(_differences(stacks, usable, order)).sum()) for order in (_LOW, _HIGH)
    )
    steepest = limits.strength.steepest
    return 0.0 < high < steepest * low and low < steepest * high


@dataclass(frozen=True)
class FinestAsymmetry:
    """Third moment of white noise over its variance, as the finest differences show it.

    Attributes
    ----------
    value : float
        In units of the images.
    standard_error : float
        Large in few pixels, and where few of them decide.
    """

    value: float
    standard_error: float

    def beside(self, background: float, limits: NoiseLimits = NOISE_LIMITS) -> float:
        """Return what to take where it was measured over background, too.

        That is more exact where there is background, and structure's own where there is none. It
        is kept unless more than chance lies between the two, or the one found here is clear.
        """
        reach = limits.significance.clear_errors * self.standard_error
        is_clear = abs(self.value) >= reach
        is_excluded = abs(self.value - background) > reach
        return self.value if is_clear or is_excluded else background


def finest_asymmetry(
    stacks: Sequence[NDArray[np.float32]],
    fields: Sequence[NoiseField],
    levels: Levels,
    limits: NoiseLimits = NOISE_LIMITS,
) -> FinestAsymmetry:
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
        How brightness is averaged.
    """
    usable = _usable_pixels(fields)
    cubes = _differences(stacks, usable, _OF_MOMENT) ** 3
    scale = limits.background.brightness_scale
    bright = [blur(stack, scale)[used] for stack, used in zip(stacks, usable, strict=True)]
    variance = max(float(variance_at_levels(levels, np.concatenate(bright)).mean()), _TINY)
    third = float(cubes.mean())
    unit = share_of_third_moment(_OF_MOMENT) * variance
    return FinestAsymmetry(third / unit, error_of_mean(cubes - third) / unit)


def _usable_pixels(fields: Sequence[NoiseField]) -> list[NDArray[np.bool_]]:
    """Tell which pixels (Z, Y, X) can be used with all neighbors that differences reach."""
    reach = np.ones((1, _HIGH + 1, _HIGH + 1), bool)
    return [ndimage.binary_erosion(np.isfinite(field.structure), reach) for field in fields]


def _differences(
    stacks: Sequence[NDArray[np.float32]], usable: Sequence[NDArray[np.bool_]], order: int
) -> NDArray[np.float64]:
    """Return the differences (N,) at the pixels that can be used."""
    pairs = zip(stacks, usable, strict=True)
    found = [fine_differences(stack, order)[used] for stack, used in pairs]
    return np.concatenate(found).astype(np.float64)
