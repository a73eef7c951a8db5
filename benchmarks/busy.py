"""How long a training takes beside programs that keep cores busy, and how well that is foreseen.

Trains the same images with fixed numbers of threads and with the number that the program chooses
(0), beside none, one and more busy loops, all in one process and in turns, so that a machine whose
speed drifts does not matter. Each round begins with the estimate that a person would see.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from contextlib import contextmanager
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

import torch

from autoStructN2V.pipeline import (
    estimate_run,
    finish,
    measure_speed,
    pipeline_events,
    validate_config,
)
from settings import add_settings_arguments, chosen_fields
from tables import Table, add_common_arguments, machine, use_threads, write_report
from tasks import TASKS, make_task

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

_COLUMNS = ["busy loops", "threads", "seconds", "ratio to the best fixed", "estimate / seconds"]
_CPU = torch.device("cpu")


@contextmanager
def busy_loops(n: int) -> Iterator[None]:
    """Let ``n`` other processes compute without end."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(n)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def timed(images: NDArray[np.float32], fields: dict[str, Any]) -> tuple[float, float]:
    """Train; return the seconds that were foreseen and those that it took."""
    config = validate_config(fields)
    measure_speed.cache_clear()
    speed = measure_speed(_CPU, config.threads)
    foreseen = estimate_run(config, [images.shape], _CPU, speed).seconds
    start = perf_counter()
    finish(pipeline_events(images, config))
    return foreseen, perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", choices=TASKS, default="T2_hline")
    parser.add_argument("--slices", type=int, default=8, help="slices of the task (default 8)")
    parser.add_argument("--loops", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--fixed", type=int, nargs="+", default=[1, 2], help="numbers of threads")
    parser.add_argument("--rounds", type=int, default=1, help="the medians are shown")
    add_settings_arguments(parser)
    add_common_arguments(parser)
    arguments = parser.parse_args()
    use_threads(arguments.threads)
    images = make_task(arguments.task)["noisy"][: arguments.slices]
    table = Table(_COLUMNS)
    for n_loops in arguments.loops:
        runs: dict[int, list[tuple[float, float]]] = {n: [] for n in [*arguments.fixed, 0]}
        with busy_loops(n_loops):
            for _ in range(arguments.rounds):
                for n_threads, results in runs.items():
                    fields = chosen_fields(arguments, device="cpu", threads=n_threads)
                    results.append(timed(images, fields))
        taken = {n: median(seconds for _, seconds in results) for n, results in runs.items()}
        best = min(taken[n] for n in arguments.fixed)
        for n_threads, results in runs.items():
            foreseen = median(estimate / seconds for estimate, seconds in results)
            ratio = taken[n_threads] / best
            cells = [str(n_loops), str(n_threads or "chosen"), f"{taken[n_threads]:.0f}"]
            table.add(
                [*cells, f"{ratio:.2f}", f"{foreseen:.2f}"],
                {
                    "loops": n_loops,
                    "threads": n_threads,
                    "seconds": taken[n_threads],
                    "ratio": ratio,
                    "estimate": foreseen,
                },
            )
    report = {"machine": machine(), "task": arguments.task, "rows": table.rows}
    write_report(arguments.json, report)


if __name__ == "__main__":
    main()
