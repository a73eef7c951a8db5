"""How long a person waits for the first thing: help, a look at an image, the first dock.

Each row is a process of its own with one thread. Processor time is what the machine has to do,
whatever else it does; the bars are for that.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import tifffile

from autoStructN2V.datasets import make_sample
from command_line import COMMAND
from tables import Table, machine, write_report

_VIEWER = "import napari; viewer = napari.Viewer(show=False)"
_DOCK = f"""{_VIEWER}
import os
from qtpy.QtWidgets import QApplication
_, dock = viewer.window.add_plugin_dock_widget("napari-autostructn2v", "Configuration")
QApplication.processEvents()
"""
_READ = f"{_DOCK}os._exit(0)"  # what is loaded meanwhile is not waited for
_FORM = f"""{_DOCK}
import time
while dock.content is None:
    QApplication.processEvents()
    time.sleep(0.01)
"""
_COLUMNS = ["what", "processor seconds", "bar", "seconds"]


def images_in(folder: Path) -> tuple[Path, Path]:
    """Write a slice of 512 x 512 and a stack of 30 slices of 2048 x 2048, both with lines."""
    noisy = make_sample("horizontal_lines", seed=3, shape=(30, 512, 512)).noisy
    counts = (1000 * noisy + 2000).astype(np.uint16)
    small, large = folder / "small.tif", folder / "large.tif"
    tifffile.imwrite(small, counts[0])
    more = np.random.default_rng(0).integers(0, 200, (30, 2048, 2048)).astype(np.uint16)
    tifffile.imwrite(large, np.tile(counts, (1, 4, 4)) + more, photometric="minisblack")
    return small, large


def spent(command: list[str]) -> tuple[float, float]:
    """Run a command; return seconds on the processor, and seconds that passed."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return used, time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="the medians are shown")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to this file")
    arguments = parser.parse_args()
    table = Table(_COLUMNS)

    def add(name: str, command: list[str], bar: float | None = None, less: float = 0.0) -> float:
        runs = [spent(command) for _ in range(arguments.rounds)]
        used, passed = median(run[0] for run in runs), median(run[1] for run in runs)
        cells = [name, f"{used - less:.2f}", "" if bar is None else f"{bar:.2f}", f"{passed:.1f}"]
        table.add(cells, {"what": name, "used": used - less, "bar": bar, "passed": passed})
        return float(used)

    with tempfile.TemporaryDirectory() as folder:
        small, large = images_in(Path(folder))
        torch_import = add("import torch", [sys.executable, "-c", "import torch"])
        add("autostructn2v --help", [*COMMAND, "--help"], 0.7)
        add("inspect, 512 x 512", [*COMMAND, "inspect", str(small)], torch_import + 2)
        add("inspect, 30 x 2048 x 2048", [*COMMAND, "inspect", str(large)], 10.0)
        viewer = add("a window of napari", [sys.executable, "-c", _VIEWER])
        bar = 1.5 * torch_import
        python = [sys.executable, "-c"]
        add(
            "the first dock, with something to read, after the window",
            [*python, _READ],
            bar,
            viewer,
        )
        add("its form, after the window", [*python, _FORM], None, viewer)
    write_report(arguments.json, {"machine": machine(), "rows": table.rows})


if __name__ == "__main__":
    main()
