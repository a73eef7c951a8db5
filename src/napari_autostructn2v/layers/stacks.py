"""Image layers as stacks for the core, and stacks as layers with the same place in space."""

from __future__ import annotations

import weakref
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image

from autoStructN2V.datasets.images.checks import MIN_SLICES_25D, as_source
from autoStructN2V.datasets.images.metadata import ImageMetadata
from autoStructN2V.datasets.images.sources import ArraySource
from autoStructN2V.errors import InputError
from napari_autostructn2v import METADATA_KEY
from napari_autostructn2v.layers.axes import axes_of, is_name
from napari_autostructn2v.layers.geometry import Geometry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Layer
    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.sources import ImageSource

_LENGTHS = {
    "picometer": "pm",
    "angstrom": "Å",
    "nanometer": "nm",
    "micrometer": "um",
    "millimeter": "mm",
    "centimeter": "cm",
    "meter": "m",
    "inch": "inch",
}


@dataclass(frozen=True)
class LeadingAxis:
    """An axis before (z, y, x), such as time: one index of it, or all, can be denoised.

    Attributes
    ----------
    name : str
        Label of the axis in the layer.
    size : int
        Number of stacks along it.
    """

    name: str
    size: int

    @property
    def letter(self) -> str:
        """C for channels, else T."""
        return "C" if self.name.casefold().startswith("c") else "T"


class LazyStack:
    """A stack whose slices are computed or read when they are asked for (dask, zarr).

    Parameters
    ----------
    data : array-like
        (y, x), (z, y, x) or (t, z, y, x), sliced like an array.
    name : str
    metadata : ImageMetadata
    leading : int, optional
        Which stack of (t, z, y, x); it is not read before one of its slices is.
    """

    def __init__(
        self, data: Any, name: str, metadata: ImageMetadata, leading: int | None = None
    ) -> None:
        self._data = data
        self._leading: tuple[int, ...] = () if leading is None else (leading,)
        self.name = name
        self.metadata = metadata
        shape = tuple(int(side) for side in data.shape[len(self._leading) :])
        self.original_axes_shape: tuple[str, tuple[int, ...]] = ("ZYX"[-len(shape) :], shape)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Numbers of slices, rows and columns."""
        z, y, x = (1, *self.original_axes_shape[1])[-3:]
        return z, y, x

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Data type of the pixels."""
        dtype: np.dtype[np.generic] = np.dtype(self._data.dtype)
        return dtype

    def read_slice(self, z: int) -> NDArray[np.float32]:
        """Return slice ``z`` as a new array (y, x) float32."""
        return np.array(self.read_stored(z), np.float32)

    def read_stored(self, z: int) -> NDArray[np.generic]:
        """Return slice ``z``, (y, x) in the data type of the pixels."""
        is_stack = len(self.original_axes_shape[1]) == 3
        return np.asarray(self._data[(*self._leading, z) if is_stack else ...])


@dataclass(frozen=True)
class LayerStacks:
    """The pixels of a layer as stacks, and all that is needed to show results in its place.

    A snapshot: it stays valid when the layer is renamed or removed.

    Attributes
    ----------
    name : str
        Name of the layer.
    sources : tuple of ImageSource
        Stacks (z, y, x).
    shape : tuple of int
        Shape that results have in the viewer.
    geometry : Geometry
        Of results.
    display : dict
        Contrast limits and colormap of the layer.
    index : int or None
        Which one along the leading axis was chosen; None: all.
    summary : str
        Size, type and possibilities in words.
    axes : str
        Letters of the axes of ``shape``.
    """

    name: str
    sources: tuple[ImageSource, ...]
    shape: tuple[int, ...]
    geometry: Geometry
    display: dict[str, Any]
    index: int | None
    summary: str
    axes: str
    _layer: weakref.ref[Image] = field(repr=False, compare=False)

    @property
    def layer(self) -> Image | None:
        """The layer, while it exists."""
        return self._layer()

    @property
    def n_slices(self) -> int:
        """Slices of each stack."""
        return self.sources[0].shape[0]

    @property
    def shapes(self) -> list[tuple[int, int, int]]:
        """Shapes (z, y, x) of the stacks."""
        return [source.shape for source in self.sources]

    def layer_data(self, denoised: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        """Return denoised stacks as one array of the shape that the layer has."""
        data = denoised[0] if len(denoised) == 1 else np.stack(denoised)
        return data.reshape(self.shape)

    def result_layer(
        self, denoised: Sequence[NDArray[np.float32]], label: str, made_by: dict[str, Any]
    ) -> Image:
        """Return a layer that lies where the source lies.

        Parameters
        ----------
        denoised : sequence of (z, y, x) float32 arrays
            One for each source, or what :meth:`layer_data` made of them.
        label : str
            What was done, as ``"stage 1"``; part of the name.
        made_by : dict
            Plain values that say how it was made, kept in the layer's metadata.
        """
        return self._layer_of(self.layer_data(denoised), label, made_by)

    def preview_layer(self, image: NDArray[np.float32], label: str) -> Image:
        """Return a layer with one slice, (y, x), that lies over all slices of all stacks."""
        return self._layer_of(self.preview_data(image), label, {})

    def preview_data(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return a slice, (y, x), repeated without a copy for all slices of all stacks."""
        return np.broadcast_to(image, self.shape)

    def slice_in_view(self, point: Sequence[float]) -> int | None:
        """Return the index, counted through all stacks, of the slice that the viewer shows.

        Parameters
        ----------
        point : sequence of float
            Position of the sliders of the viewer, in world coordinates.

        Returns
        -------
        int or None
            None if the layer is gone.
        """
        layer = self.layer
        if layer is None:
            return None
        if len(self.shape) == 2:
            return 0
        position = layer.world_to_data(np.asarray(point)[-layer.ndim :])[-len(self.shape) : -2]
        last = np.array(self.shape[:-2]) - 1
        nearest = np.clip(np.rint(position), 0, last).astype(int)
        return int(np.ravel_multi_index(tuple(nearest), self.shape[:-2]))

    def layer_name(self, label: str) -> str:
        """Return the name of a layer that was made of the source."""
        return f"{self.name} - {label}"

    def layer_metadata(self, label: str, made_by: dict[str, Any]) -> dict[str, Any]:
        """Return what the metadata of a layer say about how it was made."""
        return {METADATA_KEY: {"source": self.name, "result": label, **made_by}}

    def _layer_of(self, data: NDArray[np.float32], label: str, made_by: dict[str, Any]) -> Image:
        return Image(
            data,
            name=self.layer_name(label),
            metadata=self.layer_metadata(label, made_by),
            **self.geometry.to_kwargs(),
            **self.display,
        )


def stacks_of(layer: Layer, index: int | None = None) -> LayerStacks:
    """Take the pixels of an image layer.

    Parameters
    ----------
    layer : napari layer
        2D image, stack, or stacks along one leading axis.
    index : int, optional
        Which one along the leading axis; default: all of them, each as a stack of its own.

    Raises
    ------
    InputError
        If it is no grayscale image layer, or has too many axes.
    """
    leading = leading_axis(layer)
    data = _full_resolution(layer)
    geometry = Geometry.of(layer)
    indices = _chosen(layer, leading, index)
    shape = tuple(data.shape)
    axes = "ZYX"[-len(shape) :] if leading is None else leading.letter + "ZYX"[1 - len(shape) :]
    if leading is not None and index is not None:
        axes, shape, geometry = axes[1:], shape[1:], geometry.last_axes(len(shape) - 1)
    metadata = _file_metadata(geometry, shape if len(indices) == 1 else shape[1:])
    names = [f"{layer.name} {i}" for i in indices] if len(indices) > 1 else [layer.name]
    return LayerStacks(
        name=layer.name,
        sources=tuple(_source(data, n, metadata, i) for i, n in zip(indices, names, strict=True)),
        shape=shape,
        geometry=geometry,
        display={
            "contrast_limits": tuple(layer.contrast_limits),
            "colormap": layer.colormap,
            "gamma": layer.gamma,
        },
        index=index,
        summary=describe_layer(layer),
        axes=axes,
        _layer=weakref.ref(layer),
    )


def leading_axis(layer: Layer) -> LeadingAxis | None:
    """Return the axis before (z, y, x), or before (y, x) of channels, if the layer has one.

    Raises
    ------
    InputError
        If it is no grayscale image layer, or has more than one such axis.
    """
    data = _full_resolution(layer)
    if data.ndim < 3 or (data.ndim == 3 and axes_of(layer) == "ZYX"):
        return None
    if data.ndim == 3:
        return LeadingAxis("channel", int(data.shape[0]))
    if data.ndim > 4:
        sizes = " x ".join(map(str, data.shape))
        raise InputError(
            f"{layer.name} has {data.ndim} axes ({sizes}); at most four can be handled, so split "
            "it into one layer for each channel (right-click on the layer, Split Stack)."
        )
    name = layer.axis_labels[0]
    return LeadingAxis(name if is_name(name) else "first axis", int(data.shape[0]))


def snapshot(sources: Sequence[ImageSource]) -> list[ImageSource]:
    """Copy pixels that lie in memory: a layer may be painted on while a job works on it.

    Parameters
    ----------
    sources : sequence of ImageSource
        Of a layer. Where memory does not suffice for copies, they are returned as they are.
    """
    try:
        return [s.snapshot() if isinstance(s, ArraySource) else s for s in sources]
    except MemoryError:
        return list(sources)


def describe_layer(layer: Layer) -> str:
    """Say in words what a layer holds and whether 2.5D is possible.

    Raises
    ------
    InputError
        If it cannot be denoised.
    """
    leading, data = leading_axis(layer), _full_resolution(layer)
    height, width = data.shape[-2:]
    n_slices = data.shape[-3] if data.ndim - (leading is not None) > 2 else 1
    slices = "1 image" if n_slices == 1 else f"{n_slices} slices"
    if leading is not None:
        slices = f"{leading.size} stacks of {slices}"
    depth = (
        "2.5D possible"
        if n_slices >= MIN_SLICES_25D
        else f"2D only (2.5D needs {MIN_SLICES_25D} slices)"
    )
    scales = "; the full resolution is used" if layer.multiscale else ""
    return f"{slices}, {height} x {width}, {data.dtype}; {depth}{scales}"


def is_result(layer: Layer) -> bool:
    """Tell whether a layer was made by a model of this plugin."""
    return "result" in layer.metadata.get(METADATA_KEY, {})


def is_truth(layer: Layer) -> bool:
    """Tell whether a layer is the clean truth of a sample, which nobody wants to denoise."""
    return "truth" in layer.metadata.get(METADATA_KEY, {})


def is_panel(layer: Layer) -> bool:
    """Tell whether a layer only shows another one in a comparison."""
    return "panel" in layer.metadata.get(METADATA_KEY, {})


def _full_resolution(layer: Layer) -> Any:
    """Return the pixels of a layer, at the finest scale if it has several."""
    if not isinstance(layer, Image):
        raise InputError(
            f"{layer.name} is a {type(layer).__name__.lower()} layer; choose an image layer."
        )
    if layer.rgb:
        raise InputError(
            f"{layer.name} is a color image; only grayscale images can be denoised, so split it "
            "into channels (right-click on the layer, Split RGB)."
        )
    return layer.data[0] if layer.multiscale else layer.data


def _chosen(layer: Layer, leading: LeadingAxis | None, index: int | None) -> list[int] | list[None]:
    """Return the indices along the leading axis; None where there is no such axis."""
    if leading is None:
        return [None]
    if index is None:
        return list(range(leading.size))
    if not 0 <= index < leading.size:
        raise InputError(
            f"{layer.name} has {leading.size} stacks along {leading.name}, and number {index} was "
            f"chosen; choose one from 0 to {leading.size - 1}, or all."
        )
    return [index]


def _source(data: Any, name: str, metadata: ImageMetadata, leading: int | None) -> ImageSource:
    if isinstance(data, np.ndarray):
        return as_source(data if leading is None else data[leading], name=name, metadata=metadata)
    return LazyStack(data, name, metadata, leading)


def _file_metadata(geometry: Geometry, shape: tuple[int, ...]) -> ImageMetadata:
    """Return what a TIFF should say about the axes and the pixel size of a stack."""
    axes = "ZYX"[-len(shape) :]
    unit = _LENGTHS.get(str(geometry.units[-1]))
    if unit is None:
        return ImageMetadata(axes=axes, shape=shape)
    scale = np.abs(geometry.scale)
    return ImageMetadata(
        axes=axes,
        shape=shape,
        pixel_size=(float(scale[-2]), float(scale[-1])),
        z_spacing=float(scale[-3]) if len(shape) == 3 else None,
        unit=unit,
    )
