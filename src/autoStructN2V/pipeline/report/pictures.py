"""Images as parts of a page: gray levels, compressed, as text."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, features

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LOW, _HIGH = 0.2, 99.8  # percentiles of the denoised image that are shown black and white
_MARGIN = 0.1  # of that range, on either side, so that noise is not all black and white
_DEVIATIONS = 3.0  # standard deviations of what was removed that are shown black and white
_LARGEST_HALF = 512  # px: of a picture that is half noisy, half denoised
_QUALITY = 90  # of the compression: noise looks like noise
_LOSSLESS = 160 * 160  # px: smaller images are kept as they are
_COARSE = 320  # px: smaller images are enlarged with their pixels to be seen
_LARGEST_SPECTRUM = 256  # px: side of a picture of a spectrum


@dataclass(frozen=True)
class Picture:
    """An image that a page can hold.

    Attributes
    ----------
    address : str
        The image itself, as a ``data:`` address.
    width, height : int
        In pixels.
    """

    address: str
    width: int
    height: int

    @property
    def is_coarse(self) -> bool:
        """Whether it is so small that its pixels are to be seen as squares."""
        return max(self.width, self.height) < _COARSE


def intensity_range(denoised: NDArray[np.floating]) -> tuple[float, float]:
    """Return the intensities that are shown black and white, before and after alike.

    Parameters
    ----------
    denoised : (y, x) array
        Input intensities.
    """
    low, high = np.percentile(denoised, [_LOW, _HIGH])
    margin = _MARGIN * (high - low)
    return float(low - margin), float(high + margin)


def difference_range(difference: NDArray[np.floating]) -> tuple[float, float]:
    """Return the values of a difference that are shown black and white, evenly around its mean."""
    mean, reach = float(difference.mean()), _DEVIATIONS * float(difference.std())
    return mean - reach, mean + reach


def gray_picture(image: NDArray[np.floating], limits: tuple[float, float]) -> Picture:
    """Return an image in gray levels.

    Parameters
    ----------
    image : (y, x) array
        Any intensities.
    limits : (float, float)
        Those that are shown black and white.
    """
    pixels = Image.fromarray(gray_levels(image, limits))
    file = io.BytesIO()
    if image.size <= _LOSSLESS or not features.check("webp"):
        kind = "png"
        pixels.save(file, "PNG", optimize=True)
    else:
        kind = "webp"
        pixels.save(file, "WEBP", quality=_QUALITY, method=2)
    text = base64.b64encode(file.getvalue()).decode()
    return Picture(f"data:image/{kind};base64,{text}", pixels.width, pixels.height)


def gray_levels(image: NDArray[np.floating], limits: tuple[float, float]) -> NDArray[np.uint8]:
    """Return an image (y, x) as gray levels, those of the limits black and white; NaN is black."""
    low, high = limits
    gray = np.clip((image - low) / max(high - low, 1e-12), 0.0, 1.0)
    levels: NDArray[np.uint8] = np.round(255.0 * np.nan_to_num(gray)).astype(np.uint8)
    return levels


def spectrum_range(power: NDArray[np.float64]) -> tuple[float, float]:
    """Return the logarithms of power that are shown black and white."""
    low, high = np.percentile(np.log(power + 1e-30), [1.0, 99.9])
    return float(low), float(high)


def spectrum_picture(power: NDArray[np.float64], limits: tuple[float, float]) -> Picture:
    """Return the logarithm of a power spectrum (Y, X) in gray levels, made smaller."""
    step = -(-max(power.shape) // _LARGEST_SPECTRUM)
    height, width = (n // step * step for n in power.shape)
    top, left = ((n - cut) // 2 for n, cut in zip(power.shape, (height, width), strict=True))
    cut = power[top : top + height, left : left + width]
    blocks = cut.reshape(height // step, step, width // step, step).mean(axis=(1, 3))
    return gray_picture(np.log(blocks + 1e-30), limits)


def before_after(noisy: NDArray[np.floating], denoised: NDArray[np.floating]) -> Image.Image:
    """Draw the middle of a slice noisy (left) and denoised (right), twice as wide as high.

    Parameters
    ----------
    noisy, denoised : (y, x) array
        In one intensity unit.
    """
    side = min(*noisy.shape, _LARGEST_HALF)
    limits = intensity_range(denoised)
    halves = []
    for image in (noisy, denoised):
        top, left = ((n - side) // 2 for n in image.shape)
        cut = image[top : top + side, left : left + side]
        halves.append(gray_levels(cut, limits))
    return Image.fromarray(np.hstack(halves))
