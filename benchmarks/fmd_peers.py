"""Single frames of FMD, denoised by other programs and by this one in the same run.

Every program learns from one frame alone, or knows none: BM3D (which is told the measured spectrum
of the noise; of several strengths, with and without a transform of shot noise, the truth at the
brightness of the frame chooses), CAREamics (Noise2Void, as many steps as in side_by_side.py), FM2S,
Noise2VST, and this program with preset fast. PSNR in dB as in fmd.py, also by the truth at the
brightness of the frame; seconds of the processor (of BM3D: of one try). The other programs are in
an environment of their own; peer_careamics.py and peer_fluorescence.py say how to make it.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bm3d_real import bm3d_images, restored, stabilized
from fmd import best_gaussian, peak_psnr, read_frame
from peers import denoised_by, print_rows
from quality import denoised_images, train
from tables import add_common_arguments, clock_of, use_threads
from tasks import affine_fit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Image = NDArray[np.floating]
    Denoiser = Callable[[Image, Image, str, argparse.Namespace], tuple[Image, float]]

_EPOCHS = 160  # of 64 patches: as many steps as 40 epochs of the 16 images of a task
_COLUMNS = ["type", "frame", "method", "PSNR", "PSNR, own brightness", "seconds"]


def bm3d(
    noisy: Image, truth: Image, _name: str, arguments: argparse.Namespace
) -> tuple[Image, float]:
    """Return a frame (y, x) as BM3D makes it best by the truth, and the seconds of one try."""
    python, threads = arguments.peers_python, arguments.threads
    plain = bm3d_images(noisy.astype(np.float64), python, threads).values()
    shot = bm3d_images(stabilized(noisy), python, threads).values()
    tries = [*plain, *((restored(image), seconds) for image, seconds in shot)]
    return max(tries, key=lambda one: peak_psnr(one[0], truth))


def careamics(
    noisy: Image, _truth: Image, _name: str, arguments: argparse.Namespace
) -> tuple[Image, float]:
    """Return a frame (y, x) denoised by Noise2Void of CAREamics, and its seconds."""
    script, options = "peer_careamics.py", ["--epochs", _EPOCHS, "--clock", "cpu"]
    python, threads = arguments.peers_python, arguments.threads
    images, figures = denoised_by(script, noisy[None], options, python, threads, command=None)
    return images[0], sum(figures["seconds"].values())


def fluorescence_peer(method: str) -> Denoiser:
    """Return what lets FM2S or Noise2VST denoise a frame (y, x)."""

    def denoise(
        noisy: Image, _truth: Image, name: str, arguments: argparse.Namespace
    ) -> tuple[Image, float]:
        options: list[object] = ["--method", method, "--microscope", name.split("_")[0].lower()]
        options += ["--fm2s", arguments.fm2s] if arguments.fm2s else []
        script, python, threads = "peer_fluorescence.py", arguments.peers_python, arguments.threads
        image, figures = denoised_by(script, noisy, options, python, threads, command=None)
        return image, figures["seconds"]

    return denoise


def this_program(
    noisy: Image, _truth: Image, _name: str, _arguments: argparse.Namespace
) -> tuple[Image, float]:
    """Return a frame (y, x) denoised by preset fast of this program, and its seconds."""
    result, seconds = train(noisy[None], {"preset": "fast", "random_seed": 42}, clock_of("cpu"))
    images = denoised_images(result)
    return images.get("stage2", images["stage1"])[0], sum(seconds.values())


_METHODS: dict[str, Denoiser] = {
    "bm3d": bm3d,
    "careamics": careamics,
    "fm2s": fluorescence_peer("fm2s"),
    "noise2vst": fluorescence_peer("noise2vst"),
    "this": this_program,
}


def rows_of(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield the figures of all types, frames and methods."""
    for name in arguments.types:
        for frame in arguments.frame:
            noisy, truth = read_frame(arguments.data, name, frame)
            own = affine_fit(truth, noisy)
            where = {"type": name, "frame": frame}
            scores = {"psnr": best_gaussian(noisy, truth), "psnr_own": best_gaussian(noisy, own)}
            yield {**where, "method": "best Gaussian", **scores, "seconds": 0.0}
            for method in arguments.methods:
                image, seconds = _METHODS[method](noisy[0], own[0], name, arguments)
                scores = {"psnr": peak_psnr(image[None], truth)}
                scores["psnr_own"] = peak_psnr(image[None], own)
                yield {**where, "method": method, **scores, "seconds": seconds}


def cells_of(row: dict[str, Any]) -> list[str]:
    scores = [f"{row[score]:.2f}" for score in ("psnr", "psnr_own")]
    return [row["type"], str(row["frame"]), row["method"], *scores, f"{row['seconds']:.0f}"]


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--data", type=Path, required=True, metavar="FOLDER", help="as of fmd.py")
    add("--types", nargs="+", required=True, metavar="NAME", help="Confocal_FISH, ...")
    add("--frame", nargs="+", type=int, default=[0], metavar="N", help="default 0")
    add("--methods", nargs="+", choices=list(_METHODS), default=list(_METHODS), help="default: all")
    python = "interpreter of an environment with the peers"
    add("--peers-python", type=Path, required=True, metavar="FILE", help=python)
    add("--fm2s", type=Path, metavar="FOLDER", help="the clone of FM2S")
    add_common_arguments(parser)
    arguments = parser.parse_args()
    if "fm2s" in arguments.methods and arguments.fm2s is None:
        parser.error("fm2s needs --fm2s; without its clone name the other --methods")
    return arguments


def main() -> None:
    arguments = read_arguments()
    use_threads(arguments.threads)
    print_rows(_COLUMNS, rows_of(arguments), cells_of, arguments.json)


if __name__ == "__main__":
    main()
