"""Open an image of a Zarr store; metadata are read, and chunks when a slice is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from autoStructN2V.datasets.images.axes import StoredImage
from autoStructN2V.datasets.images.formats.location import Location
from autoStructN2V.datasets.images.formats.ome_zarr.multiscale import (
    Axis,
    Multiscale,
    metadata_of,
    named_axes,
    ome_attributes,
    read_multiscale,
)
from autoStructN2V.datasets.images.formats.opening import Header, source_of
from autoStructN2V.datasets.images.formats.packages import imported
from autoStructN2V.datasets.images.formats.planes import axes_of_array, planes_of_array
from autoStructN2V.datasets.images.sources import file_stem
from autoStructN2V.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.formats.file_source import FileSource
    from autoStructN2V.datasets.images.formats.opening import Choices
    from autoStructN2V.datasets.images.formats.planes import Region
    from autoStructN2V.datasets.images.metadata import ImageMetadata

NODE_FILES = ("zarr.json", ".zgroup", ".zarray", ".zattrs")
"""Files by which a folder is known to be a group or an array of Zarr."""

_ENDING = ".zarr"
_NO_IMAGES = ("OME", "labels")
_MOST_NAMED = 4
_DEEPEST_LEVEL = 2  # folders between an array and the group that tells of it


def is_zarr(path: Path) -> bool:
    """Tell whether a folder is a Zarr store, or a group or an array inside of one."""
    if not path.is_dir():
        return False
    return path.suffix.casefold() == _ENDING or any((path / name).exists() for name in NODE_FILES)


def open_zarr(location: Location, choices: Choices) -> FileSource:
    """Open an image of a Zarr store as a stack, without reading its pixels.

    Parameters
    ----------
    location : Location
        An image group of OME-Zarr, of which the full resolution is taken, or an array.
    choices : Choices
        What a person chooses of it.

    Returns
    -------
    FileSource
        Its slices, decoded chunk by chunk.

    Raises
    ------
    InputError
        If there is no such store, it is damaged or incomplete, holds several images, or a choice
        is needed.
    """
    node = _node(location)
    if hasattr(node, "shape"):
        array, multiscale = node, _stated_above(location, node)
    else:
        array, multiscale = _image_of(node, location)
    stored = _stored(array, multiscale, location)

    def metadata(axes: str, shape: tuple[int, ...]) -> ImageMetadata:
        return metadata_of(multiscale, axes, shape, location.path)

    def read(region: Region) -> NDArray[np.generic]:
        return np.asarray(array[region])

    header = Header(
        location.path,
        _where(location),
        stored,
        np.dtype(array.dtype),
        metadata,
        planes_of_array(read, stored, array.chunks, array.dtype.itemsize),
        name=_short_name(location),
    )
    return source_of(header, choices)


def resolutions(path: Path) -> list[Any]:
    """Return the arrays of an OME-Zarr image, the finest first; they are read when sliced.

    Parameters
    ----------
    path : Path
        Group of the image, or an array.

    Raises
    ------
    InputError
        If there is no such image.
    """
    location = Location(path)
    node = _node(location)
    if hasattr(node, "shape"):
        return [node]
    finest, _ = _image_of(node, location)
    ome = ome_attributes(dict(node.attrs))
    paths = [str(level["path"]) for level in ome.get("multiscales", [{}])[0].get("datasets", [])]
    return [_member(node, level, location) for level in paths] or [finest]


def _node(location: Location) -> Any:
    """Open the group or array at a place."""
    zarr = imported("zarr", location.name)
    try:
        return zarr.open(store=location.address or str(location.path), mode="r")
    except ImportError as error:
        raise InputError(
            f"{location} cannot be read: {error}; install the package that reads such addresses."
        ) from error
    except PermissionError as error:
        raise InputError(f"{location} may not be read; change its permissions.") from error
    except FileNotFoundError as error:
        raise _no_store(location) from error
    except Exception as error:
        # damaged metadata, and libraries of networks, raise nearly anything
        if location.address is not None:
            raise InputError(
                f"{location} cannot be opened ({type(error).__name__}: {error!s:.80}); check the "
                "address and the connection, and whether it is a Zarr store."
            ) from error
        raise InputError(
            f"{location} cannot be read as Zarr; its metadata are damaged or of an unknown kind "
            f"({type(error).__name__}: {error!s:.80})."
        ) from error


def _no_store(location: Location) -> InputError:
    if location.address is None and location.path.is_dir():
        return InputError(
            f"{location} is incomplete: it has no metadata of Zarr ({', '.join(NODE_FILES[:3])}); "
            "copy or export it again."
        )
    return InputError(f"{location} does not exist or is not a Zarr store; choose another one.")


def _image_of(group: Any, location: Location) -> tuple[Any, Multiscale]:
    """Return the array of full resolution of the only image of a group."""
    ome = ome_attributes(dict(group.attrs))
    if "plate" in ome:
        raise _several(location, "is a plate of wells", _paths(ome, "plate", "wells"), "/0")
    if "multiscales" in ome:
        return _full_resolution(group, location, ome)
    images = _paths(ome, "well", "images") or _members(group)
    if len(images) > 1:
        raise _several(location, f"holds {len(images)} images", images)
    if not images:
        raise InputError(f"{_where(location)} holds no image; choose another store.")
    inner = _member(group, images[0], location)
    if hasattr(inner, "shape"):
        return inner, Multiscale(images[0], _axes_of(inner))
    return _full_resolution(inner, location, ome_attributes(dict(inner.attrs)))


def _full_resolution(
    group: Any, location: Location, ome: Mapping[str, Any]
) -> tuple[Any, Multiscale]:
    multiscale = read_multiscale(ome)
    if multiscale is None:
        raise InputError(
            f"{_where(location)} is not valid OME-Zarr: what it says about its image (multiscales) "
            "is missing or damaged; choose an array inside of it, or export it again."
        )
    return _member(group, multiscale.level, location), multiscale


def _several(location: Location, found: str, paths: Sequence[str], rest: str = "") -> InputError:
    named = ", ".join(paths[:_MOST_NAMED]) + (", ..." if len(paths) > _MOST_NAMED else "")
    example = f", for example {_where(location)}/{paths[0]}{rest}" if paths else ""
    return InputError(f"{_where(location)} {found} ({named}); choose one image{example}.")


def _paths(ome: Mapping[str, Any], kind: str, members: str) -> list[str]:
    try:
        return [str(member["path"]) for member in ome[kind][members]]
    except (KeyError, TypeError):
        return []


def _members(group: Any) -> list[str]:
    """Return the arrays of a group, else the groups that may be images."""
    arrays = sorted(str(key) for key in group.array_keys())
    groups = (str(key) for key in group.group_keys() if key not in _NO_IMAGES)
    return arrays or sorted(groups)


def _member(group: Any, path: str, location: Location) -> Any:
    try:
        return group[path]
    except KeyError as error:
        raise InputError(
            f"{_where(location)} is incomplete: it names {path}, which is not there; copy or "
            "export it again."
        ) from error
    except Exception as error:
        raise InputError(
            f"{_where(location)} cannot be read as Zarr; the metadata of {path} are damaged or "
            f"of an unknown kind ({type(error).__name__}: {error!s:.80})."
        ) from error


def _stated_above(location: Location, array: Any) -> Multiscale:
    """Return what the group above an array says about it, or its names of axes."""
    *parents, level = str(location).replace("\\", "/").split("/")
    for _ in range(_DEEPEST_LEVEL):
        try:
            group = imported("zarr", level).open_group(store="/".join(parents), mode="r")
            stated = read_multiscale(dict(group.attrs), level)
        except Exception:
            # most arrays have no group, and what is wrong with another one is no matter of theirs
            stated = None
        if stated is not None:
            return stated
        level = f"{parents.pop() if parents else ''}/{level}"
    return Multiscale(level, _axes_of(array))


def _axes_of(array: Any) -> tuple[Axis, ...]:
    names = getattr(array.metadata, "dimension_names", None)
    return named_axes(names or array.attrs.get("_ARRAY_DIMENSIONS"))


def _stored(array: Any, multiscale: Multiscale, location: Location) -> StoredImage:
    letters, shape = multiscale.letters, tuple(int(size) for size in array.shape)
    if len(letters) == len(shape) and {"Y", "X"} <= set(letters):
        return StoredImage(letters, shape, is_any_order=True)
    return axes_of_array(shape, _where(location))


def _where(location: Location) -> str:
    """Return the store and the path inside of it, for messages."""
    parts = (location.address or str(location.path)).replace("\\", "/").split("/")
    stores = [i for i, part in enumerate(parts) if part.casefold().endswith(_ENDING)]
    return "/".join(parts[stores[0] if stores else -1 :])


def _short_name(location: Location) -> str:
    store, *inner = _where(location).split("/")
    return "_".join([file_stem(Path(store)) if store.endswith(_ENDING) else store, *inner])
