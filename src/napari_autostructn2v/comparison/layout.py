"""Where panels lie in the canvas, and how close the camera is to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_autostructn2v.comparison.viewer_parts import camera_of

if TYPE_CHECKING:
    import napari

_PREFERENCE = 0.66  # of the largest possible panels: above, the preferred columns are taken
_CLOSE = 1.3  # times the zoom of the whole image: below, the whole image is meant


def best_columns(
    n_panels: int, canvas: tuple[int, int], image: tuple[float, float], preferred: int
) -> int:
    """Return the number of columns with which panels are largest, or nearly so.

    Parameters
    ----------
    n_panels : int
        Number of panels.
    canvas, image : (height, width)
        In pixels, and in any unit.
    preferred : int
        Number of columns that is taken unless panels would be much smaller.
    """

    def zoom(columns: int) -> float:
        rows = -(-n_panels // columns)
        height, width = (max(side, 1e-9) for side in image)
        return min(canvas[0] / rows / height, canvas[1] / columns / width)

    best = max(range(1, n_panels + 1), key=zoom)
    return preferred if zoom(preferred) >= _PREFERENCE * zoom(best) else best


def relative_zoom(viewer: napari.Viewer) -> float:
    """Return how much closer the camera is than for the whole image."""
    if viewer.dims.ndisplay != 2:
        return 1.0
    zoom, center = camera_of(viewer).zoom, camera_of(viewer).center
    viewer.fit_to_view()
    fit_zoom = camera_of(viewer).zoom
    camera_of(viewer).zoom, camera_of(viewer).center = zoom, center
    return float(zoom / fit_zoom)


def fit(viewer: napari.Viewer, relative_zoom: float) -> float:
    """Fit the camera to the panels; what was looked at closely stays close.

    Parameters
    ----------
    viewer : napari.Viewer
        Shows the panels.
    relative_zoom : float
        How much closer the camera was than for the whole image.

    Returns
    -------
    float
        Zoom of the whole image.
    """
    center = camera_of(viewer).center
    viewer.fit_to_view()
    fit_zoom = float(camera_of(viewer).zoom)
    if relative_zoom > _CLOSE:
        camera_of(viewer).zoom = fit_zoom * relative_zoom
        camera_of(viewer).center = center
    return fit_zoom
