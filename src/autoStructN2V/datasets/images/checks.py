"""Refuse images that cannot be denoised, and warn of those that are hard to."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from autoStructN2V.datasets.images.sources import ArraySource, require_real_numbers
from autoStructN2V.datasets.images.validity import invalid_pixels
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
_FEWEST_EXTREME = 10
"""Pixels below which a share says nothing: in a tiny image one is more than a percent."""
_COUNTS_DECAY = 0.6
"""Of pixels with two counts to those with one: half the mean count where photons are counted and
zero is the most frequent count, hence below 0.5; near 1 where noise is cut off at zero."""
_COLOR_SAMPLES = (3, 4)


def as_source(
    array: ArrayLike, *, name: str = "image", metadata: ImageMetadata | None = None
) -> ArraySource:
    """Wrap an array as a source, if it is a grayscale image or stack.

    Parameters
    ----------
    array : array-like
        (y, x) or (z, y, x), integers or floating-point numbers; neither copied nor modified. What
        is masked is missing: it is read as NaN.
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
        If the array is empty, has another number of axes, looks like a color image, does not hold
        real numbers.
    """
    image = _as_array(array, name)
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


def _as_array(array: ArrayLike, name: str) -> NDArray[np.generic]:
    """Return anything array-like as an array; one that is read in chunks stays as it is.

    Raises
    ------
    InputError
        If it cannot be one.
    """
    if isinstance(array, np.ma.MaskedArray):
        array = _without_mask(array)
    if isinstance(array, str | bytes | PathLike):
        raise InputError(
            f"{array!r} is a name and no image; open the file first, with open_images."
        )
    is_chunked = hasattr(array, "chunks") and getattr(array, "ndim", 0) == 3
    if is_chunked and isinstance(getattr(array, "dtype", None), np.dtype):
        return array  # type: ignore[return-value]
    try:
        if hasattr(array, "detach"):  # a tensor, which may need gradients or lie on a device
            array = array.detach().cpu()
        image: NDArray[np.generic] = np.asarray(array)
    except Exception as error:
        # objects of other libraries fail in their own ways
        raise InputError(
            f"{name} is a {type(array).__name__} that cannot be read as an array "
            f"({error!s:.80}); pass a NumPy array."
        ) from error
    return image


def _without_mask(array: np.ma.MaskedArray[Any, Any]) -> NDArray[np.generic]:
    """Return an array of any shape whose masked values are NaN; its type, if none is masked."""
    masked = np.ma.getmaskarray(array)
    if not masked.any() or array.dtype.kind not in "iuf":
        return np.asarray(array.data)
    dtype = np.result_type(array.dtype, np.float32)
    return np.where(masked, dtype.type(np.nan), array.data)


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
        If there is no image, a stack is too shallow, an image is smaller than a patch, all are
        constant, or one has values that are not finite.
    """
    check_layout(sources, patch_size=patch_size, mode=mode)
    found: list[tuple[WarningKind, str]] = [
        ("reading", note) for source in sources for note in source.metadata.notes
    ]
    checks = [_checked_values(source, should_stop) for source in sources]
    found += [warning for check in checks for warning in check.warnings]
    if all(check.is_constant for check in checks):
        raise InputError(
            f"{sources[0].name} is constant and holds no signal; choose another image."
        )
    return _summarized(found)


def check_each(
    sources: Sequence[ImageSource], *, should_stop: Callable[[], bool] = lambda: False
) -> tuple[list[str], dict[int, InputError]]:
    """Find out which images a trained model can be applied to; every slice is read once.

    What only a training needs is not asked for: depth, size, contrast.

    Parameters
    ----------
    sources : sequence of ImageSource
        Stacks.
    should_stop : callable
        Asked before every slice; True ends the check with what was found so far.

    Returns
    -------
    warnings : list of str
        As in :func:`check_images`.
    refused : dict of int to InputError
        What is wrong with the images that cannot be denoised, by their place in `sources`.

    Raises
    ------
    InputError
        If all images that could be denoised are constant.
    """
    found: list[tuple[WarningKind, str]] = [
        ("reading", note) for source in sources for note in source.metadata.notes
    ]
    refused: dict[int, InputError] = {}
    checks: list[_Check] = []
    for place, source in enumerate(sources):
        try:
            require_real_numbers(source.dtype, source.name)
            checks.append(_checked_values(source, should_stop))
        except InputError as error:
            refused[place] = error
    found += [warning for check in checks for warning in check.warnings]
    if checks and all(check.is_constant for check in checks):
        what = sources[0].name if len(sources) == 1 else "Every image"
        raise InputError(f"{what} is constant and holds no signal; choose another image.")
    return _summarized(found), refused


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


@dataclass(frozen=True)
class _Check:
    """What the pixels of an image are like."""

    warnings: list[tuple[WarningKind, str]]
    is_constant: bool


def _checked_values(source: ImageSource, should_stop: Callable[[], bool]) -> _Check:
    extremes = _Extremes(source.dtype.kind in "iu", source.metadata.offset)
    flawed = _NotFinite()
    constant_slices: list[int] = []
    for z in range(source.shape[0]):
        if should_stop():
            return _Check([], is_constant=False)
        image = source.read_slice(z)
        if flawed.add(image, z):
            continue
        invalid = invalid_pixels(source, z)
        if invalid is not None:
            image = image[~invalid]
        if not image.size or image.min() == image.max():
            constant_slices.append(z)
        else:
            extremes.add(image)
    flawed.refuse(source.name)
    warnings = _constant_slice_warning(source, constant_slices) + extremes.warnings(source.name)
    return _Check(warnings, is_constant=extremes.n_pixels == 0 and bool(constant_slices))


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
    if len(slices) == source.shape[0]:
        return [("constant", f"{source.name} is constant and holds no signal.")]
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
        """Return True if the slice (y, x) has such values."""
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

    is_integer: bool = False
    offset: float = 0.0
    lowest: float = np.inf
    highest: float = -np.inf
    n_lowest: int = 0
    n_highest: int = 0
    n_below_highest: int = 0
    n_ones: int = 0
    n_twos: int = 0
    n_pixels: int = 0

    def add(self, image: NDArray[np.float32]) -> None:
        low, high = float(image.min()), float(image.max())
        self.n_pixels += image.size
        if low < self.lowest:
            self.lowest, self.n_lowest = low, 0
        if high > self.highest:
            self.highest, self.n_highest, self.n_below_highest = high, 0, 0
        if low == self.lowest:
            self.n_lowest += int((image == low).sum())
        if high == self.highest:
            self.n_highest += int((image == high).sum())
        if self.is_integer:
            self.n_below_highest += int((image == self.highest - 1).sum())
            self.n_ones += int((image == 1).sum())
            self.n_twos += int((image == 2).sum())

    @property
    def _is_saturated(self) -> bool:
        """Whether values pile up at the top; counts of few photons end there without a pile."""
        is_piled = not self.is_integer or self.n_highest > self.n_below_highest
        is_share = self.n_highest > _SATURATED_SHARE * self.n_pixels
        return is_share and is_piled and self.n_highest >= _FEWEST_EXTREME

    @property
    def _is_clipped(self) -> bool:
        """Whether values pile up at the bottom, and are not counts of which zero is one."""
        is_counting = self.is_integer and self.lowest == 0 and self.offset == 0
        is_counts = is_counting and (
            self.n_ones >= self.n_lowest or self.n_twos < _COUNTS_DECAY * self.n_ones
        )
        is_share = self.n_lowest > _CLIPPED_SHARE * self.n_pixels
        return is_share and not is_counts and self.n_lowest >= _FEWEST_EXTREME

    def warnings(self, name: str) -> list[tuple[WarningKind, str]]:
        found: list[tuple[WarningKind, str]] = []
        if self._is_saturated:
            sentence = (
                f"{percent_text(self.n_highest / self.n_pixels)} of the pixels of {name} have the "
                f"highest value ({self.highest + self.offset:g}): they are saturated, and what "
                "they hide cannot be restored."
            )
            found.append(("saturated", sentence))
        if self._is_clipped:
            sentence = (
                f"{percent_text(self.n_lowest / self.n_pixels)} of the pixels of {name} have the "
                f"lowest value ({self.lowest + self.offset:g}): the noise is cut off there, and "
                "dark regions will come out too bright."
            )
            found.append(("clipped", sentence))
        return found
