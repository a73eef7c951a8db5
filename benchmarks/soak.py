"""Whether a session of many trainings and applications leaves anything behind.

Small trainings of both stages and applications of their models run in one napari window, by the
buttons of the docks; the results are compared side by side, and their layers removed, as a person
would who tries settings. After each round are counted: resident memory, threads, timers, objects
of Qt, connections of signals, and objects of this program. The targets: memory after the last round
within 10 % of that after the third, and nothing that grows from round to round. Needs a screen, or
a screen in memory (``xvfb-run``).

Two things are other than usual. What is to be drawn in the canvas ends before OpenGL, so nothing is
seen there: Mesa 22.3, which draws without a graphics card, crashes when it draws after a program
was deleted, with napari alone as well. And the Mask editor remembers three steps for Undo instead
of 200, so that its memory is full in the third round.
"""

from __future__ import annotations

import argparse
import gc
import tempfile
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import napari
import psutil
from psygnal import SignalInstance
from qtpy.QtCore import QObject, QTimer
from vispy.gloo.glir import GlirParser  # type: ignore[import-untyped]

from autoStructN2V.datasets.samples.synthetic import make_sample
from autoStructN2V.pipeline import validate_config
from gui_responsiveness import dock_of, rest, wait_until
from napari_autostructn2v.comparison import toggle_comparison
from napari_autostructn2v.session.docks import DockName
from napari_autostructn2v.session.documents import history
from napari_autostructn2v.session.session import session_for
from napari_autostructn2v.session.state import Phase
from tables import Table, add_common_arguments, machine, use_threads, write_report

if TYPE_CHECKING:
    from napari_autostructn2v.session.session import Session

_MEBIBYTE = 2**20
_MOST_GROWTH = 0.1
_REFERENCE = 3  # round: the first ones load libraries
_STAGE = {"features": 16, "patch_size": 32, "batch_size": 4, "steps_per_epoch": 10}
_COUNTED = ("threads", "timers", "objects of Qt", "connections", "objects of the program")
_OURS = ("autoStructN2V", "napari_autostructn2v")


def draw_nothing() -> None:
    """Give nothing of what the canvas is to show to OpenGL."""
    GlirParser.parse = lambda self, commands: None


def train_once(session: Session) -> None:
    """Train both stages with the buttons of the dock, and make ready for another training."""
    dock = dock_of(session, DockName.TRAINING)
    dock.start_button.click()
    wait_until(lambda: not session.training.state.phase.is_running)
    if session.training.state.phase is not Phase.DONE:
        raise SystemExit(f"The training did not come to its end: {session.training.state.error}")
    for _ in range(2):  # into the comparison and out of it
        toggle_comparison(session.viewer)
        rest(0.3)
    dock.outcome.new_button.click()


def apply_once(session: Session) -> None:
    """Apply the models at hand to the layer, and make ready for other images."""
    dock = dock_of(session, DockName.INFERENCE)
    dock.process_button.click()
    wait_until(lambda: not session.tasks.state.is_running)
    if session.denoising.last is None:
        raise SystemExit(f"The model was not applied: {session.tasks.state.error}")
    dock.more_button.click()


def remove_results(session: Session) -> None:
    """Remove all layers but the noisy one, and let what is deleted later be deleted."""
    for layer in list(session.viewer.layers)[1:]:
        session.viewer.layers.remove(layer)
    rest(0.5)
    gc.collect()
    rest(0.1)


def counts(session: Session) -> dict[str, int]:
    """Count what must not grow."""
    window = session.viewer.window._qt_window
    objects = gc.get_objects()
    kinds = Counter(type(thing).__name__ for thing in objects if _is_ours(thing))
    return {
        "bytes": psutil.Process().memory_info().rss,
        "threads": psutil.Process().num_threads(),
        "timers": len(window.findChildren(QTimer)),
        "objects of Qt": len(window.findChildren(QObject)),
        "connections": sum(len(s) for s in objects if issubclass(type(s), SignalInstance))
        + _connections_of_napari(session.viewer),
        "objects of the program": sum(kinds.values()),
        "python threads": threading.active_count(),
        **{f"kind {name}": n for name, n in kinds.items()},
    }


def _is_ours(thing: object) -> bool:
    return str(getattr(type(thing), "__module__", "")).split(".")[0] in _OURS


def _connections_of_napari(viewer: napari.Viewer) -> int:
    """Count what is called back by the viewer, its layers and their list."""
    groups = [viewer.events, viewer.layers.events, viewer.dims.events, viewer.scene.camera.events]
    groups += [layer.events for layer in viewer.layers]
    emitters = [emitter for group in groups for emitter in group.emitters.values()]
    n_mouse = len(viewer.mouse_move_callbacks) + len(viewer.mouse_drag_callbacks)
    return sum(len(emitter.callbacks) for emitter in emitters) + n_mouse


def grows(values: list[int]) -> bool:
    """Tell whether counts grow on: the last ones are above all of the first half, and rise.

    Counts that swing, as threads of a pool that come and go, do not.
    """
    half = len(values) // 2
    first, last = values[:half], values[half:]
    return min(last) > max(first) and last[-1] > last[0]


def growing(rows: list[dict[str, Any]]) -> list[str]:
    """Return the names of counts that grow, after the rounds that load libraries."""
    settled = rows[_REFERENCE - 1 :]
    return [name for name in _COUNTED if grows([row[name] for row in settled])]


def soak(session: Session, n_trainings: int, n_applications: int) -> Table:
    """Train and apply in rounds; print and return what is there after each."""
    table = Table(["round", "applied", "memory", "against round 3", *_COUNTED])
    n_applied = 0
    for number in range(1, n_trainings + 1):
        train_once(session)
        while n_applied * n_trainings < number * n_applications:
            apply_once(session)
            n_applied += 1
        remove_results(session)
        found = {"round": number, **counts(session)}
        known = [*table.rows, found]
        base = known[min(_REFERENCE, len(known)) - 1]["bytes"]
        change = f"{found['bytes'] / base - 1:+.1%}" if number > _REFERENCE else ""
        cells = [str(number), str(n_applied), f"{found['bytes'] / _MEBIBYTE:.0f} MiB", change]
        table.add([*cells, *(str(found[name]) for name in _COUNTED)], found)
    return table


def main() -> None:
    """Measure, print the table, and tell whether the targets are met."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trainings", type=int, default=20, help="of both stages")
    parser.add_argument("--applications", type=int, default=50, help="of their models")
    add_common_arguments(parser)
    options = parser.parse_args()
    use_threads(options.threads)
    draw_nothing()
    history._MAX_UNDO = _REFERENCE
    viewer = napari.Viewer()
    session = session_for(viewer)
    session.training.set_auto_approve(True)
    for name in DockName:
        dock_of(session, name)
    with tempfile.TemporaryDirectory() as folder:
        config = {"preset": "fast", "num_epochs": 2, "device": "cpu", "output_dir": folder}
        session.set_config(validate_config({**config, "stage1": _STAGE, "stage2": _STAGE}))
        noisy = make_sample("horizontal_lines", shape=(2, 128, 128)).noisy
        session.choose_layer(viewer.add_image(noisy, name="lines"))
        rows = soak(session, options.trainings, options.applications).rows
    growth = rows[-1]["bytes"] / rows[min(_REFERENCE, len(rows)) - 1]["bytes"] - 1
    more = growing(rows)
    print(f"Memory grew by {growth:+.1%}; growing counts: {', '.join(more) or 'none'}.")
    report = {"machine": machine(), "rounds": rows, "growth": growth, "growing": more}
    write_report(options.json, report)
    session.close()
    viewer.close()
    raise SystemExit("Target missed" if growth > _MOST_GROWTH or more else 0)


if __name__ == "__main__":
    main()
