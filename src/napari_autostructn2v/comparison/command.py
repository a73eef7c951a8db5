"""Noisy image and results side by side in the main canvas."""

from __future__ import annotations

import napari  # noqa: TC002 - read when the command is called, to know that it wants the viewer
from napari.utils.notifications import show_info

from napari_autostructn2v.comparison.bar import ComparisonBar
from napari_autostructn2v.comparison.doubt import doubt_images
from napari_autostructn2v.comparison.panels import of_layers, of_results
from napari_autostructn2v.comparison.side_by_side import Comparison, running_comparison
from napari_autostructn2v.lifetime import unwrapped
from napari_autostructn2v.session.session import session_for
from napari_autostructn2v.widgets.run_text import doubt_text, noise_left_text

_NOTHING = (
    "There is nothing to compare yet: train a model, or select two or more image layers of equal "
    "size in the layer list."
)


def toggle_comparison(napari_viewer: napari.Viewer) -> None:
    """Show the noisy image and the results side by side, or leave that view.

    Results of the last training are compared; without any, the selected image layers.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        Viewer whose canvas is used.
    """
    viewer = unwrapped(napari_viewer)
    if running := running_comparison(viewer):
        running.leave()
        return
    session = session_for(viewer)
    results = session.training.results
    images = of_results(results, viewer.layers) if results is not None else []
    doubts = doubt_images(results, images) if len(images) > 1 else []
    run = session.training.state
    figures = ""
    if len(images) > 1:
        figures = " ".join(filter(None, (noise_left_text(run), doubt_text(run))))
    if len(images) < 2:
        chosen = [layer for layer in viewer.layers if layer in viewer.layers.selection]
        images = of_layers(chosen)
    if len(images) < 2:
        show_info(_NOTHING)
        return
    comparison = Comparison(viewer, images, figures, doubts)
    bar = ComparisonBar(comparison)
    viewer.window.add_dock_widget(
        bar, name="Comparison", area="bottom", allowed_areas=["top", "bottom"]
    )
    comparison.enter()
