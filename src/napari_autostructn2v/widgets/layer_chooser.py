"""Choice of an image layer, and of some stacks of it where it has many."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from napari.layers import Image
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget
from superqt.utils import signals_blocked

from autoStructN2V.errors import InputError
from napari_autostructn2v.layers.axes import (
    LEADING,
    STATED,
    axes_choices,
    axes_of,
    is_ambiguous,
)
from napari_autostructn2v.layers.description import describe_layer, leading_axes
from napari_autostructn2v.layers.roles import is_panel, is_result, is_truth
from napari_autostructn2v.layers.taking import stacks_of
from napari_autostructn2v.lifetime import connect, unwrapped
from napari_autostructn2v.widgets.editors import ChoiceBox
from napari_autostructn2v.widgets.sections import labeled_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any

    from napari.components import ViewerModel
    from napari.layers import Layer

    from napari_autostructn2v.layers.axes import LeadingAxis
    from napari_autostructn2v.layers.stacks import LayerStacks

_NO_LAYER = "Open an image, or take one from File > Open Sample > autoStructN2V."
_CHOOSE = "Choose an image layer"
_ONLY_RESULTS = "Choose an image layer, or open an image; all that are open were made by a model."


class LayerChooser(QWidget):
    """Combo box of the image layers of a viewer that follows them, with a line of summary.

    Layers with several stacks, as over time or of channels, get a box for each such axis: all of
    it, or one index.

    Parameters
    ----------
    viewer : napari viewer
    parent : QWidget, optional
    """

    changed = Signal()
    """Another layer or index was chosen, or what the layer holds has changed."""

    def __init__(self, viewer: ViewerModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        # a dock gets a proxy, whose layers are proxies too and never the layers of an event
        self._viewer: ViewerModel = unwrapped(viewer)
        self._layers: list[Image] = []
        self._watched: dict[int, list[Callable[[], None]]] = {}  # what ends it, by identity
        self._problem = ""
        self._along_time = False
        self.layer_box = QComboBox()
        self.layer_box.setToolTip("Image layer to work on; it is never modified.")
        self.layer_box.setAccessibleName("Image layer")
        self.layer_box.setPlaceholderText(_CHOOSE)
        # a long layer name must not widen the dock
        self.layer_box.setMinimumContentsLength(8)
        self.layer_box.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.layer_box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._index_boxes = {letter: _index_box() for letter in LEADING}
        self.axes_box = ChoiceBox([])
        self.axes_box.setAccessibleName("Axes of the layer")
        self.axes_box.setToolTip(
            "<p>What the axes of this layer are: it does not name them. Channels are images of "
            "their own, slices belong together.</p>"
        )
        self._axes_row = labeled_rows(("Axes", self.axes_box))
        self._summary = QLabel()
        self._summary.setWordWrap(True)
        self._arrange()
        self.layer_box.currentIndexChanged.connect(self._on_layer_chosen)
        for box in self._index_boxes.values():
            box.currentIndexChanged.connect(self._on_index_chosen)
        self.axes_box.valueChanged.connect(self._on_axes_chosen)
        connect(self, STATED.changed, self._on_axes_stated)
        for event in ("inserted", "removed", "reordered"):
            connect(self, getattr(self._viewer.layers.events, event), self._on_layers_changed)
        self._on_layers_changed()

    @property
    def has_layers(self) -> bool:
        """Whether there is any layer to choose."""
        return bool(self._layers)

    def layer(self) -> Image | None:
        """Return the chosen layer."""
        row = self.layer_box.currentIndex()
        return self._layers[row] if 0 <= row < len(self._layers) else None

    def chosen(self) -> dict[str, int]:
        """Return the chosen index along axes, by their letters; of all others, all."""
        rows = {letter: box.currentIndex() for letter, box in self._index_boxes.items()}
        return {letter: row - 1 for letter, row in rows.items() if row > 0}

    def set_layer(self, layer: Layer | None) -> None:
        """Choose a layer; one that is not in the list is ignored."""
        for row, known in enumerate(self._layers):
            if known is layer:
                self.layer_box.setCurrentIndex(row)

    def set_chosen(self, chosen: Mapping[str, int]) -> None:
        """Choose an index along axes, by their letters, and all along the others."""
        for letter, box in self._index_boxes.items():
            row = chosen.get(letter, -1) + 1
            if row < box.count():
                box.setCurrentIndex(row)

    def set_along_time(self, along_time: bool) -> None:
        """Let the frames of a movie be the slices of a stack, or not."""
        if along_time != self._along_time:
            self._along_time = along_time
            places = self.chosen()
            self._show_layer()
            with self._boxes_blocked():
                self.set_chosen(places)
            self.changed.emit()

    def stacks(self) -> LayerStacks | None:
        """Return the pixels of the chosen layer, or None, see :meth:`problem`."""
        layer = self.layer()
        if layer is None:
            return None
        try:
            return stacks_of(layer, self.chosen(), along_time=self._along_time)
        except InputError:
            return None

    def problem(self) -> str:
        """Return why the choice cannot be used, as one sentence; empty if it can."""
        return self._problem

    def summary(self) -> str:
        """Return what the layer holds, or the problem."""
        return self._summary.text()

    def _arrange(self) -> None:
        row = QHBoxLayout()
        for box in self._index_boxes.values():
            row.addWidget(box, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.layer_box)
        column.addLayout(row)
        column.addWidget(self._axes_row)
        column.addWidget(self._summary)

    def _on_layers_changed(self, event: object = None) -> None:
        """List the layers anew and keep the choice; a new layer is chosen if there was none."""
        chosen, places = self.layer(), self.chosen()
        images = [layer for layer in self._viewer.layers if isinstance(layer, Image)]
        self._watch([layer for layer in images if not is_panel(layer)])
        is_kept = any(layer is chosen for layer in self._layers)
        with signals_blocked(self.layer_box):
            self.layer_box.clear()
            self.layer_box.addItems([layer.name for layer in self._layers])
            self.layer_box.setCurrentIndex(-1)
            self.set_layer(chosen if is_kept else self._preferred())
        self.layer_box.setEnabled(bool(self._layers))
        if self.layer() is not chosen or chosen is None:
            self._show_layer()
            self.changed.emit()
        else:
            self.set_chosen(places)

    def _preferred(self) -> Image | None:
        """Return the selected layer, otherwise the topmost; never what a model made, or a truth."""
        measured = [x for x in self._layers if not (is_result(x) or is_truth(x))]
        active: Any = self._viewer.layers.selection.active
        if any(layer is active for layer in measured):
            return active
        return next(reversed(measured), None)

    def _watch(self, layers: list[Image]) -> None:
        """Follow names and pixels of exactly these layers."""
        for layer in layers:
            if id(layer) not in self._watched:
                self._watched[id(layer)] = [
                    connect(self, layer.events.name, self._on_renamed),
                    connect(self, layer.events.data, self._on_data_changed),
                ]
        for gone in self._watched.keys() - {id(layer) for layer in layers}:
            for end in self._watched.pop(gone):
                end()
        self._layers = layers

    def _on_renamed(self, event: object = None) -> None:
        for row, layer in enumerate(self._layers):
            self.layer_box.setItemText(row, layer.name)

    def _on_data_changed(self, event: Any = None) -> None:
        if getattr(event, "source", None) is self.layer():
            places = self.chosen()
            self._show_layer()
            with self._boxes_blocked():
                self.set_chosen(places)
            self.changed.emit()

    @contextmanager
    def _boxes_blocked(self) -> Iterator[None]:
        """Let the boxes of the axes announce nothing meanwhile."""
        with ExitStack() as blocked:
            for box in self._index_boxes.values():
                blocked.enter_context(signals_blocked(box))
            yield

    def _on_layer_chosen(self, row: int) -> None:
        self._show_layer()
        self.changed.emit()

    def _on_index_chosen(self, row: int) -> None:
        self.changed.emit()

    def _on_axes_chosen(self) -> None:
        layer = self.layer()
        if layer is not None:
            STATED.set(layer, self.axes_box.value())

    def _on_axes_stated(self, layer: Image) -> None:
        if layer is self.layer():
            self._show_layer()
            self.changed.emit()

    def _show_layer(self) -> None:
        """Show what the chosen layer holds, and a choice of index if it needs one."""
        layer, axes = self.layer(), []
        self.layer_box.setToolTip(layer.name if layer else "")
        try:
            if layer is None:
                raise InputError(_ONLY_RESULTS if self._layers else _NO_LAYER)
            axes = leading_axes(layer, along_time=self._along_time)
            stacks_of(layer, along_time=self._along_time)
            self._problem, text = "", describe_layer(layer, along_time=self._along_time)
        except InputError as error:
            self._problem = text = str(error)
        self._show_axes(axes)
        self._summary.setText(text)
        is_asked = layer is not None and is_ambiguous(layer)
        self._axes_row.setVisible(is_asked)
        if layer is not None and is_asked:
            with signals_blocked(self.axes_box):
                self.axes_box.setChoices(axes_choices(layer))
                self.axes_box.setValue(axes_of(layer))

    def _show_axes(self, axes: Sequence[LeadingAxis]) -> None:
        for letter, box in self._index_boxes.items():
            axis = next((axis for axis in axes if axis.letter == letter), None)
            with signals_blocked(box):
                box.clear()
                if axis is not None:
                    box.addItem(f"All of {axis.name}")
                    box.addItems([f"{axis.name} {i}" for i in range(axis.size)])
                    box.setToolTip(f"Which stack along {axis.name} to use.")
                    box.setAccessibleName(f"Choice along {axis.name}")
            box.setVisible(axis is not None)


def _index_box() -> QComboBox:
    """Return a box for one index along an axis, or all."""
    box = QComboBox()
    box.setMaxVisibleItems(15)
    return box
