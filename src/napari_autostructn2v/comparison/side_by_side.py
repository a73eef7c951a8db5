"""Images side by side in a grid of panels, and the way back."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from napari.experimental import link_layers, unlink_layers
from psygnal import Signal

from napari_autostructn2v import METADATA_KEY
from napari_autostructn2v.comparison.doubt import doubt_panels
from napari_autostructn2v.comparison.garbage import EarlierObjects
from napari_autostructn2v.comparison.layout import best_columns, fit, relative_zoom
from napari_autostructn2v.comparison.panels import last_removed, removed_panels
from napari_autostructn2v.comparison.turns import Turns
from napari_autostructn2v.comparison.viewer_parts import (
    add_hidden,
    arrange,
    camera_of,
    canvas_size_of,
    grid_of,
    place_first,
    resized_of,
    take_out,
)
from napari_autostructn2v.comparison.viewer_state import ViewerState
from napari_autostructn2v.layers.roles import is_panel
from napari_autostructn2v.lifetime import unwrapped

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import napari
    from napari.layers import Image, Layer

    from napari_autostructn2v.comparison.doubt import DoubtImage
    from napari_autostructn2v.comparison.panels import Compared

_MATCHED = ("contrast_limits", "gamma")
_running: weakref.WeakKeyDictionary[napari.Viewer, Comparison] = weakref.WeakKeyDictionary()

Below = Literal["removed", "doubt"]


def running_comparison(viewer: napari.Viewer) -> Comparison | None:
    """Return the comparison that a viewer shows, if it shows one."""
    return _running.get(unwrapped(viewer))


class Comparison:
    """Images in a grid of panels that share slices, zoom and contrast, and the way back.

    The panels are layers of their own; the layers of the viewer are hidden meanwhile and come back
    as they were. So are layers that are added meanwhile, such as the result of a training.

    napari takes long to add a layer, so that each is added in a turn of the event loop of its own,
    and is hidden until all are there. All are taken out in one turn: layers that were drawn hidden
    between the end of the grid and their own end made OpenGL crash (napari 0.9.2).

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
    """Panels were shown, hidden or taken out."""
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
        self._turns = Turns(viewer.window._qt_window)
        self._earlier_objects = EarlierObjects(viewer.window._qt_window)
        self._before = ViewerState.from_viewer(viewer)
        self._added: list[Image] = []  # every layer of this comparison, seen or not
        self._panels: list[Image] = []
        self._below: list[Image] = []
        self._shown_below: Below | None = None
        self._wanted_below: Below | None = None
        self._arrived: list[weakref.ref[Layer]] = []
        self._is_matched = True
        self._is_entered = False
        self._are_all_seen = False
        self._is_leaving = False
        self._fit_zoom = 1.0

    @property
    def is_busy(self) -> bool:
        """Whether panels are still to come, or the viewer is still to be brought back."""
        return self._turns.is_busy

    @property
    def names(self) -> list[str]:
        """Names of the panels that are seen, in their order."""
        return [panel.name for panel in (*self._panels, *self._below)]

    @property
    def can_show_removed(self) -> bool:
        """Whether there is a noisy image, so that something was removed from it."""
        return not self.images[0].is_denoised

    @property
    def is_removed_shown(self) -> bool:
        """Whether panels show what was removed, or will in a moment."""
        return self._wanted_below == "removed"

    @property
    def can_show_doubt(self) -> bool:
        """Whether there are maps of where to doubt the results."""
        return bool(self._doubts)

    @property
    def is_doubt_shown(self) -> bool:
        """Whether panels show where to doubt the results, or will in a moment."""
        return self._wanted_below == "doubt"

    def enter(self) -> None:
        """Show the panels and hide everything else, in a moment."""
        viewer = self._viewer()
        if viewer is None:
            return
        zoom = relative_zoom(viewer)
        _running[viewer] = self
        viewer.layers.events.inserted.connect(self._on_layer_inserted)
        viewer.layers.events.removing.connect(self._on_layer_removing)
        viewer.layers.events.removed.connect(self._on_layer_removed)
        self._earlier_objects.pass_over()
        self._turns.take(self._entering(viewer, zoom))

    def leave(self) -> None:
        """Take the panels out, and in a moment bring the viewer back to what it was."""
        viewer = self._viewer()
        if viewer is None or self._is_leaving or _running.get(viewer) is not self:
            return
        self._is_leaving = True
        self._turns.take(self._leaving(viewer))

    def set_removed_shown(self, is_shown: bool) -> None:
        """Show what was removed from the noisy image, below the results, or hide it."""
        if is_shown != self.is_removed_shown:
            self._show_below("removed" if is_shown else None)

    def set_doubt_shown(self, is_shown: bool) -> None:
        """Show where to doubt the results, below them and in place of what was removed, or not."""
        if is_shown != self.is_doubt_shown:
            self._show_below("doubt" if is_shown else None)

    def set_contrast_matched(self, is_matched: bool) -> None:
        """Show all images with the same contrast, or each with that of its own range."""
        self._is_matched = is_matched
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

    def _leaving(self, viewer: napari.Viewer) -> Iterator[None]:
        """Take the panels out, which makes napari collect garbage; bring the viewer back later."""
        try:
            self._follow_no_more(viewer)
            grid_of(viewer).enabled = False
            self._take_out(viewer, self._added)
            yield
        finally:  # also after an error, so that another comparison can begin
            self._earlier_objects.look_at()
            del _running[viewer]
        self._before.apply(viewer)
        for reference in self._arrived:
            layer = reference()
            if layer is not None and layer in viewer.layers:
                layer.visible = True
        self.ended.emit()

    def _entering(self, viewer: napari.Viewer, zoom: float) -> Iterator[None]:
        """Add the panels one after the other, and show one after the other when all are there."""
        try:
            for image in self.images:
                yield  # the bar of buttons is laid out first
                self._add(viewer, image.panel())
            yield
            self._show(viewer, zoom)
            for panel in self._panels[1:]:  # drawn for the first time, each takes its time
                yield
                if panel in self._panels:
                    self._reveal(viewer, [panel])
            self._are_all_seen = True
        except Exception:
            self.leave()
            raise
        if self._wanted_below is not None:
            yield
            yield from self._exchanging(viewer, self._wanted_below)

    def _show(self, viewer: napari.Viewer, zoom: float) -> None:
        for layer in viewer.layers:
            layer.visible = False
        self._panels = list(self._added)
        self._reveal(viewer, self._panels[:1])
        self.set_contrast_matched(self._is_matched)
        self._arrange(viewer)
        self._fit_zoom = fit(viewer, zoom)
        viewer.layers.selection = {self._panels[0]}
        self._is_entered = True
        grid_of(viewer).events.enabled.connect(self._on_grid_toggled)
        resized = resized_of(viewer)
        if resized is not None:
            resized.connect(self._on_resized)

    def _follow_no_more(self, viewer: napari.Viewer) -> None:
        viewer.layers.events.inserted.disconnect(self._on_layer_inserted)
        viewer.layers.events.removing.disconnect(self._on_layer_removing)
        viewer.layers.events.removed.disconnect(self._on_layer_removed)
        if not self._is_entered:
            return
        self._is_entered = False
        grid_of(viewer).events.enabled.disconnect(self._on_grid_toggled)
        resized = resized_of(viewer)
        if resized is not None:
            resized.disconnect(self._on_resized)

    def _show_below(self, wanted: Below | None) -> None:
        viewer = self._viewer()
        self._wanted_below = wanted
        if viewer is not None and self._are_all_seen and not self._is_leaving:
            self._turns.take(self._exchanging(viewer, wanted))
        self.panels_changed.emit()

    def _exchanging(self, viewer: napari.Viewer, wanted: Below | None) -> Iterator[None]:
        """Add what is wanted below the images, and show all of it in place of what is there."""
        try:
            first, rest = self._new_below(wanted)
            for panel in (*first, *rest):
                self._add(viewer, panel)
                yield
            rest = [panel for panel in rest if panel in self._added]
            if rest:
                link_layers(rest, _MATCHED)
            self._exchange(viewer, wanted, [p for p in (*first, *rest) if p in self._added])
        except Exception:
            self._wanted_below = self._shown_below
            self._take_out(viewer, self._unused)
            self.panels_changed.emit()
            raise

    def _exchange(self, viewer: napari.Viewer, shown: Below | None, panels: list[Image]) -> None:
        zoom = camera_of(viewer).zoom / self._fit_zoom
        self._below, self._shown_below, self._wanted_below = panels, shown, shown
        self._take_out(viewer, self._unused)
        for panel in panels:  # those that went may have had the same name
            panel.name = panel.metadata[METADATA_KEY]["panel"]
        self._reveal(viewer, panels)
        self._arrange(viewer)
        self._fit_zoom = fit(viewer, zoom)
        if panels:
            viewer.layers.selection = {self._panels[0]}
        self.panels_changed.emit()

    def _new_below(self, wanted: Below | None) -> tuple[list[Image], list[Image]]:
        """Return panels for below the images; those that share their contrast are the second."""
        if wanted is None:
            return [], []
        if wanted == "removed":
            return [], removed_panels(self.images)
        # three panels lie below three; with a clean truth, that is the first of the second row
        is_row = self._n_denoised == 2 and len(self.images) == 3
        return last_removed(self.images) if is_row else [], doubt_panels(self._doubts, self.images)

    @property
    def _n_denoised(self) -> int:
        return sum(image.is_denoised for image in self.images)

    @property
    def _unused(self) -> list[Image]:
        used = [*self._panels, *self._below]
        return [panel for panel in self._added if panel not in used]

    def _add(self, viewer: napari.Viewer, panel: Image) -> None:
        self._added.append(panel)
        viewer.dims.ndisplay = 2  # napari 0.7 cannot add what is hidden to a view of volumes
        add_hidden(viewer, panel)

    def _reveal(self, viewer: napari.Viewer, panels: list[Image]) -> None:
        place_first(viewer, [*self._panels, *self._below])
        for panel in panels:
            panel.visible = True
            if hasattr(panel, "name_overlay"):  # since napari 0.7
                panel.name_overlay.visible = True

    def _take_out(self, viewer: napari.Viewer, panels: list[Image]) -> None:
        self._added = [panel for panel in self._added if panel not in panels]
        for panel in panels:
            unlink_layers([panel])
        take_out(viewer, panels)

    def _arrange(self, viewer: napari.Viewer) -> None:
        """Choose the number of columns and rows."""
        n_panels = len(self._panels) + len(self._below)
        # of three, each difference lies below its image
        preferred = 3 if self._below and self._n_denoised == 2 else n_panels
        sides = np.ptp(self._panels[0].extent.world, axis=0)[-2:]
        image = float(sides[0]), float(sides[1])
        columns = best_columns(n_panels, canvas_size_of(viewer), image, preferred)
        arrange(viewer, n_panels, columns)

    def _on_resized(self, event: object = None) -> None:
        viewer = self._viewer()
        if viewer is not None and self._is_entered:
            self._fit_zoom = fit(viewer, camera_of(viewer).zoom / self._fit_zoom)

    def _on_grid_toggled(self, event: object = None) -> None:
        viewer = self._viewer()
        if viewer is not None and self._is_entered and not grid_of(viewer).enabled:
            self.broken.emit()

    def _on_layer_inserted(self, event: Any) -> None:
        layer: Layer = event.value
        if layer.visible and not is_panel(layer):
            layer.visible = False
            self._arrived.append(weakref.ref(layer))

    def _on_layer_removing(self, event: Any) -> None:
        """Let napari collect a layer of a person's, whose pixels may be many, with the rest."""
        viewer = self._viewer()
        if viewer is not None and not is_panel(viewer.layers[event.index]):
            self._earlier_objects.look_at()

    def _on_layer_removed(self, event: Any) -> None:
        if not any(panel is event.value for panel in self._added):
            return
        unlink_layers([event.value])
        was_last = self._below == [event.value]
        for panels in (self._added, self._panels, self._below):
            panels[:] = [panel for panel in panels if panel is not event.value]
        if was_last:
            self._shown_below = self._wanted_below = None
        self.panels_changed.emit()
        if len(self._panels) < 2:  # also while they are still to come
            self._turns.drop()
            self.broken.emit()
