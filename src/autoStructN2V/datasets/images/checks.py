"""Refuse images that cannot be denoised, and warn of those that are hard to."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from autoStructN2V.datasets.images.sources import ArraySource, require_real_numbers
from autoStructN2V.datasets.images.validity import invalid_pixels
from autoStructN2V.datasets.values import Extremes, NotFinite, WarningKind
from autoStructN2V.errors import InputError
from autoStructN2V.sampling import MOST_PIXELS, evenly

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray

    from autoStructN2V.datasets.images.metadata import ImageMetadata
    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.vocabulary import Mode

MIN_SLICES_25D = 20
"""Slices that a stack needs at least for 2.5D."""

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
            f"{array!r} is a name, not an image; open the file first, with open_images."
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
    """Make sure that images can be denoised; of large ones, evenly chosen slices are read.

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
    checks = [
        _checked_values(source, slices, should_stop)
        for source, slices in zip(sources, _shares(sources), strict=True)
    ]
    found += [warning for check in checks for warning in check.warnings]
    if all(check.is_constant for check in checks):
        raise InputError(
            f"{sources[0].name} is constant and holds no signal; choose another image."
        )
    return _summarized(found)


def check_each(
    sources: Sequence[ImageSource], *, should_stop: Callable[[], bool] = lambda: False
) -> tuple[list[str], dict[int, InputError]]:
    """Find out which images a trained model can be applied to.

    Slices are read once, of large data evenly chosen ones; those that are not are refused when they
    are denoised, if need be. What only a training needs is not asked for: depth, size, contrast.

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
    for place, (source, slices) in enumerate(zip(sources, _shares(sources), strict=True)):
        try:
            require_real_numbers(source.dtype, source.name)
            checks.append(_checked_values(source, slices, should_stop))
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
            words = ("frames", "longer movie") if is_movie(source) else ("slices", "deeper stack")
            raise InputError(
                f"Insufficient Stack Depth for 2.5D: {n_slices} {words[0]}, {MIN_SLICES_25D} "
                f"needed; use 2D or a {words[1]} than {source.name}."
            )
        if min(height, width) < patch_size:
            raise InputError(
                f"{source.name} has {height} x {width} pixels, less than a patch of {patch_size} x "
                f"{patch_size}; lower the patch size or choose larger images."
            )


def is_movie(source: ImageSource) -> bool:
    """Tell whether the slices of a stack are frames in time."""
    return source.original_axes_shape[0].startswith("T")


@dataclass(frozen=True)
class _Check:
    """What the pixels of an image are like."""

    warnings: list[tuple[WarningKind, str]]
    is_constant: bool


def _shares(sources: Sequence[ImageSource]) -> list[list[int]]:
    """Return which slices of each stack are looked at: all, or evenly chosen ones of large data."""
    n_pixels = [source.shape[0] * source.shape[1] * source.shape[2] for source in sources]
    share = min(1.0, MOST_PIXELS / max(1, sum(n_pixels)))
    return [evenly(source.shape[0], max(1, int(share * source.shape[0]))) for source in sources]


def _checked_values(
    source: ImageSource, slices: Sequence[int], should_stop: Callable[[], bool]
) -> _Check:
    extremes = Extremes(source.dtype.kind in "iu", source.metadata.offset)
    flawed = NotFinite()
    constant_slices: list[int] = []
    for z in slices:
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
    warnings = _constant_slice_warning(source, constant_slices, len(slices)) + extremes.warnings(
        source.name
    )
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
    source: ImageSource, slices: list[int], n_looked_at: int
) -> list[tuple[WarningKind, str]]:
    if not slices:
        return []
    if len(slices) == n_looked_at:
        return [("constant", f"{source.name} is constant and holds no signal.")]
    others = " that were looked at" if n_looked_at < source.shape[0] else ""
    sentence = (
        f"{len(slices)} of {n_looked_at} slices of {source.name}{others} are constant (the first "
        f"is slice {slices[0]}); nothing can be learned from them."
    )
    return [("constant", sentence)]
