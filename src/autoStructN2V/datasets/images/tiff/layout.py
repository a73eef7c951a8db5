"""Choose the kind of TIFF file that keeps most of what the input file said."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import autoStructN2V
from autoStructN2V.datasets.images.formats.kept import channel_names
from autoStructN2V.datasets.images.metadata import CENTIMETER, NO_UNIT, UNIT_IN_MICROMETERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    from autoStructN2V.datasets.images.metadata import ImageMetadata

Flavor = Literal["imagej", "ome", "plain"]

CLASSIC_TIFF_LIMIT = 2**32 - 2**25
"""Bytes of pixels above which the 32-bit offsets of a classic TIFF may not suffice."""

_IMAGEJ_AXES = "TZCYX"
_IMAGEJ_DTYPES = ("uint8", "uint16", "int16", "float32")
_OME_DTYPES = (*_IMAGEJ_DTYPES, "int8", "int32", "uint32", "float64")
_STRUCTURAL_KEYS = {"ImageJ", "images", "channels", "slices", "frames", "hyperstack", "Plot"}
_CHANNEL_KEYS = {"Ranges", "LUTs", "mode", "min", "max", "Labels"}
_OME_UNITS = {
    **dict.fromkeys(("um", "micron", "microns", "micrometer", "\\u00b5m"), "µm"),
    **dict.fromkeys(("angstrom", "ångström", "ångstrom", "ångstrøm", "å", "a\u030a"), "Å"),
    "inch": "in",
}
_NOT_IN_DESCRIPTION = {"Info", "Labels"}  # ImageJ keeps them as UTF-16 in tags of their own
_STAGE_KEYS = ("PositionX", "PositionXUnit", "PositionY", "PositionYUnit")

HISTORY_MARK = "autoStructN2V: "
"""Before how a result was made, as JSON."""

RESOLUTION = "pixel size"
"""Name of the tags of the resolution among the entries."""


@dataclass(frozen=True)
class TiffLayout:
    """What a new TIFF file will hold besides its pixels.

    Parameters
    ----------
    axes : str
        Axes out of ``TZCYX``, ending in ``YX``.
    shape : tuple of int
        Their sizes.
    dtype : dtype
        Data type of the pixels.
    metadata : ImageMetadata
        Scale and origin of the input.
    history : mapping
        How the images were made; written into the file as text.
    left_out : frozenset of str
        Names of entries that are not written, see :mod:`autoStructN2V.datasets.images.tiff.trial`.
    """

    axes: str
    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    metadata: ImageMetadata
    history: Mapping[str, object]
    left_out: frozenset[str] = frozenset()

    @property
    def n_bytes(self) -> int:
        """Size of the pixels in bytes."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def is_big(self) -> bool:
        """True if the file needs 64-bit offsets (BigTIFF)."""
        return self.n_bytes > CLASSIC_TIFF_LIMIT

    @property
    def flavor(self) -> Flavor:
        """Kind of file: OME for OME input, else ImageJ where it can hold the image.

        ImageJ cannot read BigTIFF, 32-bit integers or other orders of the axes; OME can.
        """
        ordered = "".join(letter for letter in _IMAGEJ_AXES if letter in self.axes)
        fits_imagej = self.dtype.name in _IMAGEJ_DTYPES and ordered == self.axes and not self.is_big
        if fits_imagej and not self.metadata.ome:
            return "imagej"
        return "ome" if self.dtype.name in _OME_DTYPES else "plain"

    def tifffile_arguments(self) -> dict[str, Any]:
        """Return the arguments of ``tifffile.imwrite`` for an empty file of this layout."""
        entries = {k: v for k, v in self.entries().items() if k not in self.left_out}
        resolution, unit = entries.pop(RESOLUTION, (None, None))
        # tifffile would take columns of one pixel for samples of the pixels before them
        is_narrow = self.flavor == "imagej" and self.shape[-1] == 1
        shape, axes = ((*self.shape, 1), f"{self.axes}S") if is_narrow else (self.shape, self.axes)
        return {
            "shape": shape,
            "dtype": self.dtype,
            "bigtiff": self.is_big,
            "imagej": self.flavor == "imagej",
            "ome": self.flavor == "ome",
            "photometric": "miniswhite" if self.metadata.is_inverted else "minisblack",
            "resolution": resolution,
            "resolutionunit": unit,
            "software": f"autoStructN2V {autoStructN2V.__version__}",
            "metadata": {"axes": axes, **entries},
        }

    def entries(self) -> dict[str, Any]:
        """Return what is to be written besides axes and pixels, by name."""
        make = {
            "imagej": self._imagej_entries,
            "ome": self._ome_entries,
            "plain": self._plain_entries,
        }[self.flavor]
        return {RESOLUTION: self._resolution(), **make()}

    def _resolution(self) -> tuple[tuple[float, float] | None, int | None]:
        """Return pixels per unit (x, y): as stored, else from the pixel size."""
        stated = self.metadata
        if stated.resolution is not None:
            return stated.resolution, stated.resolution_unit
        if stated.pixel_size is None:
            return None, None
        if self.flavor != "imagej" and stated.scale_um is not None:
            _, y, x = stated.scale_um
            return (1e4 / x, 1e4 / y), CENTIMETER
        y, x = stated.pixel_size
        return (1.0 / x, 1.0 / y), NO_UNIT

    def _imagej_entries(self) -> dict[str, object]:
        stated = self.metadata
        dropped = set(_STRUCTURAL_KEYS)
        n_channels = dict(zip(stated.axes, stated.shape, strict=False)).get("C", 1)
        if n_channels > 1 and "C" not in self.axes:
            # They list every channel, of which the output has one.
            dropped |= _CHANNEL_KEYS
        entries = {key: value for key, value in stated.imagej.items() if key not in dropped}
        labels = entries.get("Labels")
        if isinstance(labels, list) and len(labels) != math.prod(self.shape[:-2]):
            del entries["Labels"]
        if stated.unit and stated.resolution_unit == NO_UNIT:
            entries["unit"] = stated.unit.replace("μ", "µ")
        if stated.z_spacing is not None:
            entries["spacing"] = stated.z_spacing
        if self.history:
            entries["Info"] = self._history_text(str(entries.get("Info", "")))
        return {
            _escaped(key): _escaped(value)
            if isinstance(value, str) and key not in _NOT_IN_DESCRIPTION
            else value
            for key, value in entries.items()
        }

    def _ome_entries(self) -> dict[str, object]:
        stated = self.metadata
        given = ("ChannelNames", *_STAGE_KEYS)
        entries = {key: value for key, value in stated.ome.items() if key not in given}
        entries |= self._channel_names() | self._stage_position()
        if "PhysicalSizeX" not in entries and stated.pixel_size is not None:
            entries |= self._physical_sizes(stated.pixel_size)
        if "T" not in self.axes:
            entries = {key: v for key, v in entries.items() if not key.startswith("Time")}
        if self.history:
            entries["Description"] = self._history_text("")
        return entries

    def _channel_names(self) -> dict[str, object]:
        """Return the names of the channels that are written."""
        names = channel_names(self.metadata, self.axes, self.shape)
        return {"Channel": {"Name": names}} if names else {}

    def _stage_position(self) -> dict[str, object]:
        """Return where the stage stood, for each plane."""
        n_planes = math.prod(self.shape[:-2])
        stated = self.metadata.ome
        where = {key: [stated[key]] * n_planes for key in _STAGE_KEYS if key in stated}
        return {"Plane": where} if where else {}

    def _physical_sizes(self, pixel_size: tuple[float, float]) -> dict[str, object]:
        stated = self.metadata
        unit = (stated.unit or "").strip()
        if unit.casefold() not in UNIT_IN_MICROMETERS:
            return {}
        unit = _OME_UNITS.get(unit.casefold(), unit.replace("μ", "µ"))
        y, x = pixel_size
        sizes: dict[str, object] = {"PhysicalSizeX": x, "PhysicalSizeY": y}
        if stated.z_spacing is not None:
            sizes["PhysicalSizeZ"] = stated.z_spacing
        return sizes | {f"{key}Unit": unit for key in sizes}

    def _plain_entries(self) -> dict[str, object]:
        stated = self.metadata
        entries = {"spacing": stated.z_spacing, "unit": stated.unit}
        kept: dict[str, object] = {key: v for key, v in entries.items() if v is not None}
        if self.history:
            kept["history"] = self._history_text("")
        return kept

    def _history_text(self, before: str) -> str:
        text = json.dumps(dict(self.history), default=str, ensure_ascii=True)
        return "\n".join(part for part in (before.rstrip(), f"{HISTORY_MARK}{text}") if part)


def _escaped(text: str) -> str:
    """Return text as ImageJ writes it into its description: ASCII, the rest as in Java."""
    units = text.encode("utf-16-be", errors="surrogatepass")
    codes = [int.from_bytes(units[i : i + 2], "big") for i in range(0, len(units), 2)]
    return "".join(chr(code) if code < 0x80 else f"\\u{code:04X}" for code in codes)
