"""What the attributes of an OME-Zarr group say about its image.

References
----------
Moore et al. 2021, OME-NGFF: a next-generation file format for expanding bioimaging data-access
strategies, https://doi.org/10.1038/s41592-021-01326-w; specifications 0.4 and 0.5 at
https://ngff.openmicroscopy.org
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autoStructN2V.datasets.images.metadata import UNIT_IN_MICROMETERS, ImageMetadata
from autoStructN2V.datasets.images.ome import positive_number

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_OLD_AXES = "TCZYX"  # of versions before axes had names
_SHORT_UNITS = {
    "meter": "m",
    "centimeter": "cm",
    "millimeter": "mm",
    "micrometer": "µm",
    "nanometer": "nm",
    "picometer": "pm",
    "angstrom": "Å",
}
_SECONDS = {"second": "s", "millisecond": "ms", "microsecond": "µs", "minute": "min", "hour": "h"}


@dataclass(frozen=True)
class Axis:
    """One axis of an array.

    Attributes
    ----------
    letter : str
        Out of ``TCZYX``, or ``Q`` for one of unknown meaning.
    unit : str
        As stated; empty if none is.
    scale, start : float
        Distance of pixels, and position of the first one, in the unit.
    """

    letter: str
    unit: str = ""
    scale: float = 1.0
    start: float = 0.0


@dataclass(frozen=True)
class Multiscale:
    """An image that is stored once for each of several resolutions.

    Attributes
    ----------
    level : str
        Path of the array of full resolution inside its group.
    axes : tuple of Axis
        In stored order; empty if none are named.
    name : str
    channel_names : tuple of str
    version : str
        Of the specification.
    """

    level: str
    axes: tuple[Axis, ...] = ()
    name: str = ""
    channel_names: tuple[str, ...] = ()
    version: str = ""

    @property
    def letters(self) -> str:
        """The axes as a word."""
        return "".join(axis.letter for axis in self.axes)


def ome_attributes(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what concerns OME: below a key of its own since version 0.5."""
    inner = attributes.get("ome")
    return inner if isinstance(inner, dict) else attributes


def read_multiscale(attributes: Mapping[str, Any], level: str | None = None) -> Multiscale | None:
    """Read what a group says about its image; None if it says nothing that can be understood.

    Parameters
    ----------
    attributes : mapping
        Attributes of the group.
    level : str, optional
        Path of the array that is asked about; default: that of full resolution.
    """
    ome = ome_attributes(attributes)
    try:
        image = ome["multiscales"][0]
        datasets = image["datasets"]
        wanted = next(d for d in datasets if level is None or d["path"] == level)
        axes = _axes(image, wanted)
        channels = ome.get("omero", {}).get("channels", [])
        names = tuple(str(channel.get("label", "")) for channel in channels)
        version = str(ome.get("version") or image.get("version") or "")
        return Multiscale(str(wanted["path"]), axes, str(image.get("name") or ""), names, version)
    except (KeyError, IndexError, TypeError, AttributeError, ValueError, StopIteration):
        # what a file says can be anything
        return None


def named_axes(names: Sequence[object] | None) -> tuple[Axis, ...]:
    """Return axes of which only names are known; empty if there are none."""
    return tuple(Axis(_letter(name)) for name in names or ())


def _axes(image: Mapping[str, Any], dataset: Mapping[str, Any]) -> tuple[Axis, ...]:
    stated = image.get("axes", list(_OLD_AXES))
    plain = [axis if isinstance(axis, dict) else {"name": axis} for axis in stated]
    scale, start = [1.0] * len(plain), [0.0] * len(plain)
    for owner in (dataset, image):
        for change in owner.get("coordinateTransformations", []):
            if change.get("type") == "scale":
                factors = _numbers(change["scale"], len(plain))
                scale = [a * b for a, b in zip(scale, factors, strict=True)]
                start = [a * b for a, b in zip(start, factors, strict=True)]
            elif change.get("type") == "translation":
                steps = _numbers(change["translation"], len(plain))
                start = [a + b for a, b in zip(start, steps, strict=True)]
    return tuple(
        Axis(_letter(axis.get("name")), str(axis.get("unit") or ""), *place)
        for axis, *place in zip(plain, scale, start, strict=True)
    )


def _numbers(stated: Sequence[object], n: int) -> list[float]:
    values = [float(str(value)) for value in stated]
    if len(values) != n or not all(math.isfinite(value) for value in values):
        raise ValueError(f"{n} finite numbers are needed, {stated!r:.40} was found")
    return values


def _letter(name: object) -> str:
    """Return the axis that a name stands for, as ``C`` for ``channel``."""
    words = {"t": "T", "time": "T", "c": "C", "channel": "C", "z": "Z", "y": "Y", "x": "X"}
    return words.get(str(name).casefold(), "Q")


def metadata_of(
    multiscale: Multiscale, axes: str, shape: tuple[int, ...], path: Path
) -> ImageMetadata:
    """Return scale, units, origin and names as metadata that every format understands.

    Parameters
    ----------
    multiscale : Multiscale
        What the group says.
    axes : str
        Axes of the image, as named by the person or the file.
    shape : tuple of int
        Their sizes.
    path : Path
        Where the store lies.
    """
    stated = {axis.letter: axis for axis in multiscale.axes}
    x, y, z = (stated.get(letter, Axis(letter)) for letter in "XYZ")
    unit = _SHORT_UNITS.get(x.unit.casefold(), x.unit)
    is_stated = bool(unit) or (x.scale, y.scale) != (1.0, 1.0)
    factors = {axis.letter: _conversion(axis.unit, x.unit) for axis in (x, y, z)}
    origin = (z.start * factors["Z"], y.start * factors["Y"], x.start * factors["X"])
    return ImageMetadata(
        axes=axes,
        shape=shape,
        pixel_size=(y.scale * factors["Y"], x.scale) if is_stated else None,
        z_spacing=z.scale * factors["Z"] if is_stated and "Z" in stated else None,
        unit=unit or None,
        ome=_ome(multiscale, stated.get("T")),
        path=path,
        format="OME-Zarr",
        origin=origin if any(origin) else None,
        own={"version": multiscale.version},
    )


def _ome(multiscale: Multiscale, time: Axis | None) -> dict[str, object]:
    """Return names and times in the words of OME-TIFF."""
    ome: dict[str, object] = {"Name": multiscale.name} if multiscale.name else {}
    if any(multiscale.channel_names):
        ome["ChannelNames"] = multiscale.channel_names
    if time is not None and time.unit in _SECONDS and positive_number(time.scale):
        ome |= {"TimeIncrement": time.scale, "TimeIncrementUnit": _SECONDS[time.unit]}
    return ome


def _conversion(unit: str, wanted: str) -> float:
    lengths = [UNIT_IN_MICROMETERS.get(name.casefold()) for name in (unit, wanted)]
    return 1.0 if None in lengths else lengths[0] / lengths[1]  # type: ignore[operator]
