"""A real viewer for every test that asks for one, and a training that takes a second."""

from __future__ import annotations

import gc
import threading
from functools import partialmethod
from typing import TYPE_CHECKING, Any

import napari
import pytest
import torch
from napari._app_model import get_app_model
from napari.components import ViewerModel
from npe2 import PluginManager
from pytestqt.qtbot import QtBot
from qtpy.QtWidgets import QApplication, QDockWidget, QFileDialog, QMainWindow

from autoStructN2V.datasets.samples.synthetic import make_sample
from autoStructN2V.pipeline import PipelineConfig, validate_config
from napari_autostructn2v.layers.stacks import LayerStacks
from napari_autostructn2v.session.docks import PLUGIN, DockName, title_of
from napari_autostructn2v.session.session import Session, session_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from qtpy.QtWidgets import QWidget

# small networks gain nothing from more threads, which take turns from the window
torch.set_num_threads(1)
# before 0.9, napari only knows plugins once there is a window, which some tests do without
PluginManager.instance().discover()

PATIENCE = 120_000
"""Milliseconds until a test gives up: more than a busy machine needs."""

SMALL_STAGE = {"features": 8, "patch_size": 32, "batch_size": 2, "steps_per_epoch": 4}


def small_config(output: Path, **fields: Any) -> PipelineConfig:
    """Return a configuration whose training takes about a second."""
    stages = {name: dict(SMALL_STAGE) for name in ("stage1", "stage2")}
    stages["stage1"]["use_roi"] = False
    stages["n2v"] = {**SMALL_STAGE, "num_layers": 2}
    base: dict[str, Any] = {"preset": "fast", "num_epochs": 2, "output_dir": output, **stages}
    return validate_config({**base, "device": "cpu", **fields})


class PatientBot(QtBot):
    """Waits for what a test waits for, as long as a machine with other work may take."""

    waitUntil = partialmethod(QtBot.waitUntil, timeout=PATIENCE)  # noqa: N815 - name given there
    waitSignal = partialmethod(QtBot.waitSignal, timeout=PATIENCE)  # noqa: N815


@pytest.fixture
def qtbot(qapp: QApplication, request: pytest.FixtureRequest) -> QtBot:
    """What clicks, types and waits."""
    return PatientBot(request)


@pytest.fixture(scope="session")
def noisy() -> NDArray[np.float32]:
    """Two slices with horizontal scan lines."""
    return make_sample("horizontal_lines", shape=(2, 96, 96)).noisy


@pytest.fixture
def viewer(qtbot: QtBot, request: pytest.FixtureRequest) -> ViewerModel:
    """What a napari window shows; the window itself takes half of a test, so it is asked for."""
    if "windowed" in request.fixturenames:
        return request.getfixturevalue("windowed")
    return ViewerModel()


@pytest.fixture
def window_is_shown() -> bool:
    """Whether napari's window is drawn; where nobody looks at it, that takes a third of a test."""
    return True


@pytest.fixture(scope="session")
def _what_windows_keep(qapp: QApplication) -> None:
    """Let the garbage collector pass over what the first window has loaded for all of them.

    napari collects garbage whenever a layer goes, which takes a third of the time without it.
    """
    napari.Viewer(show=False).close()
    QApplication.processEvents()
    gc.collect()
    gc.freeze()


@pytest.fixture
def windowed(
    qtbot: QtBot, window_is_shown: bool, _what_windows_keep: None
) -> Iterator[napari.Viewer]:
    """A napari window; what runs in it is ended, and the window is gone, when the test ends."""
    viewer = napari.Viewer(show=window_is_shown)
    yield viewer
    session_for(viewer).close()
    viewer.close()
    QApplication.processEvents()


@pytest.fixture
def session(viewer: ViewerModel, tmp_path: Path) -> Iterator[Session]:
    """The session of the viewer, set to a training that takes a second."""
    session = session_for(viewer) if isinstance(viewer, napari.Viewer) else Session(viewer)
    session.set_config(small_config(tmp_path))
    yield session
    session.close()


@pytest.fixture
def requested(session: Session) -> list[DockName]:
    """The docks that were asked for; none is opened."""
    names: list[DockName] = []
    session.dock_requested.disconnect()
    session.dock_requested.connect(lambda name: names.append(name))
    return names


def window_of(viewer: napari.Viewer) -> QMainWindow:
    """Return the window of a viewer, for what napari offers no other way to."""
    window: QMainWindow = viewer.window._qt_window
    return window


def open_dock(viewer: napari.Viewer, name: DockName) -> Any:
    """Open a dock with the action of the Plugins menu, unless it is open; return its content."""
    title = title_of(name)
    if title not in viewer.window.dock_widgets:
        commands = get_app_model().commands
        names = (f"{PLUGIN}.{name.lower().replace(' ', '_')}", f"{PLUGIN}:{name}")
        command = next(each for each in names if each in commands)  # the second before napari 0.7
        commands.execute_command(command).result()
    QApplication.processEvents()
    return viewer.window.dock_widgets[title].content


def docked(viewer: napari.Viewer, name: DockName) -> QDockWidget:
    """Open a dock, unless it is open; return what the window shows as a tab."""
    open_dock(viewer, name)
    dock: QDockWidget = viewer.window.dock_widgets[title_of(name)].parent()
    return dock


def deleted(widget: QWidget, qtbot: QtBot) -> None:
    """Delete a widget and wait until Qt has done it."""
    # qtbot.waitSignal would disconnect from a signal of an object that is no more, which PySide6
    # reports as an error
    gone: list[bool] = []
    widget.destroyed.connect(lambda *_: gone.append(True))
    widget.deleteLater()
    qtbot.waitUntil(lambda: bool(gone))


def stacking_threads(monkeypatch: pytest.MonkeyPatch) -> list[threading.Thread]:
    """Return a list that grows by the thread whenever stacks are put together as one array."""
    threads: list[threading.Thread] = []
    layer_data = LayerStacks.layer_data

    def recorded(stacks: LayerStacks, denoised: list[NDArray[np.float32]]) -> NDArray[np.float32]:
        if len(denoised) > 1:
            threads.append(threading.current_thread())
        return layer_data(stacks, denoised)

    monkeypatch.setattr(LayerStacks, "layer_data", recorded)
    return threads


def choose_new_file(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    """Let a person enter a path in the next file dialog."""

    def enter(dialog: QFileDialog) -> int:
        assert dialog.acceptMode() is QFileDialog.AcceptMode.AcceptSave
        dialog.selectFile(str(path))
        return 1

    monkeypatch.setattr(QFileDialog, "exec", enter)
