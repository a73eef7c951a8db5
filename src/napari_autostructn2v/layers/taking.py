"""Taking the pixels of an image layer as stacks for the core."""

from __future__ import annotations

import weakref
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from autoStructN2V.datasets.images.metadata import ImageMetadata
from autoStructN2V.errors import InputError
from napari_autostructn2v.layers.axes import axes_of, stack_letter
from napari_autostructn2v.layers.description import describe_layer, leading_axes
from napari_autostructn2v.layers.geometry import Geometry
from napari_autostructn2v.layers.pixels import full_resolution, source_of
from napari_autostructn2v.layers.stacks import LayerStacks, indices

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari.layers import Image, Layer

    from napari_autostructn2v.layers.axes import LeadingAxis

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
_PLANE = "YX"


def stacks_of(
    layer: Layer, chosen: Mapping[str, int] | None = None, *, along_time: bool = False
) -> LayerStacks:
    """Take the pixels of an image layer.

    Parameters
    ----------
    layer : napari layer
        Image with up to five axes.
    chosen : mapping of str to int, optional
        Index along axes of which there are several stacks, by their letters; of all others, all,
        each as a stack of its own.
    along_time : bool
        Whether the frames of a movie are the slices of a stack, also where it has slices.

    Raises
    ------
    InputError
        If it is no image layer, has too many axes, or an index is not there.
    """
    data = full_resolution(layer)
    axes = axes_of(layer)
    along = stack_letter(axes, along_time=along_time)
    leading = leading_axes(layer, along_time=along_time)
    chosen = _checked(layer, leading, chosen or {})
    kept = [i for i, letter in enumerate(axes) if letter not in chosen]
    geometry = Geometry.of(layer).of_axes([i for i in kept if i < layer.ndim])
    kept_axes = "".join(axes[i] for i in kept)
    metadata = _file_metadata(geometry, kept_axes, axes, data.shape, along)
    places = _places(leading, chosen)
    free = [axis for axis in leading if axis.letter not in chosen]
    return LayerStacks(
        name=layer.name,
        sources=tuple(
            source_of(data, _name(layer.name, place, free), metadata, indices(axes, place))
            for place in places
        ),
        shape=tuple(data.shape[i] for i in kept),
        geometry=geometry,
        display=_display(layer, chosen),
        chosen=chosen,
        summary=describe_layer(layer, along_time=along_time),
        axes=kept_axes,
        along=along,
        layer_axes=axes,
        dtype=np.dtype(data.dtype),
        _layer=weakref.ref(layer),
    )


def _checked(
    layer: Layer, leading: Sequence[LeadingAxis], chosen: Mapping[str, int]
) -> dict[str, int]:
    """Return the choices that there are axes for."""
    found: dict[str, int] = {}
    for axis in leading:
        index = chosen.get(axis.letter)
        if index is None:
            continue
        if not 0 <= index < axis.size:
            raise InputError(
                f"{layer.name} has {axis.size} stacks along {axis.name}, and number {index} was "
                f"chosen; choose one from 0 to {axis.size - 1}, or all."
            )
        found[axis.letter] = index
    return found


def _places(leading: Sequence[LeadingAxis], chosen: Mapping[str, int]) -> list[dict[str, int]]:
    """Return the index along each leading axis of all stacks that are taken, in their order."""
    ranges = [
        [chosen[axis.letter]] if axis.letter in chosen else range(axis.size) for axis in leading
    ]
    letters = [axis.letter for axis in leading]
    return [dict(zip(letters, place, strict=True)) for place in product(*ranges)]


def _name(name: str, place: Mapping[str, int], free: Sequence[LeadingAxis]) -> str:
    return " ".join([name, *(str(place[axis.letter]) for axis in free)])


def _display(layer: Image, chosen: Mapping[str, int]) -> dict[str, Any]:
    if layer.rgb and "C" not in chosen:
        return {"rgb": True, "gamma": layer.gamma}
    if layer.rgb:  # its limits are those of colors
        return {"rgb": False}
    return {
        "rgb": False,
        "contrast_limits": tuple(layer.contrast_limits),
        "colormap": layer.colormap,
        "gamma": layer.gamma,
    }


def _file_metadata(
    geometry: Geometry, kept: str, axes: str, sizes: Sequence[int], along: str
) -> ImageMetadata:
    """Return what a file should say about the axes and the pixel size of a stack."""
    own = along + _PLANE
    shape = tuple(sizes[axes.index(letter)] for letter in own)
    unit = _LENGTHS.get(str(geometry.units[kept.index("X")]))
    if unit is None:
        return ImageMetadata(axes=own, shape=shape)
    scale = {letter: abs(float(s)) for letter, s in zip(kept, geometry.scale, strict=False)}
    return ImageMetadata(
        axes=own,
        shape=shape,
        pixel_size=(scale["Y"], scale["X"]),
        z_spacing=scale.get("Z"),
        unit=unit,
    )
