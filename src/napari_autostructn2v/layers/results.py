"""The layers that a run adds to the viewer: live preview and results."""

from __future__ import annotations

import weakref
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from autoStructN2V.pipeline.events import Event, StageFinished
from autoStructN2V.vocabulary import stage_in_words

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    import napari
    from napari.layers import Image

    from autoStructN2V.pipeline.configuration.models import PipelineConfig
    from autoStructN2V.pipeline.steps.doubting import DoubtMaps
    from autoStructN2V.trainers.events import Preview
    from napari_autostructn2v.layers.large import ResultsReady
    from napari_autostructn2v.layers.stacks import LayerStacks

T = TypeVar("T")


class ResultLayers:
    """Adds the images of one run to the viewer; the source layer is never touched.

    Parameters
    ----------
    viewer : napari.Viewer
    stacks : LayerStacks
        What the run was started on.
    config : PipelineConfig

    Attributes
    ----------
    stacks : LayerStacks
    doubt : DoubtMaps or None
        Makes maps of where to doubt the results; None where they cannot be made.
    """

    def __init__(self, viewer: napari.Viewer, stacks: LayerStacks, config: PipelineConfig) -> None:
        self.stacks = stacks
        self._viewer = weakref.ref(viewer)
        self._config = config
        self.doubt: DoubtMaps | None = None
        self._of_stage: dict[int, weakref.ref[Image]] = {}
        self._preview: weakref.ref[Image] | None = None
        self._is_preview_unwanted = False
        self._slice_in_view = 0
        self._channel: int | None = None
        viewer.dims.events.current_step.connect(self._on_slider_moved)
        self._on_slider_moved()

    def slice_in_view(self) -> int:
        """Return the slice that the viewer shows, through all stacks; asked from any thread."""
        return self._slice_in_view

    def of_stage(self, stage: int) -> Image | None:
        """Return the result of a stage, while it is in the viewer."""
        reference, viewer = self._of_stage.get(stage), self._viewer()
        layer = reference() if reference else None
        return layer if viewer is not None and layer in viewer.layers else None

    def begin_channel(self, channel: int) -> None:
        """Take what comes as made of one of several channels."""
        self._channel = channel
        self.remove_preview()
        self._on_slider_moved()

    def show_preview(self, event: Preview) -> None:
        """Show a slice of the network as it is now; not again once a person removed it."""
        viewer = self._viewer()
        if viewer is None or self._is_preview_unwanted:
            return
        channel = "" if self._channel is None else f", channel {self._channel}"
        label = f"preview of {self._label(event.stage)}{channel}"
        layer = self._shown_preview()
        if layer is not None:
            layer.data = self.stacks.preview_data(event.image, self._channel)
            layer.name = self.stacks.layer_name(label)
        elif self._preview is None:
            layer = self.stacks.preview_layer(event.image, label, self._channel)
            self._preview = weakref.ref(_added(viewer, layer))
        else:
            self._is_preview_unwanted = True

    def remove_preview(self) -> None:
        """Take the preview out of the viewer."""
        viewer, layer = self._viewer(), self._shown_preview()
        if viewer is not None and layer is not None:
            viewer.layers.remove(layer)
        self._preview = None

    def end(self) -> None:
        """Take the preview out, and follow the viewer no more: the run is over."""
        self.remove_preview()
        viewer = self._viewer()
        if viewer is not None:
            viewer.dims.events.current_step.disconnect(self._on_slider_moved)

    def add_result(self, event: StageFinished) -> None:
        """Show what a stage made of the images; the preview becomes it."""
        viewer = self._viewer()
        if viewer is None or event.denoised is None:
            return
        label = self._label(event.stage)
        made_by = self._made_by(event.stage, event.model.provenance)
        data = self.stacks.shown(event.denoised[0])
        layer = self._shown_preview()
        if layer is None or self.stacks.is_color:
            self.remove_preview()
            layer = _added(viewer, self.stacks.layer_of(data, label, made_by))
        else:
            layer.data = data
            layer.name = self.stacks.layer_name(label)
            layer.metadata = self.stacks.layer_metadata(label, made_by)
        self._preview = None
        self._of_stage[event.stage] = weakref.ref(layer)
        self.doubt = event.doubt

    def add_ready(self, event: ResultsReady) -> None:
        """Show what a stage made of all channels, or what it wrote to a store."""
        viewer = self._viewer()
        if viewer is None:
            return
        self.remove_preview()
        made_by = self._made_by(event.stage, event.made_by)
        layer = self.stacks.layer_of(event.data, self._label(event.stage), made_by)
        self._of_stage[event.stage] = weakref.ref(_added(viewer, layer))

    def _made_by(self, stage: int, provenance: Mapping[str, Any]) -> dict[str, Any]:
        of_run = {name: self._config[name] for name in ("method", "preset")}
        of_run["mode"] = self._config.mode_text
        return {"stage": stage, **of_run, **provenance}

    def _on_slider_moved(self, event: object = None) -> None:
        viewer = self._viewer()
        of_channel = self._channel is not None
        index = (
            self.stacks.slice_in_view(viewer.dims.point, of_channel=of_channel)
            if viewer is not None
            else None
        )
        if index is not None:  # else the layer is gone; the last slice stays
            self._slice_in_view = index

    def _shown_preview(self) -> Image | None:
        viewer, layer = self._viewer(), self._preview() if self._preview else None
        return layer if viewer is not None and layer in viewer.layers else None

    def _label(self, stage: int) -> str:
        return stage_in_words(self._config.method, stage)


def ready_for_layers(
    events: Generator[Event, Any, T], stacks: LayerStacks
) -> Generator[Event, Any, T]:
    """Put what a stage denoised together as one array, in the thread that runs the training.

    Parameters
    ----------
    events : generator
        Events of a training; gets what is sent.
    stacks : LayerStacks
        What the training was started on.
    """
    answer = None
    with closing(events):
        while True:
            try:
                event = events.send(answer)
            except StopIteration as end:
                result: T = end.value
                return result
            if isinstance(event, StageFinished) and event.denoised is not None:
                event = replace(event, denoised=[stacks.layer_data(event.denoised)])
            answer = yield event


def _added(viewer: napari.Viewer, layer: Image) -> Image:
    """Add a layer and leave the selection as it is: a person may be working with another one."""
    active = viewer.layers.selection.active
    viewer.add_layer(layer)
    if active is not None:
        viewer.layers.selection.active = active
    return layer
