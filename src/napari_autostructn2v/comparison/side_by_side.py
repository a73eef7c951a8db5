"""Images side by side in a grid of panels, and the way back."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.experimental import link_layers, unlink_layers
from psygnal import Signal

from napari_autostructn2v.comparison.doubt import doubt_panels
from napari_autostructn2v.comparison.panels import last_removed, removed_panels
from napari_autostructn2v.comparison.viewer_parts import (
    add_panel,
    arrange,
    camera_of,
    canvas_size_of,
    grid_of,
    resized_of,
)
from napari_autostructn2v.comparison.viewer_state import ViewerState
from napari_autostructn2v.layers.roles import is_panel
from napari_autostructn2v.lifetime import unwrapped

if TYPE_CHECKING:
    from collections.abc import Sequence

    import napari
    from napari.layers import Image, Layer

    from napari_autostructn2v.comparison.doubt import DoubtImage
    from napari_autostructn2v.comparison.panels import Compared

_PREFERENCE = 0.66  # of the largest possible panels: above, the preferred columns are taken
_CLOSE = 1.3  # times the zoom of the whole image: below, the whole image is meant
_MATCHED = ("contrast_limits", "gamma")
_running: weakref.WeakKeyDictionary[napari.Viewer, Comparison] = weakref.WeakKeyDictionary()


def running_comparison(viewer: napari.Viewer) -> Comparison | None:
    """Return the comparison that a viewer shows, if it shows one."""
    return _running.get(unwrapped(viewer))


class Comparison:
    """Images in a grid of panels that share slices, zoom and contrast, and the way back.

    The panels are layers of their own; the layers of the viewer are hidden meanwhile and come back
    as they were. So are layers that are added meanwhile, such as the result of a training.

    Parameters
    ----------
    viewer : napari.Viewer
        Held weakly.
    images : sequence of Compared
        At least two; others are compared with the first.
    figures : str
        What was measured, as a sentence; may be empty.
    doubts : sequence of DoubtImage
        Map of doubt of each denoised image; empty if there are none.
    """

    panels_changed = Signal()
    """A panel was added or taken out."""
    broken = Signal()
    """The viewer was changed so that nothing is compared any more; it is time to leave."""
    ended = Signal()
    """The viewer is as it was before."""

    def __init__(
        self,
        viewer: napari.Viewer,
        images: Sequence[Compared],
        figures: str = "",
        doubts: Sequence[DoubtImage] = (),
    ) -> None:
        self.images = tuple(images)
        self.figures = figures
        self._doubts = tuple(doubts)
        self._viewer = weakref.ref(viewer)
        self._before = ViewerState.from_viewer(viewer)
        self._panels: list[Image] = []
        self._below: list[Image] = []
        self._is_doubt_below = False
        self._arrived: list[weakref.ref[Layer]] = []
        self._is_entered = False
        self._fit_zoom = 1.0

    @property
    def names(self) -> list[str]:
        """Names of the panels in their order."""
        return [panel.name for panel in (*self._panels, *self._below)]

    @property
    def can_show_removed(self) -> bool:
        """Whether there is a noisy image, so that something was removed from it."""
        return not self.images[0].is_denoised

    @property
    def is_removed_shown(self) -> bool:
        """Whether panels show what was removed."""
        return bool(self._below) and not self._is_doubt_below

    @property
    def can_show_doubt(self) -> bool:
        """Whether there are maps of where to doubt the results."""
        return bool(self._doubts)

    @property
    def is_doubt_shown(self) -> bool:
        """Whether panels show where to doubt the results."""
        return bool(self._below) and self._is_doubt_below

    def enter(self) -> None:
        """Show the panels and hide everything else."""
        viewer = self._viewer()
        if viewer is None:
            return
        _running[viewer] = self
        try:
            self._show(viewer)
        except Exception:
            self._restore(viewer)
            raise
        self._is_entered = True
        viewer.layers.events.inserted.connect(self._on_layer_inserted)
        viewer.layers.events.removed.connect(self._on_layer_removed)
        grid_of(viewer).events.enabled.connect(self._on_grid_toggled)
        resized = resized_of(viewer)
        if resized is not None:
            resized.connect(self._on_resized)

    def leave(self) -> None:
        """Take the panels out and bring the viewer back to what it was."""
        viewer = self._viewer()
        if viewer is None or not self._is_entered:
            return
        self._is_entered = False
        viewer.layers.events.inserted.disconnect(self._on_layer_inserted)
        viewer.layers.events.removed.disconnect(self._on_layer_removed)
        grid_of(viewer).events.enabled.disconnect(self._on_grid_toggled)
        resized = resized_of(viewer)
        if resized is not None:
            resized.disconnect(self._on_resized)
        self._restore(viewer)

    def set_removed_shown(self, is_shown: bool) -> None:
        """Show what was removed from the noisy image, below the results, or hide it."""
        if is_shown != self.is_removed_shown:
            self._show_below(is_shown, is_doubt=False)

    def set_doubt_shown(self, is_shown: bool) -> None:
        """Show where to doubt the results, below them and in place of what was removed, or not."""
        if is_shown != self.is_doubt_shown:
            self._show_below(is_shown, is_doubt=True)

    def _show_below(self, is_shown: bool, *, is_doubt: bool) -> None:
        viewer = self._viewer()
        if viewer is None:
            return
        zoom = camera_of(viewer).zoom / self._fit_zoom
        panels, self._below = self._below, []
        self._take_out(panels)
        self._is_doubt_below = is_doubt
        if is_shown:
            self._add_below()
            viewer.layers.selection = {self._panels[0]}
        self._arrange()
        self._fit(zoom)
        self.panels_changed.emit()

    def set_contrast_matched(self, is_matched: bool) -> None:
        """Show all images with the same contrast, or each with that of its own range."""
        if not self._panels:
            return
        if is_matched:
            limits = self.images[0].kwargs["contrast_limits"]
            for panel in self._panels:
                panel.contrast_limits = limits
            link_layers(self._panels, _MATCHED)
            return
        unlink_layers(self._panels, _MATCHED)
        for panel in self._panels:
            panel.reset_contrast_limits()

    def _show(self, viewer: napari.Viewer) -> None:
        zoom = self._relative_zoom(viewer)
        for layer in viewer.layers:
            layer.visible = False
        viewer.dims.ndisplay = 2
        self._panels = [image.panel() for image in self.images]
        self._add(self._panels, n_before=0)
        self.set_contrast_matched(True)
        self._arrange()
        self._fit(zoom)
        viewer.layers.selection = {self._panels[0]}

    def _restore(self, viewer: napari.Viewer) -> None:
        grid_of(viewer).enabled = False
        self._take_out([*self._panels, *self._below])
        self._before.apply(viewer)
        for reference in self._arrived:
            layer = reference()
            if layer is not None and layer in viewer.layers:
                layer.visible = True
        _running.pop(viewer, None)
        self.ended.emit()

    def _add_below(self) -> None:
        """Add the panels of what was removed, or of doubt: all of them, or none."""
        panels: list[Image] = []
        try:
            # three panels lie below three; with a clean truth, that is the first of the second row
            is_row = self._n_denoised == 2 and len(self.images) == 3
            first = last_removed(self.images) if self._is_doubt_below and is_row else []
            rest = (
                doubt_panels(self._doubts, self.images)
                if self._is_doubt_below
                else removed_panels(self.images)
            )
            panels = [*first, *rest]
            self._add(panels, n_before=len(self._panels))
            link_layers(rest, _MATCHED)
        except Exception:
            self._take_out(panels)
            self.panels_changed.emit()
            raise
        self._below = panels

    @property
    def _n_denoised(self) -> int:
        return sum(image.is_denoised for image in self.images)

    def _add(self, panels: list[Image], n_before: int) -> None:
        viewer = self._viewer()
        if viewer is None:
            return
        for number, panel in enumerate(panels, start=n_before):
            add_panel(viewer, panel, number)
            if hasattr(panel, "name_overlay"):  # since napari 0.7
                panel.name_overlay.visible = True

    def _take_out(self, panels: list[Image]) -> None:
        viewer = self._viewer()
        for panel in panels:
            unlink_layers([panel])
            if viewer is not None and panel in viewer.layers:
                viewer.layers.remove(panel)

    def _arrange(self) -> None:
        """Choose the number of columns and rows."""
        viewer = self._viewer()
        if viewer is None or not self._panels:
            return
        arrange(viewer, len(self._panels) + len(self._below), self._n_columns(viewer))

    def _n_columns(self, viewer: napari.Viewer) -> int:
        n_panels = len(self._panels) + len(self._below)
        # of three, each difference lies below its image
        preferred = 3 if self._below and self._n_denoised == 2 else n_panels
        sides = np.ptp(self._panels[0].extent.world, axis=0)[-2:]
        image = float(sides[0]), float(sides[1])
        return best_columns(n_panels, canvas_size_of(viewer), image, preferred)

    def _relative_zoom(self, viewer: napari.Viewer) -> float:
        """Return how much closer the camera is than for the whole image."""
        if viewer.dims.ndisplay != 2:
            return 1.0
        zoom, center = camera_of(viewer).zoom, camera_of(viewer).center
        viewer.fit_to_view()
        fit_zoom = camera_of(viewer).zoom
        camera_of(viewer).zoom, camera_of(viewer).center = zoom, center
        return float(zoom / fit_zoom)

    def _fit(self, relative_zoom: float) -> None:
        """Fit the camera to the panels; what was looked at closely stays close."""
        viewer = self._viewer()
        if viewer is None:
            return
        center = camera_of(viewer).center
        viewer.fit_to_view()
        self._fit_zoom = camera_of(viewer).zoom
        if relative_zoom > _CLOSE:
            camera_of(viewer).zoom = self._fit_zoom * relative_zoom
            camera_of(viewer).center = center

    def _on_resized(self, event: object = None) -> None:
        viewer = self._viewer()
        if viewer is not None and self._is_entered:
            self._fit(camera_of(viewer).zoom / self._fit_zoom)

    def _on_grid_toggled(self, event: object = None) -> None:
        viewer = self._viewer()
        if viewer is not None and self._is_entered and not grid_of(viewer).enabled:
            self.broken.emit()

    def _on_layer_inserted(self, event: Any) -> None:
        layer: Layer = event.value
        if self._is_entered and layer.visible and not is_panel(layer):
            layer.visible = False
            self._arrived.append(weakref.ref(layer))

    def _on_layer_removed(self, event: Any) -> None:
        known = [*self._panels, *self._below]
        if not self._is_entered or not any(panel is event.value for panel in known):
            return
        unlink_layers([event.value])
        self._panels = [panel for panel in self._panels if panel is not event.value]
        self._below = [panel for panel in self._below if panel is not event.value]
        self.panels_changed.emit()
        if len(self._panels) < 2:
            self.broken.emit()


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
