"""Before there is an image, Configuration says how to get one; with one, it shows its form."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QLabel

from napari_autostructn2v.session.docks import DockName
from napari_autostructn2v.session.session import session_for
from tests.core.conftest import noisy_lines, write_tiff
from tests.plugin.conftest import open_dock

if TYPE_CHECKING:
    from pathlib import Path

    import napari
    from pytestqt.qtbot import QtBot

pytestmark = pytest.mark.usefixtures("windowed")
LEFT = Qt.MouseButton.LeftButton


def test_a_sample_is_opened_from_where_there_is_no_image(
    viewer: napari.Viewer, qtbot: QtBot
) -> None:
    dock = open_dock(viewer, DockName.CONFIGURATION)
    assert dock.first_steps.isVisible()
    assert not dock.form.isVisible() and not dock.buttons.isVisible()
    shown = " ".join(label.text() for label in dock.first_steps.findChildren(QLabel))
    assert "Open a noisy image" in shown and "dragged" in shown
    actions = {action.data(): action for action in dock.first_steps.samples.actions()}
    assert len(actions) == 6, "all samples of the manifest"
    actions["random_noise"].trigger()
    assert not dock.first_steps.isVisible()
    assert dock.form.isVisible() and dock.buttons.isVisible()
    source = session_for(viewer).source
    assert source is not None and "noisy" in source.name
    viewer.layers.clear()
    assert dock.first_steps.isVisible() and not dock.form.isVisible()


def test_files_are_chosen_in_the_dialog_of_napari(
    viewer: napari.Viewer, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_tiff(tmp_path / "noisy.tif", noisy_lines((3, 64, 64)))
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_, **__: ([str(path)], ""))
    dock = open_dock(viewer, DockName.CONFIGURATION)
    qtbot.mouseClick(dock.first_steps.open_button, LEFT)
    assert [layer.name for layer in viewer.layers] == ["noisy"]
    assert dock.form.isVisible()
