"""Grid, camera and size of a viewer's canvas, where the installed napari keeps them.

Since 0.9 they are in ``viewer.canvas`` and ``viewer.scene``, before they were in the viewer itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.components import ViewerModel

if TYPE_CHECKING:
    import napari

_HAS_CANVAS = "canvas" in getattr(ViewerModel, "model_fields", {})


def grid_of(viewer: napari.Viewer) -> Any:
    """Return the model of the grid that layers are shown in side by side."""
    return viewer.canvas.grid if _HAS_CANVAS else viewer.grid


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
