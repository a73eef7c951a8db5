r"""Let Aydin denoise the images that quality.py uses, and score it in the same way.

Aydin belongs to a Python environment of its own, in which this script starts itself again:

    python3.11 -m venv AYDIN
    AYDIN/bin/pip install numpy==1.26.4 scipy==1.11.4 scikit-image==0.22.0 scikit-learn==1.4.2 \
        numba==0.59.1 lightgbm==3.3.5 catboost==1.2.5 pandas==2.3.3 zarr==2.18.2 \
        numcodecs==0.12.1 dask==2026.8.0 psutil jsonpickle click importlib-metadata
    AYDIN/bin/pip install --no-deps aydin==0.1.15

Its defaults hold, among them that it looks for the blind spots by itself. The images of a task are
a batch, from which it learns one model. The seconds are those of the processor, all threads
together; importing libraries does not count.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from peers import add_files, denoised_by, print_rows, run_commands, write_files

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from numpy.typing import NDArray

# regression by boosted trees (LightGBM or CatBoost), and a filter that calibrates itself
_FILTER = "butterworth"
_METHODS = ("lgbm", "cb", _FILTER)
_NEED_TENSORFLOW = {
    "aydin.regression.perceptron": ("PerceptronRegressor",),
    "aydin.restoration.denoise.noise2selfcnn": ("Noise2SelfCNN", "noise2self_cnn"),
}
_COLUMNS = ["images", "method", "PSNR / affine / SSIM", "seconds", "of these", "blind spots y, x"]


def leave_out_tensorflow() -> None:
    """Let Aydin be imported without TensorFlow, which only its neural networks need."""
    for name, contents in _NEED_TENSORFLOW.items():
        module = ModuleType(name)
        vars(module).update(dict.fromkeys(contents))
        sys.modules[name] = module


def train_and_denoise(
    noisy: NDArray[np.float32], method: str
) -> tuple[NDArray[np.float32], dict[str, Any]]:
    """Return the denoised images (n, y, x), and the seconds and the blind spots."""
    from aydin import Classic, __version__  # type: ignore[import-not-found]
    from aydin.restoration.denoise.noise2selffgr import (  # type: ignore[import-not-found]
        Noise2SelfFGR,
    )

    make = Classic if method == _FILTER else Noise2SelfFGR
    axes = {"batch_axes": [True, False, False], "chan_axes": [False] * 3}
    times = [time.process_time()]
    denoiser = make(variant=method)
    denoiser.train(noisy, **axes)
    times.append(time.process_time())
    denoised = np.asarray(denoiser.denoise(noisy, **axes), np.float32)
    times.append(time.process_time())
    spent = dict(zip(("training", "denoising"), np.diff(times).tolist(), strict=True))
    spots = [[int(offset) for offset in spot] for spot in denoiser.it.blind_spots]
    return denoised, {"aydin": __version__, "seconds": spent, "blind_spots": spots}


def denoise(arguments: argparse.Namespace) -> None:
    """Denoise a file; this runs in the environment of Aydin."""
    leave_out_tensorflow()
    if arguments.threads is not None:
        import numba  # type: ignore[import-not-found]

        numba.set_num_threads(arguments.threads)
    denoised, figures = train_and_denoise(np.load(arguments.noisy), arguments.method)
    write_files(denoised, figures, arguments)


def run_aydin(
    noisy: NDArray[np.floating], method: str, arguments: argparse.Namespace
) -> tuple[NDArray[np.floating], dict[str, Any]]:
    """Do the same in a process of its own."""
    options = ["--method", method]
    return denoised_by(__file__, noisy, options, arguments.aydin_python, arguments.threads)


def score_task(name: str, method: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Let Aydin denoise one task, or its first images."""
    from tasks import make_task, score

    task = make_task(name, arguments.seed)
    noisy, clean = (images[: arguments.images] for images in (task["noisy"], task["clean"]))
    denoised, figures = run_aydin(noisy, method, arguments)
    return {"images": f"{name}, {len(noisy)}", **score(denoised, clean), **figures}


def score_real(name: str, method: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Let Aydin denoise a real image, and score it where its truth is well exposed."""
    from quality import masked_psnr, read_pair

    noisy, truth = read_pair(arguments.data, name)
    denoised, figures = run_aydin(noisy, method, arguments)
    return {"images": name, "psnr_aff": masked_psnr(denoised, truth), **figures}


def rows_of(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Yield the figures of all images and methods."""
    for method in arguments.methods:
        for name in arguments.tasks:
            yield {"method": method, **score_task(name, method, arguments)}
        if arguments.data is not None:
            yield {"method": method, **score_real(arguments.image, method, arguments)}


def cells_of(row: dict[str, Any]) -> list[str]:
    scores = [("psnr", ".2f"), ("psnr_aff", ".2f"), ("ssim", ".3f")]
    shown = " / ".join(format(row[name], spec) if name in row else "-" for name, spec in scores)
    parts = ", ".join(f"{name} {seconds:.0f}" for name, seconds in row["seconds"].items())
    spots = " ".join("{},{}".format(*spot) for spot in row["blind_spots"])
    total = f"{sum(row['seconds'].values()):.0f}"
    return [row["images"], row["method"], shown, total, parts, spots]


def compare(arguments: argparse.Namespace) -> None:
    """Print the scores; this runs in the environment of this program."""
    print_rows(_COLUMNS, rows_of(arguments), cells_of, arguments.json)


def add_denoise_command(parser: argparse.ArgumentParser) -> None:
    add_files(parser, "images (n, y, x) float32", "version, seconds, blind spots")
    shown = f"default {_METHODS[0]}"
    parser.add_argument("--method", choices=_METHODS, default=_METHODS[0], help=shown)
    parser.set_defaults(run=denoise)


def add_compare_command(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--aydin-python",
        type=Path,
        required=True,
        metavar="FILE",
        help="interpreter of an environment with Aydin",
    )
    add("--tasks", nargs="*", default=[], metavar="TASK", help="of tasks.py")
    add("--seed", type=int, default=0, metavar="N", help="of the tasks; default 0")
    add("--images", type=int, metavar="N", help="only the first of each task; default: all")
    add("--data", type=Path, metavar="FOLDER", help="with NAME_noisy.tif and NAME_gt.tif")
    add("--image", metavar="NAME", help="in that folder")
    add(
        "--methods",
        nargs="+",
        choices=_METHODS,
        default=_METHODS[:1],
        help=f"default {_METHODS[0]}",
    )
    add("--json", type=Path, metavar="FILE", help="write all figures to this file")
    parser.set_defaults(run=compare)


if __name__ == "__main__":
    run_commands(__doc__, add_compare_command, add_denoise_command, "Aydin")
