"""How well noise is removed from images whose clean truth is known.

Trains on the synthetic tasks T1 to T8 and compares the input, stage 1 and stage 2 with the truth:
peak signal-to-noise ratio in dB (peak 1), the same after the affine fit a * image + b, and
structural similarity. Also says how well the kernel agrees with the true noise: recall, the share
of the offsets with a true autocorrelation above 0.1 that it hides, and precision, the share of
the offsets it hides that have one ("-": there are none). The last column before the times is the
stage that the program itself prefers, by its errors at hidden pixels, and whether the truth agrees.
Times are seconds of stage 1, of the extraction of the kernel, and of stage 2; training and
denoising together.

With --data it also scores real pairs NAME_noisy.tif and NAME_gt.tif: PSNR after an affine fit of
each slice, where the truth is within --limits, beside the best of many Gaussian filters.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from autoStructN2V.datasets import open_images, read_stack
from autoStructN2V.masking import Kernel
from autoStructN2V.pipeline import finish, pipeline_events
from autoStructN2V.trainers import KernelProposed, StageFinished
from settings import add_settings_arguments, chosen_fields
from tables import (
    Clock,
    Table,
    add_clock_argument,
    add_common_arguments,
    clock_of,
    machine,
    use_threads,
    write_report,
)
from tasks import ALL_TASKS, TASKS, affine_fit, make_task, psnr, score
from true_kernel import agreement, true_kernel
from verdicts import COLUMN, agreement_of, cell_of, without_patterns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from autoStructN2V.datasets import Mode
    from autoStructN2V.pipeline import PipelineResult
    from autoStructN2V.pipeline.events import Event

_STACK_TASK = "T6_stack"
_COLUMNS = ["task", "mode", "seed", "input", "stage 1", "stage 2", "kernel", "recall", "precision"]
_COLUMNS += ["masked score prefers", "stage 1 s", "kernel s", "stage 2 s", COLUMN]
_LIMITS, _PEAK = (20.0, 250.0), 255.0  # of real images with 8 bits
_REAL_COLUMNS = ["image", "input", "stage 1", "stage 2", "best Gaussian", "kernel", "seconds"]
_REAL_COLUMNS += [COLUMN]
_SIGMAS = [0.5 + 0.25 * i for i in range(15)]  # pixels
_STEPS = ("stage1", "kernel", "stage2")


@dataclass
class Stopwatch:
    """Seconds of each step of a run, told from its events."""

    clock: Clock
    seconds: dict[str, float] = field(default_factory=dict)
    _last: float = 0.0

    def __post_init__(self) -> None:
        self._last = self.clock()

    def __call__(self, event: Event) -> None:
        """Note the time when a step ends."""
        if isinstance(event, StageFinished):
            self._lap(f"stage{event.stage}")
        elif isinstance(event, KernelProposed):
            self._lap("kernel")

    def _lap(self, step: str) -> None:
        now = self.clock()
        self.seconds[step] = now - self._last
        self._last = now


def configuration(
    arguments: argparse.Namespace, mode: Mode, seed: int, kernel_file: Path | None
) -> dict[str, Any]:
    fixed: dict[str, Any] = {"mode": mode, "random_seed": 42 + seed}
    if kernel_file is not None:
        fixed["stage2"] = {"mask_source": "file", "mask_file_path": str(kernel_file)}
    return chosen_fields(arguments, **fixed)


def train(
    noisy: NDArray[np.float32], config: dict[str, Any], clock: Clock
) -> tuple[PipelineResult, dict[str, float]]:
    """Run the pipeline; return its result and the seconds of each step."""
    stopwatch = Stopwatch(clock)
    result = finish(pipeline_events(noisy, config), stopwatch)
    return result, stopwatch.seconds


def denoised_images(result: PipelineResult) -> dict[str, NDArray[np.float32]]:
    stages = {"stage1": result.stage1, "stage2": result.stage2}
    return {name: stage.denoised[0] for name, stage in stages.items() if stage and stage.denoised}


def run_task(name: str, mode: Mode, seed: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """Train on one task and score it."""
    task = make_task(name, seed)
    truth = true_kernel(name, mode)
    with tempfile.TemporaryDirectory() as folder:
        file = truth.save(Path(folder) / "true.npy") if arguments.kernel == "true" else None
        config = configuration(arguments, mode, seed, file)
        result, seconds = train(task["noisy"], config, clock_of(arguments.clock))
        cleaned = without_patterns(task["noisy"], config)
    images = {"input": task["noisy"], **denoised_images(result)}
    row: dict[str, Any] = {"task": name, "mode": mode, "seed": seed}
    row |= {step: score(image, task["clean"]) for step, image in images.items()}
    if result.kernel is not None:
        found = result.kernel.trimmed()
        row |= {"kernel": found.to_array().astype(int).tolist(), **agreement(found, truth)}
    if result.comparison is not None:
        row["comparison"] = result.comparison.to_dict()
    row["verdict"] = agreement_of(result.verdict, _psnr_of(row, cleaned, task["clean"]))
    return row | {"seconds": seconds}


def _psnr_of(
    row: dict[str, Any], cleaned: NDArray[np.float32], truth: NDArray[np.float32]
) -> dict[str, float]:
    """Return the PSNR in dB of both stages and of the best Gaussian filter of cleaned images."""
    blurred = (ndimage.gaussian_filter(cleaned, (0, s, s)) for s in _SIGMAS)
    scores: dict[str, float] = {
        step: row[step]["psnr"] for step in ("stage1", "stage2") if step in row
    }
    scores["best_gaussian"] = max(psnr(image, truth) for image in blurred)
    return scores


def cells_of(row: dict[str, Any]) -> list[str]:
    cells = [row["task"], row["mode"], str(row["seed"])]
    cells += [_scores(row.get(step)) for step in ("input", "stage1", "stage2")]
    cells.append(_kernel_size(row))
    cells += [_number(row.get(name), ".2f") for name in ("recall", "precision")]
    cells.append(_preference(row))
    cells += [_number(row["seconds"].get(step), ".1f") for step in _STEPS]
    return [*cells, cell_of(row.get("verdict"))]


def _preference(row: dict[str, Any]) -> str:
    """Return the stage that the self-supervised score prefers, and whether the truth agrees."""
    if "comparison" not in row:
        return "-"
    preferred = row["comparison"]["better_stage"]
    better = 2 if row["stage2"]["psnr"] > row["stage1"]["psnr"] else 1
    return f"stage {preferred}, {'right' if preferred == better else 'wrong'}"


def _scores(scores: dict[str, float] | None) -> str:
    if scores is None:
        return "-"
    return f"{scores['psnr']:.2f} / {scores['psnr_aff']:.2f} / {scores['ssim']:.3f}"


def _kernel_size(row: dict[str, Any]) -> str:
    if row.get("kernel") is None:
        return "-"
    kernel = np.array(row["kernel"])
    return f"{kernel.sum()} of {' x '.join(str(side) for side in kernel.shape)}"


def _number(value: float | None, spec: str) -> str:
    return "-" if value is None else format(value, spec)


def runs(arguments: argparse.Namespace) -> Iterator[tuple[str, Mode, int]]:
    """Yield task, mode and seed of each run; only the stack has neighbors in z."""
    for name in arguments.tasks:
        modes: list[Mode] = ["2D"]
        if name == _STACK_TASK:
            modes = ["2D", "2.5D"] if arguments.mode == "both" else [arguments.mode]
        for mode in modes:
            for seed in arguments.seeds:
                yield name, mode, seed


def read_pair(folder: Path, name: str) -> list[NDArray[np.float32]]:
    """Read a real noisy image and its truth, (z, y, x) each."""
    files = [folder / f"{name}_{which}.tif" for which in ("noisy", "gt")]
    return [read_stack(open_images(file, mode="2D")[0]) for file in files]


def score_real(folder: Path, name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Train on a real image and score it where its truth is within the limits."""
    noisy, truth = read_pair(folder, name)
    config = configuration(arguments, "2D", 0, None)
    result, seconds = train(noisy, config, clock_of(arguments.clock))
    images = {"input": noisy, **denoised_images(result)}
    row: dict[str, Any] = {"image": name, "kernel": None, "seconds": seconds}
    scale = (arguments.limits, arguments.peak)
    row |= {step: masked_psnr(image, truth, *scale) for step, image in images.items()}
    row["best_gaussian"] = best_gaussian(noisy, truth, *scale)
    judged = best_gaussian(without_patterns(noisy, config), truth, *scale)
    row["verdict"] = agreement_of(result.verdict, {**row, "best_gaussian": judged})
    if result.kernel is not None:
        row["kernel"] = result.kernel.trimmed().to_array().astype(int).tolist()
    return row


def best_gaussian(
    noisy: NDArray[np.float32],
    truth: NDArray[np.float32],
    limits: Sequence[float] = _LIMITS,
    peak: float = _PEAK,
) -> float:
    """Return the PSNR in dB of the Gaussian filter that the truth likes best."""
    blurred = (ndimage.gaussian_filter(noisy, (0, s, s)) for s in _SIGMAS)
    return max(masked_psnr(image, truth, limits, peak) for image in blurred)


def masked_psnr(
    image: NDArray[np.floating],
    truth: NDArray[np.float32],
    limits: Sequence[float] = _LIMITS,
    peak: float = _PEAK,
) -> float:
    """Return the PSNR in dB after an affine fit, where the truth is within the limits.

    The mean of that of each slice: slices may have been rescaled one by one.
    """
    scores = []
    for plane, clean in zip(image, truth, strict=True):
        is_scored = (clean >= limits[0]) & (clean <= limits[1])
        fitted = affine_fit(plane[is_scored], clean[is_scored])
        scores.append(psnr(fitted / peak, clean[is_scored] / peak))
    return float(np.mean(scores))


def real_cells(row: dict[str, Any]) -> list[str]:
    steps = ("input", "stage1", "stage2", "best_gaussian")
    scores = [_number(row.get(step), ".2f") for step in steps]
    return [
        row["image"],
        *scores,
        _kernel_size(row),
        f"{sum(row['seconds'].values()):.0f}",
        cell_of(row["verdict"]),
    ]


def measure_tasks(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Train on all tasks; print their scores, the kernels, and the means over the seeds."""
    table = Table(_COLUMNS)
    for name, mode, seed in runs(arguments):
        row = run_task(name, mode, seed, arguments)
        table.add(cells_of(row), row)
    if len(arguments.seeds) > 1:
        print()
        summary = Table(_COLUMNS[:6])
        for mean in means(table.rows):
            summary.add(cells_of(mean)[:6], mean)
    for row in table.rows:
        if arguments.pictures and row.get("kernel"):
            print(f"\n{row['task']}, {row['mode']}, seed {row['seed']}:")
            print(Kernel.from_array(row["kernel"]))
    return table.rows


def means(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the mean scores over the seeds of each task and mode."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["task"], row["mode"]), []).append(row)
    return [
        {"task": task, "mode": mode, "seed": f"mean of {len(same)}", "seconds": {}}
        | {step: _mean_scores(same, step) for step in ("input", "stage1", "stage2")}
        for (task, mode), same in groups.items()
    ]


def _mean_scores(rows: list[dict[str, Any]], step: str) -> dict[str, float] | None:
    scores = [row[step] for row in rows if step in row]
    if not scores:
        return None
    return {name: float(np.mean([one[name] for one in scores])) for name in scores[0]}


def add_pair_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare which real pairs of images are scored, and how."""
    add = parser.add_argument
    add("--data", type=Path, metavar="DIR", help="folder with real pairs of images")
    add("--image", nargs="+", default=["actin_confocal"], metavar="NAME", help="of the real pairs")
    add(
        "--limits",
        nargs=2,
        type=float,
        default=_LIMITS,
        metavar=("LOW", "HIGH"),
        help="of the truth, where real images are scored; default: neither dark nor saturated, "
        f"{_LIMITS[0]:g} {_LIMITS[1]:g}",
    )
    add("--peak", type=float, default=_PEAK, metavar="X", help=f"of real images; default {_PEAK:g}")


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add(
        "--tasks",
        nargs="*",
        choices=ALL_TASKS,
        default=TASKS,
        metavar="TASK",
        help=f"{', '.join(TASKS)}; default: all; without any, only --data is scored",
    )
    add("--seeds", nargs="+", type=int, default=[0], metavar="N", help="default 0")
    add_settings_arguments(parser)
    add("--mode", choices=["2D", "2.5D", "both"], default="both", help=f"of {_STACK_TASK}")
    add("--kernel", choices=["automatic", "true"], default="automatic", help="default automatic")
    add("--pictures", action="store_true", help="also draw the kernels")
    add_pair_arguments(parser)
    add_clock_argument(parser)
    add_common_arguments(parser)
    return parser.parse_args()


def main() -> None:
    arguments = read_arguments()
    use_threads(arguments.threads)
    settings = {"preset": arguments.preset, "set": arguments.set, "kernel": arguments.kernel}
    report: dict[str, Any] = {"machine": machine(), "settings": settings}
    if arguments.tasks:
        report["tasks"] = measure_tasks(arguments)
    if arguments.data is not None:
        print()
        table = Table(_REAL_COLUMNS)
        for name in arguments.image:
            row = score_real(arguments.data, name, arguments)
            table.add(real_cells(row), row)
        report["real"] = table.rows
    write_report(arguments.json, report)


if __name__ == "__main__":
    main()
