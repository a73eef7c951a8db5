"""Whether napari stays responsive while a network is trained.

A real training on a generated stack runs in a real viewer with the docks Configuration, Mask editor
and Training open. A timer in the thread of the interface should fire every 10 ms; how late it comes
is how long clicks and key presses have to wait. The targets: 99 % of the gaps below 100 ms, none
above 500 ms. Needs a screen, or a screen in memory (``xvfb-run``), and a machine that does nothing
else.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from typing import TYPE_CHECKING

import napari
import numpy as np
from qtpy.QtCore import QEventLoop, Qt, QTimer

from autoStructN2V.datasets.samples.synthetic import make_sample
from autoStructN2V.pipeline import validate_config
from napari_autostructn2v.session.docks import DockName, title_of
from napari_autostructn2v.session.session import session_for
from napari_autostructn2v.session.state import Phase
from napari_autostructn2v.training.dock import Training
from tables import Table, add_common_arguments, machine, use_threads, write_report

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_autostructn2v.session.session import Session

_INTERVAL_MS = 10
_BARS = {"99 %": 0.1, "maximum": 0.5}  # seconds
_N_WORST = 8
_MOST_SECONDS = 900


class Heartbeat:
    """Times between the ticks of a timer in the thread of the interface.

    Parameters
    ----------
    session : Session
        Its phase is noted with each tick.

    Attributes
    ----------
    gaps : list of float
        Seconds between ticks.
    busy : list of float
        Seconds of processor time that the interface itself took in each gap; other programs on a
        busy machine, and the training, do not lengthen it.
    phases : list of Phase
        Of the run at each tick.
    """

    def __init__(self, session: Session) -> None:
        self.gaps: list[float] = []
        self.busy: list[float] = []
        self.phases: list[Phase] = []
        self._session = session
        self._last, self._last_busy = time.perf_counter(), time.thread_time()
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)
        self._timer.start(_INTERVAL_MS)

    def stop(self) -> None:
        """Count no more."""
        self._timer.stop()

    def _tick(self) -> None:
        now, busy = time.perf_counter(), time.thread_time()
        self.gaps.append(now - self._last)
        self.busy.append(busy - self._last_busy)
        self.phases.append(self._session.training.state.phase)
        self._last, self._last_busy = now, busy


def wait_until(is_reached: Callable[[], bool]) -> None:
    """Let the interface run until something is reached."""
    loop, timer = QEventLoop(), QTimer()
    end = time.perf_counter() + _MOST_SECONDS

    def look() -> None:
        if is_reached() or time.perf_counter() > end:
            loop.quit()

    timer.timeout.connect(look)
    timer.start(100)
    loop.exec()
    timer.stop()


def rest(seconds: float) -> None:
    """Let the interface run for a while."""
    end = time.perf_counter() + seconds
    wait_until(lambda: time.perf_counter() > end)


def training_dock(session: Session) -> Training:
    """Bring the dock Training to the front."""
    session.dock_requested.emit(DockName.TRAINING)
    dock = session.viewer.window.dock_widgets[title_of(DockName.TRAINING)]
    assert isinstance(dock, Training)
    return dock


def watched_training(session: Session) -> Heartbeat:
    """Train with the buttons of the docks, and watch the interface."""
    dock = training_dock(session)
    rest(2)
    heartbeat = Heartbeat(session)
    dock.start_button.click()
    wait_until(
        lambda: (
            session.training.state.phase is Phase.REVIEW
            or not session.training.state.phase.is_running
        )
    )
    rest(2)
    dock.review.approve_button.click()
    wait_until(lambda: not session.training.state.phase.is_running)
    rest(1)
    heartbeat.stop()
    if session.training.state.phase is not Phase.DONE:
        raise SystemExit(f"The training did not come to its end: {session.training.state.error}")
    return heartbeat


def figures(gaps: list[float]) -> dict[str, float]:
    """Return median, 99 % and maximum in seconds."""
    middle, most = np.percentile(gaps, [50, 99])
    return {"median": float(middle), "99 %": float(most), "maximum": max(gaps)}


def main() -> None:
    """Measure, print the table, and tell whether the targets are met."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=10, help="epochs of each stage")
    add_common_arguments(parser)
    options = parser.parse_args()
    use_threads(options.threads)
    viewer = napari.Viewer()
    session = session_for(viewer)
    for dock in (DockName.CONFIGURATION, DockName.MASK_EDITOR):
        session.dock_requested.emit(dock)
    with tempfile.TemporaryDirectory() as folder:
        config = {"preset": "fast", "num_epochs": options.epochs, "output_dir": folder}
        session.set_config(validate_config({**config, "device": "cpu"}))
        noisy = make_sample("horizontal_lines", shape=(8, 256, 256)).noisy
        session.choose_layer(viewer.add_image(noisy, name="lines"))
        heartbeat = watched_training(session)
    found = figures(heartbeat.gaps)
    table = Table(["gap between ticks", "measured", "target"])
    for name, value in found.items():
        target = f"{1000 * _BARS[name]:.0f} ms" if name in _BARS else ""
        table.add([name, f"{1000 * value:.0f} ms", target], {"name": name, "seconds": value})
    worst = sorted(zip(heartbeat.gaps, heartbeat.phases, strict=True), reverse=True)[:_N_WORST]
    print("Longest:", ", ".join(f"{1000 * gap:.0f} ms ({phase})" for gap, phase in worst))
    busy = figures(heartbeat.busy)
    print("Busy by itself:", ", ".join(f"{name} {1000 * s:.0f} ms" for name, s in busy.items()))
    print(f"Ticks: {len(heartbeat.gaps)}, seconds: {sum(heartbeat.gaps):.0f}")
    report = {"machine": machine(), "gaps": found, "busy": busy, "worst": worst}
    write_report(options.json, report)
    session.close()
    viewer.close()
    failed = [name for name, bar in _BARS.items() if found[name] > bar]
    raise SystemExit(f"Targets missed: {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main()
