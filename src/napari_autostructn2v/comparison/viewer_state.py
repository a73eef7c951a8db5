"""What a person sees in a viewer, kept so that it can be brought back."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_autostructn2v.comparison.viewer_parts import camera_of, grid_of

if TYPE_CHECKING:
    import napari
    from napari.layers import Layer


@dataclass(frozen=True)
class LayerState:
    """How one layer is shown.

    Attributes
    ----------
    reference : weak reference to a layer
    is_visible, is_selected : bool
    contrast_limits : tuple of float or None
        None for layers that have none.
    """

    reference: weakref.ref[Layer]
    is_visible: bool
    is_selected: bool
    contrast_limits: tuple[float, ...] | None


@dataclass(frozen=True)
class ViewerState:
    """Layers, grid, sliders and camera of a viewer.

    Attributes
    ----------
    layers : tuple of LayerState
        In the order of the layer list.
    grid, dims, camera : dict
        Values of the models of these names.
    """

    layers: tuple[LayerState, ...]
    grid: dict[str, Any]
    dims: dict[str, Any]
    camera: dict[str, Any]

    @classmethod
    def from_viewer(cls, viewer: napari.Viewer) -> ViewerState:
        """Return the state of a viewer."""
        selection = viewer.layers.selection
        grid, dims, camera = grid_of(viewer), viewer.dims, camera_of(viewer)
        return cls(
            tuple(_state_of(layer, layer in selection) for layer in viewer.layers),
            {name: getattr(grid, name) for name in ("stride", "shape", "spacing", "enabled")},
            {name: getattr(dims, name) for name in ("ndisplay", "order", "current_step")},
            {name: getattr(camera, name) for name in ("angles", "perspective", "center", "zoom")},
        )

    def apply(self, viewer: napari.Viewer) -> None:
        """Bring this state back; layers that are gone are left out, new ones stay as they are."""
        kept = [(state, state.reference()) for state in self.layers]
        present = [(s, layer) for s, layer in kept if layer is not None and layer in viewer.layers]
        for position, (state, layer) in enumerate(present):
            if viewer.layers.index(layer) != position:
                viewer.layers.move(viewer.layers.index(layer), position)
            layer.visible = state.is_visible
            if state.contrast_limits is not None:
                layer.contrast_limits = state.contrast_limits
        _assign(grid_of(viewer), self.grid)
        if viewer.dims.ndim == len(self.dims["order"]):
            _assign(viewer.dims, self.dims)
        # last: the camera moves with the number of displayed axes
        _assign(camera_of(viewer), self.camera)
        viewer.layers.selection = {layer for state, layer in present if state.is_selected}


def _state_of(layer: Layer, is_selected: bool) -> LayerState:
    limits = getattr(layer, "contrast_limits", None)
    limits = tuple(limits) if limits is not None else None
    return LayerState(weakref.ref(layer), layer.visible, is_selected, limits)


def _assign(model: Any, values: dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(model, name, value)
