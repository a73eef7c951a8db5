"""How far chance moves means over pixels that do not say how much they share."""

import numpy as np
from numpy.typing import NDArray

_N_PARTS = 20


def error_of_mean(values: NDArray[np.float64]) -> float:
    """Return the standard error of the mean of N values of mean zero, by the scatter of parts.

    Neighbors may share what they are, which values apart cannot tell; parts hardly do.
    """
    parts = np.array([part.sum() for part in np.array_split(values, _N_PARTS)])
    return float(np.sqrt(np.square(parts).sum())) / values.size
