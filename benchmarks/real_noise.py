"""What is removed from real images whose clean truth is unknown.

Trains on each image or stack and compares the correlation between neighboring pixels of a row (x)
and of a column (y) in the noise, as it is measured in the input, with that of what each stage
removed. Structured noise that a stage leaves in the image is missing in what it removed. "left" is
the share of the correlated noise that stays. With --pictures also writes, for each image, the
brightest-textured part as PNG: input, stage 1, stage 2, and what stage 2 removed, side by side.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from scipy import ndimage

from autoStructN2V.datasets import open_images, read_stack
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

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from autoStructN2V.pipeline import PipelineResult
    from autoStructN2V.pipeline.results import StageResult

_COLUMNS = ["image", "kernel", "noise x / y", "removed by stage 1", "left"]
_COLUMNS += ["removed by stage 2", "left", "masked score prefers", "seconds"]
_SIDE = 256  # px of the part that is shown
_GAP = 4  # px between the pictures


def lag_one(result: PipelineResult) -> list[float] | None:
    """Return the autocorrelation of the noise at one pixel along x and along y, if measured."""
    if result.proposal is None:
        return None
    values = result.proposal.autocorrelation.values
    middle = values[len(values) // 2]
    y, x = (side // 2 for side in middle.shape)
    return [float(middle[y, x + 1]), float(middle[y + 1, x])]


def figures(stage: StageResult | None) -> dict[str, Any] | None:
    if stage is None or stage.report is None:
        return None
    removed = stage.report.removed_autocorrelation
    left = stage.report.structured_noise_left
    return {"removed": [removed["x1"], removed["y1"]], "left": left}


def measure(file: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """Train on one file and return its figures."""
    stack = read_stack(open_images(file, mode=arguments.mode)[0])
    config = configuration(arguments, arguments.mode, 0, None)
    result, seconds = train(stack, config, clock_of(arguments.clock))
    if arguments.pictures is not None:
        arguments.pictures.mkdir(parents=True, exist_ok=True)
        images = [stack, *denoised_images(result).values()]
        save_picture(arguments.pictures / f"{file.stem}.png", images)
    row: dict[str, Any] = {"image": file.name, "noise": lag_one(result)}
    row |= {f"stage{k}": figures(s) for k, s in ((1, result.stage1), (2, result.stage2))}
    assert result.kernel is not None
    row["kernel"] = result.kernel.trimmed().to_array().astype(int).tolist()
    if result.comparison is not None:
        row["comparison"] = result.comparison.to_dict()
    return row | {"seconds": seconds}


def cells_of(row: dict[str, Any]) -> list[str]:
    kernel = np.array(row["kernel"])
    size = " x ".join(str(side) for side in kernel.shape)
    cells = [row["image"], f"{kernel.sum()} of {size}", _pair(row["noise"])]
    for stage in (row["stage1"], row["stage2"]):
        left = stage and stage["left"]
        cells += [_pair(stage and stage["removed"]), "-" if left is None else f"{left:.0%}"]
    cells.append(f"stage {row['comparison']['better_stage']}" if "comparison" in row else "-")
    return [*cells, f"{sum(row['seconds'].values()):.0f}"]


def _pair(values: list[float] | None) -> str:
    return "-" if values is None else " / ".join(f"{value:+.2f}" for value in values)


def save_picture(file: Path, images: list[NDArray[np.float32]]) -> None:
    """Write the same part of all images side by side, and what the last one lost."""
    z = len(images[0]) // 2
    part = busiest(images[-1][z])
    cut = [image[z][part] for image in images]
    low, high = np.percentile(cut[-1], [0.5, 99.5])
    shown = [(image - low) / max(high - low, 1e-9) for image in cut]
    removed = cut[0] - cut[-1]
    shown.append(removed / (6 * removed.std() + 1e-9) + 0.5)
    gap = np.ones((len(shown[0]), _GAP), np.float32)
    row = np.hstack([piece for image in shown for piece in (image, gap)][:-1])
    pixels = (np.clip(row, 0, 1) * 255).astype(np.uint8)
    Image.fromarray(pixels).resize((2 * row.shape[1], 2 * row.shape[0]), 0).save(file)


def busiest(image: NDArray[np.float32]) -> tuple[slice, slice]:
    """Return the square in which a denoised image varies most."""
    side = min(_SIDE, *image.shape)
    detail = np.square(image - ndimage.gaussian_filter(image, 8))
    starts = [range(0, n - side + 1, max(1, side // 2)) for n in image.shape]
    parts = [(slice(y, y + side), slice(x, x + side)) for y in starts[0] for x in starts[1]]
    return max(parts, key=lambda part: float(detail[part].mean()))


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("images", nargs="+", type=Path, metavar="FILE", help="TIFF files")
    add("--mode", choices=["2D", "2.5D"], default="2D")
    add_settings_arguments(parser)
    add("--pictures", type=Path, metavar="DIR", help="write pictures into this folder")
    add_clock_argument(parser)
    add_common_arguments(parser)
    return parser.parse_args()


def main() -> None:
    arguments = read_arguments()
    use_threads(arguments.threads)
    settings = {"preset": arguments.preset, "set": arguments.set, "mode": arguments.mode}
    table = Table(_COLUMNS)
    for file in arguments.images:
        row = measure(file, arguments)
        table.add(cells_of(row), row)
    write_report(arguments.json, {"machine": machine(), "settings": settings, "images": table.rows})


if __name__ == "__main__":
    main()
