"""Denoising layers and files with a trained model; saving and opening what came of it."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from autoStructN2V.errors import UserError
from napari_autostructn2v.layers.files import FileImage, layer_writer
from napari_autostructn2v.layers.large import stored_layer_data, stored_sentence
from napari_autostructn2v.session.work.applying import (
    Stored,
    denoised_as_layer,
    denoised_files,
    denoised_layer,
    result_layer,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    import numpy as np
    from napari.layers import Image
    from numpy.typing import NDArray

    from autoStructN2V.inference.trained_model import TrainedModel
    from autoStructN2V.pipeline.events import Event
    from autoStructN2V.vocabulary import DeviceName, OutputDtype
    from napari_autostructn2v.layers.stacks import LayerStacks
    from napari_autostructn2v.session.state import TaskState
    from napari_autostructn2v.session.work.applying import Writer
    from napari_autostructn2v.session.work.tasks import Tasks


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
        stacks, models, device, write, folder
            As of :func:`~napari_autostructn2v.session.work.applying.denoised_layer`, which runs in
            the thread of the task.
        """

        def show(outcome: NDArray[np.float32] | Path | Stored | None) -> None:
            if outcome is None:
                self._tasks.end("Cancelled; nothing was added.")
            elif isinstance(outcome, Stored):
                data = stored_layer_data(stacks, outcome.path)
                layer = result_layer(stacks, stacks.shown(data), models)
                self._show_layer(layer, stored_sentence(outcome.path))
            elif isinstance(outcome, Path):
                self._tasks.end(f"Wrote {outcome}.")
                self.last = Denoised(self._tasks.state, (outcome,))
                self.files_denoised.emit([outcome])
            else:
                self._show_layer(result_layer(stacks, outcome, models))

        events = partial(denoised_layer, stacks, models, device, write, folder)
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
        path, models, device, folder, planes
            As of :func:`~napari_autostructn2v.session.work.applying.denoised_as_layer`, which runs
            in the thread of the task.
        """

        def show(image: FileImage | None) -> None:
            if image is None:
                return self._tasks.end("Cancelled; nothing was added.")
            return self._show_layer(image.layer())

        events = partial(denoised_as_layer, path, models, device, planes, folder)
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
        source, output, models, device, output_dtype, planes
            As of :func:`~napari_autostructn2v.session.work.applying.denoised_files`, which runs in
            the thread of the task.
        """

        def show(written: Sequence[Path]) -> None:
            files = "1 file" if len(written) == 1 else f"{len(written)} files"
            stopped = "Cancelled; wrote" if self._tasks.state.is_stopping else "Wrote"
            self._tasks.end(f"{stopped} {files} to {output}.")
            self.last = Denoised(self._tasks.state, tuple(written))
            self.files_denoised.emit(list(written))

        events = partial(denoised_files, source, output, models, device, output_dtype, planes)
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
