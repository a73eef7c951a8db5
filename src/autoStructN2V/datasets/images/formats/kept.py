"""What results keep of their inputs, whatever the formats of both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoStructN2V.datasets.images.ome import positive_number

if TYPE_CHECKING:
    from autoStructN2V.datasets.images.metadata import ImageMetadata

_TIME_UNITS = {
    "s": "second",
    "sec": "second",
    "ms": "millisecond",
    "µs": "microsecond",
    "min": "minute",
    "h": "hour",
}


def channel_names(metadata: ImageMetadata, axes: str, shape: tuple[int, ...]) -> list[str]:
    """Return the names of the channels of a result; empty if they are not known.

    Parameters
    ----------
    metadata : ImageMetadata
        Of the input; says which channel was chosen.
    axes, shape
        Of the result.
    """
    stated = metadata.ome.get("ChannelNames", ())
    names = list(stated) if isinstance(stated, tuple) else []
    if "C" not in axes and metadata.channel is not None:
        names = names[metadata.channel : metadata.channel + 1]
    n_channels = dict(zip(axes, shape, strict=True)).get("C", 1)
    return names if any(names) and len(names) == n_channels else []


def time_increment(metadata: ImageMetadata) -> tuple[float, str] | None:
    """Return the time from frame to frame and its unit in full, as ``second``."""
    stated = metadata.ome.get("TimeIncrement", metadata.imagej.get("finterval"))
    value = positive_number(stated)
    unit = _TIME_UNITS.get(str(metadata.ome.get("TimeIncrementUnit", "s")))
    return None if value is None or unit is None else (value, unit)
