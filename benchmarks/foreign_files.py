"""Image files written by other programs, and what other programs read in a file.

Each writer gets the same record of what is to be in the file; :func:`facts_of` reads it back
without this program.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import h5py
import mrcfile
import ngff_zarr
import numpy as np
import ome_types
import tifffile
import zarr
from ome_zarr.format import FormatV04
from ome_zarr.writer import write_image
from pylibCZIrw import czi

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_ANGSTROM_PER_UM = 1e4
_UM_PER_UNIT = {"micrometer": 1.0, "nanometer": 1e-3, "angstrom": 1e-4, "micron": 1.0, "µm": 1.0}
_SPACE = "zyx"
_WINDOW = {"min": 0, "max": 65535, "start": 0, "end": 65535}


@dataclass(frozen=True)
class Facts:
    """What a file says of its image.

    Parameters
    ----------
    axes : str
        A letter for each axis that is longer than one, as stored.
    sizes : tuple of int
        Length of each of `axes`.
    scale : dict of str to float
        Micrometers from pixel to pixel, of the axes of space.
    unit : str
        Unit of length as stored.
    channels : tuple of str
        Names of the channels; empty where the format has none.
    interval : float, optional
        Seconds from frame to frame.
    """

    axes: str
    sizes: tuple[int, ...]
    scale: dict[str, float]
    unit: str
    channels: tuple[str, ...] = ()
    interval: float | None = None

    def differences(self, other: Facts) -> list[str]:
        """Name the fields that differ."""
        wrong = [
            f"{name} {getattr(self, name)} instead of {getattr(other, name)}"
            for name in ("axes", "sizes", "channels", "interval")
            if getattr(self, name) != getattr(other, name)
        ]
        same = self.scale.keys() == other.scale.keys() and all(
            np.isclose(size, other.scale[axis], rtol=1e-5) for axis, size in self.scale.items()
        )
        return wrong if same else [*wrong, f"scale {self.scale} instead of {other.scale}"]

    def long_axes(self) -> Facts:
        """Return the same without axes of length one."""
        kept = [(letter, n) for letter, n in zip(self.axes, self.sizes, strict=True) if n > 1]
        axes = "".join(letter for letter, _ in kept)
        scale = {letter: size for letter, size in self.scale.items() if letter in axes}
        return replace(self, axes=axes, sizes=tuple(n for _, n in kept), scale=scale)


def write_by_ome_zarr(path: Path, image: NDArray[Any], facts: Facts) -> None:
    """Write OME-Zarr 0.4 (Zarr 2)."""
    group = zarr.open_group(path, mode="w", zarr_format=2)
    channels: list[Any] = [
        {"label": name, "color": "FFFFFF", "window": _WINDOW} for name in facts.channels
    ]
    scale, units = _sizes_of(facts)
    write_image(
        image,
        group,
        scale_factors=(2,),
        fmt=FormatV04(),
        axes=facts.axes,
        scale=scale,
        axes_units=units,
    )
    group.attrs["omero"] = {"channels": channels}


def _sizes_of(facts: Facts) -> tuple[dict[str, float], dict[str, str]]:
    """Return the scale of the axes in their units, and the units."""
    scale = {axis: size / _UM_PER_UNIT[facts.unit] for axis, size in facts.scale.items()}
    units = dict.fromkeys(facts.scale, facts.unit)
    if facts.interval is not None:
        scale["t"], units["t"] = facts.interval, "second"
    return scale, units


def write_by_ngff_zarr(path: Path, image: NDArray[Any], facts: Facts) -> None:
    """Write OME-Zarr 0.5 (Zarr 3)."""
    scale, units = _sizes_of(facts)
    named: dict[str, Any] = {"dims": list(facts.axes), "scale": scale, "axes_units": units}
    ngff_image = ngff_zarr.to_ngff_image(image, **named)
    multiscales = ngff_zarr.to_multiscales(ngff_image, scale_factors=[{"z": 1, "y": 2, "x": 2}])
    window = ngff_zarr.OmeroWindow(**_WINDOW)
    channels = [ngff_zarr.OmeroChannel("FFFFFF", window, name) for name in facts.channels]
    multiscales.metadata.omero = ngff_zarr.Omero(channels) if channels else None
    ngff_zarr.to_ngff_zarr(str(path), multiscales, version="0.5")


def write_by_mrcfile(path: Path, image: NDArray[Any], facts: Facts) -> None:
    """Write an MRC file of sections."""
    with mrcfile.new(path, overwrite=True) as file:
        file.set_data(image)
        x, y, z = (facts.scale[axis] * _ANGSTROM_PER_UM for axis in "xyz")
        file.voxel_size = (x, y, z)


def write_by_h5py(path: Path, image: NDArray[Any], facts: Facts) -> None:
    """Write an HDF5 file with one dataset, ``/data``, and the size of its elements."""
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset("data", data=image, chunks=True, compression="gzip")
        dataset.attrs["element_size_um"] = [facts.scale[axis] for axis in _SPACE]


def write_by_pylibczirw(path: Path, image: NDArray[Any], facts: Facts) -> None:
    """Write a CZI file, plane by plane."""
    others = facts.axes[:-2]
    with czi.create_czi(str(path), exist_ok=True) as file:
        for place in np.ndindex(image.shape[:-2]):
            plane = {letter.upper(): i for letter, i in zip(others, place, strict=True)}
            file.write(np.ascontiguousarray(image[place])[..., None], plane=plane)
        file.write_metadata(
            document_name=path.stem,
            channel_names=dict(enumerate(facts.channels)),
            **{f"scale_{axis}": size * 1e-6 for axis, size in facts.scale.items()},
        )


def write_ome_tiff(path: Path, image: NDArray[Any], facts: Facts) -> None:
    """Write an OME-TIFF."""
    metadata: dict[str, Any] = {"axes": facts.axes.upper(), "Channel": {"Name": facts.channels}}
    for axis, size in facts.scale.items():
        letter = axis.upper()
        metadata |= {f"PhysicalSize{letter}": size, f"PhysicalSize{letter}Unit": "µm"}
    if facts.interval is not None:
        metadata |= {"TimeIncrement": facts.interval, "TimeIncrementUnit": "s"}
    tifffile.imwrite(path, image, ome=True, metadata=metadata)


def write_imagej(path: Path, image: NDArray[Any], facts: Facts) -> None:
    """Write a hyperstack of ImageJ."""
    metadata = {"axes": facts.axes.upper(), "unit": "micron", "spacing": facts.scale["z"]}
    if facts.interval is not None:
        metadata["finterval"] = facts.interval
    resolution = (1.0 / facts.scale["x"], 1.0 / facts.scale["y"])
    tifffile.imwrite(path, image, imagej=True, metadata=metadata, resolution=resolution)


def facts_of(path: Path) -> tuple[NDArray[Any], Facts]:
    """Read a file by other programs than this one: its pixels and what it says of them."""
    if path.suffix == ".zarr":
        return _facts_of_ome_zarr(path)
    if path.suffix == ".mrc":
        return _facts_of_mrc(path)
    with tifffile.TiffFile(path) as file:
        return _facts_of_ome_tiff(file) if file.is_ome else _facts_of_imagej(file)


def _facts_of_ome_zarr(path: Path) -> tuple[NDArray[Any], Facts]:
    multiscales = ngff_zarr.from_ngff_zarr(str(path), validate=True)
    image = multiscales.images[0]
    units = image.axes_units or {}
    space = [axis for axis in image.dims if axis in _SPACE]
    scale = {k: image.scale[k] * _UM_PER_UNIT[units[k] or "micrometer"] for k in space}
    omero = multiscales.metadata.omero
    names = tuple(str(channel.label) for channel in omero.channels) if omero else ()
    interval = image.scale.get("t") if "t" in image.dims and units.get("t") else None
    axes = "".join(image.dims)
    unit = str(units.get("x"))
    return np.asarray(image.data), Facts(axes, image.data.shape, scale, unit, names, interval)


def _facts_of_mrc(path: Path) -> tuple[NDArray[Any], Facts]:
    problems = io.StringIO()
    if not mrcfile.validate(path, print_file=problems):
        raise ValueError(problems.getvalue())
    with mrcfile.open(path) as file:
        size = file.voxel_size
        scale = {axis: float(size[axis]) / _ANGSTROM_PER_UM for axis in _SPACE}
        return file.data.copy(), Facts(_SPACE, file.data.shape, scale, "angstrom")


def _facts_of_ome_tiff(file: tifffile.TiffFile) -> tuple[NDArray[Any], Facts]:
    series = file.series[0]
    pixels = ome_types.from_xml(file.ome_metadata or "").images[0].pixels
    axes = series.axes.lower()
    scale = {k: getattr(pixels, f"physical_size_{k}_quantity") for k in _SPACE if k in axes}
    lengths = {k: float(size.to("micrometer").magnitude) for k, size in scale.items() if size}
    names = tuple(channel.name or "" for channel in pixels.channels)
    interval = pixels.time_increment if "t" in axes else None
    facts = Facts(axes, series.shape, lengths, "µm", names if any(names) else (), interval)
    return series.asarray(), facts


def _facts_of_imagej(file: tifffile.TiffFile) -> tuple[NDArray[Any], Facts]:
    series, metadata = file.series[0], file.imagej_metadata or {}
    tags = file.pages.first.tags
    scale = {k: _per_pixel(tags[f"{k.upper()}Resolution"].value) for k in "yx"}
    if "spacing" in metadata:
        scale["z"] = float(metadata["spacing"])
    unit = str(metadata.get("unit"))
    interval = metadata.get("finterval")
    return series.asarray(), Facts(series.axes.lower(), series.shape, scale, unit, (), interval)


def _per_pixel(resolution: tuple[int, int]) -> float:
    return resolution[1] / resolution[0]
