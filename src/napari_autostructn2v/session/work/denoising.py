"""Denoising layers and files with a trained model; saving and opening what came of it."""

from __future__ import annotations

import weakref
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from autoStructN2V.datasets.images.channels import AllChannels
from autoStructN2V.datasets.images.names import denoised_name, free_name
from autoStructN2V.datasets.images.reading import open_images
from autoStructN2V.datasets.images.sources import ArraySource, read_stack
from autoStructN2V.datasets.images.writing import StackWriter
from autoStructN2V.errors import InputError, UserError
from autoStructN2V.files import ensure_writable_folder
from autoStructN2V.pipeline import denoise_array_events, denoise_events, output_files
from autoStructN2V.pipeline.channels import denoise_channels, require_channels
from autoStructN2V.pipeline.events import ChannelStarted
from autoStructN2V.trainers.events import Warned
from napari_autostructn2v.layers.channels import in_order
from napari_autostructn2v.layers.files import (
    FileImage,
    history_of_result,
    layer_writer,
    open_for_layer,
    stem_of_result,
)
from napari_autostructn2v.layers.large import (
    CanonicalLayer,
    StoreSink,
    is_large,
    is_too_much,
    stored_layer_data,
    stored_sentence,
)
from napari_autostructn2v.layers.pixels import snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Mapping, Sequence

    import numpy as np
    from napari.layers import Image
    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.inference.trained_model import TrainedModel
    from autoStructN2V.pipeline import ResultSink
    from autoStructN2V.pipeline.events import Event
    from autoStructN2V.vocabulary import DeviceName, OutputDtype
    from napari_autostructn2v.layers.stacks import LayerStacks
    from napari_autostructn2v.session.state import TaskState
    from napari_autostructn2v.session.work.tasks import Tasks

    Writer = Callable[[Sequence[NDArray[np.float32]]], Path]


@dataclass(frozen=True)
class Stored:
    """A result that a layer reads from a store on disk."""

    path: Path


@dataclass(frozen=True)
class Denoised:
    """What a model made of images, and where it is.

    Attributes
    ----------
    task : TaskState
        How the work ended.
    files : tuple of Path
        Written to disk.
    layer : weak reference to an image layer, or None
        Added to the viewer.
    """

    task: TaskState
    files: tuple[Path, ...] = ()
    layer: weakref.ref[Image] | None = None


class Denoising:
    """Applies a trained model, and keeps what it made until other images are to be denoised.

    Parameters
    ----------
    tasks : Tasks
        Run it.
    add_layer : callable
        Adds a layer to the viewer.

    Attributes
    ----------
    last : Denoised or None
        What the last denoising made, until :meth:`forget`.
    """

    layer_denoised = Signal(object)
    """The layer that a model made."""
    files_denoised = Signal(object)
    """The list of files that a model wrote."""

    def __init__(self, tasks: Tasks, add_layer: Callable[[Image], object]) -> None:
        self.last: Denoised | None = None
        self._tasks = tasks
        self._add_layer = add_layer

    def denoise_layer(
        self,
        stacks: LayerStacks,
        models: Sequence[TrainedModel],
        device: DeviceName = "auto",
        write: Writer | None = None,
        folder: Path = Path(),
    ) -> None:
        """Apply a model to a layer; the result becomes a layer of its own, or a file.

        Parameters
        ----------
        stacks : LayerStacks
            What to denoise.
        models : sequence of TrainedModel
            Model to apply, or one for each channel.
        device : {"auto", "cpu", "cuda", "mps"}
            Device that computes.
        write : callable, optional
            Called in the thread of the task: writes the denoised stacks to a file instead.
        folder : Path
            Where a result that is too large for the memory is written, from where its layer reads.
        """

        def show(outcome: NDArray[np.float32] | Path | Stored | None) -> None:
            if outcome is None:
                self._tasks.end("Cancelled; nothing was added.")
            elif isinstance(outcome, Stored):
                data = stored_layer_data(stacks, outcome.path)
                layer = _result_layer(stacks, stacks.shown(data), models)
                self._show_layer(layer, stored_sentence(outcome.path))
            elif isinstance(outcome, Path):
                self._tasks.end(f"Wrote {outcome}.")
                self.last = Denoised(self._tasks.state, (outcome,))
                self.files_denoised.emit([outcome])
            else:
                self._show_layer(_result_layer(stacks, outcome, models))

        events = partial(_denoised_layer, stacks, models, device, write, folder)
        self._tasks.start("denoise", "Reading the images", events, show)

    def denoise_files_as_layer(
        self,
        path: Path,
        models: Sequence[TrainedModel],
        device: DeviceName = "auto",
        folder: Path = Path(),
        **planes: Any,
    ) -> None:
        """Apply a model to a file or a folder of them; the result becomes one layer.

        Parameters
        ----------
        path : Path
            File or folder.
        models : sequence of TrainedModel
            Model to apply, or one for each channel.
        device : {"auto", "cpu", "cuda", "mps"}
            Device that computes.
        folder : Path
            Where a result that is too large for the memory is written, from where its layer reads.
        planes
            Axes, channel and timepoint, as of :func:`~autoStructN2V.datasets.open_images`.
        """

        def show(image: FileImage | None) -> None:
            if image is None:
                return self._tasks.end("Cancelled; nothing was added.")
            return self._show_layer(image.layer())

        events = partial(_denoised_as_layer, path, models, device, planes, folder)
        self._tasks.start("denoise", "Reading the images", events, show)

    def denoise_files(
        self,
        source: Path,
        output: Path,
        models: Sequence[TrainedModel],
        *,
        device: DeviceName = "auto",
        output_dtype: OutputDtype = "float32",
        **planes: Any,
    ) -> None:
        """Apply a model to a file or to a folder of them, and write the results.

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
        planes
            Axes, channel and timepoint, as of :func:`~autoStructN2V.datasets.open_images`.
        """

        def show(written: Sequence[Path]) -> None:
            files = "1 file" if len(written) == 1 else f"{len(written)} files"
            stopped = "Cancelled; wrote" if self._tasks.state.is_stopping else "Wrote"
            self._tasks.end(f"{stopped} {files} to {output}.")
            self.last = Denoised(self._tasks.state, tuple(written))
            self.files_denoised.emit(list(written))

        events = partial(_denoised_files, source, output, models, device, output_dtype, planes)
        self._tasks.start("denoise", "Reading the images", events, show)

    def save_layer(self, path: Path, layer: Image) -> None:
        """Write a layer as it is now to a TIFF file, with its axes and its pixel size.

        Parameters
        ----------
        path : Path
            Name of the file; it appears when it is complete.
        layer : Image
            Grayscale image, stack, or stacks along one leading axis.

        Raises
        ------
        InputError
            If it is no such layer.
        """
        write = layer_writer(layer)

        def show(_: None) -> None:
            self._tasks.end(f"Saved {path}.")

        self._tasks.start_work("save", "Saving the layer", lambda: write(path), show)

    def open_files(self, files: Sequence[Path]) -> None:
        """Add images of files to the viewer; what is wrong with one does not stop the others.

        Parameters
        ----------
        files : sequence of Path
            Results.
        """
        problems: list[str] = []

        def events(should_stop: Callable[[], bool]) -> Generator[Event, Any, list[FileImage]]:
            yield from ()
            images = []
            for file in files:
                if should_stop():
                    break
                try:
                    images.append(FileImage.read(file))
                except UserError as error:
                    problems.append(str(error))
            return images

        def show(images: Sequence[FileImage]) -> None:
            for image in images:
                self._add_layer(image.layer())
            self._tasks.end(error=" ".join(problems) or None)

        self._tasks.start("open", "Opening the files", events, show)

    def _show_layer(self, layer: Image, *notes: str) -> None:
        """Add what was made of images to the viewer."""
        self._add_layer(layer)
        self._tasks.end(*notes, f"Added layer {layer.name}.")
        self.last = Denoised(self._tasks.state, layer=weakref.ref(layer))
        self.layer_denoised.emit(layer)

    def forget(self) -> None:
        """Make ready for other images; layers and files stay."""
        self.last = None
        if self._tasks.state.kind in ("denoise", "save", "open"):
            self._tasks.forget()


def _denoised_layer(
    stacks: LayerStacks,
    models: Sequence[TrainedModel],
    device: DeviceName,
    write: Writer | None,
    folder: Path,
    should_stop: Callable[[], bool],
) -> Generator[Event, Any, NDArray[np.float32] | Path | Stored | None]:
    """Yield progress, and return the array of a layer or the file; None if it was stopped."""
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


def _denoised_as_layer(
    path: Path,
    models: Sequence[TrainedModel],
    device: DeviceName,
    planes: Mapping[str, Any],
    folder: Path,
    should_stop: Callable[[], bool],
) -> Generator[Event, Any, FileImage | None]:
    """Yield progress, and return what was made of images; None if it was stopped."""
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
    sources, denoised = parts[0], made[0]
    if is_each:
        joined = [
            AllChannels([ArraySource(stack) for stack in stacks], source)
            for source, *stacks in zip(sources, *made, strict=True)
        ]
        sources, denoised = list(joined), [read_stack(image) for image in joined]
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
    files = yield from _denoised_files(path, store, models, device, "float32", planes, should_stop)
    if not files:
        return None
    yield Warned(stored_sentence(files[0]))
    label, made_by = _description(models)
    made_by |= {"source": name, "result": label}
    return replace(FileImage.read(files[0]), name=f"{name} - {label}", made_by=made_by)


def _denoised_files(
    source: Path,
    output: Path,
    models: Sequence[TrainedModel],
    device: DeviceName,
    output_dtype: OutputDtype,
    planes: Mapping[str, Any],
    should_stop: Callable[[], bool],
) -> Generator[Event, Any, list[Path]]:
    """Yield progress, and return the files that were written."""
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
    name = "N2V" if model.method == "n2v" else f"stage {model.stage}"
    made_by: dict[str, Any] = {"stage": model.stage, "method": model.method, "mode": model.mode}
    if len(models) > 1:
        made_by["channels"] = [dict(one.provenance) for one in models]
    else:
        made_by |= model.provenance
    return f"denoised, {name}", made_by


def _result_layer(
    stacks: LayerStacks, data: NDArray[np.float32], models: Sequence[TrainedModel]
) -> Image:
    label, made_by = _description(models)
    return stacks.layer_of(data, label, made_by)
