"""What each preset reaches and takes, on images whose clean truth is known.

Two synthetic tasks and two recordings: a confocal image of actin whose noise is shared along rows,
and a frame of a zebrafish, of few photons. Each is trained on and denoised with each preset, both
stages and the automatic kernel. PSNR in dB; of the actin after an affine fit of the intensities,
where its truth is not clipped. Without --data, the recordings are left out.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from autoStructN2V.pipeline import PRESETS
from fmd import peak_psnr, read_frame
from quality import denoised_images, masked_psnr, read_pair, train
from settings import add_set_argument, chosen_fields
from tables import (
    Table,
    add_clock_argument,
    add_common_arguments,
    clock_of,
    machine,
    use_threads,
    write_report,
)
from tasks import make_task, score

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

_ACTIN, _FISH = "actin_confocal", "Confocal_FISH"
_SYNTHETIC = ["T2_hline", "T8_poisson"]
_IMAGES = [*_SYNTHETIC, _ACTIN, _FISH]
_COLUMNS = ["image", "preset", "input", "stage 1", "stage 2", "epochs", "seconds"]


class Scored(NamedTuple):
    """Noisy images (z, y, x), and what says how near others are to their truth, in dB."""

    noisy: NDArray[np.float32]
    psnr: Callable[[NDArray[np.float32]], float]


def scored_images(name: str, arguments: argparse.Namespace) -> Scored:
    """Make or read images."""
    if name in _SYNTHETIC:
        task = make_task(name, arguments.seed)
        return Scored(task["noisy"], lambda image: score(image, task["clean"])["psnr"])
    if name == _ACTIN:
        noisy, truth = read_pair(arguments.data / "hagen", name)
        return Scored(noisy, lambda image: masked_psnr(image, truth))
    noisy, truth = read_frame(arguments.data / "fmd_frames", name, arguments.frame)
    return Scored(noisy, lambda image: peak_psnr(image, truth))


def run(name: str, preset: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Train with a preset; return the figures of one row."""
    images = scored_images(name, arguments)
    fields = chosen_fields(
        argparse.Namespace(preset=preset, set=arguments.set), random_seed=42 + arguments.seed
    )
    result, seconds = train(images.noisy, fields, clock_of(arguments.clock))
    stages = [stage for stage in (result.stage1, result.stage2) if stage]
    row: dict[str, Any] = {"image": name, "preset": preset, "input": images.psnr(images.noisy)}
    row |= {stage: images.psnr(image) for stage, image in denoised_images(result).items()}
    row["epochs"] = [len(stage.history) for stage in stages]
    return row | {"seconds": seconds}


def cells_of(row: dict[str, Any]) -> list[str]:
    scores = [f"{row[name]:.2f}" if name in row else "-" for name in ("input", "stage1", "stage2")]
    epochs = ", ".join(str(n) for n in row["epochs"])
    return [row["image"], row["preset"], *scores, epochs, f"{sum(row['seconds'].values()):.0f}"]


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--images", nargs="+", choices=_IMAGES, default=_IMAGES, metavar="NAME", help="default all")
    add(
        "--presets",
        nargs="+",
        choices=list(PRESETS),
        default=list(PRESETS)[:3],
        help="default the first three",
    )
    add("--data", type=Path, metavar="DIR", help="folder of the folders hagen and fmd_frames")
    add("--seed", type=int, default=21, help="of the synthetic tasks; default 21")
    add("--frame", type=int, default=0, help="of the zebrafish; default 0")
    add_set_argument(parser)
    add_clock_argument(parser)
    add_common_arguments(parser)
    return parser.parse_args()


def main() -> None:
    arguments = read_arguments()
    use_threads(arguments.threads)
    table = Table(_COLUMNS)
    for name in arguments.images:
        if name not in _SYNTHETIC and arguments.data is None:
            continue
        for preset in arguments.presets:
            row = run(name, preset, arguments)
            table.add(cells_of(row), row)
    write_report(arguments.json, {"machine": machine(), "rows": table.rows})


if __name__ == "__main__":
    main()
