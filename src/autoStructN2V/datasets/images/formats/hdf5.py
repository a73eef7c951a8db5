"""Open a dataset of an HDF5 file, named as ``file.h5:/path/of/dataset``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from autoStructN2V.datasets.images.axes import StoredImage
from autoStructN2V.datasets.images.formats.opening import Header, source_of
from autoStructN2V.datasets.images.formats.packages import imported
from autoStructN2V.datasets.images.formats.planes import axes_of_array, planes_of_array
from autoStructN2V.datasets.images.metadata import ImageMetadata
from autoStructN2V.datasets.images.ome import positive_number
from autoStructN2V.datasets.images.sources import file_stem
from autoStructN2V.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.formats.file_source import FileSource
    from autoStructN2V.datasets.images.formats.location import Location
    from autoStructN2V.datasets.images.formats.opening import Choices
    from autoStructN2V.datasets.images.formats.planes import Region

_SIZES = "element_size_um"
"""Attribute with the size of a voxel (z, y, x) in micrometers, as ImageJ's HDF5 plugins and ilastik
write it."""

_MOST_NAMED = 4
_CACHE_BYTES = 2**26


def open_hdf5(location: Location, choices: Choices) -> FileSource:
    """Open a dataset of an HDF5 file as a stack, without reading its pixels.

    The file is open only while slices are read.

    Parameters
    ----------
    location : Location
        File and dataset; the dataset may be left out where there is one image only.
    choices : Choices
        What a person chooses of it.

    Returns
    -------
    FileSource
        Its slices.

    Raises
    ------
    InputError
        If the file is missing, no HDF5, damaged, holds several images, or a choice is needed.
    """
    h5py = imported("h5py", location.name)
    path = location.path
    try:
        with h5py.File(path, "r") as file:
            dataset = _chosen(file, location, h5py)
            _refuse_other_files(dataset, location)
            name, where = str(dataset.name), f"{path.name}:{dataset.name}"
            dtype, chunks, size = dataset.dtype, dataset.chunks, _voxel_size(dataset)
            stored = _stored(dataset, where)
    except InputError:
        raise
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist; choose another file.") from error
    except PermissionError as error:
        raise InputError(f"{path} may not be read; change its permissions.") from error
    except Exception as error:
        # a damaged file can raise nearly anything inside the library
        raise InputError(
            f"{path} cannot be read as HDF5; the file is damaged or of another kind "
            f"({error!s:.80})."
        ) from error

    def metadata(axes: str, shape: tuple[int, ...]) -> ImageMetadata:
        return _metadata(size, axes, shape, location)

    def read(region: Region) -> NDArray[np.generic]:
        with h5py.File(path, "r", rdcc_nbytes=_CACHE_BYTES) as file:
            return np.asarray(file[name][region])

    header = Header(
        path,
        where,
        stored,
        dtype,
        metadata,
        planes_of_array(read, stored, chunks, dtype.itemsize),
        name=_short_name(location),
    )
    return source_of(header, choices)


def _chosen(file: Any, location: Location, h5py: Any) -> Any:
    """Return the dataset that a person names, or the only one that may be an image."""
    if location.inside:
        _refuse_links(file, location, h5py)
        if location.inside not in file:
            raise InputError(
                f"{location.path.name} holds no {location.inside}; it holds "
                f"{_named(_images(file))}."
            )
        chosen = file[location.inside]
        if isinstance(chosen, h5py.Dataset):
            return chosen
        file = chosen
    images = _images(file)
    if len(images) != 1:
        example = f", for example {location.path}:{images[0]}" if images else ""
        raise InputError(
            f"{location.name} holds {len(images) or 'no'} images ({_named(images)}); choose "
            f"{'one' if images else 'another file'}{example}."
        )
    return file[images[0]]


def _refuse_links(file: Any, location: Location, h5py: Any) -> None:
    """Refuse a way into the file that leads out of it: a link could name any file there is."""
    group = file
    for name in location.inside.split("/"):
        link = group.get(name, getlink=True)
        if isinstance(link, h5py.ExternalLink):
            raise _elsewhere(location, link.filename)
        group = group.get(name)
        if not isinstance(group, h5py.Group):
            return


def _refuse_other_files(dataset: Any, location: Location) -> None:
    """Refuse a dataset whose pixels lie in other files."""
    others = [dataset.file.filename] if not location.path.samefile(dataset.file.filename) else []
    others += [name for name, *_ in dataset.external or ()]
    if dataset.is_virtual:
        others += [part.file_name for part in dataset.virtual_sources() if part.file_name != "."]
    if others:
        raise _elsewhere(location, others[0])


def _elsewhere(location: Location, other: str) -> InputError:
    return InputError(
        f"{location.name} lies in another file, {other}, which is not followed; open that file."
    )


def _images(group: Any) -> list[str]:
    """Return the names of all datasets with rows and columns."""
    found: list[str] = []

    def add(_: str, item: Any) -> None:
        if getattr(item, "ndim", 0) >= 2 and min(item.shape[-2:]) > 1:
            found.append(str(item.name))

    group.visititems(add)
    return found


def _named(images: list[str]) -> str:
    more = ", ..." if len(images) > _MOST_NAMED else ""
    return ", ".join(images[:_MOST_NAMED]) + more or "nothing with rows and columns"


def _stored(dataset: Any, where: str) -> StoredImage:
    """Return the axes by the labels of the dimensions, where they have some."""
    shape = tuple(int(size) for size in dataset.shape)
    letters = "".join(str(dimension.label)[:1].upper() or "Q" for dimension in dataset.dims)
    if {"Y", "X"} <= set(letters):
        return StoredImage(letters, shape, is_any_order=True)
    return axes_of_array(shape, where)


def _voxel_size(dataset: Any) -> tuple[float, ...]:
    """Return the size (z, y, x) in micrometers; empty if none is stated."""
    stated = np.ravel(dataset.attrs.get(_SIZES, ()))
    sizes = tuple(positive_number(value) or 0.0 for value in stated)
    return sizes if len(sizes) == 3 else ()


def _metadata(
    size: tuple[float, ...], axes: str, shape: tuple[int, ...], location: Location
) -> ImageMetadata:
    z, y, x = size or (None, 0.0, 0.0)
    return ImageMetadata(
        axes=axes,
        shape=shape,
        pixel_size=(y, x) if size else None,
        z_spacing=z,
        unit="µm" if size else None,
        path=location.path,
        format="HDF5",
    )


def _short_name(location: Location) -> str:
    inside = location.inside.replace("/", "_")
    return f"{file_stem(location.path)}{f'_{inside}' if inside else ''}"
