"""Docks of the plugin share one place as tabs, however they are opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QApplication

from napari_autostructn2v._docks import PLUGIN, DockName
from napari_autostructn2v._session import session_for

if TYPE_CHECKING:
    import napari
    from pytestqt.qtbot import QtBot


def test_docks_opened_from_the_menu_become_tabs(viewer: napari.Viewer, qtbot: QtBot) -> None:
    window = viewer.window._qt_window
    first, _ = viewer.window.add_plugin_dock_widget(PLUGIN, DockName.CONFIGURATION)
    QApplication.processEvents()
    second, _ = viewer.window.add_plugin_dock_widget(PLUGIN, DockName.TRAINING)
    qtbot.waitUntil(lambda: second in window.tabifiedDockWidgets(first), timeout=3000)
    qtbot.waitUntil(lambda: not second.visibleRegion().isEmpty(), timeout=3000)


def test_showing_raises_a_dock_and_opens_it_once(viewer: napari.Viewer, qtbot: QtBot) -> None:
    session = session_for(viewer)
    configuration = session.show(DockName.CONFIGURATION)
    session.show(DockName.TRAINING)
    assert session.show(DockName.CONFIGURATION) is configuration
    qtbot.waitUntil(lambda: not configuration.visibleRegion().isEmpty(), timeout=3000)
    qtbot.wait(50)
    assert not configuration.visibleRegion().isEmpty()


def test_what_a_person_has_arranged_stays(viewer: napari.Viewer, qtbot: QtBot) -> None:
    first, _ = viewer.window.add_plugin_dock_widget(PLUGIN, DockName.CONFIGURATION)
    QApplication.processEvents()
    second, _ = viewer.window.add_plugin_dock_widget(PLUGIN, DockName.TRAINING)
    window = viewer.window._qt_window
    qtbot.waitUntil(lambda: second in window.tabifiedDockWidgets(first), timeout=3000)
    second.setFloating(True)
    viewer.window.add_plugin_dock_widget(PLUGIN, DockName.INFERENCE)
    qtbot.wait(50)
    assert second.isFloating()
