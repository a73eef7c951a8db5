"""Which planes of a file with many axes are the slices of a stack."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from autoStructN2V.errors import InputError
from autoStructN2V.vocabulary import Mode as Mode  # noqa: TC001 - typer reads it from here

if TYPE_CHECKING:
    from numpy.typing import NDArray

KNOWN_AXES = "TZCYX"
"""Letters of time, slice, channel, row, column."""
_PLAIN_PAGES = "IQ"
_SAMPLES = "S"
_PLANE = "YX"
_COLOR_SAMPLES = (3, 4)


@dataclass(frozen=True)
class PlaneSelection:
    """The planes of a file that are the slices of one stack.

    Parameters
    ----------
    planes : ndarray
        (z,) int64, number of each slice's plane, counted over all leading axes of the file.
    axes : str
        Axes of the selected planes, ending in ``YX``.
    shape : tuple of int
        Sizes of these axes.
    description : str
        What was chosen and what the slices are, in plain language.
    """

    planes: NDArray[np.int64]
    axes: str
    shape: tuple[int, ...]
    description: str


@dataclass(frozen=True)
class StoredImage:
    """What a file says about the axes of its image.

    Parameters
    ----------
    axes : str
        One letter for each axis; ``I`` or ``Q`` for pages without a meaning, ``S`` for samples
        of a pixel, which are colors or channels.
    shape : tuple of int
        Size of each axis.
    is_color : bool
        Whether the samples are stated to be colors.
    is_guessed_color : bool
        Whether that was stated by a program that takes any array of three or four images for
        colors (:func:`tifffile.imwrite`).
    is_any_order : bool
        Whether planes can be read whatever the order of the axes; otherwise they end in ``YX`` or
        ``YXC``.
    """

    axes: str
    shape: tuple[int, ...]
    is_color: bool = False
    is_guessed_color: bool = False
    is_any_order: bool = False

    @property
    def n_samples(self) -> int:
        """Samples of each pixel."""
        return dict(zip(self.axes, self.shape, strict=True)).get(_SAMPLES, 1)

    @property
    def is_taken_as_stack(self) -> bool:
        """True if what is stated to be color is read as the slices that it is."""
        return self.is_guessed_color and self.axes == "SYX" and self.shape[0] in _COLOR_SAMPLES

    @property
    def sizes(self) -> str:
        """The shape in words."""
        return " x ".join(str(size) for size in self.shape)


def name_axes(
    stored: StoredImage, requested: str | None, where: str, *, pages: str = "Z"
) -> tuple[str, tuple[int, ...]]:
    """Say what each axis of a file is.

    Parameters
    ----------
    stored : StoredImage
        Axes as the file names them.
    requested : str, optional
        Axes as the person names them, for example ``"ZYX"``; overrides the file.
    where : str
        File name for messages.
    pages : {"Z", "T"}
        What pages without a meaning are.

    Returns
    -------
    tuple
        Axes out of ``TZCYX`` and their sizes, in stored order; they end in ``YX`` or ``YXC``
        unless the file can be read in any order.

    Raises
    ------
    InputError
        If the image is RGB, if an axis has no known meaning, or if `requested` does not fit.
    """
    if requested is not None:
        return _requested_axes(stored, requested, where)
    if stored.is_taken_as_stack:
        return f"{pages}YX", stored.shape
    _refuse_rgb(stored, where)
    kept = [
        (letter, size)
        for letter, size in zip(stored.axes, stored.shape, strict=True)
        if size > 1 or letter in KNOWN_AXES
    ]
    axes = "".join(letter for letter, _ in kept)
    plain = [letter for letter in axes if letter in _PLAIN_PAGES]
    if len(plain) == 1 and pages not in axes:
        axes = axes.replace(plain[0], pages)
    if "C" not in axes:
        axes = axes.replace(_SAMPLES, "C")
    if not _is_possible(axes, stored):
        raise InputError(
            f"The meaning of the axes {stored.axes!r} ({stored.sizes}) of {where} is not known; "
            "name them, for example axes='TZYX'."
        )
    return axes, tuple(size for _, size in kept)


def plane_order(axes: str, shape: tuple[int, ...]) -> tuple[str, tuple[int, ...]]:
    """Return axes and sizes with ``YX`` last and all others before, in their stored order.

    Parameters
    ----------
    axes : str
        Letters out of ``TZCYX`` in any order, ``Y`` and ``X`` among them.
    shape : tuple of int
        Their sizes.
    """
    sizes = dict(zip(axes, shape, strict=True))
    ordered = "".join(letter for letter in axes if letter not in _PLANE) + _PLANE
    return ordered, tuple(sizes[letter] for letter in ordered)


def _is_possible(axes: str, stored: StoredImage) -> bool:
    if not set(axes) <= set(KNOWN_AXES) or len(set(axes)) < len(axes):
        return False
    return (
        set(_PLANE) <= set(axes) if stored.is_any_order else axes.removesuffix("C")[-2:] == _PLANE
    )


def _refuse_rgb(stored: StoredImage, where: str) -> None:
    if stored.n_samples > 1 and stored.is_color:
        named = "YXC" if stored.axes[-1] == _SAMPLES else "CYX"
        raise InputError(
            f"{where} is a color (RGB) image with {stored.n_samples} samples per pixel; only "
            "grayscale images can be denoised, so save one channel or a grayscale version, or say "
            f"what the samples are, as axes={named!r} and a channel."
        )


def _requested_axes(stored: StoredImage, requested: str, where: str) -> tuple[str, tuple[int, ...]]:
    axes, shape = requested.upper(), stored.shape
    if not _is_possible(axes, stored):
        allowed = (
            "letters out of T, Z, C, Y and X, each once, with Y and X among them"
            if stored.is_any_order
            else "letters out of T, Z and C, each once, followed by YX or YXC"
        )
        raise InputError(f"Axes {requested!r} are not possible; use {allowed}, for example 'ZYX'.")
    if len(axes) != len(shape):
        shape = tuple(size for size in shape if size > 1)
    if len(axes) != len(shape):
        sizes = " x ".join(str(size) for size in shape)
        raise InputError(
            f"Axes {requested!r} name {len(axes)} axes, but {where} has {len(shape)} ({sizes}, "
            f"stored as {stored.axes!r}); name as many."
        )
    return axes, shape


def select_planes(
    axes: str,
    shape: tuple[int, ...],
    *,
    mode: Mode,
    channel: int | None,
    timepoint: int | None,
    where: str,
    along_time: bool = False,
) -> PlaneSelection:
    """Choose the planes that become the slices of one stack.

    Parameters
    ----------
    axes : str
        Axes out of ``TZCYX``, ending in ``YX``.
    shape : tuple of int
        Their sizes.
    mode : {"2D", "2.5D"}
        In 2D every plane counts for itself, so that time and z may be strung together; in
        2.5D the slices have to be neighbors.
    channel, timepoint : int, optional
        Chosen channel and timepoint, from 0.
    where : str
        File name for messages.
    along_time : bool
        Whether they have to be neighbors in time, not in z.

    Returns
    -------
    PlaneSelection
        Slices in the order of the file.

    Raises
    ------
    InputError
        If a choice is missing or out of range.
    """
    leading, sizes = axes[:-2], shape[:-2]
    n = dict(zip(leading, sizes, strict=True))
    planes = np.arange(math.prod(sizes), dtype=np.int64).reshape(sizes)
    if n.get("C", 1) > 1 and channel is None:
        raise InputError(f"{where} has {n['C']} channels; choose one (channel 0 to {n['C'] - 1}).")
    if mode == "2.5D" and along_time:
        _require_time(n, timepoint, where)
    elif mode == "2.5D" and timepoint is None:
        _require_z(n, where)
    notes = []
    for letter, word, choice in (("C", "channel", channel), ("T", "timepoint", timepoint)):
        if choice is None:
            continue
        _check_choice(word, choice, n.get(letter, 1), where)
        if letter in leading:
            planes = np.take(planes, choice, axis=leading.index(letter))
            leading = leading.replace(letter, "")
            notes.append(f"{word} {choice} of {n[letter]}")
    notes.append(_slice_meaning({letter: n[letter] for letter in leading}, mode))
    kept_shape = (*planes.shape, *shape[-2:])
    return PlaneSelection(planes.ravel(), leading + "YX", kept_shape, "; ".join(notes))


def _require_z(n: dict[str, int], where: str) -> None:
    """Refuse to take neighbors in time for neighbors in z."""
    n_frames, n_slices = n.get("T", 1), n.get("Z", 1)
    if n_frames > 1 and n_slices > 1:
        raise InputError(
            f"{where} has {n_frames} timepoints of {n_slices} slices each; for 2.5D choose one "
            f"(timepoint 0 to {n_frames - 1}), or use 2D."
        )
    if n_frames > 1:
        raise InputError(
            f"{where} has {n_frames} frames in time and no z axis, along which 2.5D is to see its "
            "triplets; if the frames are slices in z, say axes='ZYX', if they are a movie, "
            "triplets_along='time', otherwise use 2D."
        )


def _require_time(n: dict[str, int], timepoint: int | None, where: str) -> None:
    """Refuse to take neighbors in z for neighbors in time."""
    n_frames, n_slices = n.get("T", 1), n.get("Z", 1)
    if timepoint is not None:
        raise InputError(
            f"Timepoint {timepoint} of {where} was chosen, and triplets along time need all; leave "
            "it out, or use triplets_along='z'."
        )
    if n_frames > 1 and n_slices > 1:
        raise InputError(
            f"{where} has {n_frames} timepoints of {n_slices} slices each, and triplets along time "
            "need a movie of one slice; save that as a file of its own, use triplets_along='z' "
            "with a timepoint, or 2D."
        )
    if n_slices > 1:
        raise InputError(
            f"{where} has {n_slices} slices in z and no time axis, along which 2.5D is to see its "
            "triplets; if the slices are frames in time, say axes='TYX', otherwise use "
            "triplets_along='z'."
        )


def _check_choice(word: str, choice: int, n: int, where: str) -> None:
    if not 0 <= choice < n:
        found = f"only one {word}" if n == 1 else f"{n} {word}s"
        raise InputError(
            f"{word.capitalize()} {choice} was chosen, but {where} has {found}; choose from 0 "
            f"to {n - 1}."
        )


def _slice_meaning(n: dict[str, int], mode: Mode) -> str:
    words = {"T": "frame", "Z": "slice", "C": "channel"}
    parts = [f"{size} {words[letter]}{'s' * (size > 1)}" for letter, size in n.items()]
    what = " x ".join(parts) or "1 image"
    return f"{what}, each an image of its own" if mode == "2D" else what
