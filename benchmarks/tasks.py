"""The benchmark tasks with known clean truth, and their scores.

The images come from :mod:`autoStructN2V.datasets.samples.synthetic`; here are the names of the
tasks and the metrics. Eight are the standard ones; three more have noise that is shared over wide
or interlaced neighborhoods, on the clean images of ``T2_hline``.
``python benchmarks/tasks.py OUT_DIR [SEED]`` writes one .npz file per task.
"""

from __future__ import annotations

import argparse
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import numpy as np
from scipy import ndimage

from autoStructN2V.datasets.samples import synthetic

if TYPE_CHECKING:
    from numpy.typing import NDArray

KINDS = {synthetic.NOISE_MODELS[kind].entropy_name: kind for kind in synthetic.SAMPLE_KINDS}
TASKS = list(KINDS)


def _cross(n_taps: int) -> NDArray[np.float64]:
    square = np.zeros((n_taps, n_taps))
    square[n_taps // 2] = square[:, n_taps // 2] = 1.0
    return square


def _ellipse() -> NDArray[np.float64]:
    y, x = np.mgrid[-4:5, -9:10]
    weights: NDArray[np.float64] = np.exp(-(x**2 / 8 + y**2 / 1.5))
    return weights


COLORINGS = {
    "W1_cross": _cross(9),
    "W2_ellipse": _ellipse(),
    "W3_interlaced": np.array([[1.0, 0.0, 1.0, 0.0, 1.0]]),
}
"""Weights (y, x) that color the noise of the other tasks."""
ALL_TASKS = [*TASKS, *COLORINGS]
_HALF, _LEAST_CORRELATION = 15, 0.02
_WHITE_STD, _STRUCTURED_STD = 0.06, 0.08  # of the other tasks, as of T2_hline


class Task(TypedDict):
    """Noisy images, their clean truth (z, y, x) float32, and the offsets that share noise."""

    name: str
    clean: NDArray[np.float32]
    noisy: NDArray[np.float32]
    true_lags: list[tuple[int, int, float]]
    kind: str


def make_task(name: str, seed: int = 0) -> Task:
    """Make one of :data:`ALL_TASKS`."""
    if name in COLORINGS:
        return _colored_task(name, seed)
    sample = synthetic.make_sample(KINDS[name], seed)
    return Task(
        name=name,
        clean=sample.clean,
        noisy=sample.noisy,
        true_lags=sample.true_lags,
        kind=name[3:],
    )


def _colored_task(name: str, seed: int) -> Task:
    """Put noise that is colored by one of :data:`COLORINGS` on the clean images of T2_hline."""
    clean = synthetic.make_sample("horizontal_lines", seed).clean
    generator = np.random.default_rng([zlib.crc32(name.encode()), seed])
    weights = COLORINGS[name][None]
    noise = _WHITE_STD * generator.standard_normal(clean.shape)
    noise += synthetic.colored_noise(generator, clean.shape, weights, _STRUCTURED_STD)
    offsets = np.argwhere(true_autocorr(name) > _LEAST_CORRELATION) - _HALF
    lags = [(int(y), int(x), float(true_autocorr(name)[y + _HALF, x + _HALF])) for y, x in offsets]
    return Task(
        name=name,
        clean=clean,
        noisy=(clean + noise).astype(np.float32),
        true_lags=[lag for lag in lags if lag[:2] != (0, 0)],
        kind=name[3:],
    )


def true_autocorr(task: str, half: int = _HALF) -> NDArray[np.float64]:
    """Return the exact autocorrelation of the noise at offsets -half..half."""
    if task in COLORINGS:
        return synthetic.colored_autocorrelation(COLORINGS[task], _WHITE_STD, _STRUCTURED_STD, half)
    return synthetic.true_autocorrelation(KINDS[task], half)


def psnr(image: NDArray[np.floating], clean: NDArray[np.floating]) -> float:
    """Return the peak signal-to-noise ratio in dB for a peak of 1."""
    return float(10 * np.log10(1.0 / np.mean((image.astype(float) - clean) ** 2)))


def affine_fit(image: NDArray[np.floating], clean: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return ``a * image + b`` with the least squared distance to `clean`."""
    x, y = image.astype(float).ravel(), clean.astype(float).ravel()
    x_mean, y_mean = x.mean(), y.mean()
    a = ((x - x_mean) * (y - y_mean)).mean() / max(((x - x_mean) ** 2).mean(), 1e-12)
    fit: NDArray[np.float32] = (a * (image.astype(float) - x_mean) + y_mean).astype(np.float32)
    return fit


def ssim(
    image: NDArray[np.floating],
    clean: NDArray[np.floating],
    sigma: float = 1.5,
    data_range: float = 1.0,
) -> float:
    """Return the mean structural similarity with a Gaussian window.

    References
    ----------
    Wang, Z. et al. (2004). Image quality assessment: from error visibility to structural
    similarity. IEEE Transactions on Image Processing 13, 600-612.
    https://doi.org/10.1109/TIP.2003.819861
    """
    x, y = image.astype(np.float64), clean.astype(np.float64)

    def smooth(values: NDArray[np.float64]) -> NDArray[np.float64]:
        blurred: NDArray[np.float64] = ndimage.gaussian_filter(values, sigma, truncate=3.5)
        return blurred

    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    mx, my = smooth(x), smooth(y)
    vx, vy, cxy = smooth(x * x) - mx * mx, smooth(y * y) - my * my, smooth(x * y) - mx * my
    similarity = ((2 * mx * my + c1) * (2 * cxy + c2)) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
    return float(similarity.mean())


def score(
    images: NDArray[np.floating], clean: NDArray[np.floating], crop: int = 0
) -> dict[str, float]:
    """Average PSNR, PSNR after an affine fit, and SSIM over all images.

    Parameters
    ----------
    images, clean : ndarray
        (y, x) or (z, y, x).
    crop : int
        Pixels left out at each border.
    """
    if images.ndim == 2:
        images, clean = images[None], clean[None]
    if crop:
        images, clean = images[:, crop:-crop, crop:-crop], clean[:, crop:-crop, crop:-crop]
    rows = [
        (psnr(image, truth), psnr(affine_fit(image, truth), truth), ssim(image, truth))
        for image, truth in zip(images, clean, strict=True)
    ]
    mean = np.mean(rows, axis=0)
    return {"psnr": round(mean[0], 2), "psnr_aff": round(mean[1], 2), "ssim": round(mean[2], 4)}


def local_residual_autocorr(noise: NDArray[np.floating], half: int = 8) -> NDArray[np.float64]:
    """Measure the autocorrelation of noise (z, y, x), averaged over slices, 1 in the center."""
    planes = [plane - plane.mean() for plane in noise]
    power = [np.abs(np.fft.fft2(plane)) ** 2 for plane in planes]
    correlations = [np.fft.fftshift(np.fft.ifft2(one).real) for one in power]
    mean = np.mean(correlations, axis=0)
    y, x = mean.shape[0] // 2, mean.shape[1] // 2
    cropped: NDArray[np.float64] = (mean / mean[y, x])[y - half : y + half + 1]
    return cropped[:, x - half : x + half + 1]


def main() -> None:
    """Write all tasks to a folder."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("seed", type=int, nargs="?", default=0)
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for name in ALL_TASKS:
        task = make_task(name, arguments.seed)
        np.savez_compressed(
            arguments.folder / f"{name}.npz", clean=task["clean"], noisy=task["noisy"]
        )


if __name__ == "__main__":
    main()
