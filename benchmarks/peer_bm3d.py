"""Denoise images with BM3D; bsd68.py and bm3d_real.py run this script.

It belongs to a Python environment of its own, which has the package bm3d (4.0.3) and needs nothing
else of this repository; peer_careamics.py says how to make one.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SPECTRUM = ".spectrum"


def denoise(
    images: dict[str, NDArray[np.floating]], sigma: float | None
) -> dict[str, NDArray[np.float64]]:
    """Return the denoised images under their names, and the seconds of each as ``NAME.seconds``.

    These are of the processor.
    Without ``sigma``, ``NAME.spectrum`` is the power spectrum of the noise of an image.
    """
    if not hasattr(np, "trapz"):
        vars(np)["trapz"] = np.trapezoid  # bm4d, on which it builds, calls it by its old name
    from bm3d import bm3d  # type: ignore[import-not-found]

    out = {}
    for name, image in images.items():
        if name.endswith(_SPECTRUM):
            continue
        noise = images[name + _SPECTRUM] if sigma is None else sigma
        start = time.process_time()
        out[name] = np.asarray(bm3d(image, sigma_psd=noise), np.float64)
        out[f"{name}.seconds"] = np.array(time.process_time() - start)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("noisy", type=Path, help=".npz of images (y, x), and of spectra")
    parser.add_argument("denoised", type=Path, help=".npz to write")
    parser.add_argument("--sigma", type=float, help="of the noise, in intensities")
    arguments = parser.parse_args()
    with np.load(arguments.noisy) as file:
        images = {name: file[name] for name in file.files}
    np.savez(arguments.denoised, **denoise(images, arguments.sigma))  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
