"""Open files of microscopes by ``bioio`` and its readers, which are installed one by one."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from autoStructN2V.datasets.images.axes import StoredImage
from autoStructN2V.datasets.images.formats.opening import Header, source_of
from autoStructN2V.datasets.images.formats.packages import imported
from autoStructN2V.datasets.images.formats.planes import planes_of_array
from autoStructN2V.datasets.images.metadata import ImageMetadata
from autoStructN2V.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.formats.file_source import FileSource
    from autoStructN2V.datasets.images.formats.location import Location
    from autoStructN2V.datasets.images.formats.opening import Choices
    from autoStructN2V.datasets.images.formats.planes import Region

READERS = {
    ".czi": "bioio-czi",
    ".nd2": "bioio-nd2",
    ".lif": "bioio-lif",
    ".dv": "bioio-dv",
    ".r3d": "bioio-dv",
    ".sldy": "bioio-sldy",
    ".oib": "bioio-bioformats",
    ".oif": "bioio-bioformats",
    ".vsi": "bioio-bioformats",
}
"""Which package reads files of an ending."""


def open_bioio(location: Location, choices: Choices) -> FileSource:
    """Open a file of a microscope as a stack, without reading its pixels.

    Parameters
    ----------
    location : Location
        File with one scene.
    choices : Choices
        What a person chooses of it.

    Returns
    -------
    FileSource
        Its slices.

    Raises
    ------
    InputError
        If the reader is not installed, the file is damaged, holds several scenes, or a choice is
        needed.
    """
    path = location.path
    if not path.exists():
        raise InputError(f"{path} does not exist; choose another file.")
    image = _image(location)
    if len(image.scenes) > 1:
        raise InputError(
            f"{path.name} holds {len(image.scenes)} scenes ({', '.join(image.scenes[:4])}); save "
            "the one to denoise in a file of its own, for example as OME-TIFF."
        )
    letters, pixels = str(image.dims.order), image.dask_data
    stored = StoredImage(
        letters.replace("M", "Q"),
        tuple(int(size) for size in pixels.shape),
        is_color="S" in letters,
        is_any_order=True,
    )

    def metadata(axes: str, shape: tuple[int, ...]) -> ImageMetadata:
        return _metadata(image, axes, shape, location)

    def read(region: Region) -> NDArray[np.generic]:
        return np.asarray(pixels[region].compute(scheduler="synchronous"))

    header = Header(path, path.name, stored, pixels.dtype, metadata, planes_of_array(read, stored))
    return source_of(header, choices)


def _image(location: Location) -> Any:
    """Let the reader of this kind of file open it."""
    reader = READERS[location.path.suffix.casefold()]
    command = f"pip install bioio {reader}"
    bioio = imported("bioio", location.name, command)
    module = imported(reader.replace("-", "_"), location.name, command)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return bioio.BioImage(location.path, reader=module.Reader)
    except Exception as error:
        # readers of many kinds, each with errors of its own
        raise InputError(
            f"{location.path} cannot be read by {reader}; the file is damaged or of another kind "
            f"({error!s:.80})."
        ) from error


def _metadata(image: Any, axes: str, shape: tuple[int, ...], location: Location) -> ImageMetadata:
    """Return scale and names; lengths of bioio are in micrometers, times in seconds."""
    sizes = image.physical_pixel_sizes
    ome: dict[str, object] = {"ChannelNames": tuple(str(name) for name in image.channel_names)}
    interval: Any = getattr(image, "time_interval", None)
    seconds = interval.total_seconds() if hasattr(interval, "total_seconds") else None
    if seconds:
        ome |= {"TimeIncrement": seconds, "TimeIncrementUnit": "s"}
    is_stated = bool(sizes.Y and sizes.X)
    return ImageMetadata(
        axes=axes,
        shape=shape,
        pixel_size=(float(sizes.Y), float(sizes.X)) if is_stated else None,
        z_spacing=sizes.Z,
        unit="µm" if is_stated else None,
        ome=ome,
        path=location.path,
        format="bioio",
    )
