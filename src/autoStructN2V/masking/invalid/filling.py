"""Fill pixels from those around them: smoothly, and from as near as there are any."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Image = NDArray[np.float32]
    Mask = NDArray[np.bool_]

_SIGMA = 1.0  # px: of the weights of the pixels around one
_REACH = 2  # px
_FEW = 0.02  # of the pixels, which are filled one by one


def filled(image: Image, invalid: Mask) -> Image:
    """Return an image whose invalid pixels are weighted means of the valid ones around them.

    Parameters
    ----------
    image : (Y, X) float32
        Any unit; what is invalid may be not finite.
    invalid : (Y, X) bool
        Pixels to fill; if all are, they become 0.

    Returns
    -------
    (Y, X) float32
        A new array.

    References
    ----------
    Gortler et al.: The Lumigraph (push and pull). SIGGRAPH (1996). doi:10.1145/237170.237200
    """
    known = np.where(invalid, np.float32(0.0), image)
    weight = (~invalid).astype(np.float32)
    if invalid.mean() <= _FEW:
        result, is_left = _filled_near(known, weight, invalid)
    else:
        result, is_left = known, invalid
    return _pushed(result, ~is_left) if is_left.any() else result


def _filled_near(known: Image, weight: Image, invalid: Mask) -> tuple[Image, Mask]:
    """Fill the pixels that have valid ones within two pixels; also return which are left."""
    rows, columns = np.nonzero(invalid)
    total, of_weight = np.zeros(len(rows)), np.zeros(len(rows))
    padded = [np.pad(values, _REACH) for values in (known, weight)]
    for y in range(-_REACH, _REACH + 1):
        for x in range(-_REACH, _REACH + 1):
            share = np.exp(-(y**2 + x**2) / (2.0 * _SIGMA**2))
            at = (rows + _REACH + y, columns + _REACH + x)
            total += share * padded[0][at]
            of_weight += share * padded[1][at]
    result = known.copy()
    is_near = of_weight > 0.0
    result[rows[is_near], columns[is_near]] = total[is_near] / of_weight[is_near]
    is_left = np.zeros_like(invalid)
    is_left[rows[~is_near], columns[~is_near]] = True
    return result, is_left


def _pushed(image: Image, valid: Mask) -> Image:
    """Fill what is not valid from means over ever larger squares."""
    if valid.all() or min(image.shape) < 2 or not valid.any():
        mean = np.float32(image[valid].mean() if valid.any() else 0.0)
        return np.where(valid, image, mean)
    sums = _halved(np.where(valid, image, np.float32(0.0)))
    counts = _halved(valid.astype(np.float32))
    means = (sums / np.maximum(counts, np.float32(1.0))).astype(np.float32)
    coarse = _pushed(means, counts > 0)
    fine = coarse.repeat(2, 0).repeat(2, 1)[: image.shape[0], : image.shape[1]]
    smooth = ndimage.gaussian_filter(np.where(valid, image, fine), _SIGMA, truncate=2.0)
    return np.where(valid, image, smooth)


def _halved(values: Image) -> Image:
    """Sum over squares of 2 x 2 pixels; beyond the border lies nothing."""
    height, width = values.shape
    padded = np.pad(values, ((0, height % 2), (0, width % 2)))
    rows, columns = (side // 2 for side in padded.shape)
    summed: Image = padded.reshape(rows, 2, columns, 2).sum(axis=(1, 3))
    return summed
