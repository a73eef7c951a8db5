"""Whether the shelf puts the right model first, and how long it takes to list many.

Trains a model on each of some tasks and, with --data, on one half of a real image NAME_noisy.tif:
an epoch is enough, as a model is told by its kernel, the strength of the noise and intensities.
Then lists them for images that none has seen: the tasks with another seed, and the other half of
the real image. Says for each which model comes first, how far it is from fitting (misfit) and how
far the next is. --copies fills the shelf with copies and says how long it takes to list them
without images.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from autoStructN2V.datasets import ArraySource, open_images, read_stack
from autoStructN2V.pipeline import finish, list_models, recorded_events
from tables import Table, add_common_arguments, machine, use_threads, write_report
from tasks import TASKS, make_task

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_TASKS = ["T1_random", "T2_hline", "T3_vline", "T4_diag", "T7_blob"]
_SHORT = {"preset": "fast", "num_epochs": 1}


def halves(folder: Path, name: str) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the upper and the lower half of a real image."""
    stack = read_stack(open_images(folder / f"{name}_noisy.tif", mode="2D")[0])
    middle = stack.shape[1] // 2
    return stack[:, :middle], stack[:, middle:]


def main() -> None:
    """Train, list, and print which model comes first."""
    arguments = read_arguments()
    use_threads(arguments.threads)
    pairs = {
        name: (make_task(name, 0)["noisy"], make_task(name, 1)["noisy"]) for name in arguments.tasks
    }
    for name in arguments.image if arguments.data is not None else ():
        pairs[name] = halves(arguments.data, name)
    table = Table(["images", "first model", "misfit", "next model", "misfit", "seconds"])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind, (first, _) in pairs.items():
            config = {**_SHORT, "output_dir": folder, "experiment_name": kind}
            finish(recorded_events([ArraySource(first, name=kind)], config))
        for kind, (_, other) in pairs.items():
            start = time.perf_counter()
            best, second, *_ = list_models(folder, [ArraySource(other)]).models
            seconds = time.perf_counter() - start
            cells = [best.name, f"{best.misfit:.2f}", second.name, f"{second.misfit:.2f}"]
            row = {"images": kind, "first": best.name, "is_right": best.name == kind}
            table.add([kind, *cells, f"{seconds:.1f}"], row)
        right = sum(row["is_right"] for row in table.rows)
        print(f"\n{right} of {len(table.rows)} right")
        for number in range(arguments.copies - len(pairs)):
            shutil.copytree(folder / next(iter(pairs)), folder / f"copy {number}")
        start = time.perf_counter()
        n_listed = len(list_models(folder).models)
        listed = time.perf_counter() - start
        print(f"{n_listed} models were listed in {listed:.3f} s")
    report = {"machine": machine(), "rows": table.rows, "listed": n_listed, "seconds": listed}
    write_report(arguments.json, report)


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--tasks", nargs="*", choices=TASKS, default=_TASKS, metavar="TASK", help="default: some")
    add("--data", type=Path, metavar="DIR", help="folder with real images")
    add("--image", nargs="+", default=["actin_confocal"], metavar="NAME", help="of the real images")
    add("--copies", type=int, default=30, metavar="N", help="models on the shelf; default 30")
    add_common_arguments(parser)
    return parser.parse_args()


if __name__ == "__main__":
    main()
