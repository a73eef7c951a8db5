"""Whether trainings one after the other in the same napari session leave memory behind.

Small trainings of both stages run in a real viewer with the dock Training open; their layers are
removed after each, as a person would. Resident memory after each run is printed. The target: after
the last run within 10 % of that after the second (the first loads libraries). Needs a screen, or a
screen in memory (``xvfb-run``), and Linux or macOS.
"""

from __future__ import annotations

import argparse
import gc
import tempfile
from typing import TYPE_CHECKING

import napari
import psutil

from autoStructN2V.datasets.synthetic import make_sample
from autoStructN2V.pipeline import validate_config
from gui_responsiveness import rest, wait_until
from napari_autostructn2v._docks import DockName
from napari_autostructn2v._session import session_for
from napari_autostructn2v._state import Phase
from tables import Table, add_common_arguments, machine, use_threads, write_report

if TYPE_CHECKING:
    from napari_autostructn2v._session import Session

_MEBIBYTE = 2**20
_MOST_GROWTH = 0.1
_STAGE = {"features": 16, "patch_size": 32, "batch_size": 4, "steps_per_epoch": 10}


def train_once(session: Session) -> None:
    """Train with the buttons of the dock, look at the results, and take them away."""
    dock = session.show(DockName.TRAINING)
    source = session.viewer.layers[0]
    dock.start_button.click()
    wait_until(lambda: not session.run.phase.is_running)
    if session.run.phase is not Phase.DONE:
        raise SystemExit(f"The training did not come to its end: {session.run.error}")
    rest(0.5)
    dock.outcome.new_button.click()
    for layer in list(session.viewer.layers):
        if layer is not source:
            session.viewer.layers.remove(layer)
    rest(0.5)
    gc.collect()


def main() -> None:
    """Measure, print the table, and tell whether the target is met."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=10, help="trainings one after the other")
    add_common_arguments(parser)
    options = parser.parse_args()
    use_threads(options.threads)
    viewer = napari.Viewer()
    session = session_for(viewer)
    session.set_auto_approve(True)
    process = psutil.Process()
    table = Table(["run", "resident memory", "against the second"])
    resident: list[int] = []
    with tempfile.TemporaryDirectory() as folder:
        config = {"preset": "fast", "num_epochs": 2, "device": "cpu", "output_dir": folder}
        stages = {"stage1": _STAGE, "stage2": _STAGE}
        session.set_config(validate_config({**config, **stages}))
        noisy = make_sample("horizontal_lines", shape=(8, 256, 256)).noisy
        session.choose_layer(viewer.add_image(noisy, name="lines"))
        for number in range(1, options.runs + 1):
            train_once(session)
            resident.append(process.memory_info().rss)
            change = resident[-1] / resident[1] - 1 if number > 1 else 0.0
            size = f"{resident[-1] / _MEBIBYTE:.0f} MiB"
            cells = [str(number), size, f"{change:+.1%}" if number > 1 else ""]
            table.add(cells, {"run": number, "bytes": resident[-1], "change": change})
    write_report(options.json, {"machine": machine(), "runs": table.rows})
    session.close()
    viewer.close()
    growth = resident[-1] / resident[min(1, len(resident) - 1)] - 1
    raise SystemExit("Target missed" if growth > _MOST_GROWTH else 0)


if __name__ == "__main__":
    main()
