"""The models at hand in words and as a small picture, and how others are loaded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QRect, QSize, Qt, Signal
from qtpy.QtGui import QPainter
from qtpy.QtWidgets import (
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)
from superqt.utils import signals_blocked

from autoStructN2V.inference.model_words import (
    comes_from,
    kernel_seen,
    noise_seen,
    trained_at,
    trained_on,
)
from autoStructN2V.vocabulary import stage_in_words
from napari_autostructn2v.session.state import Status
from napari_autostructn2v.widgets.colors import GridColors, mixed, paint_frame
from napari_autostructn2v.widgets.dock_content import open_outside
from napari_autostructn2v.widgets.editors import ChoiceBox, SegmentedChoice
from napari_autostructn2v.widgets.forms import choice_label
from napari_autostructn2v.widgets.run_text import REPORT_HELP
from napari_autostructn2v.widgets.sections import sentence, show_sentence
from napari_autostructn2v.widgets.status import Notice

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qtpy.QtGui import QPaintEvent

    from autoStructN2V.inference.trained_model import TrainedModel
    from autoStructN2V.masking import Kernel
    from napari_autostructn2v.session.state import ModelCard, TaskState

NO_MODEL = (
    "There is no model yet. Train one (Configuration, then Training), or load the model of an "
    "earlier training."
)
_STAGES = {
    1: ("Stage 1", "Removes noise that every pixel has for itself."),
    2: ("Stage 2", "Removes noise that neighboring pixels share as well."),
}
_TOP = Qt.AlignmentFlag.AlignTop
_LINES_HIGH = 3  # of the picture of the kernel


def describe_model(card: ModelCard, stage: int) -> list[tuple[str, str]]:
    """Return what there is to know about a model, as pairs of a name and a text.

    Parameters
    ----------
    card : ModelCard
        Models at hand.
    stage : int
        Stage of the one that is to be applied.
    """
    model = card.models[stage]
    rows = [
        ("Method", _method(card, model)),
        ("Trained", _training(model)),
        ("On", trained_on(model)),
        ("From", comes_from(model)),
        *_of_channels(card, stage),
        *([] if card.channels else [("Noise", noise_seen(model)), ("Kernel", kernel_seen(model))]),
        ("Folder", card.folder.name if card.folder is not None else ""),
    ]
    return [(name, text) for name, text in rows if text]


def _of_channels(card: ModelCard, stage: int) -> list[tuple[str, str]]:
    """Say of each channel, if there are several, what noise its model has seen, and hides."""
    rows = []
    for channel, one in enumerate(card.channels):
        model = one.models.get(stage) or one.models[one.best_stage]
        title = card.channel_title(channel)
        rows.append((title[:1].upper() + title[1:], f"{noise_seen(model)}; {kernel_seen(model)}"))
    return rows


def _method(card: ModelCard, model: TrainedModel) -> str:
    method = f"{choice_label('method', model.method)}, {model.mode_text}"
    if model.method == "n2v":
        return method
    stages = " and ".join(str(stage) for stage in sorted(card.models))
    return f"{method}, stage{'s' if len(card.models) > 1 else ''} {stages}"


def _training(model: TrainedModel) -> str:
    made = model.provenance
    parts = [
        trained_at(model),
        f"{made['epochs']} epochs" if made.get("epochs") else "",
        _preset(made),
        "stopped early" if made.get("is_stopped") else "",
    ]
    return ", ".join(part for part in parts if part)


def _preset(made: Mapping[str, Any]) -> str:
    """Return the preset of a training; older models do not know whether it was modified."""
    if not made.get("preset"):
        return ""
    modified = " (modified)" if made.get("is_modified") else ""
    return f"preset {choice_label('preset', made['preset'])}{modified}"


def _newer_text(card: ModelCard) -> str:
    made = stage_in_words(card.models[card.best_stage].method, card.best_stage)
    return f"The training has a newer model: {made}. The one that you loaded is kept."


class KernelPicture(QWidget):
    """A kernel drawn small; in 2.5D its slices z-1, z, z+1 side by side."""

    def __init__(self) -> None:
        super().__init__()
        self._cells = np.ones((1, 1, 1), bool)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Picture of the kernel")

    def show_kernel(self, kernel: Kernel, description: str) -> None:
        """Draw a kernel."""
        self._cells = kernel.cells
        self.setAccessibleDescription(description)
        self.setToolTip(description)
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - name given by Qt
        """Return room for cells of whole pixels."""
        n_slices, height, width = self._cells.shape
        side = self._cell_side()
        return QSize((n_slices * (width + 1) - 1) * side + 1, height * side + 1)

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802 - name given by Qt
        """Paint one square for each cell."""
        painter, colors, side = QPainter(self), GridColors(self.palette()), self._cell_side()
        line = mixed(colors.background, colors.ink, 0.4)
        _, _, width = self._cells.shape
        for (z, y, x), is_hidden in np.ndenumerate(self._cells):
            cell = QRect((z * (width + 1) + x) * side, y * side, side + 1, side + 1)
            painter.fillRect(cell, colors.ink if is_hidden else colors.background)
            paint_frame(painter, cell, 1, line)
        painter.end()

    def _cell_side(self) -> int:
        room = self.fontMetrics().height() * _LINES_HIGH
        n_slices, height, width = self._cells.shape
        return max(3, min(room // 3, room // height, 3 * room // (n_slices * (width + 1))))


class ModelCardView(QWidget):
    """Shows the models at hand, lets one be chosen, and asks for others."""

    stage_changed = Signal()
    """Another stage is to be applied."""
    path_chosen = Signal(object)
    """Path of a model folder or file that is to be loaded."""
    newer_requested = Signal()
    """The newer models of a training are to be used."""
    export_requested = Signal()
    """The model that is applied is to be exported."""

    def __init__(self) -> None:
        super().__init__()
        self._card: ModelCard | None = None
        self._empty = sentence(NO_MODEL)
        self._rows = QWidget()
        self._grid = QGridLayout(self._rows)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setColumnStretch(1, 1)
        self._picture = KernelPicture()
        self.channel_box = ChoiceBox([])
        self.channel_box.setAccessibleName("Channel whose model is applied")
        self.channel_box.setToolTip(
            "All channels of an image, each with its own model, or the model of one channel."
        )
        self._stage = SegmentedChoice([(title, n) for n, (title, _) in _STAGES.items()])
        self._stage.setAccessibleName("Stage that is applied")
        for number, (_, tooltip) in _STAGES.items():
            self._stage.button(number).setToolTip(tooltip)
        self.problem = Notice(Status.FAILED)
        self.newer_notice = Notice(Status.AWAITING)
        self.newer_button = QPushButton("Use the newer model")
        self.newer_button.setToolTip("Take the model of the training instead of this one.")
        self.folder_button = QPushButton("Load model folder…")
        self.folder_button.setToolTip("Folder of a training with stage1_model.pth.")
        self.report_button = QPushButton("Open report")
        self.report_button.setToolTip(REPORT_HELP)
        self.export_button = QPushButton("Export…")
        self.export_button.setToolTip("Write the model as a package for other programs.")
        self.file_button = QPushButton("Load file…")
        self.file_button.setToolTip("A single .pth file, or a package (.zip) that was exported.")
        self._arrange()
        self._stage.valueChanged.connect(self._on_stage_chosen)
        self.channel_box.valueChanged.connect(self._on_stage_chosen)
        self.newer_button.clicked.connect(self.newer_requested)
        self.report_button.clicked.connect(self._open_report)
        self.export_button.clicked.connect(self.export_requested)
        self.folder_button.clicked.connect(self._choose_folder)
        self.file_button.clicked.connect(self._choose_file)
        self.show_models(None)
        self.show_newer(None)

    def card(self) -> ModelCard | None:
        """Return the models that are shown: of several channels, those of the chosen one."""
        if self._card is None or not self._card.channels:
            return self._card
        channel = self.channel_box.value()
        return self._card if channel is None else self._card.channels[channel]

    def model(self) -> TrainedModel | None:
        """Return the model that is to be applied; of all channels, that of the first."""
        card = self.card()
        return None if card is None else card.models[self.stage()]

    def models(self) -> list[TrainedModel]:
        """Return the model of each channel, if all are to be applied; else none."""
        card = self.card()
        stage = self.stage()
        if card is None:
            return []
        # a channel may have done without the last stage
        return [one.models.get(stage) or one.models[one.best_stage] for one in card.channels]

    def stage(self) -> int:
        """Return the stage that is to be applied."""
        card = self.card()
        if card is not None and len(card.models) > 1:
            return int(self._stage.value())
        return 1 if card is None else card.best_stage

    def set_stage(self, stage: int) -> None:
        """Choose the stage that is to be applied."""
        self._stage.setValue(stage)
        self._on_stage_chosen()

    def show_models(self, card: ModelCard | None) -> None:
        """Show models; the last stage is chosen, unless they are the same as before."""
        is_known = card is not None and card.has_models_of(self._card)
        self._card = card
        self.problem.show_text("")
        self._empty.setVisible(card is None)
        self._rows.setVisible(card is not None)
        self._offer_channels(card)
        if card is not None and len(card.models) > 1 and not is_known:
            self._stage.setValue(card.best_stage)
        self._show_rows()

    def _offer_channels(self, card: ModelCard | None) -> None:
        """Let a person choose among the models of channels, if there are several."""
        channels = card.channels if card is not None else ()
        self.channel_box.setVisible(bool(channels))
        with signals_blocked(self.channel_box):
            self.channel_box.setChoices(
                [("All channels, each with its own model", None)]
                + [
                    (f"The model of {card.channel_title(i)}", i)
                    for i in range(len(channels))
                    if card is not None
                ]
            )

    def show_newer(self, card: ModelCard | None) -> None:
        """Say that a training has made newer models than those at hand, if so."""
        self.newer_notice.show_text("" if card is None else _newer_text(card))
        self.newer_button.setVisible(card is not None)

    def show_task(self, task: TaskState) -> None:
        """Allow to load a model unless something runs; say why the last one could not be."""
        for button in (self.folder_button, self.file_button, self.export_button):
            button.setEnabled(not task.is_running)
        if task.kind == "load":
            self.problem.show_text("" if task.is_running else task.error or "")

    def text(self) -> str:
        """Return all that is shown in words."""
        labels = self._rows.findChildren(QLabel)
        return self._empty.text() if self._card is None else "\n".join(w.text() for w in labels)

    def _arrange(self) -> None:
        buttons = QHBoxLayout()
        buttons.addWidget(self.folder_button, 1)
        buttons.addWidget(self.file_button, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        shown = (self._empty, self._rows, self.channel_box, self._stage)
        for widget in (*shown, self.newer_notice, self.newer_button, self.problem):
            column.addWidget(widget)
        beside = QHBoxLayout()
        beside.addWidget(self.report_button, 1)
        beside.addWidget(self.export_button, 1)
        column.addLayout(beside)
        column.addLayout(buttons)

    def _show_rows(self) -> None:
        for label in self._rows.findChildren(QLabel):
            self._grid.removeWidget(label)
            label.setParent(None)
        self._grid.removeWidget(self._picture)
        card, model = self.card(), self.model()
        is_each = card is not None and bool(card.channels)
        self._picture.setVisible(model is not None and not is_each)
        self._stage.setVisible(card is not None and len(card.models) > 1)
        self.export_button.setVisible(card is not None and not is_each)
        self.report_button.setVisible(card is not None and card.report is not None)
        if card is None or model is None:
            return
        for name, text in describe_model(card, self.stage()):
            row = self._grid.rowCount()
            label, value = sentence(name), sentence()
            label.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
            for part in (label, value):
                part.setAlignment(_TOP)
            show_sentence(value, _breakable(text))
            self._grid.addWidget(label, row, 0)
            self._grid.addWidget(value, row, 1)
            if name == "Kernel":
                self._picture.show_kernel(model.kernel, text)
                self._grid.addWidget(self._picture, row + 1, 1, Qt.AlignmentFlag.AlignLeft)
            elif name == "Folder":
                value.setToolTip(str(card.folder))
        # else lines that are wrapped are cut off where the names beside them became narrower
        self._grid.invalidate()
        self._grid.activate()

    def _on_stage_chosen(self) -> None:
        self._show_rows()
        self.stage_changed.emit()

    def _open_report(self) -> None:
        card = self.card()
        open_outside(card.report if card is not None else None)

    def _choose_folder(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Choose a model folder", self._start())
        if folder:
            self.path_chosen.emit(Path(folder))

    def _choose_file(self) -> None:
        file, _ = QFileDialog.getOpenFileName(
            self, "Choose a model", self._start(), "Models (*.pth *.zip)"
        )
        if file:
            self.path_chosen.emit(Path(file))

    def _start(self) -> str:
        folder = self._card.folder if self._card is not None else None
        return str(folder.parent) if folder is not None else ""


def _breakable(text: str) -> str:
    """Let long names go on in the next line."""
    return text.replace("_", "_\u200b")
