"""Single frames of fluorescence microscopes, learned from alone, scored by the mean of 50 frames.

Reads NAME_noisy.tif (raw frames of one field) and NAME_gt.tif (their mean) of the Fluorescence
Microscopy Denoising data (FMD, Zhang et al., CVPR 2019, arXiv:1812.10366). PSNR in dB for a peak
of 255, of results that are neither clipped nor fitted, beside the best of many Gaussian filters,
chosen by looking at the truth. "grid" is the share of rows and columns that the program worked on.

Fluorescence fades and lasers drift, so that a frame can be brighter than the mean of 50: "gain" is
by how much. The scores behind it ("own") compare with the truth brought to the brightness of the
frame, by a straight line that is fitted to the noisy frame and knows nothing of any result.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from autoStructN2V.datasets import open_images, read_stack
from autoStructN2V.masking import trimmed
from quality import configuration, denoised_images, train
from settings import add_settings_arguments
from tables import (
    Table,
    add_clock_argument,
    add_common_arguments,
    clock_of,
    machine,
    use_threads,
    write_report,
)
from tasks import affine_fit, psnr
from verdicts import COLUMN, agreement_of, cell_of, without_patterns

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PEAK = 255.0
_SIGMAS = [0.5 + 0.25 * i for i in range(19)]  # pixels
_STEPS = ("input", "best_gaussian", "stage1", "stage2")
_COLUMNS = ["type", "frame", "input", "best Gaussian", "stage 1", "stage 2"]
_COLUMNS += ["gain", "best Gaussian, own", "stage 2, own", "kernel", "grid", "seconds", COLUMN]


def read_frame(folder: Path, name: str, frame: int) -> tuple[NDArray[np.float32], ...]:
    """Read one noisy frame and the truth, (1, y, x) each."""
    noisy, truth = (
        read_stack(open_images(folder / f"{name}_{which}.tif", mode="2D")[0])
        for which in ("noisy", "gt")
    )
    return noisy[frame : frame + 1], truth


def middle(images: NDArray[np.float32], side: int | None) -> NDArray[np.float32]:
    """Return the square in the middle of images (z, y, x); all of them without a side."""
    if side is None:
        return images
    top, left = ((length - side) // 2 for length in images.shape[1:])
    return images[:, top : top + side, left : left + side]


def peak_psnr(
    image: NDArray[np.floating], truth: NDArray[np.float32], peak: float = _PEAK
) -> float:
    """Return the PSNR in dB for a peak, of 255 unless another is given."""
    return psnr(image / peak, truth / peak)


def score_frame(
    folder: Path, name: str, frame: int, arguments: argparse.Namespace
) -> dict[str, Any]:
    """Train on one frame alone and score it."""
    noisy, truth = (middle(image, arguments.side) for image in read_frame(folder, name, frame))
    config = configuration(arguments, "2D", 0, None)
    result, seconds = train(noisy, config, clock_of(arguments.clock))
    images = {"input": noisy, **denoised_images(result)}
    row: dict[str, Any] = {"type": name, "frame": frame, "seconds": seconds}
    row |= {step: peak_psnr(image, truth) for step, image in images.items()}
    row["best_gaussian"] = best_gaussian(noisy, truth)
    row |= scores_at_own_brightness(noisy, truth, images)
    last = result.last_stage
    own = affine_fit(truth, noisy)
    judged = best_gaussian(without_patterns(noisy, config), own)
    row["verdict"] = agreement_of(result.verdict, {**row["own"], "best_gaussian": judged})
    row["grid"] = last.model.grid_share if last else None
    if result.kernel is not None:
        row["kernel"] = trimmed(result.kernel).astype(int).tolist()
    return row


def best_gaussian(
    noisy: NDArray[np.float32], truth: NDArray[np.float32], peak: float = _PEAK
) -> float:
    """Return the PSNR in dB of the Gaussian filter that the truth likes best."""
    blurred = (ndimage.gaussian_filter(noisy, (0, sigma, sigma)) for sigma in _SIGMAS)
    return max(peak_psnr(image, truth, peak) for image in blurred)


def scores_at_own_brightness(
    noisy: NDArray[np.float32],
    truth: NDArray[np.float32],
    results: dict[str, NDArray[np.float32]],
) -> dict[str, Any]:
    """Score images (1, y, x) by the truth at the brightness of the noisy frame."""
    own = affine_fit(truth, noisy)
    scores = {step: peak_psnr(image, own) for step, image in results.items()}
    scores["best_gaussian"] = best_gaussian(noisy, own)
    return {"gain": float(np.ptp(own) / np.ptp(truth)), "own": scores}


def cells_of(row: dict[str, Any]) -> list[str]:
    scores = [_number(row.get(step)) for step in _STEPS]
    kernel = "-"
    if "kernel" in row:
        hidden = np.array(row["kernel"])
        kernel = f"{hidden.sum()} of {' x '.join(str(side) for side in hidden.shape)}"
    own = [_number(row["own"].get(step)) for step in ("best_gaussian", "stage2")]
    seconds = sum(row["seconds"].values())
    cells = [row["type"], str(row["frame"]), *scores, f"{row['gain']:.2f}", *own]
    cells += [kernel, _number(row["grid"]), f"{seconds:.0f}"]
    return [*cells, cell_of(row["verdict"])]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--data", type=Path, required=True, metavar="DIR", help="folder with the images")
    add("--types", nargs="+", metavar="NAME", help="default: all in the folder")
    add("--frame", nargs="+", type=int, default=[0], metavar="N", help="learned from; default 0")
    add("--side", type=int, metavar="PX", help="of a square in the middle; default the whole")
    add_settings_arguments(parser)
    add_clock_argument(parser)
    add_common_arguments(parser)
    return parser.parse_args()


def main() -> None:
    arguments = read_arguments()
    use_threads(arguments.threads)
    found = sorted(file.name[: -len("_gt.tif")] for file in arguments.data.glob("*_gt.tif"))
    table = Table(_COLUMNS)
    for name in arguments.types or found:
        for frame in arguments.frame:
            row = score_frame(arguments.data, name, frame, arguments)
            table.add(cells_of(row), row)
    settings = {"preset": arguments.preset, "set": arguments.set}
    write_report(arguments.json, {"machine": machine(), "settings": settings, "images": table.rows})


if __name__ == "__main__":
    main()
