"""Applying models to layers and files beside the interface, and the layers that come of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from autoStructN2V.datasets.images.channels import AllChannels
from autoStructN2V.datasets.images.names import denoised_name, free_name
from autoStructN2V.datasets.images.reading import open_images
from autoStructN2V.datasets.images.sources import ArraySource, read_stored_stack
from autoStructN2V.datasets.images.writing import StackWriter
from autoStructN2V.errors import InputError
from autoStructN2V.files import ensure_writable_folder
from autoStructN2V.pipeline import denoise_array_events, denoise_events, output_files
from autoStructN2V.pipeline.channels import denoise_channels, require_channels
from autoStructN2V.pipeline.events import ChannelStarted
from autoStructN2V.trainers.events import Warned
from autoStructN2V.vocabulary import stage_in_words
from napari_autostructn2v.layers.channels import in_order
from napari_autostructn2v.layers.files import (
    FileImage,
    history_of_result,
    open_for_layer,
    stem_of_result,
)
from napari_autostructn2v.layers.large import (
    CanonicalLayer,
    StoreSink,
    is_large,
    is_too_much,
    stored_sentence,
)
from napari_autostructn2v.layers.pixels import snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from napari.layers import Image
    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.inference.trained_model import TrainedModel
    from autoStructN2V.pipeline import ResultSink
    from autoStructN2V.pipeline.events import Event
    from autoStructN2V.vocabulary import DeviceName, OutputDtype
    from napari_autostructn2v.layers.stacks import LayerStacks

    Writer = Callable[[Sequence[NDArray[np.float32]]], Path]


@dataclass(frozen=True)
class Stored:
    """A result that a layer reads from a store on disk."""

    path: Path


def denoised_layer(
    stacks: LayerStacks,
    models: Sequence[TrainedModel],
    device: DeviceName,
    write: Writer | None,
    folder: Path,
    should_stop: Callable[[], bool],
) -> Generator[Event, Any, NDArray[np.float32] | Path | Stored | None]:
    """Yield progress, and return the array of a layer or the file; None if it was stopped.

    Parameters
    ----------
    stacks : LayerStacks
        What to denoise.
    models : sequence of TrainedModel
        Model to apply, or one for each channel.
    device : {"auto", "cpu", "cuda", "mps"}
        Device that computes.
    write : callable or None
        Writes the denoised stacks to a file; None for an array of the shape that results have.
    folder : Path
        Where a result that is too large for the memory is stored, from where its layer reads.
    should_stop : callable
        True ends it.
    """
    is_each = len(models) > 1
    places = [stacks.of_channel(channel) for channel in range(len(models))]
    parts = [[stacks.sources[i] for i in some] for some in places] if is_each else [stacks.sources]
    if write is None and is_large(stacks):
        path = free_name(folder / f"{stem_of_result(stacks, models[0])}.ome.zarr")
        order = [i for some in places for i in some] if is_each else range(len(stacks.sources))
        return (yield from _denoised_store(stacks, parts, order, models, device, path, should_stop))
    made = yield from _denoised_parts(map(snapshot, parts), models, device, should_stop)
    if made is None:
        return None
    denoised = made[0] if len(models) == 1 else in_order(stacks, made)
    return stacks.shown(stacks.layer_data(denoised)) if write is None else write(denoised)


def _denoised_store(
    stacks: LayerStacks,
    parts: Sequence[Sequence[ImageSource]],
    order: Sequence[int],
    models: Sequence[TrainedModel],
    device: DeviceName,
    path: Path,
    should_stop: Callable[[], bool],
) -> Generator[Event, Any, Stored | None]:
    """Yield progress, and return the store that was written; None if it was stopped."""
    ensure_writable_folder(path.parent)
    history = history_of_result(stacks, models[0])
    with StackWriter(path, CanonicalLayer(stacks), history=history) as writer:
        sink = StoreSink(writer, stacks, order)
        made = yield from _denoised_parts(parts, models, device, should_stop, sink)
        if made is None:
            writer.discard()
            return None
    return Stored(path)


def _denoised_parts(
    parts: Iterable[Sequence[ImageSource]],
    models: Sequence[TrainedModel],
    device: DeviceName,
    should_stop: Callable[[], bool],
    sink: ResultSink | None = None,
) -> Generator[Event, Any, list[list[NDArray[np.float32]]] | None]:
    """Yield progress, and return what each model made of its images; None if it was stopped."""
    made = []
    for channel, (sources, model) in enumerate(zip(parts, models, strict=True)):
        if len(models) > 1:
            name = f"Channel {channel} ({channel + 1} of {len(models)})"
            yield ChannelStarted(name, channel, len(models))
        denoised = yield from denoise_array_events(
            sources, model, device=device, should_stop=should_stop, sink=sink
        )
        if should_stop():
            return None
        made.append(denoised or [])
    return made


def denoised_as_layer(
    path: Path,
    models: Sequence[TrainedModel],
    device: DeviceName,
    planes: Mapping[str, Any],
    folder: Path,
    should_stop: Callable[[], bool],
) -> Generator[Event, Any, FileImage | None]:
    """Yield progress, and return what was made of images; None if it was stopped.

    Parameters
    ----------
    path : Path
        File or folder.
    models : sequence of TrainedModel
        Model to apply, or one for each channel.
    device : {"auto", "cpu", "cuda", "mps"}
        Device that computes.
    planes : mapping
        Axes, channel and timepoint, as of :func:`~autoStructN2V.datasets.open_images`.
    folder : Path
        Where a result that is too large for the memory is stored.
    should_stop : callable
        True ends it.

    Raises
    ------
    InputError
        If images cannot be used, or results are together too large to be one layer.
    """
    is_each = len(models) > 1
    parts = [
        open_for_layer(path, model, **{**planes, **({"channel": c} if is_each else {})})
        for c, model in enumerate(models)
    ]
    if is_each:
        require_channels(parts[0], len(models))
    if is_too_much([source.shape for part in parts for source in part]):
        events = _stored_image(path, parts[0], models, device, planes, folder, should_stop)
        return (yield from events)
    made = yield from _denoised_parts(parts, models, device, should_stop)
    if made is None:
        return None
    sources = parts[0]
    denoised: list[NDArray[Any]] = list(made[0])
    if is_each:
        joined = [
            AllChannels([ArraySource(stack) for stack in stacks], source)
            for source, *stacks in zip(sources, *made, strict=True)
        ]
        sources, denoised = list(joined), [read_stored_stack(image) for image in joined]
    name = sources[0].name if len(sources) == 1 else path.stem
    label, made_by = _description(models)
    image = FileImage.made_of(f"{name} - {label}", sources, denoised)
    return replace(image, made_by={"source": name, "result": label, **made_by})


def _stored_image(
    path: Path,
    sources: Sequence[ImageSource],
    models: Sequence[TrainedModel],
    device: DeviceName,
    planes: Mapping[str, Any],
    folder: Path,
    should_stop: Callable[[], bool],
) -> Generator[Event, Any, FileImage | None]:
    """Yield progress, and return a result that is read from a store; None if it was stopped."""
    if len(sources) > 1:
        raise InputError(
            f"The results of {path} are too large to be one layer in memory; write them to disk "
            "instead."
        )
    name, model = sources[0].name, models[0]
    file = denoised_name(name, stage=model.stage_in_names, ending=".ome.zarr")
    store = free_name(folder / file)
    files = yield from denoised_files(path, store, models, device, "float32", planes, should_stop)
    if not files:
        return None
    yield Warned(stored_sentence(files[0]))
    label, made_by = _description(models)
    made_by |= {"source": name, "result": label}
    return replace(FileImage.read(files[0]), name=f"{name} - {label}", made_by=made_by)


def denoised_files(
    source: Path,
    output: Path,
    models: Sequence[TrainedModel],
    device: DeviceName,
    output_dtype: OutputDtype,
    planes: Mapping[str, Any],
    should_stop: Callable[[], bool],
) -> Generator[Event, Any, list[Path]]:
    """Yield progress, and return the files that were written.

    Parameters
    ----------
    source : Path
        File or folder.
    output : Path
        A file for a single image, whose ending chooses the format, else a folder.
    models : sequence of TrainedModel
        Model to apply, or one for each channel.
    device : {"auto", "cpu", "cuda", "mps"}
        Device that computes.
    output_dtype : {"float32", "input"}
        Data type of the results.
    planes : mapping
        Axes, channel and timepoint, as of :func:`~autoStructN2V.datasets.open_images`.
    should_stop : callable
        True ends it.
    """
    if len(models) > 1:
        made = yield from denoise_channels(
            source,
            models,
            output,
            device=device,
            axes=planes.get("axes"),
            timepoint=planes.get("timepoint"),
            output_dtype=output_dtype,
            should_stop=should_stop,
            keep_existing=True,
        )
        return made.files
    (model,) = models
    unreadable: list[InputError] = []
    sources = open_images(
        source,
        mode=model.mode,
        triplets_along=model.triplets_along,
        unreadable=unreadable,
        **planes,
    )
    outputs = output_files(sources, source, output, stage=model.stage_in_names, keep_existing=True)
    events = denoise_events(
        sources,
        model,
        outputs,
        device=device,
        output_dtype=output_dtype,
        should_stop=should_stop,
        unreadable=unreadable,
    )
    return (yield from events)


def _description(models: Sequence[TrainedModel]) -> tuple[str, dict[str, Any]]:
    """Return what was done, as part of a name, and how, as plain values."""
    model = models[0]
    name = stage_in_words(model.method, model.stage)
    made_by: dict[str, Any] = {"stage": model.stage, "method": model.method, "mode": model.mode}
    if len(models) > 1:
        made_by["channels"] = [dict(one.provenance) for one in models]
    else:
        made_by |= model.provenance
    return f"denoised, {name}", made_by


def result_layer(
    stacks: LayerStacks, data: NDArray[np.float32], models: Sequence[TrainedModel]
) -> Image:
    """Return the layer of what models made of a layer, which has the shape that results have."""
    label, made_by = _description(models)
    return stacks.layer_of(data, label, made_by)
