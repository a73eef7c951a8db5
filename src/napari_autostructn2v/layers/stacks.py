"""Image layers as stacks for the core, and stacks as layers with the same place in space."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image

from autoStructN2V.datasets.images.writing import to_dtype
from napari_autostructn2v import METADATA_KEY
from napari_autostructn2v.layers.axes import LEADING, is_name

if TYPE_CHECKING:
    import weakref
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.vocabulary import Mode, TripletsAlong
    from napari_autostructn2v.layers.geometry import Geometry

_PLANE = "YX"
_SAMPLES = "C"  # of a color image, which come last


@dataclass(frozen=True)
class LayerStacks:
    """The pixels of a layer as stacks, and all that is needed to show results in its place.

    A snapshot: it stays valid when the layer is renamed or removed.

    Attributes
    ----------
    name : str
        Name of the layer.
    sources : tuple of ImageSource
        Stacks (z, y, x), counted over all axes but those of a stack, time before channels.
    shape : tuple of int
        Shape that results have in the viewer.
    geometry : Geometry
        Of results.
    display : dict
        Contrast limits and colormap of the layer; of a color image, that it is one.
    chosen : mapping of str to int
        Which index was chosen along axes, by their letters; of all others, all.
    summary : str
        Size, type and possibilities in words.
    axes : str
        Letters of the axes of ``shape``.
    along : str
        Letter of the axis whose planes are the slices of a stack; empty if there is none.
    layer_axes : str
        Letters of all axes of the layer, whatever a person says of them later.
    dtype : dtype
        Data type of the pixels.
    """

    name: str
    sources: tuple[ImageSource, ...]
    shape: tuple[int, ...]
    geometry: Geometry
    display: dict[str, Any]
    chosen: Mapping[str, int]
    summary: str
    axes: str
    along: str
    layer_axes: str
    dtype: np.dtype[np.generic]
    _layer: weakref.ref[Image] = field(repr=False, compare=False)

    @property
    def layer(self) -> Image | None:
        """The layer, while it exists."""
        return self._layer()

    @property
    def n_slices(self) -> int:
        """Slices of each stack."""
        return self._size(self.along)

    @property
    def longest(self) -> int:
        """Slices or frames, whichever are more: what 2.5D could go along."""
        return max(self._size("Z"), self._size("T"))

    @property
    def shapes(self) -> list[tuple[int, int, int]]:
        """Shapes (z, y, x) of the stacks."""
        return [source.shape for source in self.sources]

    @property
    def n_channels(self) -> int:
        """Channels of the layer, of which none was chosen; else 1."""
        return self._size("C")

    @property
    def is_color(self) -> bool:
        """Whether the channels are the samples of a color image, which come last."""
        return self.axes.endswith("C")

    def of_channel(self, channel: int) -> tuple[int, ...]:
        """Return which of the stacks are those of a channel."""
        letters = self._order.removesuffix(self.along)
        places = np.arange(self._n_stacks).reshape([self._size(letter) for letter in letters])
        if "C" in letters:
            places = np.take(places, channel, axis=letters.index("C"))
        return tuple(int(place) for place in places.ravel())

    def sources_of_channel(self, channel: int) -> tuple[ImageSource, ...]:
        """Return the stacks of a channel."""
        return tuple(self.sources[place] for place in self.of_channel(channel))

    def misfit(self, mode: Mode, triplets_along: TripletsAlong) -> str:
        """Return why triplets cannot be along what was chosen, as a sentence; empty if they can.

        An axis without a name may be either.
        """
        is_along_time = triplets_along == "time"
        if mode == "2D" or not self.along or (self.along == "T") == is_along_time:
            return ""
        if not is_name(self.geometry.axis_labels[self.axes.index(self.along)]):
            return ""
        found, other = ("frames in time", "time") if self.along == "T" else ("slices in z", "z")
        return (
            f"{self.name} has {self.n_slices} {found}, and the triplets of 2.5D are to be along "
            f"{triplets_along}; choose Triplets along {other}, or 2D."
        )

    def locate(self, where: Sequence[int]) -> tuple[int, int]:
        """Return the stack and the slice in it of a plane.

        Parameters
        ----------
        where : sequence of int
            Index along each axis of ``axes`` but rows and columns, in their order.
        """
        index = self._plane_at(where, self._order)
        return divmod(index, self.n_slices)

    def part_of(self, data: Any) -> Any:
        """Return the part of an array of the shape of the whole layer that was chosen."""
        return data[indices(self.layer_axes, self.chosen)]

    def layer_data(self, denoised: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        """Return denoised stacks as one array of the shape that the layer has."""
        arranged: NDArray[np.float32] = self.arranged(
            denoised[0] if len(denoised) == 1 else np.stack(denoised)
        )
        return arranged

    def arranged(self, stacked: Any) -> Any:
        """Return all stacks, one after the other in one array, in the shape that the layer has."""
        order = self._order + _PLANE
        data = stacked.reshape([self._size(letter) for letter in order])
        return data.transpose([order.index(letter) for letter in self.axes])

    def result_layer(
        self, denoised: Sequence[NDArray[np.float32]], label: str, made_by: dict[str, Any]
    ) -> Image:
        """Return a layer that lies where the source lies.

        Parameters
        ----------
        denoised : sequence of (z, y, x) float32 arrays
            One for each source.
        label : str
            What was done, as ``"stage 1"``; part of the name.
        made_by : dict
            Plain values that say how it was made, kept in the layer's metadata.
        """
        return self.layer_of(self.layer_data(denoised), label, made_by)

    def layer_of(self, data: Any, label: str, made_by: dict[str, Any]) -> Image:
        """Return a layer of an array of the shape that results have; else as `result_layer`."""
        return Image(
            self.shown(data),
            name=self.layer_name(label),
            metadata=self.layer_metadata(label, made_by),
            **self.geometry.to_kwargs(),
            **self.display,
        )

    def shown(self, data: Any) -> Any:
        """Return an array as the viewer can show it: colors have the data type of the source."""
        if not self.is_color or self.dtype.kind == "f":
            return data
        if isinstance(data, list):  # resolutions
            return [self.shown(level) for level in data]
        if isinstance(data, np.ndarray):
            return data if data.dtype == self.dtype else to_dtype(data, self.dtype)
        return data.map_blocks(to_dtype, self.dtype, dtype=self.dtype)

    def preview_layer(
        self, image: NDArray[np.float32], label: str, channel: int | None = None
    ) -> Image:
        """Return a layer with one slice, (y, x), that lies over all slices of all stacks.

        Of a channel it lies over the slices of that one, in its own range of intensities.
        """
        display = self.display if channel is None else {}
        return Image(
            self.preview_data(image, channel),
            rgb=False,
            name=self.layer_name(label),
            metadata=self.layer_metadata(label, {}),
            **self.geometry.to_kwargs(),
            **{name: value for name, value in display.items() if name != "rgb"},
        )

    def preview_data(
        self, image: NDArray[np.float32], channel: int | None = None
    ) -> NDArray[np.float32]:
        """Return a slice, (y, x), repeated without a copy for all slices of all stacks.

        Of a channel, there is nothing (NaN) in the others.
        """
        if self.is_color:
            return np.broadcast_to(image, self.shape[:-1])
        if channel is None:
            return np.broadcast_to(image, self.shape)
        planes = np.full((self.n_channels, *image.shape), np.nan, np.float32)
        planes[channel] = image
        between = [self._size(k) if k == "C" else 1 for k in self.leading]
        return np.broadcast_to(planes.reshape(*between, *image.shape), self.shape)

    def slice_in_view(self, point: Sequence[float], *, of_channel: bool = False) -> int | None:
        """Return the index, counted through all stacks, of the slice that the viewer shows.

        Parameters
        ----------
        point : sequence of float
            Position of the sliders of the viewer, in world coordinates.
        of_channel : bool
            Whether the stacks of one channel are counted only.

        Returns
        -------
        int or None
            None if the layer is gone, or its pixels were replaced by some with other axes.
        """
        layer = self.layer
        if layer is None or layer.ndim != len(self.layer_axes.removesuffix(_SAMPLES)):
            return None
        position = layer.world_to_data(np.asarray(point)[-layer.ndim :])
        # colors have no slider
        at = {k: float(x) for k, x in zip(self.layer_axes, position, strict=False)}
        where = [0.0 if self.is_color and k == "C" else at[k] for k in self.leading]
        order = self._order.replace("C", "") if of_channel else self._order
        return self._plane_at(where, order)

    def layer_name(self, label: str) -> str:
        """Return the name of a layer that was made of the source."""
        return f"{self.name} - {label}"

    def layer_metadata(self, label: str, made_by: dict[str, Any]) -> dict[str, Any]:
        """Return what the metadata of a layer say about how it was made."""
        return {METADATA_KEY: {"source": self.name, "result": label, **made_by}}

    def _plane_at(self, where: Sequence[float], order: str) -> int:
        """Count a plane over axes; positions beyond the ends are those of the ends."""
        at = dict(zip(self.leading, where, strict=True))
        sizes = [self._size(letter) for letter in order]
        if not sizes:
            return 0
        nearest = np.clip(np.rint([at[letter] for letter in order]), 0, np.array(sizes) - 1)
        return int(np.ravel_multi_index(tuple(nearest.astype(int)), sizes))

    @property
    def leading(self) -> str:
        """Letters of all axes but rows and columns, in their order."""
        return self.axes.replace(_PLANE, "")

    @property
    def _order(self) -> str:
        """Letters in the order in which planes are counted through all stacks."""
        outer = [letter for letter in LEADING if letter in self.axes and letter != self.along]
        return "".join(outer) + self.along

    @property
    def _n_stacks(self) -> int:
        return int(np.prod([self._size(k) for k in self._order.removesuffix(self.along)]))

    def _size(self, letter: str) -> int:
        return self.shape[self.axes.index(letter)] if letter and letter in self.axes else 1


def indices(axes: str, place: Mapping[str, int]) -> tuple[int | slice, ...]:
    """Return what an array with these axes is indexed by to be taken at a place."""
    return tuple(place.get(letter, slice(None)) for letter in axes)
