"""Layers with channels, each with a model of its own: taken apart, and put together again."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from autoStructN2V.pipeline.channels import ChannelImages
from autoStructN2V.pipeline.events import ChannelStarted, Event, StageFinished
from autoStructN2V.trainers.events import Warned
from napari_autostructn2v.layers.files import FileImage, WholeLayer
from napari_autostructn2v.layers.large import (
    CanonicalLayer,
    ResultsReady,
    is_large,
    stored_layer_data,
    stored_sentence,
    stored_sources,
)
from napari_autostructn2v.layers.pixels import snapshot

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.pipeline.channels import ChannelsOutput
    from napari_autostructn2v.layers.stacks import LayerStacks

    Made = dict[int, dict[int, StageFinished]]


def channels_of(stacks: LayerStacks) -> list[ChannelImages]:
    """Return the stacks of each channel, as they are now."""
    ready = stored_sources if is_large(stacks) else snapshot
    return [
        ChannelImages("", ready(stacks.sources_of_channel(channel)), None)
        for channel in range(stacks.n_channels)
    ]


def joined(stacks: LayerStacks, parts: Sequence[Sequence[ImageSource]]) -> WholeLayer:
    """Return stacks of single channels as one image with all axes of a layer.

    Parameters
    ----------
    stacks : LayerStacks
        The layer.
    parts : sequence of sequences of ImageSource
        For each channel, what was made of its stacks.
    """
    whole = CanonicalLayer if is_large(stacks) else WholeLayer
    return whole(stacks, in_order(stacks, parts))


def in_order(stacks: LayerStacks, parts: Sequence[Sequence[Any]]) -> list[Any]:
    """Return what was made of the stacks of each channel in the order of all stacks."""
    by_place: dict[int, Any] = {}
    for channel, made in enumerate(parts):
        by_place |= zip(stacks.of_channel(channel), made, strict=True)
    return [by_place[place] for place in sorted(by_place)]


def channels_ready_for_layers(
    events: Generator[Event, Any, ChannelsOutput], stacks: LayerStacks
) -> Generator[Event | ResultsReady, Any, ChannelsOutput]:
    """Put what was made of the channels together as one array, in the thread that trains.

    Parameters
    ----------
    events : generator
        Events of a training of a model for each channel; gets what is sent.
    stacks : LayerStacks
        What the training was started on.
    """
    made: Made = {}
    channel, answer = 0, None
    with closing(events):
        while True:
            try:
                event = events.send(answer)
            except StopIteration as end:
                output: ChannelsOutput = end.value
                break
            if isinstance(event, ChannelStarted):
                channel = event.channel
            if isinstance(event, StageFinished) and event.report is not None:
                made.setdefault(channel, {})[event.stage] = event
                event = replace(event, denoised=None, doubt=None)
            answer = yield event
    if not output.is_stopped:
        for stage, files in output.files.items():
            latest = [_latest(made.get(c, {}), stage) for c in range(stacks.n_channels)]
            known = [event for event in latest if event is not None]
            if is_large(stacks):
                yield Warned(stored_sentence(files[0]))
                data = stored_layer_data(stacks, files[0])
            elif len(known) == len(latest):
                data = stacks.layer_data(in_order(stacks, [e.denoised or [] for e in known]))
            else:  # a channel was finished before the training was interrupted
                data = WholeLayer(stacks).layer_data(FileImage.read(files[0]).data)
            provenances = [dict(event.model.provenance) for event in known]
            yield ResultsReady(stage, stacks.shown(data), {"channels": provenances})
    return output


def _latest(made: Mapping[int, StageFinished], stage: int) -> StageFinished | None:
    """Return what a channel has of a stage, or of the one before."""
    earlier = [one for one in made if one <= stage]
    return made[max(earlier)] if earlier else None
