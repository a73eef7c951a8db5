"""Sections tell once that they open; their scroll area is wide enough, and follows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QAbstractSlider, QLabel, QVBoxLayout, QWidget

from napari_autostructn2v.widgets.sections import Collapsible, VerticalScrollArea

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


def shown_area(qtbot: QtBot) -> tuple[VerticalScrollArea, QLabel, QLabel]:
    """Return an area that is too low for what is in it: a first and a last label."""
    content = QWidget()
    column = QVBoxLayout(content)
    first, last = QLabel("first"), QLabel("last")
    first.setFixedHeight(400)
    column.addWidget(first)
    column.addWidget(last)
    area = VerticalScrollArea(content)
    qtbot.addWidget(area)
    area.resize(200, 100)
    area.show()
    qtbot.waitUntil(lambda: area.verticalScrollBar().maximum() > 0)
    return area, first, last


def is_in_view(area: VerticalScrollArea, widget: QWidget) -> bool:
    top = widget.mapTo(area.viewport(), QPoint(0, 0)).y()
    return 0 <= top and top + widget.height() <= area.viewport().height()


def test_it_asks_for_the_width_of_its_content_beside_the_bar(qtbot: QtBot) -> None:
    area, first, _ = shown_area(qtbot)
    first.setText("much wider than before " * 5)
    wanted = area.widget().minimumSizeHint().width() + area.verticalScrollBar().sizeHint().width()
    qtbot.waitUntil(lambda: area.minimumSizeHint().width() == wanted)
    assert area.sizeHint().width() >= wanted


def test_nothing_is_cut_off_by_a_frame_of_the_theme(qtbot: QtBot) -> None:
    area, first, _ = shown_area(qtbot)
    area.setStyleSheet("QScrollArea { border: 2px solid; }")
    first.setText("much wider than before " * 5)
    qtbot.waitUntil(lambda: area.minimumSizeHint().width() > area.width())
    area.resize(area.minimumSizeHint().width(), area.height())
    qtbot.waitUntil(lambda: area.viewport().width() > 200)
    assert area.frameWidth() == 2
    assert area.horizontalScrollBar().maximum() == 0


def test_what_is_followed_stays_in_view_while_the_content_grows(qtbot: QtBot) -> None:
    area, first, last = shown_area(qtbot)
    assert not is_in_view(area, last)
    area.follow(last)
    assert is_in_view(area, last)
    first.setFixedHeight(900)
    qtbot.waitUntil(lambda: area.verticalScrollBar().maximum() > 700)
    qtbot.waitUntil(lambda: is_in_view(area, last))


def test_a_person_who_scrolls_is_not_called_back(qtbot: QtBot) -> None:
    area, first, last = shown_area(qtbot)
    area.follow(last)
    area.verticalScrollBar().triggerAction(QAbstractSlider.SliderAction.SliderToMinimum)
    first.setFixedHeight(900)
    qtbot.waitUntil(lambda: area.verticalScrollBar().maximum() > 700)
    assert area.verticalScrollBar().value() == 0


def test_a_section_tells_once_that_it_opens_and_closes(qtbot: QtBot) -> None:
    """Whoever listens does something that takes its time, as to look for models."""
    section = Collapsible("More")
    section.add(QLabel("inside"))
    qtbot.addWidget(section)
    told: list[bool] = []
    by_button: list[bool] = []  # superqt 0.7 takes what the button says for a click
    section.toggled.connect(told.append)
    section.toggleButton().toggled.connect(by_button.append)
    section.expand(animate=False)
    section.collapse(animate=False)
    assert by_button == []
    qtbot.mouseClick(section.toggleButton(), Qt.MouseButton.LeftButton)
    assert section.isExpanded()
    assert told == [True, False, True]
