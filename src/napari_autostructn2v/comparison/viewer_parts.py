"""Grid, camera and size of a viewer's canvas, where the installed napari keeps them.

Since 0.9 they are in ``viewer.canvas`` and ``viewer.scene``, before they were in the viewer itself.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from napari.components import ViewerModel

if TYPE_CHECKING:
    from collections.abc import Sequence

    import napari
    from napari.layers import Image

_GAP = 4  # px between panels
_HAS_CANVAS = "canvas" in getattr(ViewerModel, "model_fields", {})


def grid_of(viewer: napari.Viewer) -> Any:
    """Return the model of the grid that layers are shown in side by side."""
    return viewer.canvas.grid if _HAS_CANVAS else viewer.grid


def add_hidden(viewer: napari.Viewer, panel: Image) -> None:
    """Add a layer that is not seen yet, after all others."""
    panel.visible = False
    viewer.layers.append(panel)


def place_first(viewer: napari.Viewer, panels: Sequence[Image]) -> None:
    """Give panels the first places of the grid, in their order.

    Before 0.9, hidden layers have places in the grid as well; since then only what is seen.
    """
    if _HAS_CANVAS:
        return
    for place, panel in enumerate(panels):
        index = viewer.layers.index(panel)
        if index != place:
            viewer.layers.move(index, place)


def take_out(viewer: napari.Viewer, panels: Sequence[Image]) -> None:
    """Remove layers as fast as napari can.

    It collects all garbage after each removal unless they are announced together, and for several
    selected layers it makes controls anew whenever a layer goes.
    """
    if not panels:
        return
    if len(viewer.layers.selection) > 1:
        viewer.layers.selection.clear()
    batch = getattr(viewer.layers, "batched_update", nullcontext)
    with batch():
        for panel in panels:
            if panel in viewer.layers:
                viewer.layers.remove(panel)


def arrange(viewer: napari.Viewer, n_panels: int, n_columns: int) -> None:
    """Show panels side by side, one in each place of the grid."""
    grid = grid_of(viewer)
    grid.stride, grid.spacing = 1, _GAP
    # before 0.9, hidden layers would get rows of their own; with as many as needed they share them
    n_rows = -1 if _HAS_CANVAS else -(-n_panels // n_columns)
    grid.shape = (n_rows, n_columns)
    grid.enabled = True


def camera_of(viewer: napari.Viewer) -> Any:
    """Return the model of the camera."""
    return viewer.scene.camera if _HAS_CANVAS else viewer.camera


def canvas_size_of(viewer: napari.Viewer) -> tuple[int, int]:
    """Return height and width of the canvas, in px."""
    height, width = viewer.canvas.size if _HAS_CANVAS else viewer._canvas_size
    return int(height), int(width)


def resized_of(viewer: napari.Viewer) -> Any | None:
    """Return the event of another size of the canvas; there is none before napari 0.9."""
    return viewer.canvas.events.size if _HAS_CANVAS else None
