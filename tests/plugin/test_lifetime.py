"""Connections to long-lived objects end with the widget, and keep nothing alive."""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING

import numpy as np
import pytest
import qtpy
from psygnal import Signal
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication, QWidget

from napari_autostructn2v import lifetime
from napari_autostructn2v.lifetime import at_end, call_later, connect
from napari_autostructn2v.session.docks import PLUGIN, DockName
from napari_autostructn2v.session.session import Session, session_for

if TYPE_CHECKING:
    from collections.abc import Iterator


class Source:
    happened = Signal(int)


class Listener(QWidget):
    def __init__(self, source: Source, heard: list[int]) -> None:
        super().__init__()
        self.heard = heard
        connect(self, source.happened, self.on_happened)

    def on_happened(self, value: int) -> None:
        self.heard.append(value)


def delete(widget: QWidget) -> None:
    widget.deleteLater()
    QApplication.sendPostedEvents(widget, 52)  # QEvent.DeferredDelete
    QApplication.processEvents()


def test_a_deleted_widget_is_not_called_though_python_still_holds_it(qtbot) -> None:
    source, heard = Source(), []
    widget = Listener(source, heard)
    source.happened.emit(1)
    delete(widget)
    source.happened.emit(2)
    assert heard == [1]
    assert len(source.happened) == 0


def test_the_connection_does_not_keep_the_widget_alive(qtbot) -> None:
    source, heard = Source(), []
    widget = Listener(source, heard)
    reference = weakref.ref(widget)
    before = len(lifetime._releases)
    delete(widget)
    del widget
    gc.collect()
    assert reference() is None
    assert len(lifetime._releases) == before - 1


def test_a_connection_that_is_ended_early_leaves_nothing(qtbot) -> None:
    source, heard = Source(), []
    widget = Listener(source, heard)
    before = len(lifetime._releases)
    other = Source()
    end = connect(widget, other.happened, widget.on_happened)
    end()
    end()
    assert len(lifetime._releases) == before and len(other.happened) == 0
    other.happened.emit(1)
    delete(widget)
    assert heard == []


def test_layers_that_come_and_go_leave_nothing_behind(windowed, qtbot) -> None:
    for name in DockName:
        windowed.window.add_plugin_dock_widget(PLUGIN, name)
    windowed.add_image(np.zeros((3, 32, 32)))
    before = len(lifetime._releases)
    layer = windowed.add_image(np.zeros((3, 32, 32)))
    reference = weakref.ref(layer)
    assert len(lifetime._releases) > before
    windowed.layers.remove(layer)
    assert len(lifetime._releases) == before
    del layer
    QApplication.processEvents()
    gc.collect()
    # with PySide6, the controls of napari 0.9 keep the layers that they were for
    assert reference() is None or qtpy.PYSIDE6


def test_widget_and_source_may_be_collected_together(qtbot) -> None:
    source, heard = Source(), []
    widget = Listener(source, heard)
    widget.source = source  # a cycle
    widget.deleteLater()
    del widget, source
    gc.collect()
    QApplication.processEvents()
    assert heard == []


def test_the_last_call_is_made_and_forgotten(qtbot) -> None:
    made: list[str] = []
    widget = QWidget()
    before = len(lifetime._releases)
    at_end(widget, lambda: made.append("end"))
    assert made == []
    delete(widget)
    assert made == ["end"]
    assert len(lifetime._releases) == before


def test_what_is_due_later_is_not_done_for_a_deleted_widget(qtbot) -> None:
    called: list[str] = []

    class Due(QWidget):
        def call(self) -> None:
            called.append(self.objectName())

    gone, kept = Due(), Due()
    kept.setObjectName("kept")
    call_later(gone, gone.call)
    call_later(kept, kept.call)
    delete(gone)
    call_later(gone, gone.call)
    qtbot.waitUntil(lambda: bool(called))
    QApplication.processEvents()
    assert called == ["kept"]
    assert not kept.findChildren(QTimer)
    delete(kept)


@pytest.fixture
def no_collector() -> Iterator[None]:
    """Nothing is freed but what nobody refers to."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def n_listeners(session: Session) -> int:
    """Return how many slots are connected to the signals of a session and of its kernel."""
    owners = (
        *(session, session.training, session.tasks, session.noise, session.denoising),
        *(session.models, session.document, session.document.history),
    )
    signals = [getattr(owner, name) for owner in owners for name in signal_names(type(owner))]
    return sum(len(signal) for signal in signals)


def signal_names(owner: type) -> list[str]:
    return [name for name in dir(owner) if isinstance(getattr(owner, name), Signal)]


@pytest.mark.parametrize("name", list(DockName))
def test_a_closed_dock_is_gone_at_once(windowed, name: DockName, no_collector, qtbot) -> None:
    session = session_for(windowed)
    windowed.add_image(np.zeros((3, 32, 32)))
    before = n_listeners(session)
    dock, widget = windowed.window.add_plugin_dock_widget(PLUGIN, name)
    QApplication.processEvents()
    assert n_listeners(session) > before
    references = weakref.ref(dock), weakref.ref(widget)
    dock.destroyOnClose()
    del dock, widget
    qtbot.waitUntil(lambda: not any(reference() for reference in references))
    assert n_listeners(session) == before
