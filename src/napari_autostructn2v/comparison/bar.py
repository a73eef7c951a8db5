"""The bar below a comparison: what is compared, what was measured, and the way out."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from qtpy.compat import isalive
from qtpy.QtCore import QEvent, QSize
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QPushButton, QSizePolicy, QWidget
from superqt.utils import signals_blocked

from napari_autostructn2v.lifetime import call_later
from napari_autostructn2v.widgets.sections import sentence

if TYPE_CHECKING:
    from napari_autostructn2v.comparison.side_by_side import Comparison

_LINES = 4


class ComparisonBar(QWidget):
    """Controls of one comparison; closing the bar leaves the comparison.

    Parameters
    ----------
    comparison : Comparison
    """

    def __init__(self, comparison: Comparison) -> None:
        super().__init__()
        self._comparison = comparison
        self.text = sentence()
        self.removed_box = QCheckBox("Show what was removed")
        self.removed_box.setToolTip(
            "Noisy minus denoised: only noise should be seen there, no structure of the sample."
        )
        self.removed_box.setEnabled(comparison.can_show_removed)
        self.doubt_box = QCheckBox("Show where to doubt")
        self.doubt_box.setToolTip(
            "Bright where an error may hide: what was removed differs from noise, in variance or "
            "by the shape of the result, and the noise is strong. Known after a training whose "
            "noise could be told from structure."
        )
        self.doubt_box.setEnabled(comparison.can_show_doubt)
        self.contrast_box = QCheckBox("Match contrast")
        self.contrast_box.setToolTip(
            "On: the same contrast in all images, also when it is changed. Off: each image with "
            "its own range."
        )
        self.contrast_box.setChecked(True)
        self.leave_button = QPushButton("Leave comparison")
        self.leave_button.setToolTip("Back to the layers, the camera and the grid as before.")
        self._arrange()
        self.removed_box.toggled.connect(comparison.set_removed_shown)
        self.doubt_box.toggled.connect(comparison.set_doubt_shown)
        self.contrast_box.toggled.connect(comparison.set_contrast_matched)
        self.leave_button.clicked.connect(self._leave_soon)
        # these end with this widget; connections that wait for its end would outlive their signals
        comparison.panels_changed.connect(self._repaint)
        comparison.broken.connect(self._leave_soon)
        comparison.ended.connect(self._close_dock)
        self._repaint()

    def sizeHint(self) -> QSize:  # noqa: N802 - name given by Qt
        """Return the height of four lines: what is left is for the images."""
        hint = super().sizeHint()
        hint.setHeight(_LINES * self.fontMetrics().lineSpacing() + self.fontMetrics().height())
        return hint

    def event(self, event: QEvent | None) -> bool:
        """Leave the comparison when the dock was closed, which takes this widget out of it."""
        if event is not None and event.type() == QEvent.Type.ParentChange and not self.parent():
            self._comparison.leave()
        return bool(super().event(event))

    def _leave_soon(self) -> None:
        # leaving takes layers out, which must not happen while the viewer takes out others
        call_later(self, self._leave)

    def _leave(self) -> None:
        self._comparison.leave()

    def _arrange(self) -> None:
        row = QHBoxLayout(self)
        row.addWidget(self.text, 1)
        row.addWidget(self.removed_box)
        row.addWidget(self.doubt_box)
        row.addWidget(self.contrast_box)
        row.addWidget(self.leave_button)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)

    def _repaint(self) -> None:
        names = [image.name for image in self._comparison.images]
        compared = (
            f"{', '.join(names[:-1])} and {names[-1]}, with linked slices, zoom and contrast."
        )
        self.text.setText("  ".join(filter(None, (compared, self._comparison.figures))))
        self.text.show()
        with signals_blocked(self.removed_box), signals_blocked(self.doubt_box):
            self.removed_box.setChecked(self._comparison.is_removed_shown)
            self.doubt_box.setChecked(self._comparison.is_doubt_shown)

    def _close_dock(self) -> None:
        # the viewer may have taken the dock with it
        if not isalive(self):  # type: ignore[no-untyped-call]
            return
        dock = self.parentWidget()
        if dock is not None and hasattr(dock, "destroyOnClose"):
            with suppress(AttributeError):  # a viewer that is being closed has no window any more
                dock.destroyOnClose()
        self.deleteLater()
