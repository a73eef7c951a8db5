"""What the axes of a layer are, and what a person says of those that have no name."""

from __future__ import annotations

import re
import weakref
from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING

from psygnal import Signal

from autoStructN2V.errors import InputError

if TYPE_CHECKING:
    from napari.layers import Image

LEADING = "TCZ"
"""Letters of the axes before rows and columns, in the order in which stacks are counted."""
_WORDS = {
    "T": ("t", "time", "frame", "frames"),
    "C": ("c", "ch", "channel", "channels"),
    "Z": ("z", "slice", "slices", "depth", "plane"),
}
_NAMES = {"T": "time", "C": "channel", "Z": "z"}
_GUESSES = {0: "", 1: "Z", 2: "TZ", 3: "TCZ"}  # of axes without names, by their number
_MOST_CHANNELS = 5  # planes along an axis without a name that may be channels
_CHOICES = {
    1: (("ZYX: slices of a stack", "ZYX"), ("CYX: channels", "CYX")),
    2: (
        ("TZYX: stacks over time", "TZYX"),
        ("CZYX: channels, each a stack", "CZYX"),
        ("ZCYX: slices, each with channels", "ZCYX"),
        ("TCYX: frames, each with channels", "TCYX"),
    ),
    3: tuple(("".join(letters) + "YX",) * 2 for letters in permutations(LEADING)),
}


@dataclass(frozen=True)
class LeadingAxis:
    """An axis along which there are several stacks: one index of it, or all, can be chosen.

    Attributes
    ----------
    letter : {"T", "C", "Z"}
    name : str
        Label of the axis in the layer, or what it is.
    size : int
        Number of stacks along it.
    """

    letter: str
    name: str
    size: int


class StatedAxes:
    """What a person says of the axes of layers; the layers themselves are never modified."""

    changed = Signal(object)
    """The layer of which something else is said."""

    def __init__(self) -> None:
        self._of: weakref.WeakKeyDictionary[Image, str] = weakref.WeakKeyDictionary()

    def of(self, layer: Image) -> str | None:
        """Return what was said of a layer, unless it has another number of axes by now."""
        stated = self._of.get(layer)
        return stated if stated is not None and len(stated) == layer.ndim else None

    def set(self, layer: Image, axes: str) -> None:
        """Say what the axes of a layer are."""
        if axes != self.of(layer):
            self._of[layer] = axes
            self.changed.emit(layer)


STATED = StatedAxes()
"""One for the program: what is said of a layer in one dock holds in all."""


def axes_choices(layer: Image) -> tuple[tuple[str, str], ...]:
    """Return what the axes of a layer without names may be: in words, and as letters."""
    return _CHOICES.get(layer.ndim - 2, ())


def is_ambiguous(layer: Image) -> bool:
    """Tell whether axes of a layer that may be channels, or one of three, have no name."""
    shape = (layer.data[0] if layer.multiscale else layer.data).shape[: layer.ndim - 2]
    if layer.rgb or any(is_name(label) for label in layer.axis_labels[: len(shape)]):
        return False
    has_few = any(1 < size <= _MOST_CHANNELS for size in shape)
    return len(shape) == len(LEADING) or (0 < len(shape) < len(LEADING) and has_few)


def is_name(label: str) -> bool:
    """Tell whether the label of an axis is a name, and no number, as napari labels axes itself."""
    return re.fullmatch(r"(axis )?-?\d+", label) is None


def axes_of(layer: Image) -> str:
    """Return a letter for each axis of a layer: as a person says, else as they are labeled.

    The samples of a color image are channels, and come last: ``"ZYXC"``.

    Raises
    ------
    InputError
        If it has more axes than can be handled, or two that mean the same.
    """
    stated = STATED.of(layer)
    if stated is not None:
        return stated
    n_leading = layer.ndim - 2
    samples = "C" if layer.rgb else ""
    if n_leading + len(samples) > len(LEADING):
        sizes = " x ".join(map(str, (layer.data[0] if layer.multiscale else layer.data).shape))
        raise InputError(
            f"{layer.name} has {layer.ndim + len(samples)} axes ({sizes}); at most five can be "
            "handled (T, C, Z, Y, X), so split it into layers (right-click on the layer, Split "
            "Stack)."
        )
    letters = [_letter(label) for label in layer.axis_labels[:n_leading]]
    given = [letter for letter in letters if letter is not None]
    if len(set(given + list(samples))) < len(given) + len(samples):
        labels = ", ".join(layer.axis_labels[:n_leading])
        raise InputError(
            f"{layer.name} has two axes of one kind ({labels}{', colors' if samples else ''}); "
            "label them t, c and z, each once, or split the layer (right-click, Split Stack)."
        )
    free = [letter for letter in LEADING if letter not in given + list(samples)]
    n_missing = n_leading - len(given)
    guess = [letter for letter in _GUESSES[n_missing] if letter in free]
    guess = (guess + [letter for letter in free if letter not in guess])[:n_missing]
    guesses = iter(sorted(guess, key=LEADING.index))
    return "".join(letter or next(guesses) for letter in letters) + "YX" + samples


def stack_letter(axes: str, *, along_time: bool) -> str:
    """Return the axis whose planes belong together as a stack; empty if there is none.

    Parameters
    ----------
    axes : str
        Letters of all axes.
    along_time : bool
        Whether that is time where there is such an axis; else frames are a stack only where there
        are no slices.
    """
    return next((letter for letter in ("TZ" if along_time else "ZT") if letter in axes), "")


def axis_name(layer: Image, axes: str, letter: str) -> str:
    """Return the label of an axis of a layer, or what it is."""
    place = axes.index(letter)
    label = layer.axis_labels[place] if place < layer.ndim else ""
    return label if label and is_name(label) else _NAMES[letter]


def _letter(label: str) -> str | None:
    return next((k for k, words in _WORDS.items() if label.casefold() in words), None)
