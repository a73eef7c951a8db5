"""Remove stripes along columns with VSNR and wavelet-Fourier filtering; curtains.py runs this.

VSNR: Fehrenbach, Weiss and Lorenzo, IEEE Transactions on Image Processing 21, 4420 (2012),
doi:10.1109/TIP.2012.2206037, in the package pyvsnr. Wavelet-Fourier filtering: Muench et al.,
Optics Express 17, 8567 (2009), doi:10.1364/OE.17.008567, with PyWavelets. Each with eight
settings, of which curtains.py takes the best.

It belongs to a Python environment of its own, and needs nothing else of this repository:

    python -m venv STRIPES
    STRIPES/bin/pip install pyvsnr==2.3.2 PyWavelets==1.9.0 numpy==2.4.6 scipy==1.17.1
"""

from __future__ import annotations

import argparse
import time
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Array = NDArray[np.floating]
    Method = Callable[[Array], Array]

_FILTER_WIDTH = 1.0  # px, of the Gabor filter
_LENGTHS_AND_LEVELS = (*product((30.0,), (1, 10, 100, 1000)), *product((60.0,), (1, 3, 10, 100)))
_N_ITERATIONS = 20  # the default; 100 change what is left by about 1 % of itself
_WAVELET = "db4"  # others, db2 to db38, were not clearly better
_N_LEVELS = (4, 6)
_SIGMAS = (1.5, 3.0, 6.0, 12.0)  # cycles over the height


def vsnr(image: Array, length: float, noise_level: float) -> Array:
    """Remove what Gabor filters along the columns make of noise.

    Parameters
    ----------
    image : (Y, X) array
        Any units.
    length : float
        Standard deviation of the filter along the columns in pixels.
    noise_level : float
        Larger values remove more.

    Returns
    -------
    (Y, X) array
    """
    from pyvsnr import vsnr2d  # type: ignore[import-not-found]

    low, high = float(image.min()), float(image.max())
    unit = ((image - low) / (high - low)).astype(np.float32)
    sigma = (_FILTER_WIDTH, length)
    gabor = {"name": "Gabor", "noise_level": noise_level, "sigma": sigma, "theta": 0}
    # its own normalization would clip and stretch what is returned
    cleaned: Array = vsnr2d(unit, [gabor], maxit=_N_ITERATIONS, algo="numpy", norm=False)
    return cleaned * (high - low) + low


def wavelet_fourier(image: Array, n_levels: int, sigma: float) -> Array:
    """Damp low frequencies along the columns in the details that stripes make.

    Parameters
    ----------
    image : (Y, X) array
        Any units.
    n_levels : int
        Of the wavelet transform.
    sigma : float
        Width of the damped band of frequencies, in cycles over the height.

    Returns
    -------
    (Y, X) array
    """
    import pywt  # type: ignore[import-not-found]

    approximation, *levels = pywt.wavedec2(image, _WAVELET, level=n_levels)
    damped = [(lying, _damped(upright, sigma), diagonal) for lying, upright, diagonal in levels]
    cleaned: Array = pywt.waverec2([approximation, *damped], _WAVELET)
    return cleaned[: image.shape[0], : image.shape[1]]


def _damped(details: Array, sigma: float) -> Array:
    frequency = np.fft.rfftfreq(len(details)) * len(details)
    gain = -np.expm1(-0.5 * np.square(frequency / sigma))
    spectrum = np.fft.rfft(details, axis=0) * gain[:, None]
    damped: Array = np.fft.irfft(spectrum, n=len(details), axis=0)
    return damped


def methods() -> dict[str, Method]:
    """Return the methods under ``METHOD/SETTING``."""
    found: dict[str, Method] = {}
    for length, level in _LENGTHS_AND_LEVELS:
        name = f"VSNR/sigma {_FILTER_WIDTH:g} x {length:g}, noise level {level}"
        found[name] = partial(vsnr, length=length, noise_level=level)
    for n_levels, sigma in product(_N_LEVELS, _SIGMAS):
        name = f"wavelet-Fourier/{_WAVELET}, {n_levels} levels, sigma {sigma:g}"
        found[name] = partial(wavelet_fourier, n_levels=n_levels, sigma=sigma)
    return found


def cleaned_images(images: dict[str, Array]) -> dict[str, Array]:
    """Return images as ``NAME/METHOD/SETTING``; ``NAME/METHOD/SETTING/seconds`` on the processor.

    Parameters
    ----------
    images : dict
        (Y, X) arrays.

    Returns
    -------
    dict
    """
    out: dict[str, Array] = {}
    for (name, image), (method, clean) in product(images.items(), methods().items()):
        if not out:
            clean(image)  # what is prepared once counts for none
        start = time.process_time()
        out[f"{name}/{method}"] = clean(image).astype(np.float32)
        out[f"{name}/{method}/seconds"] = np.array(time.process_time() - start)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("striped", type=Path, help=".npz of images (y, x)")
    parser.add_argument("cleaned", type=Path, help=".npz to write")
    arguments = parser.parse_args()
    with np.load(arguments.striped) as file:
        images = {name: file[name] for name in file.files}
    np.savez(arguments.cleaned, **cleaned_images(images))  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
