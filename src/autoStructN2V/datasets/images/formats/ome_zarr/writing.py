"""Write OME-Zarr plane by plane: every plane goes into all resolutions at once.

Lower resolutions are means of 2 x 2 pixels of the one before; slices stay what they are. So the
memory that is needed is that of one plane, in whatever order planes come.
"""

from __future__ import annotations

import json
import math
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

import autoStructN2V
from autoStructN2V.datasets.images.formats.kept import channel_names, time_increment
from autoStructN2V.datasets.images.formats.packages import imported
from autoStructN2V.datasets.images.formats.result import require_space
from autoStructN2V.sampling import evenly

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.formats.result import Result
    from autoStructN2V.datasets.images.unfinished import Unfinished

_ORDER = "TCZYX"
"""Of the axes: time, channel, space, as the specification demands."""

_TYPES = {"T": "time", "C": "channel"}
_UNITS = {
    **dict.fromkeys(("um", "µm", "μm", "micron", "microns", "\\u00b5m"), "micrometer"),
    **dict.fromkeys(("nm",), "nanometer"),
    **dict.fromkeys(("pm",), "picometer"),
    **dict.fromkeys(("mm",), "millimeter"),
    **dict.fromkeys(("cm",), "centimeter"),
    **dict.fromkeys(("m",), "meter"),
    **dict.fromkeys(("in",), "inch"),
    **dict.fromkeys(("å", "ångström", "ångstrom", "ångstrøm"), "angstrom"),
}
_NAMED = ("meter", "centimeter", "millimeter", "micrometer", "nanometer", "picometer")
_CHUNK = 512  # pixels along rows and columns: 1 MB of float32
_SMALLEST = 256  # pixels of the longer side of the lowest resolution, at most
_MOST_LOOKED_AT = 64  # planes of a channel of which the range of intensities is told
_LATEST = "0.5"
_COLORS = ("FFFFFF", "FF00FF", "00FF00", "00FFFF", "FFFF00", "FF0000", "0000FF")


class ZarrPlaneWriter:
    """Writes the planes of an OME-Zarr image, with lower resolutions.

    Parameters
    ----------
    path : Path
        Folder that is to become the store.
    result : Result
        What it is to hold.
    goes_on : bool
        Whether the store exists, and is written further; ValueError if it is of another result.
    """

    def __init__(self, path: Path, result: Result, *, goes_on: bool = False) -> None:
        self.dtype = result.dtype
        self._result = result
        self._names = channel_names(result.metadata, result.axes, result.shape)
        self._axes = _ordered_axes(result.axes, has_names=bool(self._names))
        self._version = "0.4" if result.metadata.own.get("version") == "0.4" else _LATEST
        zarr = imported("zarr", path.name)
        of_version = {"zarr_format": 2 if self._version == "0.4" else 3}
        planes = list(enumerate(_planes(result.shape)))
        if goes_on:
            self._group = zarr.open_group(store=str(path), mode="r+", **of_version)
            self._levels = [self._known(n, plane) for n, plane in planes]
            return
        require_space(path.parent, result.n_bytes * 4 // 3)
        self._group = zarr.open_group(store=str(path), mode="w", **of_version)
        self._levels = [self._create(n, plane) for n, plane in planes]
        self._describe()

    @property
    def n_slices(self) -> int:
        """Planes that there are to be."""
        return math.prod(self._result.shape[:-2])

    def write(self, plane: int, pixels: NDArray[np.generic]) -> int:
        """Write a plane (y, x), counted over all leading axes, and return its checksum."""
        index, level, checksum = self._index(plane), pixels, 0
        for number, array in enumerate(self._levels):
            level = level if number == 0 else _halved(level)
            array[index] = level
            checksum = _added(checksum, level)
        return checksum

    def read(self, plane: int) -> NDArray[np.generic]:
        """Return a plane (y, x) as it is in the store."""
        return np.asarray(self._levels[0][self._index(plane)])

    def fits(self, head: Mapping[str, Any]) -> bool:
        """Tell whether the first line of a journal is about this store."""
        return bool(head["store"] == self.head["store"])

    @property
    def head(self) -> dict[str, Any]:
        """What the first line of its journal says."""
        return {"store": [[list(array.shape), str(array.dtype)] for array in self._levels]}

    def sum_of(self, plane: int) -> int:
        """Return the checksum of a plane in all resolutions as they are in the store, or -1."""
        index, checksum = self._index(plane), 0
        try:
            for array in self._levels:
                checksum = _added(checksum, np.asarray(array[index]))
        except Exception:
            # decoders of half-written chunks raise errors of their own
            return -1
        return checksum

    def finish(self) -> None:
        """Write the range of the intensities, which viewers start with."""
        self._describe()

    def _index(self, plane: int) -> tuple[int, ...]:
        """Return where a plane lies, counted over all leading axes of the result."""
        places = np.unravel_index(plane, self._result.shape[:-2])
        place = dict(zip(self._result.axes[:-2], (int(i) for i in places), strict=True))
        return tuple(place.get(letter, 0) for letter in self._axes[:-2])

    def close(self) -> None:
        """Nothing is held open."""

    def _shape(self, plane: tuple[int, int]) -> tuple[int, ...]:
        """Return the sizes of a resolution with such planes."""
        sizes = dict(zip(self._result.axes, self._result.shape, strict=True))
        return (*(sizes.get(letter, 1) for letter in self._axes[:-2]), *plane)

    def _known(self, number: int, plane: tuple[int, int]) -> Any:
        """Return a resolution that exists, if it is as it has to be."""
        array = self._group[str(number)]
        if (array.shape, array.dtype) != (self._shape(plane), self.dtype):
            raise ValueError(f"resolution {number} is of another result")
        return array

    def _create(self, number: int, plane: tuple[int, int]) -> Any:
        shape = self._shape(plane)
        chunks = (*(1 for _ in shape[:-2]), *(min(_CHUNK, side) for side in plane))
        is_old = self._version == "0.4"
        return self._group.create_array(
            str(number),
            shape=shape,
            chunks=chunks,
            dtype=self.dtype,
            chunk_key_encoding={"name": "v2" if is_old else "default", "separator": "/"},
            dimension_names=None if is_old else [letter.lower() for letter in self._axes],
        )

    def _describe(self) -> None:
        """Write the attributes of the image."""
        name = self._result.metadata.ome.get("Name")
        image: dict[str, object] = {
            "axes": [self._axis(letter) for letter in self._axes],
            "datasets": [
                {"path": str(n), "coordinateTransformations": self._transformations(n)}
                for n in range(len(self._levels))
            ],
            "type": "mean",
            **({"name": name} if name else {}),
        }
        ome: dict[str, object] = {"multiscales": [image]}
        if self._names:
            ome["omero"] = {"channels": [self._channel(i) for i in range(len(self._names))]}
        history = json.loads(json.dumps(dict(self._result.history), default=str))
        made = {"version": autoStructN2V.__version__, **history}
        if self._version == "0.4":
            image["version"] = self._version
            self._group.attrs.update({**ome, "autoStructN2V": made})
        else:
            stated = {"version": self._version, **ome}
            self._group.attrs.update({"ome": stated, "autoStructN2V": made})

    def _axis(self, letter: str) -> dict[str, str]:
        unit = _time_unit(self._result) if letter == "T" else _space_unit(self._result)
        axis = {"name": letter.lower(), "type": _TYPES.get(letter, "space")}
        return axis | ({"unit": unit} if unit and letter != "C" else {})

    def _transformations(self, level: int) -> list[dict[str, object]]:
        """Return scale and translation: the centers of larger pixels lie further inside."""
        scale = dict.fromkeys(self._axes, 1.0) | _scale(self._result)
        origin = dict(zip("ZYX", self._result.metadata.origin or (0.0,) * 3, strict=True))
        factor = 2**level
        start = {k: origin.get(k, 0.0) for k in self._axes}
        for letter in "YX":
            start[letter] += (factor - 1) / 2 * scale[letter]
            scale[letter] *= factor
        changes: list[dict[str, object]] = [
            {"type": "scale", "scale": [scale[letter] for letter in self._axes]}
        ]
        if any(start.values()):
            steps = [start[letter] for letter in self._axes]
            changes.append({"type": "translation", "translation": steps})
        return changes

    def _channel(self, number: int) -> dict[str, object]:
        low, high = self._range_of(number)
        if not low < high:
            low, high = 0.0, 1.0
        return {
            "label": self._names[number],
            "color": _COLORS[number % len(_COLORS)] if len(self._names) > 1 else _COLORS[0],
            "active": True,
            "window": {"min": low, "max": high, "start": low, "end": high},
        }

    def _range_of(self, channel: int) -> tuple[float, float]:
        """Return the extremes of a channel in the lowest resolution, of some of its planes."""
        places = [
            index
            for index in (self._index(plane) for plane in range(self.n_slices))
            if "C" not in self._axes or index[self._axes.index("C")] == channel
        ]
        low, high = np.inf, -np.inf
        for i in evenly(len(places), _MOST_LOOKED_AT):
            pixels = np.asarray(self._levels[-1][places[i]])
            low, high = min(low, float(pixels.min())), max(high, float(pixels.max()))
        return low, high


def begun_zarr(path: Path, result: Result, journal: Unfinished) -> ZarrPlaneWriter:
    """Create a store without pixels, and begin its journal."""
    planes = ZarrPlaneWriter(path, result)
    journal.begin(planes.head)
    return planes


def resumed_zarr(
    path: Path, result: Result, journal: Unfinished, *, is_final: bool
) -> ZarrPlaneWriter | None:
    """Return what goes on with a store that its journal knows; None if there is none.

    Parameters
    ----------
    path : Path
        Where the store is.
    result : Result
        What it is to hold.
    journal : Unfinished
        Finds out which slices are there.
    is_final : bool
        Whether the store has its name already; it is then read only.
    """
    if not path.is_dir() or not journal.path.exists():
        return None
    try:
        planes = ZarrPlaneWriter(path, result, goes_on=True)
        return planes if journal.read(planes) else None
    except Exception:
        # what is left of a store can be damaged in any way, and is then written anew
        return None


def made_by(path: Path) -> dict[str, Any]:
    """Return what a store says of how it was made; empty if it is no result."""
    group = imported("zarr", path.name).open_group(store=str(path), mode="r")
    found = group.attrs.get("autoStructN2V")
    return found if isinstance(found, dict) else {}


def _ordered_axes(axes: str, *, has_names: bool) -> str:
    """Return the axes in the order of the specification; a name of a channel needs its axis."""
    return "".join(k for k in _ORDER if k in axes or (k == "C" and has_names))


def _planes(shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """Return rows and columns of all resolutions."""
    planes = [(shape[-2], shape[-1])]
    while max(planes[-1]) > _SMALLEST:
        rows, columns = planes[-1]
        planes.append(((rows + 1) // 2, (columns + 1) // 2))
    return planes


def _added(checksum: int, pixels: NDArray[np.generic]) -> int:
    return zlib.crc32(np.ascontiguousarray(pixels).data, checksum)


def _halved(pixels: NDArray[np.generic]) -> NDArray[np.generic]:
    """Return means of 2 x 2 pixels; a last row or column is taken twice where one is left."""
    odd = [(0, side % 2) for side in pixels.shape]
    even = np.pad(pixels, odd, mode="edge").astype(np.float64)
    rows, columns = even.shape
    means = even.reshape(rows // 2, 2, columns // 2, 2).mean(axis=(1, 3))
    whole = np.rint(means) if pixels.dtype.kind in "iu" else means
    halved: NDArray[np.generic] = whole.astype(pixels.dtype)
    return halved


def _scale(result: Result) -> dict[str, float]:
    """Return the distance of pixels along the axes for which it is known."""
    metadata = result.metadata
    scale: dict[str, float] = {}
    if metadata.pixel_size is not None:
        scale["Y"], scale["X"] = metadata.pixel_size
        # a missing distance of slices counts as a pixel width, as everywhere
        scale["Z"] = metadata.z_spacing or metadata.pixel_size[1]
    time = time_increment(metadata)
    if time is not None:
        scale["T"] = time[0]
    return {letter: size for letter, size in scale.items() if letter in result.axes}


def _space_unit(result: Result) -> str | None:
    unit = (result.metadata.unit or "").strip().casefold()
    named = _UNITS.get(unit, unit)
    known = (*_NAMED, "inch", "angstrom")
    return named if named in known and result.metadata.pixel_size else None


def _time_unit(result: Result) -> str | None:
    time = time_increment(result.metadata)
    return time[1] if time is not None else None
