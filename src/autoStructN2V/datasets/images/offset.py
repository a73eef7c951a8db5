"""Intensities on a large offset, which float32 cannot hold: the offset is taken off in time.

A float32 has 24 bits. Of ``2**31 + 100 x`` it keeps steps of 256, and the image is lost. Such
images are read less an offset, in the type in which they are stored; the offset is kept beside the
statistics of a model, and added back in the type of the result.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from autoStructN2V.datasets.images.sources import SourceView, StoredSource
from autoStructN2V.errors import InputError
from autoStructN2V.sampling import evenly

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.metadata import ImageMetadata
    from autoStructN2V.datasets.images.sources import ImageSource

_EXACT = 24  # bits of a whole number that a float32 holds
_MOST_SLICES = 8
_LARGEST_STEP = 0.01
"""Steps of float32, relative to the differences of neighboring pixels (their median), above which
an offset is taken off: rounding then has less than a ten thousandth of their variance."""


class WithoutOffset(SourceView):
    """A stack whose slices are read less an offset.

    Parameters
    ----------
    source : ImageSource
        As stored; can be read in the stored type.
    offset : float
        Subtracted; a whole number if whole numbers are stored.
    """

    def __init__(self, source: ImageSource, offset: float) -> None:
        super().__init__(source)
        self._offset = offset

    @property
    def metadata(self) -> ImageMetadata:
        """Axes, scale and origin as stored, and the offset."""
        return replace(self._source.metadata, offset=self._offset)

    def read_slice(self, z: int) -> NDArray[np.float32]:
        """Read a slice (y, x) float32, intensities as stored less the offset."""
        assert isinstance(self._source, StoredSource)
        return _less(self._source.read_stored(z), self._offset)


def without_offset(sources: Sequence[ImageSource]) -> list[ImageSource]:
    """Take one offset off all images if float32 could not hold them with it.

    Parameters
    ----------
    sources : sequence of ImageSource
        Images; of those stored in types that float32 holds no pixel is read.

    Returns
    -------
    list of ImageSource
        The same, or each with ``metadata.offset`` and read without it.
    """
    offset = _common_offset(sources)
    return [with_offset_off(source, offset) for source in sources]


def with_offset_off(source: ImageSource, offset: float) -> ImageSource:
    """Return a source that is read less an offset; itself if that is 0 or cannot be."""
    if offset == 0 or not isinstance(source, StoredSource):
        return source
    return WithoutOffset(source, offset)


def restored(image: NDArray[np.generic], offset: float, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Add an offset back.

    Parameters
    ----------
    image : ndarray
        Intensities less the offset, any shape.
    offset : float
        To add; any unit of intensity.
    dtype : dtype
        Of the result; the sum is computed exactly enough for it.

    Returns
    -------
    ndarray
        Same shape; float64, or for 64-bit integers int64 or uint64.
    """
    if offset == 0:
        return image
    if dtype.kind in "iu" and dtype.itemsize == 8:
        limits = np.iinfo(dtype.name)
        start = int(offset)
        lowest, highest = max(limits.min - start, -(2**62)), min(limits.max - start, 2**62)
        rounded = np.rint(np.nan_to_num(image.astype(np.float64)))
        step = np.clip(rounded, float(lowest), np.nextafter(float(highest), 0)).astype(np.int64)
        # two's complement: the sum is right though a summand may not fit
        total = step.view(np.uint64) + np.uint64(start % 2**64)
        return total.view(dtype.newbyteorder("="))
    return image.astype(np.float64) + offset


def offset_note(sources: Sequence[ImageSource], dtype: np.dtype[Any] | None) -> str | None:
    """Say that results in a type cannot hold what is computed.

    Parameters
    ----------
    sources : sequence of ImageSource
        Images that are to be denoised.
    dtype : dtype, optional
        Of the results; None is that of each image.

    Returns
    -------
    str or None
        One sentence; None if there is no such loss.
    """
    offset = max((abs(source.metadata.offset) for source in sources), default=0.0)
    if offset == 0 or dtype != np.float32:
        return None
    return (
        f"The intensities lie near {offset:.10g}, where float32 has steps of "
        f"{np.spacing(np.float32(offset)):g}: results of that type are rounded to them; choose "
        'output_dtype "input" to keep what was computed.'
    )


def _common_offset(sources: Sequence[ImageSource]) -> float:
    wide = [s for s in sources if isinstance(s, StoredSource) and _is_wide(s.dtype)]
    if len(wide) < len(sources) or not wide:
        return 0.0
    places = [(s, z) for s in wide for z in evenly(s.shape[0], 2)]
    offsets = []
    is_needed = False
    for source, z in (places[i] for i in evenly(len(places), _MOST_SLICES)):
        assert isinstance(source, StoredSource)
        try:
            image = source.read_stored(int(z))
        except InputError:
            continue  # it is said where all slices are checked
        found = _offset_of(image)
        if found is not None:
            offsets.append(found[0])
            is_needed |= found[1]
    return float(np.median(offsets).round()) if is_needed else 0.0


def _is_wide(dtype: np.dtype[np.generic]) -> bool:
    """Tell whether float32 cannot hold every value of a type."""
    bits = 8 * dtype.itemsize
    return bits > _EXACT and (dtype.kind in "iu" or bits > 32) and dtype.kind in "iuf"


def _offset_of(image: NDArray[np.generic]) -> tuple[float, bool] | None:
    """Return the middle of an image (y, x), and whether float32 rounds too much there."""
    values = image.astype(np.float64)
    if not values.size or not np.isfinite(values).all():
        return None
    middle = float(np.median(values))
    rest = _less(image, round(middle)).astype(np.float64)
    differences = np.abs(np.diff(rest, axis=-1))
    differences = differences[differences > 0]
    if not differences.size or abs(middle) > 1e30:
        return middle, False
    step = float(np.spacing(np.float32(abs(middle))))
    return middle, step > _LARGEST_STEP * float(np.median(differences))


def _less(image: NDArray[np.generic], offset: float) -> NDArray[np.float32]:
    """Subtract an offset in the type of the image, or in float64."""
    if image.dtype.kind in "iu" and image.dtype.itemsize == 8:
        # two's complement: exact, whatever the sign
        native = image.astype(image.dtype.newbyteorder("="))
        rest = native.view(np.uint64) - np.uint64(int(offset) % 2**64)
        return rest.view(np.int64).astype(np.float32)
    with np.errstate(over="ignore"):
        return (image.astype(np.float64) - offset).astype(np.float32)
