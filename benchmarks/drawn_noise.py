"""Whether drawn noise charges networks for keeping the noise of real recordings.

Noise of frames of FMD is the difference from the mean of 50 frames, at the brightness of the frame.
At several levels of the true brightness, drawn noise z is compared with it: its variance over the
true one ("drawn"), and what is left of the mean product of a function of the pixel y + a z with
n - z / a, in units of the noise: 0 if keeping noise is charged rightly, above 0 if it pays. The
functions are the pixel itself, its square, what lies more than a deviation below, and above. Drawn
as strong as pixels tell, and by levels of brightness alone. The mean of 50 holds the frame, so that
the true variance is 2 % too small.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy import ndimage

from autoStructN2V.masking import measure_noise_autocorrelation
from autoStructN2V.masking.recorruption import NoiseSampler
from autoStructN2V.trainers.loss import STRENGTH
from fmd import read_frame
from peers import print_rows
from tables import add_common_arguments, use_threads
from tasks import affine_fit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from autoStructN2V.masking.noise.autocorrelation import Autocorrelation

    Image = NDArray[np.float64]

_QUANTILES = (0.0, 0.25, 0.5, 0.75, 0.9, 0.97, 0.99, 1.0)  # of the pixels, between the levels
_DRIFT = 12.0  # px: slower differences between frames are no noise
_REPETITIONS = 4
_FUNCTIONS: dict[str, Callable[[Image], Image]] = {
    "pixel": lambda t: t,
    "square": np.square,
    "below": lambda t: np.minimum(t + 1.0, 0.0),
    "above": lambda t: np.maximum(t - 1.0, 0.0),
}
_COLUMNS = ["type", "frame", "told by", "brightness", "true variance", "drawn", *_FUNCTIONS]


def rows_of(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield the figures of all types, frames and levels."""
    for name in arguments.types:
        for frame in arguments.frame:
            noisy, truth = read_frame(arguments.data, name, frame)
            known = measure_noise_autocorrelation([noisy])
            own = affine_fit(truth, noisy)[0].astype(np.float64)
            noise = noisy[0] - own
            noise -= ndimage.gaussian_filter(noise, _DRIFT)
            for told_by, told in (("pixels", known), ("levels", replace(known, by_pixel=None))):
                for figures in _levels(noisy[0], own, noise, told):
                    yield {"type": name, "frame": frame, "told_by": told_by, **figures}


def _levels(
    noisy: NDArray[np.float32], own: Image, noise: Image, known: Autocorrelation
) -> Iterator[dict[str, Any]]:
    """Yield the figures of the levels of brightness of a frame (y, x)."""
    drawn = _drawn(noisy, known)
    smooth = ndimage.gaussian_filter(own, 0.7)
    borders = np.quantile(smooth, _QUANTILES)
    for low, high in pairwise(borders):
        inside = (smooth >= low) & (smooth <= high)
        true, std = noise[inside], noise[inside].std()
        distance = (noisy[inside] - smooth[inside]) / std
        left = {
            name: np.mean(
                [
                    np.mean(
                        f(distance + STRENGTH * z[inside] / std) * (true - z[inside] / STRENGTH)
                    )
                    for z in drawn
                ]
            )
            / std
            for name, f in _FUNCTIONS.items()
        }
        share = np.mean([np.square(z[inside]).mean() for z in drawn]) / std**2
        yield {
            "brightness": float(smooth[inside].mean()),
            "variance": std**2,
            "drawn": share,
        } | left


def _drawn(noisy: NDArray[np.float32], known: Autocorrelation) -> list[Image]:
    """Draw noise (y, x) several times, with either sign."""
    by_levels = known.is_drawn_by_levels(is_coarse=False)
    device = torch.device("cpu")
    sampler = NoiseSampler(
        known, None, (0.0, 1.0), noisy.shape[0], device, by_levels=by_levels, added=STRENGTH
    )
    generator, patch = torch.Generator().manual_seed(0), torch.from_numpy(noisy)[None, None]
    draws = [sampler.draw(patch, generator)[0, 0].numpy() for _ in range(_REPETITIONS)]
    return [sign * z.astype(np.float64) for z in draws for sign in (1.0, -1.0)]


def cells_of(row: dict[str, Any]) -> list[str]:
    where = [row["type"], str(row["frame"]), row["told_by"], f"{row['brightness']:.0f}"]
    left = [f"{row[name]:+.2f}" for name in _FUNCTIONS]
    return [*where, f"{row['variance']:.0f}", f"{row['drawn']:.2f}", *left]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--data", type=Path, required=True, metavar="FOLDER", help="as of fmd.py")
    add("--types", nargs="+", required=True, metavar="NAME", help="Confocal_MICE, ...")
    add("--frame", nargs="+", type=int, default=[0], metavar="N", help="default 0")
    add_common_arguments(parser)
    arguments = parser.parse_args()
    use_threads(arguments.threads)
    print_rows(_COLUMNS, rows_of(arguments), cells_of, arguments.json)


if __name__ == "__main__":
    main()
