"""Open one TIFF file: find its image, make sure that it is complete, choose its slices."""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import tifffile

from autoStructN2V.datasets.images.axes import StoredImage, name_axes
from autoStructN2V.datasets.images.formats.opening import Header, source_of
from autoStructN2V.datasets.images.formats.planes import ContiguousPlanes, SamplePlanes
from autoStructN2V.datasets.images.metadata import read_metadata
from autoStructN2V.datasets.images.sources import require_real_numbers
from autoStructN2V.datasets.images.tiff.integrity import check_complete, check_page_list
from autoStructN2V.datasets.images.tiff.planes import PagedPlanes
from autoStructN2V.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tifffile import TiffFile, TiffPageSeries

    from autoStructN2V.datasets.images.formats.file_source import FileSource
    from autoStructN2V.datasets.images.formats.location import Location
    from autoStructN2V.datasets.images.formats.opening import Choices
    from autoStructN2V.datasets.images.formats.planes import PlaneReader

_COLOR = (
    tifffile.PHOTOMETRIC.RGB,
    tifffile.PHOTOMETRIC.PALETTE,
    tifffile.PHOTOMETRIC.YCBCR,
    tifffile.PHOTOMETRIC.CIELAB,
    tifffile.PHOTOMETRIC.SEPARATED,
)


def open_tiff(location: Location, choices: Choices) -> FileSource:
    """Open a TIFF file as a stack, without reading its pixels.

    Parameters
    ----------
    location : Location
        File.
    choices : Choices
        What a person chooses of it.

    Returns
    -------
    FileSource
        Every selected page, in the order of the file.

    Raises
    ------
    InputError
        If the file is missing, not TIFF, damaged, cut off, or if a choice is needed.
    """
    path = location.path
    with _opened(path) as tif:
        check_page_list(tif, path)
        series = _image_series(tif, path)
        require_real_numbers(series[0].dtype, path.name)
        stored = _stored_image(tif, series)
        name_axes(stored, choices.axes, path.name)
        check_complete(tif, series, path)
        number = tif.series.index(series[0])
        header = Header(
            path,
            path.name,
            stored,
            series[0].dtype,
            lambda axes, shape: read_metadata(tif, axes, shape, path, image=number),
            lambda axes, shape: _plane_reader(tif, series, path, axes, shape),
            files=_files(series, path),
        )
        return source_of(header, choices)


def _files(series: Sequence[TiffPageSeries], path: Path) -> frozenset[Path]:
    pages = (page for one in series for page in one if page is not None)
    return frozenset(path.parent / page.parent.filehandle.name for page in pages)


@contextmanager
def _opened(path: Path) -> Iterator[TiffFile]:
    """Open a file; whatever goes wrong in the body is the file's fault."""
    try:
        with _silent_tifffile(), tifffile.TiffFile(path) as tif:
            yield tif
    except InputError:
        raise
    except FileNotFoundError as error:
        found = "is a link to a file that does not exist" if path.is_symlink() else "does not exist"
        raise InputError(f"{path} {found}; choose another file.") from error
    except PermissionError as error:
        raise InputError(f"{path} may not be read; change its permissions.") from error
    except tifffile.TiffFileError as error:
        raise InputError(
            f"{path} is not a TIFF file; save the images as TIFF and choose those."
        ) from error
    except Exception as error:
        # A damaged file can raise nearly anything inside the parser.
        raise InputError(
            f"{path} cannot be read as TIFF; the file is damaged ({type(error).__name__})."
        ) from error


@contextmanager
def _silent_tifffile() -> Iterator[None]:
    """Keep tifffile's log lines of this thread from the user, who gets one sentence instead."""
    thread = threading.get_ident()

    def is_foreign(record: logging.LogRecord) -> bool:
        return record.thread != thread

    logger = logging.getLogger("tifffile")
    logger.addFilter(is_foreign)
    try:
        yield
    finally:
        logger.removeFilter(is_foreign)


def _image_series(tif: TiffFile, path: Path) -> list[TiffPageSeries]:
    """Return the series that make up the image: one, or many single pages of equal shape."""
    series = [one for one in tif.series if not one.keyframe.is_reduced] or list(tif.series[:1])
    if not series:
        raise InputError(f"{path} holds no image; choose another file.")
    # OME-XML may also tell of images in other files, such as those at other positions
    series = [one for one in series if _is_in(one, tif)] or series
    kinds = {(one.shape, one.dtype, one.axes) for one in series}
    is_page_list = len(kinds) == 1 and series[0].axes == "YX"
    if len(series) > 1 and not is_page_list:
        shapes = ", ".join(" x ".join(map(str, one.shape)) for one in series[:4])
        shapes += ", ..." if len(series) > 4 else ""
        raise InputError(
            f"{path.name} holds {len(series)} different images ({shapes}); "
            "save the one to denoise in a file of its own."
        )
    return series


def _is_in(series: TiffPageSeries, tif: TiffFile) -> bool:
    """Tell whether a page of an image lies in this very file."""
    return any(page is not None and page.parent is tif for page in series)


def _stored_image(tif: TiffFile, series: Sequence[TiffPageSeries]) -> StoredImage:
    first = series[0]
    page = first.keyframe
    is_color = page.photometric in _COLOR
    is_guessed = is_color and tif.is_shaped and page.planarconfig == tifffile.PLANARCONFIG.SEPARATE
    axes, shape = first.axes, tuple(int(size) for size in first.shape)
    if len(series) > 1:
        axes, shape = "I" + axes, (len(series), *shape)
    return StoredImage(axes, shape, is_color, bool(is_guessed))


def _plane_reader(
    tif: TiffFile,
    series: Sequence[TiffPageSeries],
    path: Path,
    axes: str,
    shape: tuple[int, ...],
) -> PlaneReader:
    """Return what reads the planes, counted over all axes but rows and columns.

    Parameters
    ----------
    tif, series, path
        File and its image.
    axes, shape
        In stored order; ends in ``YX`` or ``YXC``.
    """
    if axes[-1] == "C":
        return SamplePlanes(_stored_planes(tif, series, path, shape[-3:]), shape[-1])
    return _stored_planes(tif, series, path, shape[-2:])


def _stored_planes(
    tif: TiffFile, series: Sequence[TiffPageSeries], path: Path, plane_shape: tuple[int, ...]
) -> PlaneReader:
    first = series[0]
    is_here = first.keyframe.parent is tif and not first.is_multifile
    if len(series) == 1 and first.dataoffset is not None and is_here:
        dtype = np.dtype(first.dtype).newbyteorder(tif.byteorder)
        return ContiguousPlanes(path, first.dataoffset, dtype, plane_shape)
    return PagedPlanes(tif, series, plane_shape)
