"""Image files as layers for the viewer, and layers as files."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image

from autoStructN2V.datasets.images.channels import AllChannels, n_channels
from autoStructN2V.datasets.images.formats.file_source import FileSource
from autoStructN2V.datasets.images.formats.ome_zarr.reading import resolutions
from autoStructN2V.datasets.images.formats.registry import ZARR
from autoStructN2V.datasets.images.names import denoised_name, free_name
from autoStructN2V.datasets.images.reading import open_images
from autoStructN2V.datasets.images.sources import StoredSource, file_stem, read_stored_stack
from autoStructN2V.datasets.images.writing import write_stack
from autoStructN2V.errors import InputError
from napari_autostructn2v import METADATA_KEY
from napari_autostructn2v.layers.geometry import Geometry
from napari_autostructn2v.layers.pixels import full_resolution
from napari_autostructn2v.layers.taking import stacks_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.metadata import ImageMetadata
    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.inference.trained_model import TrainedModel
    from autoStructN2V.vocabulary import OutputDtype
    from napari_autostructn2v.layers.stacks import LayerStacks

_PLANE = "YX"


def open_for_layer(path: Path, model: TrainedModel, **planes: Any) -> list[ImageSource]:
    """Open a file or a folder of them, so that the result can become a layer; in any thread.

    Parameters
    ----------
    path : Path
        File or folder.
    model : TrainedModel
        That is to be applied.
    planes
        Axes, channel and timepoint, as of :func:`~autoStructN2V.datasets.open_images`.

    Raises
    ------
    InputError
        If nothing can be opened, or images differ in size.
    """
    sources = open_images(
        path,
        extension=None,
        mode=model.mode,
        triplets_along=model.triplets_along,
        **planes,
    )
    if len({source.shape for source in sources}) > 1:
        raise InputError(
            f"The images of {path} differ in size and cannot be one layer; write the results to "
            "disk instead."
        )
    return sources


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
    axes : str
        Letters of the axes of ``data``.
    made_by : dict
        Plain values that say how it was made.
    """

    name: str
    data: Any
    metadata: ImageMetadata
    axes: str
    made_by: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> FileImage:
        """Read a file.

        Raises
        ------
        InputError
            If it cannot be read.
        """
        sources = _all_channels(path)
        first, name = sources[0], file_stem(path)
        if first.metadata.format == ZARR.name:
            return cls(name, resolutions(path), first.metadata, first.metadata.axes)
        whole = AllChannels(sources, first) if len(sources) > 1 else first
        axes, shape = whole.original_axes_shape
        return cls(name, read_stored_stack(whole).reshape(shape), first.metadata, axes)

    @classmethod
    def made_of(
        cls, name: str, sources: Sequence[ImageSource], denoised: Sequence[NDArray[Any]]
    ) -> FileImage:
        """Return what was made of images of files, all of one size, as one image.

        Parameters
        ----------
        name : str
            Of the layer.
        sources : sequence of ImageSource
            What it was made of.
        denoised : sequence of (z, y, x) arrays
            One for each of them; float32 unless they lie on an offset that it cannot hold.
        """
        axes, shape = sources[0].original_axes_shape
        if len(sources) == 1:
            return cls(name, denoised[0].reshape(shape), sources[0].metadata, axes)
        if sources[0].shape[0] == 1:
            axes, shape = _PLANE, shape[-2:]
        whole = np.stack([stack.reshape(shape) for stack in denoised])
        outer = next((letter for letter in "TZC" if letter not in axes), "")
        return cls(name, whole, sources[0].metadata, outer + axes)

    def layer(self) -> Image:
        """Return a new layer with all axes of the file and its pixel size."""
        is_scales = isinstance(self.data, list) and len(self.data) > 1
        data = self.data if is_scales or not isinstance(self.data, list) else self.data[0]
        geometry = _geometry(self.metadata, self.axes)
        metadata = {METADATA_KEY: self.made_by} if self.made_by else {}
        return Image(data, name=self.name, rgb=False, metadata=metadata, **geometry.to_kwargs())


def layer_writer(layer: Image) -> Callable[[Path], None]:
    """Return what writes a layer, as it is now, to a TIFF file: its pixels, axes and pixel size.

    Parameters
    ----------
    layer : Image
        With up to five axes.

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
    source = WholeLayer(stacks_of(layer))
    data = full_resolution(layer)
    history = dict(layer.metadata.get(METADATA_KEY, {}))

    def write(path: Path) -> None:
        planes = source.planes_of(np.asarray(data))
        # results on an offset that float32 cannot hold are of other types
        write_stack(path, planes, source, output_dtype="input", history=history)

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
    path = free_name(folder / f"{stem_of_result(stacks, model)}.tif")
    source = WholeLayer(stacks)
    pixels = source.planes_of(stacks.layer_data(denoised))
    history = history_of_result(stacks, model)
    write_stack(path, pixels, source, output_dtype=output_dtype, history=history)
    return path


def stem_of_result(stacks: LayerStacks, model: TrainedModel) -> str:
    """Return the name of the file of a result, without its ending."""
    index = "_".join(str(index) for index in stacks.chosen.values())
    stage = None if model.method == "n2v" else model.stage
    return denoised_name(stacks.name, index=index or None, stage=stage, ending="")


def history_of_result(stacks: LayerStacks, model: TrainedModel) -> dict[str, object]:
    """Return what the file of a result says of how it was made."""
    return {
        "source": stacks.name,
        "index": dict(stacks.chosen) or None,
        "model": model.provenance,
        "stage": model.stage,
    }


class WholeLayer:
    """All stacks of a layer as one, with the axes that it has in the viewer, colors first.

    Parameters
    ----------
    stacks : LayerStacks
        The layer.
    sources : sequence of ImageSource, optional
        What was made of its stacks, one for each; default: they themselves.
    """

    def __init__(self, stacks: LayerStacks, sources: Sequence[ImageSource] | None = None) -> None:
        self._stacks = stacks
        self._sources = stacks.sources if sources is None else sources
        first = self._sources[0]
        axes = f"C{stacks.axes[:-1]}" if stacks.is_color else stacks.axes
        sizes = dict(zip(stacks.axes, stacks.shape, strict=True))
        shape = tuple(sizes[letter] for letter in axes)
        self.name = stacks.name
        self.dtype = first.dtype
        self.shape: tuple[int, int, int] = (int(np.prod(shape[:-2])), *first.shape[1:])
        self.original_axes_shape: tuple[str, tuple[int, ...]] = (axes, shape)
        own = stacks.sources[0].metadata if stacks.sources else first.metadata
        self.metadata: ImageMetadata = replace(own, axes=axes, shape=shape)

    def planes_of(self, data: NDArray[Any]) -> NDArray[Any]:
        """Return pixels of the shape of the layer as planes (z, y, x)."""
        return (np.moveaxis(data, -1, 0) if self._stacks.is_color else data).reshape(self.shape)

    def layer_data(self, planes: NDArray[Any]) -> NDArray[Any]:
        """Return planes (z, y, x) as pixels of the shape of the layer."""
        data = planes.reshape(self.original_axes_shape[1])
        return np.moveaxis(data, 0, -1) if self._stacks.is_color else data

    def read_slice(self, z: int) -> NDArray[np.float32]:
        """Read a slice (y, x) float32, counted over all leading axes."""
        stack, own = self._stacks.locate(self._where(z))
        return self._sources[stack].read_slice(own)

    def read_stored(self, z: int) -> NDArray[np.generic]:
        """Read a slice (y, x) in the data type that it is stored in."""
        stack, own = self._stacks.locate(self._where(z))
        source = self._sources[stack]
        assert isinstance(source, StoredSource)
        return source.read_stored(own)

    def _where(self, z: int) -> list[int]:
        """Return the index of a slice along the axes of the layer but rows and columns."""
        axes, shape = self.original_axes_shape
        if len(shape) == 2:
            return []
        at = dict(zip(axes[:-2], np.unravel_index(z, shape[:-2]), strict=True))
        return [int(at[letter]) for letter in self._stacks.leading]


def _all_channels(path: Path) -> list[FileSource]:
    """Open each channel of a file."""

    def opened(channel: int) -> FileSource:
        source = open_images(path, extension=None, mode="2D", channel=channel)[0]
        assert isinstance(source, FileSource)
        return source

    first = opened(0)
    return [first, *(opened(channel) for channel in range(1, n_channels([first])))]


def _geometry(metadata: ImageMetadata, axes: str) -> Geometry:
    """Return the place in space of an image as its file states it."""
    # a layer knows which defaults an image of so many axes has
    n_axes = len(axes)
    plain = Geometry.of(Image(np.zeros((1,) * n_axes, np.uint8), rgb=False))
    plain = replace(plain, axis_labels=tuple(axes.lower()))
    if metadata.scale_um is None:
        return plain
    lengths = dict(zip("ZYX", metadata.scale_um, strict=True))
    scale = np.array([lengths.get(letter, 1.0) for letter in axes])
    units = tuple("um" if letter in lengths else "pixel" for letter in axes)
    return replace(plain, scale=scale, units=units)
