"""Refuse images that cannot be denoised, and warn of those that are hard to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from autoStructN2V.datasets.images.sources import ArraySource, require_real_numbers
from autoStructN2V.errors import InputError
from autoStructN2V.quantities import percent_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray

    from autoStructN2V.datasets.images.metadata import ImageMetadata
    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.vocabulary import Mode

WarningKind = Literal["reading", "constant", "saturated", "clipped"]

MIN_SLICES_25D = 20
"""Slices that a stack needs at least for 2.5D."""

_SATURATED_SHARE = 0.01
_CLIPPED_SHARE = 0.05
_COLOR_SAMPLES = (3, 4)


def as_source(
    array: ArrayLike, *, name: str = "image", metadata: ImageMetadata | None = None
) -> ArraySource:
    """Wrap an array as a source, if it is a grayscale image or stack.

    Parameters
    ----------
    array : array-like
        (y, x) or (z, y, x), integers or floating-point numbers; neither copied nor modified.
    name : str
        Short name for messages and files.
    metadata : ImageMetadata, optional
        Axes and scale, if known.

    Returns
    -------
    ArraySource
        The same pixels.

    Raises
    ------
    InputError
        If the array is empty, has another number of axes, looks like a color image, or does
        not hold real numbers.
    """
    image = np.asarray(array)
    sizes = " x ".join(str(size) for size in image.shape)
    if image.ndim not in (2, 3):
        raise InputError(
            f"{name} has {image.ndim} axes ({sizes or 'a single value'}); choose one channel and "
            "timepoint, so that (y, x) or (z, y, x) is left."
        )
    if image.size == 0:
        raise InputError(f"{name} has no pixels ({sizes}); choose another image.")
    if image.ndim == 3 and image.shape[-1] in _COLOR_SAMPLES:
        raise InputError(
            f"{name} ({sizes}) looks like a color image; only grayscale images can be denoised, "
            "so choose one channel."
        )
    require_real_numbers(image.dtype, name)
    return ArraySource(image, name, metadata)


def check_images(
    sources: Sequence[ImageSource],
    *,
    patch_size: int,
    mode: Mode,
    should_stop: Callable[[], bool] = lambda: False,
) -> list[str]:
    """Make sure that images can be denoised; every slice is read once.

    Parameters
    ----------
    sources : sequence of ImageSource
        Stacks.
    patch_size : int
        Side of the largest training patch in pixels.
    mode : {"2D", "2.5D"}
        2.5D needs at least 20 slices in every stack.
    should_stop : callable
        Asked before every slice; True ends the check with what was found so far.

    Returns
    -------
    list of str
        Warnings, one sentence each, such as a large share of saturated pixels.

    Raises
    ------
    InputError
        If there is no image, a stack is too shallow, an image is smaller than a patch or
        constant, or has values that are not finite.
    """
    check_layout(sources, patch_size=patch_size, mode=mode)
    found: list[tuple[WarningKind, str]] = [
        ("reading", note) for source in sources for note in source.metadata.notes
    ]
    found += [warning for source in sources for warning in _check_values(source, should_stop)]
    return _summarized(found)


def check_layout(sources: Sequence[ImageSource], *, patch_size: int, mode: Mode) -> None:
    """Check all that is known without reading pixels.

    Parameters
    ----------
    sources, patch_size, mode
        As in :func:`check_images`.

    Raises
    ------
    InputError
        If there is no image, a stack is too shallow, or an image is smaller than a patch.
    """
    if not sources:
        raise InputError("There are no images; choose a file or folder that holds some.")
    for source in sources:
        n_slices, height, width = source.shape
        require_real_numbers(source.dtype, source.name)
        if mode == "2.5D" and n_slices < MIN_SLICES_25D:
            raise InputError(
                f"Insufficient Stack Depth for 2.5D: {n_slices} slices, {MIN_SLICES_25D} needed; "
                f"use 2D or a deeper stack than {source.name}."
            )
        if min(height, width) < patch_size:
            raise InputError(
                f"{source.name} has {height} x {width} pixels, less than a patch of {patch_size} x "
                f"{patch_size}; lower the patch size or choose larger images."
            )


def _check_values(
    source: ImageSource, should_stop: Callable[[], bool]
) -> list[tuple[WarningKind, str]]:
    extremes = _Extremes()
    flawed = _NotFinite()
    constant_slices: list[int] = []
    for z in range(source.shape[0]):
        if should_stop():
            return []
        image = source.read_slice(z)
        if flawed.add(image, z):
            continue
        if image.min() == image.max():
            constant_slices.append(z)
        else:
            extremes.add(image)
    flawed.refuse(source.name)
    if extremes.n_pixels == 0 and constant_slices:
        raise InputError(f"{source.name} is constant and holds no signal; choose another image.")
    return _constant_slice_warning(source, constant_slices) + extremes.warnings(source.name)


def _summarized(found: list[tuple[WarningKind, str]]) -> list[str]:
    """Keep one sentence of each kind, and say how many more images it holds for."""
    summary = []
    for kind in get_args(WarningKind):
        sentences = [sentence for own_kind, sentence in found if own_kind == kind]
        if len(sentences) > 1:
            more = "more images" if len(sentences) > 2 else "more image"
            sentences[0] += f" The same holds for {len(sentences) - 1} {more}."
        summary += sentences[:1]
    return summary


def _constant_slice_warning(
    source: ImageSource, slices: list[int]
) -> list[tuple[WarningKind, str]]:
    if not slices:
        return []
    sentence = (
        f"{len(slices)} of {source.shape[0]} slices of {source.name} are constant (the first is "
        f"slice {slices[0]}); nothing can be learned from them."
    )
    return [("constant", sentence)]


@dataclass
class _NotFinite:
    """Counts of values that are not finite, and where the first one is."""

    n_nan: int = 0
    n_infinite: int = 0
    first_slice: int | None = None

    def add(self, image: NDArray[np.float32], z: int) -> bool:
        """Return True if the slice has such values."""
        with np.errstate(invalid="ignore"):
            total = image.sum(dtype=np.float64)
        if np.isfinite(total):
            return False
        self.n_nan += int(np.isnan(image).sum())
        self.n_infinite += int(np.isinf(image).sum())
        if self.first_slice is None:
            self.first_slice = z
        return True

    def refuse(self, name: str) -> None:
        if self.first_slice is None:
            return
        counts = ((self.n_nan, "NaN"), (self.n_infinite, "infinite"))
        found = " and ".join(f"{n} {word}" for n, word in counts if n)
        raise InputError(
            f"{name} has {found} values, the first in slice {self.first_slice}; replace them by "
            "numbers, for example by those of neighboring pixels."
        )


@dataclass
class _Extremes:
    """Lowest and highest value, and how many pixels have them."""

    lowest: float = np.inf
    highest: float = -np.inf
    n_lowest: int = 0
    n_highest: int = 0
    n_pixels: int = 0

    def add(self, image: NDArray[np.float32]) -> None:
        low, high = float(image.min()), float(image.max())
        self.n_pixels += image.size
        if low < self.lowest:
            self.lowest, self.n_lowest = low, 0
        if high > self.highest:
            self.highest, self.n_highest = high, 0
        if low == self.lowest:
            self.n_lowest += int((image == low).sum())
        if high == self.highest:
            self.n_highest += int((image == high).sum())

    def warnings(self, name: str) -> list[tuple[WarningKind, str]]:
        found: list[tuple[WarningKind, str]] = []
        saturated = self.n_highest / self.n_pixels
        clipped = self.n_lowest / self.n_pixels
        if saturated > _SATURATED_SHARE:
            sentence = (
                f"{percent_text(saturated)} of the pixels of {name} have the highest value "
                f"({self.highest:g}): they are saturated, and what they hide cannot be restored."
            )
            found.append(("saturated", sentence))
        if clipped > _CLIPPED_SHARE:
            sentence = (
                f"{percent_text(clipped)} of the pixels of {name} have the lowest value "
                f"({self.lowest:g}): the noise is cut off there, and dark regions will come out "
                "too bright."
            )
            found.append(("clipped", sentence))
        return found
