"""Whether trainings one after the other in the same napari session leave memory behind.

Small trainings of both stages run in a real viewer with the dock Training open; their layers stay,
as they would for a person. Resident memory after each run is printed. What napari itself keeps for
such layers is measured at the end, without the plugin, and taken off. The target: after the last
run within 10 % of that after the second (the first loads libraries). Needs a screen, or a screen in
memory (``xvfb-run``).
"""

from __future__ import annotations

import argparse
import gc
import tempfile
from typing import TYPE_CHECKING

import napari
import psutil

from autoStructN2V.datasets.samples.synthetic import make_sample
from autoStructN2V.pipeline import validate_config
from gui_responsiveness import rest, training_dock, wait_until
from napari_autostructn2v.session.session import session_for
from napari_autostructn2v.session.state import Phase
from tables import Table, add_common_arguments, machine, use_threads, write_report

if TYPE_CHECKING:
    from napari_autostructn2v.session.session import Session

_MEBIBYTE = 2**20
_MOST_GROWTH = 0.1
_N_LAYERS = 8
_STAGE = {"features": 16, "patch_size": 32, "batch_size": 4, "steps_per_epoch": 10}


def train_once(session: Session) -> None:
    """Train with the buttons of the dock, and make ready for another training."""
    dock = training_dock(session)
    dock.start_button.click()
    wait_until(lambda: not session.training.state.phase.is_running)
    if session.training.state.phase is not Phase.DONE:
        raise SystemExit(f"The training did not come to its end: {session.training.state.error}")
    rest(0.5)
    dock.outcome.new_button.click()
    rest(0.5)
    gc.collect()


def layer_cost(viewer: napari.Viewer) -> float:
    """Return the bytes that napari keeps for a layer like those of the runs."""
    noisy = viewer.layers[0].data
    before = psutil.Process().memory_info().rss
    for number in range(_N_LAYERS):
        viewer.add_image(noisy.copy(), name=f"layer {number}")
        rest(0.3)
    gc.collect()
    return float(psutil.Process().memory_info().rss - before) / _N_LAYERS


def main() -> None:
    """Measure, print the table, and tell whether the target is met."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=10, help="trainings one after the other")
    add_common_arguments(parser)
    options = parser.parse_args()
    use_threads(options.threads)
    viewer = napari.Viewer()
    session = session_for(viewer)
    session.training.set_auto_approve(True)
    process = psutil.Process()
    table = Table(["run", "resident memory", "against the second"])
    resident: list[int] = []
    n_layers: list[int] = []
    with tempfile.TemporaryDirectory() as folder:
        config = {"preset": "fast", "num_epochs": 2, "device": "cpu", "output_dir": folder}
        stages = {"stage1": _STAGE, "stage2": _STAGE}
        session.set_config(validate_config({**config, **stages}))
        noisy = make_sample("horizontal_lines", shape=(2, 128, 128)).noisy
        session.choose_layer(viewer.add_image(noisy, name="lines"))
        for number in range(1, options.runs + 1):
            train_once(session)
            resident.append(process.memory_info().rss)
            n_layers.append(len(viewer.layers))
            change = resident[-1] / resident[1] - 1 if number > 1 else 0.0
            size = f"{resident[-1] / _MEBIBYTE:.0f} MiB"
            cells = [str(number), size, f"{change:+.1%}" if number > 1 else ""]
            table.add(cells, {"run": number, "bytes": resident[-1], "change": change})
    cost = layer_cost(viewer)
    second = min(1, len(resident) - 1)
    own = resident[-1] - resident[second] - cost * (n_layers[-1] - n_layers[second])
    growth = own / resident[second]
    print(f"napari keeps {cost / _MEBIBYTE:.1f} MiB for a layer; without them: {growth:+.1%}")
    report = {"machine": machine(), "runs": table.rows, "layer": cost, "growth": growth}
    write_report(options.json, report)
    session.close()
    viewer.close()
    raise SystemExit("Target missed" if growth > _MOST_GROWTH else 0)


if __name__ == "__main__":
    main()
