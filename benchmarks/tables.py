"""What all benchmarks share: tables that are printed row by row, JSON files, number of threads."""

from __future__ import annotations

import json
import os
import platform
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import torch

import autoStructN2V

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping


Clock: TypeAlias = "Callable[[], float]"

_CLOCKS: dict[str, Clock] = {"wall": time.perf_counter, "cpu": time.process_time}


@dataclass
class Table:
    """Markdown table whose rows appear on the screen as soon as they are known.

    Parameters
    ----------
    columns : list of str
        Titles, in the order in which the cells are given.
    rows : list of dict
        Raw values of the rows so far, for a JSON file.
    """

    columns: list[str]
    rows: list[dict[str, Any]] = field(default_factory=list)

    def add(self, cells: list[str], values: Mapping[str, Any]) -> None:
        """Print a row and keep its raw values."""
        if not self.rows:
            print(_line(self.columns), _line(["---"] * len(self.columns)), sep="\n")
        print(_line(cells), flush=True)
        self.rows.append(dict(values))


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def machine(device: str = "cpu") -> dict[str, str | int]:
    """Return what a person needs to judge the figures."""
    return {
        "autostructn2v": autoStructN2V.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "system": platform.platform(),
        "device": torch.cuda.get_device_name() if device == "cuda" else device,
        "threads": torch.get_num_threads(),
    }


def write_report(path: Path | None, report: Mapping[str, Any]) -> None:
    """Write figures as JSON, unless ``path`` is None."""
    if path is not None:
        path.write_text(json.dumps(report, indent=2, default=str) + "\n", encoding="utf-8")


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare ``--threads`` and ``--json``."""
    parser.add_argument(
        "--threads", type=int, metavar="N", help="CPU threads of PyTorch; default: its own choice"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to this file")


def use_threads(n_threads: int | None) -> None:
    """Set the number of CPU threads of PyTorch, None leaves it."""
    if n_threads is not None:
        torch.set_num_threads(n_threads)
        os.environ["OMP_NUM_THREADS"] = str(n_threads)  # read by all that uses no PyTorch


def add_clock_argument(parser: argparse.ArgumentParser) -> None:
    """Declare ``--clock``."""
    parser.add_argument(
        "--clock",
        choices=sorted(_CLOCKS),
        default="wall",
        help="wall: time that passes; cpu: time on the processor, which other programs of a busy "
        "machine do not lengthen, to be used with --threads 1",
    )


def clock_of(name: str) -> Clock:
    """Return the clock of that name; it gives seconds."""
    return _CLOCKS[name]


def seconds(run: Callable[[], object], clock: Clock, n: int = 1) -> float:
    """Return how long ``n`` calls take."""
    start = clock()
    for _ in range(n):
        run()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return clock() - start
