"""BM3D on a real pair of images, told what it cannot know: a limit to compare results with.

The intensities are transformed so that shot noise is equally strong everywhere, the spectrum of
the noise is measured, and of several strengths the best is chosen by looking at the truth. PSNR in
dB as in quality.py --data.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from autoStructN2V.masking.noise.measuring import measure_noise_autocorrelation
from peers import run_script
from quality import add_pair_arguments, best_gaussian, masked_psnr, read_pair
from tables import Table, add_common_arguments, write_report

if TYPE_CHECKING:
    from numpy.typing import NDArray

_STRENGTHS = (0.8, 1.0, 1.3, 1.6, 2.0)  # of the noise, relative to what was measured
_ANSCOMBE = 3.0 / 8.0


def noise_spectrum(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """Measure the power spectrum (y, x) of the noise of an image (y, x)."""
    noise = measure_noise_autocorrelation([image[None]])
    autocovariance = np.zeros(image.shape)
    lags = np.arange(-noise.max_lag, noise.max_lag + 1)
    autocovariance[np.ix_(lags, lags)] = noise.values[0] * noise.noise_variance
    smallest = 1e-3 * noise.noise_variance
    spectrum: NDArray[np.float64] = np.maximum(np.fft.fft2(autocovariance).real, smallest)
    return spectrum * image.size


def stabilized(image: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return intensities (y, x) transformed so that shot noise is equally strong everywhere."""
    return 2.0 * np.sqrt(np.maximum(image.astype(np.float64), 0.0) + _ANSCOMBE)


def restored(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the intensities (y, x) of a transformed image."""
    return (image / 2.0) ** 2 - _ANSCOMBE


def bm3d_images(
    image: NDArray[np.float64], python: Path, threads: int | None
) -> dict[float, tuple[NDArray[np.float64], float]]:
    """Return what BM3D makes of an image (y, x) and its seconds, for each strength of the noise."""
    spectrum = noise_spectrum(image)
    given = {str(strength): image for strength in _STRENGTHS}
    given |= {f"{strength}.spectrum": spectrum * strength**2 for strength in _STRENGTHS}
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / name for name in ("noisy.npz", "denoised.npz")]
        np.savez(files[0], **given)  # type: ignore[arg-type]
        run_script("peer_bm3d.py", files, python, threads)
        with np.load(files[1]) as file:
            return {
                strength: (file[str(strength)], float(file[f"{strength}.seconds"]))
                for strength in _STRENGTHS
            }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_pair_arguments(parser)
    parser.add_argument("--bm3d-python", type=Path, required=True, help="see peer_bm3d.py")
    add_common_arguments(parser)
    arguments = parser.parse_args()
    if arguments.data is None:
        parser.error("--data is needed")
    table = Table(["image", "input", "best Gaussian", "BM3D", "strength"])
    for name in arguments.image:
        noisy, truth = read_pair(arguments.data, name)
        if len(noisy) > 1:
            parser.error(f"{name} is a stack; give single images")
        images = bm3d_images(stabilized(noisy[0]), arguments.bm3d_python, arguments.threads)
        scale = (arguments.limits, arguments.peak)
        scores = {
            strength: masked_psnr(restored(image)[None], truth, *scale)
            for strength, (image, _) in images.items()
        }
        best = max(scores, key=lambda strength: scores[strength])
        row = {
            "input": masked_psnr(noisy, truth, *scale),
            "best_gaussian": best_gaussian(noisy, truth, *scale),
            "bm3d": scores[best],
        }
        cells = [name, *(f"{score:.2f}" for score in row.values()), f"{best:g}"]
        table.add(cells, {"image": name, **row, "strength": best})
    write_report(arguments.json, {"images": table.rows})


if __name__ == "__main__":
    main()
