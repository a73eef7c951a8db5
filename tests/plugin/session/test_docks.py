"""Docks of the plugin share one place as tabs, however they are opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

from napari_autostructn2v.session.docks import PLUGIN, DockName, DockTabs
from napari_autostructn2v.session.session import session_for

if TYPE_CHECKING:
    import napari
    from pytestqt.qtbot import QtBot


def test_docks_opened_from_the_menu_become_tabs(viewer: napari.Viewer, qtbot: QtBot) -> None:
    window = viewer.window._qt_window
    first, _ = viewer.window.add_plugin_dock_widget(PLUGIN, DockName.CONFIGURATION)
    QApplication.processEvents()
    second, _ = viewer.window.add_plugin_dock_widget(PLUGIN, DockName.TRAINING)
    qtbot.waitUntil(lambda: second in window.tabifiedDockWidgets(first))
    qtbot.waitUntil(lambda: not second.visibleRegion().isEmpty())


def test_showing_raises_a_dock_and_opens_it_once(viewer: napari.Viewer, qtbot: QtBot) -> None:
    session = session_for(viewer)
    configuration = session.show(DockName.CONFIGURATION)
    session.show(DockName.TRAINING)
    assert session.show(DockName.CONFIGURATION) is configuration
    _settle(viewer, qtbot)
    qtbot.waitUntil(lambda: not configuration.visibleRegion().isEmpty())


def test_what_is_asked_for_last_comes_to_the_front(viewer: napari.Viewer, qtbot: QtBot) -> None:
    session = session_for(viewer)
    docks = {name: session.show(name) for name in DockName}
    for name in (DockName.INFERENCE, DockName.CONFIGURATION, DockName.TRAINING):
        session.show(name)
    _settle(viewer, qtbot)
    qtbot.waitUntil(lambda: not docks[DockName.TRAINING].visibleRegion().isEmpty())
    assert all(dock.visibleRegion().isEmpty() for n, dock in docks.items() if n != "Training")


def test_a_dock_opened_from_the_menu_comes_before_one_asked_for_earlier(
    viewer: napari.Viewer, qtbot: QtBot
) -> None:
    session_for(viewer).show(DockName.CONFIGURATION)
    second, _ = viewer.window.add_plugin_dock_widget(PLUGIN, DockName.TRAINING)
    _settle(viewer, qtbot)
    qtbot.waitUntil(lambda: not second.visibleRegion().isEmpty())


def test_what_a_person_has_arranged_stays(viewer: napari.Viewer, qtbot: QtBot) -> None:
    first, _ = viewer.window.add_plugin_dock_widget(PLUGIN, DockName.CONFIGURATION)
    QApplication.processEvents()
    second, _ = viewer.window.add_plugin_dock_widget(PLUGIN, DockName.TRAINING)
    window = viewer.window._qt_window
    qtbot.waitUntil(lambda: second in window.tabifiedDockWidgets(first))
    second.setFloating(True)
    viewer.window.add_plugin_dock_widget(PLUGIN, DockName.INFERENCE)
    _settle(viewer, qtbot)
    assert second.isFloating()


def _settle(viewer: napari.Viewer, qtbot: QtBot) -> None:
    """Wait until nothing is left to be arranged or raised."""
    tabs = viewer.window._qt_window.findChild(DockTabs)
    qtbot.waitUntil(lambda: not tabs.findChildren(QTimer))
