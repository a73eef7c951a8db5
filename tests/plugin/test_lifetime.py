"""Connections to long-lived objects end with the widget, and keep nothing alive."""

from __future__ import annotations

import gc
import weakref

from psygnal import Signal
from qtpy.QtWidgets import QApplication, QWidget

from napari_autostructn2v import _lifetime
from napari_autostructn2v._lifetime import connect


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
    before = len(_lifetime._releases)
    delete(widget)
    del widget
    gc.collect()
    assert reference() is None
    assert len(_lifetime._releases) == before - 1


def test_widget_and_source_may_be_collected_together(qtbot) -> None:
    source, heard = Source(), []
    widget = Listener(source, heard)
    widget.source = source  # a cycle
    widget.deleteLater()
    del widget, source
    gc.collect()
    QApplication.processEvents()
    assert heard == []
