"""What the OME-XML of a file says about its images: sizes, times, names, positions."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from xml.etree import ElementTree

if TYPE_CHECKING:
    from collections.abc import Mapping
    from xml.etree.ElementTree import Element

_SIZES = ("PhysicalSize", "TimeIncrement")
_STAGE = ("PositionX", "PositionY")


@dataclass(frozen=True)
class OmeImage:
    """What is said about one image.

    Attributes
    ----------
    attributes : dict
        Physical sizes and time increment as positive numbers, their units as text, ``Name``,
        ``ChannelNames`` (tuple of str) and, where they are stated, ``AcquisitionDate``,
        ``PositionX`` and ``PositionY`` (stage, of the first plane) with their units.
    ignored : tuple of str
        What is stated but cannot be, such as ``PhysicalSizeX="NaN"``.
    """

    attributes: Mapping[str, object] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()


def read_ome(xml: str | None, index: int = 0) -> OmeImage:
    """Read what an OME-XML text says about one image; nothing if there is no such image.

    Parameters
    ----------
    xml : str, optional
        Text of the tag ImageDescription.
    index : int
        Which image, in the order of the text.
    """
    try:
        root = ElementTree.fromstring(xml or "")
    except ElementTree.ParseError:
        return OmeImage()
    images = root.findall("{*}Image")
    pixels = images[index].find("{*}Pixels") if index < len(images) else None
    if pixels is None:
        return OmeImage()
    kept, ignored = _sizes(pixels)
    kept["Name"] = images[index].get("Name", "")
    kept["ChannelNames"] = tuple(c.get("Name", "") for c in pixels.findall("{*}Channel"))
    date = images[index].findtext("{*}AcquisitionDate")
    if date:
        kept["AcquisitionDate"] = date.strip()
    kept |= _stage_position(pixels)
    return OmeImage(kept, tuple(ignored))


def positive_number(text: object) -> float | None:
    """Return a stated length or time, None if it is no finite number above zero.

    A single comma is a decimal comma, as some programs write it under some locales.

    Parameters
    ----------
    text : object
        Number, or its text.
    """
    value = number(text)
    return value if value is not None and value > 0 else None


def number(text: object) -> float | None:
    """Return a stated number, None if it is not finite; see :func:`positive_number`."""
    stated = str(text).strip()
    if stated.count(",") == 1 and "." not in stated:
        stated = stated.replace(",", ".")
    try:
        value = float(stated)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _sizes(pixels: Element) -> tuple[dict[str, object], list[str]]:
    kept: dict[str, object] = {}
    ignored = []
    for key, text in pixels.attrib.items():
        if not key.startswith(_SIZES):
            continue
        value = text if key.endswith("Unit") else positive_number(text)
        if value is None:
            ignored.append(f'{key}="{text:.40}"')
        else:
            kept[key] = value
    return kept, ignored


def _stage_position(pixels: Element) -> dict[str, object]:
    plane = pixels.find("{*}Plane")
    position: dict[str, object] = {}
    if plane is None:
        return position
    for key in _STAGE:
        value = number(plane.get(key))
        if value is not None:
            position[key] = value
            position[f"{key}Unit"] = plane.get(f"{key}Unit", "reference frame")
    return position
