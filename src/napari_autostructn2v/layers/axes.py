"""What the axes of a layer are, and what a person says of those that have no name."""

from __future__ import annotations

import re
import weakref
from typing import TYPE_CHECKING, Literal

from psygnal import Signal

if TYPE_CHECKING:
    from napari.layers import Image

Axes = Literal["ZYX", "CYX"]

AXES_CHOICES: tuple[tuple[str, Axes], ...] = (
    ("ZYX: slices of a stack", "ZYX"),
    ("CYX: channels", "CYX"),
)
_MOST_CHANNELS = 5  # planes along an axis without a name that may be channels


class StatedAxes:
    """What a person says of the axes of layers; the layers themselves are never modified."""

    changed = Signal(object)
    """The layer of which something else is said."""

    def __init__(self) -> None:
        self._of: weakref.WeakKeyDictionary[Image, Axes] = weakref.WeakKeyDictionary()

    def of(self, layer: Image) -> Axes | None:
        """Return what was said of a layer."""
        return self._of.get(layer)

    def set(self, layer: Image, axes: Axes) -> None:
        """Say what the axes of a layer are."""
        if axes != self.of(layer):
            self._of[layer] = axes
            self.changed.emit(layer)


STATED = StatedAxes()
"""One for the program: what is said of a layer in one dock holds in all."""


def is_ambiguous(layer: Image) -> bool:
    """Tell whether the first of three axes has no name and few planes, so may be channels."""
    shape = (layer.data[0] if layer.multiscale else layer.data).shape
    has_name = is_name(layer.axis_labels[0])
    return len(shape) == 3 and 1 < shape[0] <= _MOST_CHANNELS and not has_name


def is_name(label: str) -> bool:
    """Tell whether the label of an axis is a name, and no number, as napari labels axes itself."""
    return re.fullmatch(r"(axis )?-?\d+", label) is None


def axes_of(layer: Image) -> Axes:
    """Return the axes of a layer of three: as a person says, else as it is labeled."""
    stated = STATED.of(layer)
    if stated is not None:
        return stated
    is_channels = layer.axis_labels[0].casefold() in ("c", "ch", "channel", "channels")
    return "CYX" if is_channels else "ZYX"
