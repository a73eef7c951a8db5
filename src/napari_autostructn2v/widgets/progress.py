"""What is being done, and how far it is: a line and a bar."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QLabel, QProgressBar, QVBoxLayout, QWidget

from napari_autostructn2v.widgets.run_text import bar_text

if TYPE_CHECKING:
    from napari_autostructn2v.session.state import Progress

_STEPS = 1000  # of the bar


class ProgressLine(QWidget):
    """A line of text above a bar, while something is done.

    Parameters
    ----------
    name : str
        What a screen reader calls the bar.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        self.text = QLabel()
        self.bar = QProgressBar()
        self.bar.setAccessibleName(name)
        self.bar.setToolTip("Progress of the current part")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.text)
        column.addWidget(self.bar)

    def show_progress(
        self, progress: Progress | None, text: str = "", *, is_known: bool = True
    ) -> None:
        """Show how far work is; nothing if nothing is done.

        Parameters
        ----------
        progress : Progress or None
            How far it is.
        text : str
            What is done; default: as ``progress`` says.
        is_known : bool
            Whether it can be told how far it is.
        """
        self.setVisible(progress is not None)
        if progress is None:
            return
        self.text.setText(text or progress.text)
        # a bar repaints at once, and with it the canvas of the viewer, unless updates are disabled
        self.bar.setUpdatesEnabled(False)
        self.bar.setMaximum(_STEPS if is_known else 0)
        self.bar.setValue(round(_STEPS * progress.fraction))
        self.bar.setFormat(bar_text(progress))
        self.bar.setUpdatesEnabled(True)
