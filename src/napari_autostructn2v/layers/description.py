"""What a layer holds: its axes beside those of a stack, and its size in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoStructN2V.datasets.images.checks import MIN_SLICES_25D
from napari_autostructn2v.layers.axes import (
    LEADING,
    LeadingAxis,
    axes_of,
    axis_name,
    stack_letter,
)
from napari_autostructn2v.layers.pixels import full_resolution

if TYPE_CHECKING:
    from napari.layers import Layer


def leading_axes(layer: Layer, *, along_time: bool = False) -> list[LeadingAxis]:
    """Return the axes along which a layer has several stacks, time before channels.

    Raises
    ------
    InputError
        If it is no image layer, or has too many axes.
    """
    shape = full_resolution(layer).shape
    axes = axes_of(layer)
    along = stack_letter(axes, along_time=along_time)
    return [
        LeadingAxis(letter, axis_name(layer, axes, letter), int(shape[axes.index(letter)]))
        for letter in LEADING
        if letter in axes and letter != along
    ]


def describe_layer(layer: Layer, *, along_time: bool = False) -> str:
    """Say in words what a layer holds and whether 2.5D is possible.

    Raises
    ------
    InputError
        If it cannot be denoised.
    """
    leading, data = leading_axes(layer, along_time=along_time), full_resolution(layer)
    axes = axes_of(layer)
    along = stack_letter(axes, along_time=along_time)
    sizes = dict(zip(axes, data.shape, strict=True))
    n_planes = sizes.get(along, 1)
    word = "frame" if along == "T" else "slice"
    planes = "1 image" if n_planes == 1 else f"{n_planes} {word}s"
    for axis in reversed(leading):
        kind = {"T": "timepoints", "C": "channels", "Z": "stacks"}[axis.letter]
        planes = f"{axis.size} {kind} of {planes}"
    depth = (
        "2.5D possible"
        if n_planes >= MIN_SLICES_25D
        else f"2D only (2.5D needs {MIN_SLICES_25D} {word}s)"
    )
    scales = "; the full resolution is used" if layer.multiscale else ""
    return f"{planes}, {sizes['Y']} x {sizes['X']}, {data.dtype}; {depth}{scales}"
