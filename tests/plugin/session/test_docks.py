"""Docks of the plugin share one place as tabs, however they are opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from npe2 import PluginManager
from qtpy.QtWidgets import QTabBar

from napari_autostructn2v.session.docks import (
    MENU_NAME,
    PLUGIN,
    DockName,
    DockTabs,
    title_of,
)
from napari_autostructn2v.session.session import session_for
from tests.plugin.conftest import docked, open_dock, window_of

if TYPE_CHECKING:
    import napari
    from pytestqt.qtbot import QtBot
    from qtpy.QtWidgets import QWidget

pytestmark = pytest.mark.usefixtures("windowed")


def test_docks_opened_from_the_menu_become_tabs(viewer: napari.Viewer, qtbot: QtBot) -> None:
    first = docked(viewer, DockName.CONFIGURATION)
    second = docked(viewer, DockName.TRAINING)
    qtbot.waitUntil(lambda: second in window_of(viewer).tabifiedDockWidgets(first))
    qtbot.waitUntil(lambda: is_seen(second))


def test_the_tabs_of_all_docks_are_readable(viewer: napari.Viewer, qtbot: QtBot) -> None:
    window = window_of(viewer)
    window.resize(1366, 768)
    docks = [docked(viewer, name) for name in DockName]
    qtbot.waitUntil(lambda: len(window.tabifiedDockWidgets(docks[0])) == len(docks) - 1)
    settle(viewer, qtbot)
    bars = [bar for bar in window.findChildren(QTabBar) if bar.count() == len(docks)]
    names = {bar.tabText(i) for bar in bars for i in range(bar.count())}
    assert names == set(DockName)
    room = min(
        bar.tabRect(i).width() - bar.fontMetrics().horizontalAdvance(bar.tabText(i))
        for bar in bars
        for i in range(bar.count())
    )
    assert room > 0


@pytest.mark.parametrize("name", DockName)
def test_the_content_has_the_whole_dock(viewer: napari.Viewer, name: DockName) -> None:
    content = open_dock(viewer, name)
    assert content.height() == viewer.window.dock_widgets[title_of(name)].height()
    assert content.height() > window_of(viewer).height() / 2


def test_asking_raises_a_dock_and_opens_it_once(viewer: napari.Viewer, qtbot: QtBot) -> None:
    session = session_for(viewer)
    session.dock_requested.emit(DockName.CONFIGURATION)
    configuration = open_dock(viewer, DockName.CONFIGURATION)
    session.dock_requested.emit(DockName.TRAINING)
    session.dock_requested.emit(DockName.CONFIGURATION)
    settle(viewer, qtbot)
    qtbot.waitUntil(lambda: is_seen(configuration))
    assert open_dock(viewer, DockName.CONFIGURATION) is configuration
    assert len(viewer.window.dock_widgets) == 2


def test_what_is_asked_for_last_comes_to_the_front(viewer: napari.Viewer, qtbot: QtBot) -> None:
    docks = {name: open_dock(viewer, name) for name in DockName}
    for name in (DockName.INFERENCE, DockName.CONFIGURATION, DockName.TRAINING):
        session_for(viewer).dock_requested.emit(name)
    settle(viewer, qtbot)
    qtbot.waitUntil(lambda: is_seen(docks[DockName.TRAINING]))
    assert not any(is_seen(dock) for name, dock in docks.items() if name != "Training")


def test_a_dock_opened_from_the_menu_comes_before_one_asked_for_earlier(
    viewer: napari.Viewer, qtbot: QtBot
) -> None:
    session_for(viewer).dock_requested.emit(DockName.CONFIGURATION)
    second = open_dock(viewer, DockName.TRAINING)
    settle(viewer, qtbot)
    qtbot.waitUntil(lambda: is_seen(second))


def test_what_a_person_has_arranged_stays(viewer: napari.Viewer, qtbot: QtBot) -> None:
    first = docked(viewer, DockName.CONFIGURATION)
    second = docked(viewer, DockName.TRAINING)
    qtbot.waitUntil(lambda: second in window_of(viewer).tabifiedDockWidgets(first))
    second.setFloating(True)
    open_dock(viewer, DockName.INFERENCE)
    settle(viewer, qtbot)
    assert second.isFloating()


def is_seen(widget: QWidget) -> bool:
    return not widget.visibleRegion().isEmpty()


def settle(viewer: napari.Viewer, qtbot: QtBot) -> None:
    """Wait until nothing is left to be arranged or raised."""
    tabs = window_of(viewer).findChild(DockTabs)
    qtbot.waitUntil(lambda: tabs.is_settled)


def test_the_menu_and_the_program_open_the_same_dock(viewer: napari.Viewer, qtbot: QtBot) -> None:
    from_the_menu = open_dock(viewer, DockName.TRAINING)
    session_for(viewer).dock_requested.emit(DockName.TRAINING)
    session_for(viewer).dock_requested.emit(DockName.CONFIGURATION)
    settle(viewer, qtbot)
    assert list(viewer.window.dock_widgets) == [
        title_of(DockName.TRAINING),
        title_of(DockName.CONFIGURATION),
    ]
    assert open_dock(viewer, DockName.TRAINING) is from_the_menu


def test_a_dock_that_was_closed_becomes_a_tab_again(viewer: napari.Viewer, qtbot: QtBot) -> None:
    first = docked(viewer, DockName.CONFIGURATION)
    closed = docked(viewer, DockName.TRAINING)
    settle(viewer, qtbot)
    viewer.window.remove_dock_widget(closed.widget())
    settle(viewer, qtbot)
    again = docked(viewer, DockName.TRAINING)
    qtbot.waitUntil(lambda: again in window_of(viewer).tabifiedDockWidgets(first))


def test_the_name_in_the_menu_is_that_of_the_manifest() -> None:
    assert PluginManager.instance().get_manifest(PLUGIN).display_name == MENU_NAME
