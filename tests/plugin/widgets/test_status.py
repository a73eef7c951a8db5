"""Widgets that show where a run stands keep their looks wherever they are."""

from qtpy.QtWidgets import QDockWidget, QMainWindow, QVBoxLayout, QWidget

from napari_autostructn2v.session.state import Status
from napari_autostructn2v.widgets.status import Notice


def test_a_notice_keeps_its_bar_when_its_dock_is_opened_again(qtbot) -> None:
    """Docks take their contents out when they are closed; styles change with the theme."""
    content = QWidget()
    notice = Notice(Status.AWAITING)
    QVBoxLayout(content).addWidget(notice)
    notice.show_text("Something to look at.")
    for style in ("QLabel { padding: 2px; }", "QLabel { padding: 4px; }"):
        window = QMainWindow()
        qtbot.addWidget(window)
        window.setStyleSheet(style)
        dock = QDockWidget(window)
        dock.setWidget(content)
        window.show()
        assert notice.indent() > 0
        picture = notice.grab().toImage()
        ratio = picture.devicePixelRatio()
        middle = picture.height() // 2
        bar = picture.pixelColor(round(notice.indent() / 6 * ratio), middle)
        beside = picture.pixelColor(round(notice.indent() / 2 * ratio), middle)
        assert bar != beside
        content.setParent(None)
