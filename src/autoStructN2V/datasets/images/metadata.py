"""What an image file says about its axes, scale and origin, kept for the output."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from autoStructN2V.datasets.images.ome import OmeImage, positive_number, read_ome

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tifffile import TiffFile, TiffPage

UNIT_IN_MICROMETERS = MappingProxyType(
    {
        "m": 1e6,
        "cm": 1e4,
        "mm": 1e3,
        "um": 1.0,
        "µm": 1.0,
        "μm": 1.0,
        "\\u00b5m": 1.0,
        "micron": 1.0,
        "microns": 1.0,
        "micrometer": 1.0,
        "micrometre": 1.0,
        "meter": 1e6,
        "centimeter": 1e4,
        "millimeter": 1e3,
        "nanometer": 1e-3,
        "picometer": 1e-6,
        "nm": 1e-3,
        "pm": 1e-6,
        "inch": 25400.0,
        "in": 25400.0,
        "å": 1e-4,
        "a\u030a": 1e-4,  # the same letter in two characters
        "angstrom": 1e-4,
        "ångström": 1e-4,
        "ångstrom": 1e-4,
        "ångstrøm": 1e-4,
    }
)
"""Length of the units found in files, case-folded, in micrometers."""

NO_UNIT, INCH, CENTIMETER = 1, 2, 3
"""Values of the TIFF tag ResolutionUnit."""

MIN_IS_WHITE = 0
"""Value of the TIFF tag PhotometricInterpretation."""


@dataclass(frozen=True)
class ImageMetadata:
    """Axes, scale and origin of an image as its file states them.

    Parameters
    ----------
    axes : str
        One letter per axis as stored, for example ``"TZYX"``; ``I`` and ``Q`` are the plain
        pages of a file that does not name its axes.
    shape : tuple of int
        Stored sizes, one per letter of `axes`.
    pixel_size : tuple of float, optional
        Height and width of a pixel (y, x), in `unit`; None unless both are positive numbers.
    z_spacing : float, optional
        Distance of consecutive slices, in `unit`; None unless it is a positive number.
    unit : str, optional
        Unit of length as stored, for example ``"micron"``.
    resolution : tuple of float, optional
        TIFF tags XResolution and YResolution (x, y): pixels per `resolution_unit`.
    resolution_unit : int
        TIFF tag ResolutionUnit: 1 none, 2 inch, 3 centimeter.
    imagej : mapping
        ImageJ metadata as stored; empty if the file is not from ImageJ.
    ome : mapping
        OME attributes of the pixels (``PhysicalSizeX`` ...); empty if the file is not OME-TIFF.
    description : str
        Text of the tag ImageDescription of the first page.
    path : Path, optional
        File or folder that was read.
    is_inverted : bool
        True if low values are to be shown bright (photometric interpretation "min is white").
    selection : str
        What was chosen from the file and what its slices are, in plain language.
    channel, timepoint : int, optional
        What was chosen where there are several, from 0.
    ignored : tuple of str
        What the file states but cannot be, such as a pixel size of NaN.
    offset : float
        Was subtracted from the stored intensities, see
        :mod:`autoStructN2V.datasets.images.offset`; 0 where they are read as they are.
    notes : tuple of str
        What a person should know about how the file is read; plain sentences.
    format : str
        Name of the file's format, see :mod:`autoStructN2V.datasets.images.formats.registry`.
    origin : tuple of float, optional
        Position (z, y, x) of the first pixel in `unit`, of formats that keep one.
    own : mapping
        What only the file's own format knows, kept for a result in the same format.
    """

    axes: str = "ZYX"
    shape: tuple[int, ...] = ()
    pixel_size: tuple[float, float] | None = None
    z_spacing: float | None = None
    unit: str | None = None
    resolution: tuple[float, float] | None = None
    resolution_unit: int = NO_UNIT
    imagej: Mapping[str, object] = field(default_factory=dict)
    ome: Mapping[str, object] = field(default_factory=dict)
    description: str = ""
    path: Path | None = None
    is_inverted: bool = False
    selection: str = ""
    channel: int | None = None
    timepoint: int | None = None
    ignored: tuple[str, ...] = ()
    offset: float = 0.0
    notes: tuple[str, ...] = ()
    format: str = "TIFF"
    origin: tuple[float, float, float] | None = None
    own: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.pixel_size is not None and None in map(positive_number, self.pixel_size):
            object.__setattr__(self, "pixel_size", None)
        object.__setattr__(self, "z_spacing", positive_number(self.z_spacing))

    @property
    def scale_um(self) -> tuple[float, float, float] | None:
        """Voxel size (z, y, x) in micrometers, None if the file does not state one.

        A missing slice distance counts as one pixel width.
        """
        factor = UNIT_IN_MICROMETERS.get((self.unit or "").strip().casefold())
        if factor is None or self.pixel_size is None:
            return None
        y, x = self.pixel_size
        return (self.z_spacing or x) * factor, y * factor, x * factor


def read_metadata(
    tif: TiffFile, axes: str, shape: tuple[int, ...], path: Path, image: int = 0
) -> ImageMetadata:
    """Collect what an open TIFF file states about an image.

    Parameters
    ----------
    tif : TiffFile
        Open file.
    axes : str
        Axes of the image as stored, or as the person named them.
    shape : tuple of int
        Sizes of these axes.
    path : Path
        Where the file lies.
    image : int
        Which image of the OME-XML.

    Returns
    -------
    ImageMetadata
        Scale and origin; `selection` is left empty.
    """
    page = tif.pages.first
    resolution, resolution_unit = _resolution(page)
    imagej = _unescaped(tif.imagej_metadata or {}) if tif.is_imagej else {}
    stated = read_ome(tif.ome_metadata, image) if tif.is_ome else OmeImage()
    ome = stated.attributes
    pixel_size, z_spacing, unit = _scale(resolution, resolution_unit, imagej, ome)
    return ImageMetadata(
        axes=axes,
        shape=shape,
        pixel_size=pixel_size,
        z_spacing=z_spacing,
        unit=unit,
        resolution=resolution,
        resolution_unit=resolution_unit,
        imagej=imagej,
        ome=ome,
        description=page.description or "",
        path=path,
        is_inverted=page.photometric is not None and int(page.photometric) == MIN_IS_WHITE,
        ignored=stated.ignored,
    )


def _unescaped(imagej: Mapping[str, object]) -> dict[str, object]:
    """Return ImageJ's entries with the characters that it escapes as in Java."""

    def character(match: re.Match[str]) -> str:
        return chr(int(match[1], 16))

    return {
        key: re.sub(r"\\u([0-9a-fA-F]{4})", character, value)
        if isinstance(value, str) and key != "Info"
        else value
        for key, value in imagej.items()
    }


def _resolution(page: TiffPage) -> tuple[tuple[float, float] | None, int]:
    """Read the resolution tags; (1, 1) without a unit is the placeholder of many writers."""
    unit_tag = page.tags.get(296)
    unit = unit_tag.value if unit_tag is not None else INCH
    unit = int(unit) if unit in (NO_UNIT, INCH, CENTIMETER) else NO_UNIT
    values = [_rational(page, code) for code in (282, 283)]
    if any(value is None for value in values):
        return None, unit
    x, y = (float(value) for value in values if value is not None)
    if (x, y) == (1.0, 1.0) and unit == NO_UNIT:
        return None, unit
    return (x, y), unit


def _rational(page: TiffPage, code: int) -> float | None:
    tag = page.tags.get(code)
    if tag is None:
        return None
    try:
        numerator, denominator = tag.value
        value = float(numerator) / float(denominator)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return value if math.isfinite(value) and value > 0 else None


def _scale(
    resolution: tuple[float, float] | None,
    resolution_unit: int,
    imagej: Mapping[str, object],
    ome: Mapping[str, object],
) -> tuple[tuple[float, float] | None, float | None, str | None]:
    """Return pixel size (y, x), slice distance and unit from the most specific source."""
    if "PhysicalSizeX" in ome and "PhysicalSizeY" in ome:
        unit = str(ome.get("PhysicalSizeXUnit", "µm"))
        size = (_length(ome, "Y", unit), _length(ome, "X", unit))
        z = _length(ome, "Z", unit) if "PhysicalSizeZ" in ome else None
        return size, z, unit
    pixel_size = None if resolution is None else (1.0 / resolution[1], 1.0 / resolution[0])
    z_spacing = positive_number(imagej.get("spacing"))
    if imagej.get("unit"):
        return pixel_size, z_spacing, str(imagej["unit"])
    named = {INCH: "inch", CENTIMETER: "cm"}.get(resolution_unit)
    return pixel_size, z_spacing, named if resolution else None


def _length(ome: Mapping[str, object], axis: str, unit: str) -> float:
    """Return a physical size of the OME metadata, converted to `unit`."""
    size = float(str(ome[f"PhysicalSize{axis}"]))  # positive: others are not kept
    own_unit = str(ome.get(f"PhysicalSize{axis}Unit", "µm"))
    if own_unit == unit:
        return size
    factors = [UNIT_IN_MICROMETERS.get(name.casefold(), 1.0) for name in (own_unit, unit)]
    return size * factors[0] / factors[1]
