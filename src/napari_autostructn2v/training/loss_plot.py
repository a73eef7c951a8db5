"""Curves of the training and validation loss of both stages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import QEvent, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPen
from qtpy.QtWidgets import QGridLayout, QLabel, QSizePolicy, QStackedWidget, QVBoxLayout, QWidget

from autoStructN2V.quantities import needs_logarithm
from napari_autostructn2v.widgets.colors import GridColors, mixed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtGui import QPaintEvent, QShowEvent

    from autoStructN2V.trainers.events import EpochFinished

_NO_CURVES = "Loss curves appear here after the first epoch."
_HELP = (
    "<p>How well hidden pixels are predicted, as mean squared error. The pixels they are compared "
    "with are noisy, so the loss contains the noise: it levels off at the strength of the noise "
    "and does not go to zero.</p><p>A level of its own for each stage is normal, because they hide "
    "different pixels. Training goes on well while the validation loss sinks.</p>"
)
_HEIGHT_IN_LINES = 11
_LEAST_CHARACTERS = 52
_MARGIN = 0.03  # of the range of epochs, so that the first and the last point are whole
_LOSSES = ("training", "validation")
_POSITIONS = {1: -1.0, 2: 1.0}  # of the colors on the scale: cool and warm


class _EpochAxis(pg.AxisItem):  # type: ignore[misc]
    """Horizontal axis with whole numbers only."""

    def tickSpacing(self, *limits: float) -> list[tuple[float, float]]:  # noqa: N802
        """Return the distances of ticks that are whole epochs; pyqtgraph gave the name."""
        spacing = [pair for pair in super().tickSpacing(*limits) if pair[0] >= 1]
        return spacing or [(1, 0)]


class _LossAxis(pg.AxisItem):  # type: ignore[misc]
    """Vertical axis whose numbers have room where it is logarithmic."""

    def logTickValues(  # noqa: N802 - name given by pyqtgraph
        self, *limits: Any
    ) -> list[tuple[float | None, list[float]]]:
        """Return the places of ticks, as logarithms: 1, 2 and 5 of each decade."""
        levels = super().logTickValues(*limits)
        return [(step, [at for at in places if _is_round(at)]) for step, places in levels]


def _is_round(logarithm: float) -> bool:
    return round(10.0 ** (logarithm % 1.0), 6) in (1.0, 2.0, 5.0, 10.0)


class LossPlot(QWidget):
    """Losses over epochs; colors tell the stages apart, line styles training and validation.

    Parameters
    ----------
    parent : QWidget, optional
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setToolTip(_HELP)
        self.setAccessibleName("Loss curves")
        self._history: Sequence[EpochFinished] = ()
        self._colors: GridColors | None = None
        self.view = _plain_plot()
        self._item = self.view.getPlotItem()
        # the highest number reaches above its axis, and the label below the other one
        half = self.fontMetrics().lineSpacing() // 2
        self._item.layout.setContentsMargins(0, half, 0, half)
        self.curves: dict[tuple[int, str], Any] = {
            (stage, loss): self._item.plot() for stage in _POSITIONS for loss in _LOSSES
        }
        self._hint = QLabel(_NO_CURVES)
        self._hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._hint.setWordWrap(True)
        self._stack = QStackedWidget()
        self._stack.addWidget(self._hint)
        self._stack.addWidget(self.view)
        # the plot would ask for the width of a window
        self._stack.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._stack.setMinimumWidth(self.fontMetrics().averageCharWidth() * _LEAST_CHARACTERS)
        self._stack.setFixedHeight(self.fontMetrics().lineSpacing() * _HEIGHT_IN_LINES)
        self._legend = {key: LegendEntry(is_dashed=key[1] == "training") for key in self.curves}
        self._arrange()

    def show_history(self, history: Sequence[EpochFinished], stage_names: Sequence[str]) -> None:
        """Draw the curves of a run.

        Parameters
        ----------
        history : sequence of EpochFinished
            Of all stages so far.
        stage_names : sequence of str
            Names of stages 1 and 2 for the legend.
        """
        self._history = history
        n_epochs = max((event.n_epochs for event in history), default=1)
        for (stage, loss), curve in self.curves.items():
            events = [event for event in history if event.stage == stage]
            values = [e.train_loss if loss == "training" else e.val_loss for e in events]
            # a line through a single point cannot be seen
            curve.setSymbol("o" if len(events) == 1 else None)
            curve.setData([event.epoch for event in events], values)
            entry = self._legend[stage, loss]
            entry.set_text(f"{stage_names[stage - 1]} {loss}")
            entry.setVisible(bool(events))
        margin = _MARGIN * n_epochs
        self._item.setXRange(1 - margin, max(n_epochs, 2) + margin, padding=0)
        lowest, highest = loss_range(history)
        is_logarithmic = bool(history) and needs_logarithm([lowest, highest], history[-1].val_loss)
        self._item.setLogMode(y=is_logarithmic)
        limits = (lowest, highest)
        self._item.setYRange(*(np.log10(limits) if is_logarithmic else limits))
        self._stack.setCurrentWidget(self.view if history else self._hint)
        self._describe(stage_names)

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: N802 - name given by Qt
        """Follow the theme."""
        super().changeEvent(event)
        changes = (QEvent.Type.StyleChange, QEvent.Type.PaletteChange)
        if event is not None and event.type() in changes and hasattr(self, "_legend"):
            self._follow_theme()

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802 - name given by Qt
        """Take the colors of the window that the widget is in by now."""
        super().showEvent(event)
        self._follow_theme()

    def _arrange(self) -> None:
        legend = QGridLayout()
        legend.setContentsMargins(0, 0, 0, 0)
        for (stage, loss), entry in self._legend.items():
            legend.addWidget(entry, stage - 1, _LOSSES.index(loss))
            entry.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._stack)
        column.addLayout(legend)

    def _describe(self, stage_names: Sequence[str]) -> None:
        if not self._history:
            return self.setAccessibleDescription(_NO_CURVES)
        last = self._history[-1]
        return self.setAccessibleDescription(
            f"{stage_names[last.stage - 1]}, epoch {last.epoch}: training loss "
            f"{last.train_loss:.4f}, validation loss {last.val_loss:.4f}"
        )

    def _follow_theme(self) -> None:
        colors = GridColors(self.palette())
        known = self._colors
        if known and (known.background, known.ink) == (colors.background, colors.ink):
            return
        self._colors = colors
        self.view.setBackground(colors.background)
        for side, label in (("left", "Loss"), ("bottom", "Epoch")):
            axis = self._item.getAxis(side)
            axis.setPen(mixed(colors.background, colors.ink, 0.4))
            axis.setTextPen(colors.ink)
            axis.setLabel(label, color=colors.ink.name())
        for (stage, loss), curve in self.curves.items():
            pen = _pen(colors.shade(_POSITIONS[stage]), is_dashed=loss == "training")
            curve.setPen(pen)
            curve.setSymbolBrush(pen.color())
            curve.setSymbolPen(None)
            self._legend[stage, loss].set_pen(pen)


def loss_range(history: Sequence[EpochFinished]) -> tuple[float, float]:
    """Return the lowest and highest loss worth showing.

    The first training loss, mostly of a network that has not learned anything, would flatten all
    others.
    """
    losses = [event.val_loss for event in history]
    losses += [event.train_loss for event in history if event.epoch > 1 or event.n_epochs == 1]
    return (min(losses), max(losses)) if losses else (0.0, 1.0)


class LegendEntry(QWidget):
    """A piece of a line, and what it stands for."""

    def __init__(self, *, is_dashed: bool) -> None:
        super().__init__()
        self._text = ""
        self._pen = _pen(QColor(), is_dashed=is_dashed)

    def set_text(self, text: str) -> None:
        """Set what the line stands for."""
        self._text = text
        self.updateGeometry()
        self.update()

    def set_pen(self, pen: QPen) -> None:
        """Set how the line looks."""
        self._pen = pen
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - name given by Qt
        """Return room for line and text."""
        metrics = self.fontMetrics()
        width = self._length + metrics.horizontalAdvance(self._text)
        return QSize(width, metrics.lineSpacing())

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - name given by Qt
        """Return the size hint: the text is never cut."""
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802 - name given by Qt
        """Paint line and text."""
        painter, middle = QPainter(self), self.height() // 2
        gap = self.fontMetrics().horizontalAdvance(" ")
        text = self.rect().adjusted(self._length, 0, 0, 0)
        painter.drawText(text, Qt.AlignmentFlag.AlignVCenter, self._text)
        painter.setPen(self._pen)
        painter.drawLine(gap, middle, self._length - 2 * gap, middle)
        painter.end()

    @property
    def _length(self) -> int:
        return self.fontMetrics().horizontalAdvance("x" * 6)


def _pen(color: QColor, *, is_dashed: bool) -> QPen:
    pen = QPen(color, 2)
    pen.setCosmetic(True)
    if is_dashed:
        pen.setDashPattern([3.0, 2.0])
    return pen


def _plain_plot() -> pg.PlotWidget:
    """Make a plot that is looked at only."""
    view = pg.PlotWidget(axisItems={"bottom": _EpochAxis("bottom"), "left": _LossAxis("left")})
    # the wheel scrolls the dock, and the tooltip is that of the widget around
    view.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
    view.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    item = view.getPlotItem()
    item.setMenuEnabled(False)
    item.hideButtons()
    item.getAxis("left").enableAutoSIPrefix(False)
    return view
