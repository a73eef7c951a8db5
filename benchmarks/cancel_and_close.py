"""Whether work in napari can be cancelled, and docks and windows closed, at any moment.

In a real window one of the docks starts something: a training, measuring the noise (from two
docks), denoising a layer or a folder, importing a model. After a random time it is cancelled, its
dock or the window is closed, or several of these. Then there must be no traceback and no error
told by Qt, no thread that goes on, and every file with its final name must be whole. What a person
could still do is done at the end: the window is closed. Needs a screen, or one in memory
(``xvfb-run``).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import napari
import numpy as np
import tifffile
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QCoreApplication, QEvent, qInstallMessageHandler
from qtpy.QtWidgets import QApplication

from autoStructN2V.datasets import make_sample
from autoStructN2V.pipeline import run_pipeline, validate_config
from gui_responsiveness import rest
from kills import content, finished_files
from napari_autostructn2v.session.docks import DockName, title_of
from napari_autostructn2v.session.session import session_for
from napari_autostructn2v.session.state import Phase
from napari_autostructn2v.session.work.jobs import jobs_alive
from tables import Table, add_common_arguments, machine, use_threads, write_report

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_autostructn2v.session.session import Session

_STAGE = {"features": 8, "num_layers": 1, "patch_size": 16, "batch_size": 2, "steps_per_epoch": 4}
_CONFIG: dict[str, Any] = {
    "preset": "fast",
    "device": "cpu",
    "num_epochs": 6,
    "n2v": _STAGE,
    "stage1": {**_STAGE, "use_roi": False},
    "stage2": _STAGE,
}
_MOST_SECONDS = 3.0  # until the end comes: longer than most of the work takes
_SECONDS_TO_END = 30.0


class Observed:
    """Everything that went wrong since it was asked last."""

    def __init__(self) -> None:
        self._found: list[str] = []
        sys.excepthook = lambda kind, error, trace: self.add(f"{kind.__name__}: {error}")
        threading.excepthook = lambda args: self.add(f"thread: {args.exc_type.__name__}")
        sys.unraisablehook = lambda args: self.add(f"unraisable: {args.exc_value!r}")
        notification_manager.notification_ready.connect(self._on_notification)
        qInstallMessageHandler(self._on_message)

    def add(self, problem: str) -> None:
        """Note a problem."""
        self._found.append(problem)

    def taken(self) -> list[str]:
        """Return what was found, and forget it."""
        found, self._found = self._found, []
        return found

    def _on_notification(self, event: Any) -> None:
        if event.severity.value in ("error", "warning"):
            self.add(f"notification: {event.message}")

    def _on_message(self, kind: Any, context: Any, message: str | None) -> None:
        # the platform of a screen in memory cannot do all that a window asks for
        if message and "propagateSizeHints" not in message and "QFont" not in message:
            self.add(f"Qt: {message}")


def dock(session: Session, name: DockName) -> Any:
    """Open a dock, or bring it to the front."""
    session.dock_requested.emit(name)
    return session.viewer.window.dock_widgets[title_of(name)].content


def start_training(session: Session, folder: Path) -> DockName:
    """Start a training, some of them without review."""
    widget = dock(session, DockName.TRAINING)
    session.training.set_auto_approve(bool(len(folder.name) % 2))
    widget.start_button.click()
    return DockName.TRAINING


def start_noise(session: Session, folder: Path) -> DockName:
    """Measure the noise from Configuration."""
    dock(session, DockName.CONFIGURATION).noise_check.inspect_button.click()
    return DockName.CONFIGURATION


def start_measuring(session: Session, folder: Path) -> DockName:
    """Measure the noise from the Mask editor."""
    dock(session, DockName.MASK_EDITOR).measurement.measure_button.click()
    return DockName.MASK_EDITOR


def start_import(session: Session, folder: Path) -> DockName:
    """Go on from a model."""
    dock(session, DockName.CONFIGURATION)
    session.import_models([folder.parent / "model"])
    return DockName.CONFIGURATION


def _with_model(session: Session, folder: Path) -> Any:
    widget = dock(session, DockName.INFERENCE)
    widget.load_model(folder.parent / "model")
    wait(lambda: widget.card.model() is not None, 20.0)
    return widget


def start_denoising(session: Session, folder: Path) -> DockName:
    """Denoise the layer."""
    _with_model(session, folder).process_button.click()
    return DockName.INFERENCE


def start_folder(session: Session, folder: Path) -> DockName:
    """Denoise a folder of files."""
    widget = _with_model(session, folder)
    widget.source.set_path(folder.parent / "many")
    widget.result.set_folder(folder / "clean")
    widget.process_button.click()
    return DockName.INFERENCE


def cancel(session: Session, name: DockName) -> None:
    """Press Cancel."""
    if name is DockName.TRAINING:
        dock(session, name).cancel_button.click()
    else:
        session.tasks.cancel()


def close_dock(session: Session, name: DockName) -> None:
    """Close the dock that the work was started from."""
    window = session.viewer.window
    window.remove_dock_widget(window.dock_widgets[title_of(name)])
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)


def close_window(session: Session, name: DockName) -> None:
    """Close napari."""
    session.viewer.close()


def start_again(session: Session, name: DockName) -> None:
    """Cancel, and press the button that starts a training as soon as that is possible."""
    cancel(session, name)
    widget = dock(session, DockName.TRAINING)
    wait(widget.start_button.isEnabled, 10.0)
    widget.start_button.click()
    rest(0.3)
    widget.cancel_button.click()


STARTS: dict[str, Callable[[Session, Path], DockName]] = {
    "training": start_training,
    "inspecting the noise": start_noise,
    "measuring for a kernel": start_measuring,
    "importing a model": start_import,
    "denoising a layer": start_denoising,
    "denoising a folder": start_folder,
}
ENDS: dict[str, Callable[[Session, DockName], None]] = {
    "cancel": cancel,
    "close the dock": close_dock,
    "close napari": close_window,
    "cancel and start again": start_again,
}


def wait(is_reached: Callable[[], bool], seconds: float) -> bool:
    """Let the interface run until something is reached; tell whether it was."""
    end = time.perf_counter() + seconds
    while not is_reached() and time.perf_counter() < end:
        QApplication.processEvents()
        time.sleep(0.005)
    return is_reached()


def trial(folder: Path, start: str, ends: list[tuple[str, float]], noisy: Any) -> list[str]:
    """Start something and end it; return what is wrong afterwards."""
    problems: list[str] = []
    viewer = napari.Viewer()
    session = session_for(viewer)
    session.set_config(validate_config({**_CONFIG, "output_dir": folder}))
    session.choose_layer(viewer.add_image(noisy, name="noisy"))
    window = viewer.window._qt_window
    is_gone: list[bool] = []
    window.destroyed.connect(lambda *_: is_gone.append(True))
    name = STARTS[start](session, folder)
    for end, seconds in ends:
        rest(seconds)
        ENDS[end](session, name)
    if ends[-1][0] != "close napari":
        rest(0.2)
        if not wait(
            lambda: (
                not jobs_alive()
                or session.training.state.phase is Phase.REVIEW
                or ends[-1][0] == "close the dock"
            ),
            _SECONDS_TO_END,
        ):
            problems.append("work goes on after it was cancelled")
        viewer.close()
    if not wait(lambda: bool(is_gone) and not jobs_alive(), _SECONDS_TO_END):
        problems.append("a thread goes on after napari was closed")
    for file, path in finished_files(folder).items():
        try:
            content(path)
        except Exception as error:
            problems.append(f"{file}: {error}")
    hidden = [p.name for p in folder.rglob(".*") if p.parent.name != "checkpoint"]
    return problems + [f"{path}: left behind" for path in hidden]


def make_inputs(folder: Path, noisy: Any) -> None:
    """Write a folder of images and a model."""
    (folder / "many").mkdir()
    for number in range(6):
        tifffile.imwrite(folder / "many" / f"{number}.tif", noisy, photometric="minisblack")
    config = {**_CONFIG, "num_epochs": 1, "input_dir": folder / "many" / "0.tif"}
    run_pipeline({**config, "output_dir": folder, "experiment_name": "model"})


def main() -> int:
    """Cancel and close, print the table, and return whether something was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=200, help="times")
    parser.add_argument("--first", type=int, default=0, help="number of the first one")
    parser.add_argument("--seed", type=int, default=0)
    add_common_arguments(parser)
    options = parser.parse_args()
    use_threads(options.threads)
    noisy = make_sample("horizontal_lines", shape=(2, 96, 96)).noisy
    observed, n_of, found = Observed(), Counter[str](), dict[str, list[str]]()
    endings: dict[str, Counter[str]] = {start: Counter() for start in STARTS}
    with tempfile.TemporaryDirectory() as name:
        make_inputs(Path(name), noisy)
        for number in range(options.first, options.first + options.n):
            rng = np.random.default_rng((options.seed, number))
            start = str(rng.choice(list(STARTS)))
            chosen = [str(end) for end in rng.choice(list(ENDS), rng.integers(1, 3))]
            # nothing can be done in a window, or with a dock, that is closed
            first = next((i for i, end in enumerate(chosen) if "close" in end), len(chosen) - 1)
            ends = [(end, float(rng.uniform(0, _MOST_SECONDS))) for end in chosen[: first + 1]]
            folder = Path(name) / f"run{'_' * (number % 2)}{number}"
            problems = trial(folder, start, ends, noisy) + observed.taken()
            n_of[start] += 1
            endings[start].update(end for end, _ in ends)
            found.setdefault(start, []).extend(problems)
            for problem in problems:
                print(f"{number}, {start}, {ends}: {problem}", file=sys.stderr, flush=True)
    table = Table(["started", "times", "ended by", "problems"])
    for start, n in n_of.most_common():
        ways = ", ".join(f"{end} {k}" for end, k in endings[start].most_common())
        cells = [start, str(n), ways, str(len(found[start]))]
        table.add(cells, {"started": start, "times": n, "problems": found[start]})
    write_report(options.json, {"machine": machine(), "rows": table.rows})
    return int(any(found.values()))


if __name__ == "__main__":
    sys.exit(main())
