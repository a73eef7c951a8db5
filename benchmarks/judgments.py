"""Whether what a run says of itself agrees with the truth: its verdict, and its map of doubt.

Trains on synthetic tasks and on real pairs NAME_noisy.tif and NAME_gt.tif, and compares

- by how much each stage is better than the best Gaussian filter, in dB: estimated, and in truth;
  the filter is applied to the images without the patterns that are removed first;
- the share of the squared error in the 5 % of the area that the map of doubt marks. In brackets
  the share that a map would mark that knew the error, as blurred as the map of doubt is.

Of real pairs one frame is learned from (--frame), or all. The truth is brought to the units of the
noisy image first (a straight line through the intensities of both): frames of a series may differ
in brightness from their mean by a tenth, which no judgment of one frame could know.
"""

from __future__ import annotations

import argparse
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from autoStructN2V.inference.doubt import SCALE, doubt_of
from autoStructN2V.pipeline import finish, pipeline_events
from autoStructN2V.trainers import Judged, StageFinished
from quality import configuration, read_pair
from settings import add_settings_arguments
from tables import Table, add_common_arguments, machine, use_threads, write_report
from tasks import ALL_TASKS, TASKS, affine_fit, make_task, psnr
from verdicts import agreement_of, without_patterns

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from autoStructN2V.datasets import Mode

_MARKED = 0.05  # of the area
_MOST_SLICES = 4
_SIGMAS = [0.4 + 0.2 * i for i in range(24)]  # pixels
_COLUMNS = ["image", "stage 1", "stage 2", "ranks", "doubt: stage 1", "stage 2", "filter", "2.5 px"]


def images_of(arguments: argparse.Namespace) -> Iterator[tuple[str, Any, Any]]:
    """Yield the name, the noisy images and the truth in their units, (z, y, x) each."""
    for name in arguments.tasks:
        task = make_task(name, arguments.seed)
        yield name, task["noisy"], task["clean"]
    for name in arguments.image:
        noisy, truth = read_pair(arguments.data, name)
        if arguments.frame is not None:
            noisy = noisy[arguments.frame : arguments.frame + 1]
        pairs = zip(truth, noisy, strict=True)
        yield name, noisy, np.stack([affine_fit(clean, image) for clean, image in pairs])


def judged(name: str, noisy: NDArray[np.float32], arguments: argparse.Namespace) -> dict[str, Any]:
    """Train, and return the denoised images, the verdict, and the noise that was measured."""
    kept = arguments.keep / f"{name}.pickle" if arguments.keep else None
    if kept is not None and kept.exists():
        found: dict[str, Any] = pickle.loads(kept.read_bytes())
        return found
    mode: Mode = "2.5D" if name == "T6_stack" else "2D"
    events: list[Any] = []
    finish(pipeline_events(noisy, configuration(arguments, mode, 0, None)), events.append)
    stages = [event for event in events if isinstance(event, StageFinished)]
    doubts = [event.doubt for event in stages if event.doubt is not None]
    found = {
        "denoised": {f"stage{e.stage}": e.denoised[0] for e in stages if e.denoised},
        "verdict": next((e.verdict for e in events if isinstance(e, Judged)), None),
        "noise": doubts[-1].noise if doubts else None,
    }
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(pickle.dumps(found))
    return found


def row_of(
    name: str,
    noisy: NDArray[np.float32],
    cleaned: NDArray[np.float32],
    truth: NDArray[np.float32],
    found: dict[str, Any],
) -> dict[str, Any]:
    """Compare what was said with the truth."""
    blurred = {sigma: ndimage.gaussian_filter(cleaned, (0, sigma, sigma)) for sigma in _SIGMAS}
    best = max(_SIGMAS, key=lambda sigma: psnr(blurred[sigma], truth))
    scores = {stage: psnr(image, truth) for stage, image in found["denoised"].items()}
    scores["best_gaussian"] = psnr(blurred[best], truth)
    row: dict[str, Any] = {"image": name, "psnr": scores}
    row["verdict"] = agreement_of(found["verdict"], scores)
    if found["verdict"] is not None:
        row["gains"] = found["verdict"].gains_db
    if found["noise"] is not None:
        results = {**found["denoised"], "filter": blurred[best]}
        results["smooth"] = ndimage.gaussian_filter(cleaned, (0, 2.5, 2.5))
        row["doubt"] = {
            which: shares(noisy, image, truth, found["noise"]) for which, image in results.items()
        }
    return row


def shares(
    noisy: NDArray[np.float32], denoised: NDArray[np.float32], truth: NDArray[Any], noise: Any
) -> tuple[float, float]:
    """Return the share of the squared error that is marked, and that a map of the error marks."""
    found = []
    for image, result, clean in list(zip(noisy, denoised, truth, strict=True))[:_MOST_SLICES]:
        error = np.square(result.astype(float) - clean)
        known = ndimage.gaussian_filter(error, SCALE)
        found.append(
            [marked_share(score, error) for score in (doubt_of(image, result, noise).map, known)]
        )
    marked, possible = np.mean(found, axis=0)
    return float(marked), float(possible)


def marked_share(score: NDArray[Any], error: NDArray[np.float64]) -> float:
    """Return the share of the error (y, x) where a map (y, x) is highest."""
    is_marked = score > np.quantile(score, 1.0 - _MARKED)
    return float(error[is_marked].sum() / error.sum())


def cells_of(row: dict[str, Any]) -> list[str]:
    true, said = row["psnr"], row.get("gains", {})
    cells = [row["image"]]
    for name in ("stage 1", "stage 2"):
        key = name.replace(" ", "")
        gain = f"{true[key] - true['best_gaussian']:+.2f}" if key in true else "-"
        cells.append(f"{said[name]:+.2f} ({gain})" if name in said else f"- ({gain})")
    wrong = row["verdict"]["wrong"] if row["verdict"] else None
    cells.append("-" if wrong is None else ", ".join(wrong) or "right")
    for which in ("stage1", "stage2", "filter", "smooth"):
        pair = row.get("doubt", {}).get(which)
        cells.append(f"{pair[0]:.2f} ({pair[1]:.2f})" if pair else "-")
    return cells


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--tasks", nargs="*", choices=ALL_TASKS, default=TASKS, metavar="TASK", help="default: all")
    add("--seed", type=int, default=0, metavar="N", help="of the tasks; default 0")
    add("--data", type=Path, metavar="DIR", help="folder with real pairs of images")
    add("--image", nargs="*", default=[], metavar="NAME", help="of the real pairs")
    add("--frame", type=int, metavar="N", help="the one to learn from; default: all")
    add("--keep", type=Path, metavar="DIR", help="keeps what was trained, and uses what is there")
    add_settings_arguments(parser)
    add_common_arguments(parser)
    return parser.parse_args()


def main() -> None:
    arguments = read_arguments()
    use_threads(arguments.threads)
    table = Table(_COLUMNS)
    for name, noisy, truth in images_of(arguments):
        cleaned = without_patterns(noisy, configuration(arguments, "2D", 0, None))
        row = row_of(name, noisy, cleaned, truth, judged(name, noisy, arguments))
        table.add(cells_of(row), row)
    settings = {"preset": arguments.preset, "set": arguments.set}
    write_report(arguments.json, {"machine": machine(), "settings": settings, "images": table.rows})


if __name__ == "__main__":
    main()
