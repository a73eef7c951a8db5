"""How often the automatic kernel is right, measured on many seeds without any training.

For each synthetic task: recall, the share of the offsets with a true autocorrelation above 0.1 that
the kernel hides, and precision, the share of the offsets it hides that have one; the mean and the
lowest of all seeds, and the share of the seeds with both at least 0.9. In 2.5D they count the
offsets of all three slices. For noise that no kernel hides, the share of the seeds whose kernel is
the center alone.

With --images also says for real images which kernel is proposed, in words. In microscopes with
independent noise in every pixel it should be the center alone.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from autoStructN2V.datasets import open_images, read_stack
from autoStructN2V.masking import (
    ExtractorConfig,
    measure_noise_autocorrelation,
    propose_kernel,
)
from tables import Table, add_common_arguments, machine, use_threads, write_report
from tasks import ALL_TASKS, TASKS, make_task
from true_kernel import agreement, true_kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from autoStructN2V.datasets import Mode
    from autoStructN2V.masking import Kernel

_STACK_TASK = "T6_stack"
_GOOD = 0.9
_COLUMNS = ["task", "mode", "seeds", "recall mean / lowest", "precision mean / lowest"]
_COLUMNS += [f"both >= {_GOOD}", "center only"]


def proposed(stack: NDArray[np.float32], mode: Mode) -> Kernel:
    """Return the kernel that the default parameters propose for a stack (Z, Y, X)."""
    measured = measure_noise_autocorrelation([stack], mode=mode)
    return propose_kernel(measured, ExtractorConfig()).kernel


def judged(task: str, mode: Mode, seed: int) -> dict[str, Any]:
    """Return recall, precision (None: nothing to count) and whether only the center is hidden."""
    kernel = proposed(make_task(task, seed)["noisy"], mode)
    return {"is_center": kernel.n_hidden == 1, **agreement(kernel, true_kernel(task, mode))}


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what the rows of one task have in common."""
    counted = [r for r in rows if r["recall"] is not None]
    good = [min(r["recall"], r["precision"] or 0.0) >= _GOOD for r in counted]
    return {
        "recall": [r["recall"] for r in counted],
        "precision": [r["precision"] or 0.0 for r in counted],
        "good": float(np.mean(good)) if good else None,
        "center_only": float(np.mean([r["is_center"] for r in rows])),
    }


def cells_of(task: str, mode: Mode, seeds: list[int], row: dict[str, Any]) -> list[str]:
    def both(values: list[float]) -> str:
        return f"{np.mean(values):.2f} / {min(values):.2f}" if values else "-"

    good = "-" if row["good"] is None else f"{row['good']:.0%}"
    scores = [both(row["recall"]), both(row["precision"]), good, f"{row['center_only']:.0%}"]
    return [task, mode, str(len(seeds)), *scores]


def measure_tasks(tasks: list[str], seeds: list[int]) -> list[dict[str, Any]]:
    table = Table(_COLUMNS)
    for task in tasks:
        mode: Mode = "2.5D" if task == _STACK_TASK else "2D"
        row = summary([judged(task, mode, seed) for seed in seeds])
        table.add(cells_of(task, mode, seeds, row), {"task": task, "mode": mode, **row})
    return table.rows


def measure_images(files: list[Path]) -> list[dict[str, Any]]:
    """Propose a kernel for each slice of real images on its own, and for all of a file together."""
    table = Table(["image", "all slices together", "slices with the center only"])
    for file in files:
        stack = read_stack(open_images(file, mode="2D")[0])
        together = proposed(stack, "2D").description.sentence
        alone = [proposed(image[None], "2D").n_hidden == 1 for image in stack]
        cells = [file.stem, together, f"{sum(alone)} of {len(alone)}"]
        row = {"image": file.name, "together": together, "center_only": float(np.mean(alone))}
        table.add(cells, row)
    return table.rows


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tasks", nargs="*", choices=ALL_TASKS, default=TASKS, metavar="TASK")
    parser.add_argument("--seeds", nargs="+", type=int, default=list(range(100, 120)), metavar="N")
    parser.add_argument("--images", nargs="*", type=Path, default=[], metavar="FILE")
    add_common_arguments(parser)
    return parser.parse_args()


def main() -> None:
    arguments = read_arguments()
    use_threads(arguments.threads)
    report: dict[str, Any] = {"machine": machine(), "seeds": arguments.seeds}
    report["tasks"] = measure_tasks(arguments.tasks, arguments.seeds)
    if arguments.images:
        print()
        report["images"] = measure_images(arguments.images)
    write_report(arguments.json, report)


if __name__ == "__main__":
    main()
