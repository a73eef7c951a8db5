"""The kernel at true size on the image under the mouse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels
from napari.utils.colormaps import DirectLabelColormap
from psygnal import Signal

from napari_autostructn2v.lifetime import unwrapped

if TYPE_CHECKING:
    from collections.abc import Sequence

    import napari
    from napari.layers import Layer
    from numpy.typing import NDArray

    from napari_autostructn2v.session.documents.kernel_document import KernelDocument

_NAME = "Kernel at the mouse"
_HIDDEN, _CENTER = 1, 2
_COLORS = {None: (0, 0, 0, 0), _HIDDEN: (1.0, 0.5, 0.0, 1.0), _CENTER: (0.0, 0.75, 1.0, 1.0)}
_OPACITY = 0.65


class KernelOverlay:
    """A labels layer that follows the mouse; no other layer is touched.

    Parameters
    ----------
    viewer : napari viewer
        Where it is shown.
    document : KernelDocument
        Whose kernel is drawn.
    """

    ended = Signal()
    """Somebody removed the layer."""

    def __init__(self, viewer: napari.Viewer, document: KernelDocument) -> None:
        # callbacks and layers compare by identity, which the proxy of a dock would break
        self._viewer = unwrapped(viewer)
        self._document = document
        self._layer: Labels | None = None
        self._target: Image | None = None
        self._pixel: tuple[int, ...] = ()
        self._is_on = False

    @property
    def is_on(self) -> bool:
        """Whether the mouse is followed."""
        return self._is_on

    def start(self) -> None:
        """Follow the mouse from now on."""
        if self._is_on:
            return
        self._is_on = True
        self._viewer.mouse_move_callbacks.append(self._on_mouse_move)
        self._viewer.dims.events.current_step.connect(self._on_slice_changed)
        self._viewer.layers.events.removed.connect(self._on_layer_removed)
        self._document.changed.connect(self._redraw)

    def stop(self, *_: object) -> None:
        """Remove the layer and leave the viewer as it was."""
        if not self._is_on:
            return
        self._is_on = False
        if self._on_mouse_move in self._viewer.mouse_move_callbacks:
            self._viewer.mouse_move_callbacks.remove(self._on_mouse_move)
        self._viewer.dims.events.current_step.disconnect(self._on_slice_changed)
        self._viewer.layers.events.removed.disconnect(self._on_layer_removed)
        self._document.changed.disconnect(self._redraw)
        self._target, self._pixel = None, ()
        self._remove_layer()

    def show_at(self, position: Sequence[float]) -> None:
        """Draw the kernel around a point in world coordinates, on the topmost image there."""
        found = self._image_at(position) if self._viewer.dims.ndisplay == 2 else None
        if found is None:
            if self._layer is not None:
                self._layer.visible = False
            self._target, self._pixel = None, ()
        elif found[0] is not self._target or found[1] != self._pixel:
            self._target, self._pixel = found
            self._redraw()

    def _on_mouse_move(self, viewer: object, event: Any) -> None:
        self.show_at(event.position)

    def _on_slice_changed(self, event: object = None) -> None:
        """Follow the sliders, except to the slices that the kernel reaches anyway."""
        if self._target is None:
            return
        position = list(self._viewer.dims.point)
        center = self._target.data_to_world(self._pixel)
        for axis in self._viewer.dims.displayed:
            if axis >= len(position) - len(center):
                position[axis] = center[axis - len(position)]
        found = self._image_at(position)
        reach = self._document.planes.shape[0] // 2
        if found is None or found[0].ndim < 3 or self._distance(found[1]) > reach:
            self.show_at(position)

    def _distance(self, pixel: tuple[int, ...]) -> int:
        """Return by how many slices a pixel is away from where the kernel is."""
        if len(pixel) != len(self._pixel) or pixel[:-3] != self._pixel[:-3]:
            return len(self._document.planes)
        return abs(pixel[-3] - self._pixel[-3])

    def _image_at(self, position: Sequence[float]) -> tuple[Image, tuple[int, ...]] | None:
        """Return the topmost visible image at a point, and its pixel there."""
        for layer in reversed(self._viewer.layers):
            if isinstance(layer, Image) and layer.visible and not layer.rgb:
                pixel = np.round(layer.world_to_data(position)).astype(int)
                if np.all(pixel >= 0) and np.all(pixel < _shape(layer)):
                    return layer, tuple(int(i) for i in pixel)
        return None

    def _redraw(self) -> None:
        if self._target is None:
            return
        labels, start = self._labels(_shape(self._target))
        affine = _affine_from(self._target, start, self._cell_side)
        if self._layer is not None and self._layer.ndim != labels.ndim:
            self._remove_layer()
        if self._layer is None:
            self._add_layer(labels, affine)
            return
        if not np.array_equal(self._layer.data, labels):
            self._layer.data = labels
        self._layer.affine = affine
        self._layer.visible = True

    @property
    def _cell_side(self) -> float:
        """Side of a cell of the kernel in pixels of the image: above 1 on a coarser grid."""
        return 1.0 / self._document.kernel.grid_share

    def _labels(self, shape: tuple[int, ...]) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
        """Return the kernel as labels, and the point of the image where its first cell lies."""
        labels = np.where(self._document.planes, _HIDDEN, 0).astype(np.uint8)
        center = self._document.center
        labels[center] = _CENTER
        start = np.array(self._pixel, float)
        start[-2:] -= self._cell_side * np.array(center[1:])
        if len(shape) == 2:
            return labels[center[0]], start
        z = self._pixel[-3] - center[0]
        first, last = max(z, 0), min(z + len(labels), shape[-3])
        start[-3] = first
        return labels[(None,) * (len(shape) - 3) + (slice(first - z, last - z),)], start

    def _add_layer(self, labels: NDArray[np.uint8], affine: NDArray[np.float64]) -> None:
        """Add the layer on top and keep what is selected."""
        assert self._target is not None
        selected = set(self._viewer.layers.selection)
        active = self._viewer.layers.selection.active
        self._layer = Labels(
            labels,
            name=_NAME,
            affine=affine,
            units=self._target.units,
            axis_labels=self._target.axis_labels,
            colormap=DirectLabelColormap(color_dict=_COLORS),
            opacity=_OPACITY,
        )
        self._layer.editable = False
        self._viewer.layers.append(self._layer)
        self._viewer.layers.selection = selected
        self._viewer.layers.selection.active = active

    def _remove_layer(self) -> None:
        layer, self._layer = self._layer, None
        if layer is not None and layer in self._viewer.layers:
            self._viewer.layers.remove(layer)

    def _on_layer_removed(self, event: Any) -> None:
        if event.value is self._layer and self._layer is not None:
            self._layer = None
            self.stop()
            self.ended.emit()
        elif event.value is self._target:
            self._target, self._pixel = None, ()
            if self._layer is not None:
                self._layer.visible = False


def _shape(layer: Layer) -> tuple[int, ...]:
    """Return the number of pixels along each axis, at the finest scale."""
    data = layer.data[0] if getattr(layer, "multiscale", False) else layer.data
    return tuple(data.shape)


def _affine_from(layer: Image, start: NDArray[np.float64], side: float) -> NDArray[np.float64]:
    """Return the matrix that puts an array on a layer: where it starts, how large its cells are.

    Parameters
    ----------
    layer : Image
        With n axes.
    start : (n,) float64
        Point of the layer, in pixels, for the middle of the first cell.
    side : float
        Side of the cells in pixels of the layer, along its last two axes.

    Returns
    -------
    (n + 1, n + 1) float64
    """
    n = layer.ndim
    origin = np.array(layer.data_to_world(np.zeros(n)))
    columns = [np.array(layer.data_to_world(axis)) - origin for axis in np.eye(n)]
    matrix = np.eye(n + 1)
    matrix[:n, :n] = np.stack(columns, axis=1)
    matrix[:n, n - 2 : n] *= side
    matrix[:n, n] = layer.data_to_world(start)
    return matrix
