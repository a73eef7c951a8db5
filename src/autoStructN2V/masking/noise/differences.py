"""Differences of closest neighbors, which see noise and are almost blind to structure.

Optics blur structure over a few pixels, and a difference does not see it any more, the less the
higher its order, while it sees white noise as well at every order.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

FloatArray = NDArray[np.float32]

_ORDER = 2  # of the differences that noise is usually told by: the shortest that sees no slope


def fine_differences(stack: FloatArray, order: int = _ORDER) -> FloatArray:
    """Difference along both axes of a (Z, Y, X) stack; of white noise it has the variance.

    Within half the order of the edges, where the stack is mirrored, it has more.
    """
    taps = difference_taps(order)
    along_y = ndimage.convolve1d(stack, taps, axis=1, mode="mirror")
    found: FloatArray = ndimage.convolve1d(along_y, taps, axis=2, mode="mirror")
    return found


def fine_energy(stack: FloatArray) -> FloatArray:
    """Square of the second difference along both axes of a (Z, Y, X) stack.

    Its mean over white noise is the variance of the noise.
    """
    fine = fine_differences(stack)
    return fine * fine


def fine_energy_of(autocorrelation: NDArray[np.float64]) -> float:
    """Mean fine energy of noise of variance 1 with autocorrelation (H, W); of white noise 1."""
    along = np.correlate(difference_taps(_ORDER), difference_taps(_ORDER), mode="full")
    middle = autocorrelation.shape[0] // 2
    inner = slice(middle - _ORDER, middle + _ORDER + 1)
    return float(along @ autocorrelation[inner, inner] @ along)


def share_of_third_moment(order: int) -> float:
    """Third moment of differences of independent noise, relative to that of the noise."""
    return float((difference_taps(order) ** 3).sum()) ** 2


def difference_taps(order: int) -> NDArray[np.float64]:
    """Weights (order + 1,) of a difference, of norm 1."""
    taps = np.poly(np.ones(order))
    return taps / np.linalg.norm(taps)
