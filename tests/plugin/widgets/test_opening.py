"""A dock is there at once, with words to read, and gets its content when all is loaded."""

from __future__ import annotations

import subprocess
import sys
import threading
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from napari_autostructn2v.session.docks import DockName
from napari_autostructn2v.training import Training
from napari_autostructn2v.widgets import opening
from tests.plugin.conftest import deleted

if TYPE_CHECKING:
    from collections.abc import Iterator

    import napari
    from pytestqt.qtbot import QtBot


@pytest.fixture
def loading(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Nothing is loaded until this is set."""
    may_end = threading.Event()
    monkeypatch.setattr(opening, "is_loaded", lambda: False)
    monkeypatch.setattr(opening, "load", lambda _: iter([may_end.wait()]))
    yield may_end
    may_end.set()


def test_the_first_dock_does_not_wait_for_torch() -> None:
    code = f"""
import os
import napari
viewer = napari.Viewer(show=False)
_, dock = viewer.window.add_plugin_dock_widget('napari-autostructn2v', '{DockName.CONFIGURATION}')
assert dock.content is None
assert dock.purpose in dock.words.text()
os._exit(0)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_it_has_words_and_then_its_content(
    windowed: napari.Viewer, qtbot: QtBot, loading: threading.Event
) -> None:
    _, dock = windowed.window.add_plugin_dock_widget("napari-autostructn2v", DockName.TRAINING)
    qtbot.waitUntil(dock.words.isVisible)
    assert "Loading PyTorch" in dock.words.text()
    loading.set()
    qtbot.waitUntil(lambda: dock.content is not None)
    qtbot.waitUntil(dock.content.isVisible)
    assert not dock.words.isVisible()
    qtbot.waitUntil(lambda: dock.content.height() == dock.height())


def test_it_may_be_closed_before(
    windowed: napari.Viewer, qtbot: QtBot, loading: threading.Event
) -> None:
    dock = Training(windowed)
    deleted(dock, qtbot)
    loading.set()
    again = Training(windowed)
    qtbot.waitUntil(lambda: again.content is not None)
    deleted(again, qtbot)


def test_what_is_half_loaded_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert opening.is_loaded()
    module = ModuleType("half")
    module.__spec__ = ModuleSpec("half", None)
    monkeypatch.setitem(sys.modules, "half", module)
    monkeypatch.setattr(opening, "_SLOW", ("half",))
    assert opening.is_loaded()
    monkeypatch.setattr(module.__spec__, "_initializing", True, raising=False)
    assert not opening.is_loaded()


def test_a_dock_that_was_closed_gets_no_content(
    windowed: napari.Viewer, qtbot: QtBot, loading: threading.Event
) -> None:
    dock = Training(windowed)
    dock.on_closed()
    loading.set()
    again = Training(windowed)
    qtbot.waitUntil(lambda: again.content is not None)
    assert dock.content is None
    for widget in (dock, again):
        deleted(widget, qtbot)


def test_why_nothing_comes_is_said(
    windowed: napari.Viewer, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "is_loaded", lambda: False)
    monkeypatch.setattr(opening, "_SLOW", ("no_such_library",))
    dock = Training(windowed)
    qtbot.waitUntil(lambda: "cannot be loaded" in dock.words.text())
    assert "No module named 'no_such_library'" in dock.words.text()
    assert "pytorch.org" in dock.words.text()
    deleted(dock, qtbot)
