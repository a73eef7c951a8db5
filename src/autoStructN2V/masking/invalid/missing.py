"""Find pixels that are missing: not a number, or exactly constant padding around an image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from autoStructN2V.masking.invalid.limits import INVALID_LIMITS, MissingLimits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Image = NDArray[np.float32]
    Mask = NDArray[np.bool_]

_EIGHT = np.ones((3, 3), bool)
_NEAR = 6  # px: from padding, where its value would occur too if it occurred by chance
_WHITE = (255.0, 65535.0)
"""What programs fill with who mean white: the largest values of 8 and 16 bits."""


def find_missing(image: Image, limits: MissingLimits = INVALID_LIMITS.missing) -> Mask | None:
    """Mark pixels that are not a number, and padding.

    Padding has exactly the lowest value of the image, is solid, reaches the border, and ends
    sharply: outside of it that value hardly occurs. A slice of one value is missing altogether.
    White padding has the largest value of 8 or 16 bits, and beside it nothing is nearly as bright,
    as it would be beside what is saturated.

    Parameters
    ----------
    image : (Y, X) float32
        Any unit.
    limits : MissingLimits
        What counts as padding.

    Returns
    -------
    (Y, X) bool or None
        None if no pixel is missing.
    """
    not_a_number = np.isnan(image)
    has_nan = bool(not_a_number.any())
    if has_nan and not_a_number.all():
        return not_a_number
    known = image[~not_a_number] if has_nan else image
    padding = _padding(image == known.min(), limits)
    if padding is None and known.max() in _WHITE:
        padding = _white_padding(image, float(known.max()), limits)
    if padding is None:
        return not_a_number if has_nan else None
    return padding | not_a_number


def _white_padding(image: Image, white: float, limits: MissingLimits) -> Mask | None:
    """Mark white padding of an image (Y, X); None if there is none."""
    padding = _padding(image == white, limits)
    if padding is None:
        return None
    near = image[ndimage.binary_dilation(padding, _EIGHT, _NEAR) & ~padding]
    if near.size == 0:
        return None
    is_bright = near > (float(np.nanmedian(near)) + white) / 2.0
    return padding if is_bright.mean() <= limits.most_outside else None


def _padding(is_value: Mask, limits: MissingLimits) -> Mask | None:
    """Mark the padding among the pixels (Y, X) of one value; None if there is none."""
    if is_value.mean() < limits.solid**2 / is_value.size:
        return None
    if is_value.all():
        return is_value
    square = np.ones((limits.solid, limits.solid), bool)
    # what lies outside of the image counts as padding, so that narrow margins do
    solid = ndimage.binary_erosion(is_value, square, border_value=1)
    solid = _at_border(ndimage.binary_dilation(solid, square))
    if solid.sum() < limits.solid**2:
        return None
    padding: Mask = ndimage.binary_dilation(solid, _EIGHT, limits.solid // 2, mask=is_value)
    outside = ~padding
    if ndimage.binary_erosion(outside, _EIGHT, border_value=1).sum() < outside.sum() / 2:
        return None  # single counts in the dark, but no image
    near = ndimage.binary_dilation(padding, _EIGHT, _NEAR) & outside
    if not near.any():
        return None
    # beside the padding lies what it was grown up to, whatever the value: leave that out
    near &= ~ndimage.binary_dilation(padding, _EIGHT)
    shares = [float(is_value[place].mean()) for place in (outside, near) if place.any()]
    if max(shares) > limits.most_outside:
        return None
    whole: Mask = ndimage.binary_propagation(padding, _EIGHT, mask=is_value)
    return whole


def _at_border(mask: Mask) -> Mask:
    """Keep those areas (Y, X) that reach the border of the image."""
    labels, _ = ndimage.label(mask, _EIGHT)
    edges = (labels[0], labels[-1], labels[:, 0], labels[:, -1])
    kept = np.unique(np.concatenate(edges))
    found: Mask = np.isin(labels, kept[kept > 0])
    return found
