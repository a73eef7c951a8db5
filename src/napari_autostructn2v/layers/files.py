"""Image files as stacks for the session and as layers for the viewer, and layers as files."""

from __future__ import annotations

import weakref
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image

from autoStructN2V.datasets.images.formats.ome_zarr.reading import resolutions
from autoStructN2V.datasets.images.formats.registry import ZARR
from autoStructN2V.datasets.images.names import denoised_name, free_name
from autoStructN2V.datasets.images.reading import open_images
from autoStructN2V.datasets.images.sources import FileSource, file_stem
from autoStructN2V.datasets.images.writing import write_stack
from autoStructN2V.errors import InputError
from napari_autostructn2v import METADATA_KEY
from napari_autostructn2v.layers.geometry import Geometry
from napari_autostructn2v.layers.stacks import LayerStacks, stacks_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.metadata import ImageMetadata
    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.inference.trained_model import TrainedModel
    from autoStructN2V.vocabulary import Mode, OutputDtype


def open_for_layer(path: Path, mode: Mode, **planes: Any) -> list[ImageSource]:
    """Open a file or a folder of them, so that the result can become a layer; in any thread.

    Parameters
    ----------
    path : Path
        File or folder.
    mode : {"2D", "2.5D"}
        Of the model that is to be applied.
    planes
        Axes, channel and timepoint, as of :func:`~autoStructN2V.datasets.open_images`.

    Raises
    ------
    InputError
        If nothing can be opened, or images differ in size.
    """
    sources = open_images(path, extension=None, mode=mode, **planes)
    if len({source.shape for source in sources}) > 1:
        raise InputError(
            f"The images of {path} differ in size and cannot be one layer; write the results to "
            "disk instead."
        )
    return sources


def stacks_of_sources(name: str, sources: Sequence[ImageSource]) -> LayerStacks:
    """Return images of files, all of one size, as what a layer can be made of."""
    _, shape = sources[0].original_axes_shape
    if len(sources) > 1:
        inner = sources[0].shape
        shape = (len(sources), *(inner[1:] if inner[0] == 1 else inner))
    return LayerStacks(
        name=name,
        sources=tuple(sources),
        shape=tuple(shape),
        geometry=_geometry(sources[0].metadata, len(shape)),
        display={},
        index=None,
        summary="",
        axes="TZYX"[-len(shape) :],
        _layer=_reference_to_nothing(),
    )


@dataclass(frozen=True)
class FileImage:
    """Image of a file, read in any thread and made a layer in that of the viewer.

    Attributes
    ----------
    name : str
    data : array, or list of arrays
        With all axes of the file; one for each resolution of a Zarr store, which is read when it
        is shown.
    metadata : ImageMetadata
    """

    name: str
    data: NDArray[np.generic] | list[Any]
    metadata: ImageMetadata

    @classmethod
    def read(cls, path: Path) -> FileImage:
        """Read a file.

        Raises
        ------
        InputError
            If it cannot be read.
        """
        source = open_images(path, extension=None, mode="2D")[0]
        _, shape = source.original_axes_shape
        name = file_stem(path)
        if source.metadata.format == ZARR.name:
            return cls(name, resolutions(path), source.metadata)
        assert isinstance(source, FileSource)
        slices = [source.read_stored(z) for z in range(source.shape[0])]
        return cls(name, np.stack(slices).reshape(shape), source.metadata)

    def layer(self) -> Image:
        """Return a new layer with all axes of the file and its pixel size."""
        if isinstance(self.data, list):
            geometry = _geometry(self.metadata, self.data[0].ndim)
            levels = self.data if len(self.data) > 1 else self.data[0]
            return Image(levels, name=self.name, rgb=False, **geometry.to_kwargs())
        geometry = _geometry(self.metadata, self.data.ndim)
        return Image(self.data, name=self.name, **geometry.to_kwargs())


def layer_writer(layer: Image) -> Callable[[Path], None]:
    """Return what writes a layer, as it is now, to a TIFF file with its axes and its pixel size.

    Parameters
    ----------
    layer : Image
        Grayscale image, stack, or stacks along one leading axis.

    Returns
    -------
    callable
        Takes the name of the new file, which appears when it is complete; may be called in any
        thread. Raises an OutputError if the file cannot be written.

    Raises
    ------
    InputError
        If it is no such layer.
    """
    stacks = stacks_of(layer)
    source = _WholeLayer(stacks, stacks.sources[0].dtype)
    data = layer.data[0] if layer.multiscale else layer.data
    history = dict(layer.metadata.get(METADATA_KEY, {}))

    def write(path: Path) -> None:
        write_stack(path, np.asarray(data).reshape(source.shape), source, history=history)

    return write


def write_denoised(
    folder: Path,
    stacks: LayerStacks,
    denoised: Sequence[NDArray[np.float32]],
    model: TrainedModel,
    output_dtype: OutputDtype,
) -> Path:
    """Write what was made of a layer to a new TIFF file, with the layer's axes and pixel size.

    Parameters
    ----------
    folder : Path
        For the file, which appears when it is complete; no other file is replaced.
    stacks : LayerStacks
        What was denoised.
    denoised : sequence of (z, y, x) float32 arrays
        One for each of its stacks.
    model : TrainedModel
        Model that denoised it.
    output_dtype : {"float32", "input"}
        Data type of the file; ``"input"`` is that of the layer.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    name = denoised_name(stacks.name, index=stacks.index, stage=stage_in_names(model))
    path = free_name(folder / name)
    history = {
        "source": stacks.name,
        "index": stacks.index,
        "model": model.provenance,
        "stage": model.stage,
    }
    source = _WholeLayer(stacks, stacks.sources[0].dtype)
    pixels = stacks.layer_data(denoised).reshape(source.shape)
    write_stack(path, pixels, source, output_dtype=output_dtype, history=history)
    return path


def stage_in_names(model: TrainedModel) -> int | None:
    """Return the stage that names of results tell, None for N2V, which has no stages."""
    return None if model.method == "n2v" else model.stage


class _WholeLayer:
    """All stacks of a layer as one, with the axes that it has in the viewer."""

    def __init__(self, stacks: LayerStacks, dtype: np.dtype[np.generic]) -> None:
        first, axes = stacks.sources[0], stacks.axes
        self.name = stacks.name
        self.dtype = dtype
        self.shape = (sum(shape[0] for shape in stacks.shapes), *first.shape[1:])
        self.original_axes_shape: tuple[str, tuple[int, ...]] = (axes, stacks.shape)
        self.metadata: ImageMetadata = replace(first.metadata, axes=axes, shape=stacks.shape)
        self._sources: tuple[ImageSource, ...] = stacks.sources

    def read_slice(self, z: int) -> NDArray[np.float32]:
        n_slices = self._sources[0].shape[0]
        return self._sources[z // n_slices].read_slice(z % n_slices)


def _geometry(metadata: ImageMetadata, n_axes: int) -> Geometry:
    """Return the place in space of an image as its file states it."""
    # a layer knows which defaults an image of so many axes has
    plain = Geometry.of(Image(np.zeros((1,) * max(n_axes, 2), np.uint8), rgb=False))
    if metadata.scale_um is None:
        return plain
    scale = np.ones(n_axes)
    scale[-3:] = metadata.scale_um[-min(n_axes, 3) :]
    units = ("pixel",) * (n_axes - 3) + ("um",) * min(n_axes, 3)
    return replace(plain, scale=scale, units=units)


def _reference_to_nothing() -> weakref.ref[Image]:
    return weakref.ref(Image(np.zeros((1, 1))))
