"""What a source says about itself is kept where it can be, and never costs the pixels."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile

from autoStructN2V.datasets.images.checks import as_source
from autoStructN2V.datasets.images.formats.notes import header_notes
from autoStructN2V.datasets.images.metadata import ImageMetadata
from autoStructN2V.datasets.images.reading import open_images
from autoStructN2V.datasets.images.sources import read_stack
from autoStructN2V.datasets.images.writing import write_stack

if TYPE_CHECKING:
    from pathlib import Path

    from autoStructN2V.datasets.images.sources import ImageSource

PIXELS = np.arange(2 * 16 * 24, dtype=np.uint16).reshape(2, 16, 24)
NAMESPACE = "http://www.openmicroscopy.org/Schemas/OME/2016-06"


def ome_file(path: Path, attributes: str = "", inside: str = "", before: str = "") -> ImageSource:
    """Write two slices or channels with any OME-XML, and open them (the last channel of two)."""
    n_channels = max(1, inside.count("<Channel"))
    channels = inside if n_channels > 1 else '<Channel ID="Channel:0:0" SamplesPerPixel="1"/>'
    planes = "" if n_channels > 1 else inside
    xml = (
        f'<?xml version="1.0" encoding="UTF-8"?><OME xmlns="{NAMESPACE}"><Image ID="Image:0" '
        f'Name="n">{before}<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" SizeX="24" '
        f'SizeY="16" SizeZ="{2 // n_channels}" SizeC="{n_channels}" SizeT="1" {attributes}>'
        f"{channels}<TiffData/>{planes}</Pixels></Image></OME>"
    )
    tifffile.imwrite(path, PIXELS, description=xml.encode(), metadata=None, photometric=1)
    channel = 1 if n_channels > 1 else None
    (source,) = open_images(path, mode="2D", channel=channel)
    return source


def imagej_file(path: Path, description: bytes) -> ImageSource:
    """Write two slices with any ImageJ description, and open them."""
    resolution: dict[str, Any] = {"resolution": (5, 5), "resolutionunit": 1}
    tifffile.imwrite(
        path, PIXELS, description=description, metadata=None, photometric=1, **resolution
    )
    (source,) = open_images(path, mode="2D")
    return source


def rewritten(source: ImageSource, path: Path) -> ImageSource:
    """Write the pixels of a source with its metadata, and open the result."""
    write_stack(path, read_stack(source), source, output_dtype="input")
    (copy,) = open_images(path, mode="2D")
    assert np.array_equal(read_stack(copy), read_stack(source))
    return copy


@pytest.mark.parametrize("text", ["0.0", "NaN", "", "-1", "inf", "about 3", "1,234,5"])
@pytest.mark.parametrize("name", ["PhysicalSizeX", "PhysicalSizeY", "PhysicalSizeZ"])
def test_a_size_that_is_no_length_is_left_out_with_a_note(tmp_path, text, name):
    sizes = dict.fromkeys(("PhysicalSizeX", "PhysicalSizeY", "PhysicalSizeZ"), "0.5") | {name: text}
    attributes = " ".join(f'{key}="{value}"' for key, value in sizes.items())
    source = ome_file(tmp_path / "a.ome.tif", attributes)
    (note,) = header_notes([source], "float32")
    assert f'{name}="{text}"' in note
    copy = rewritten(source, tmp_path / "b.ome.tif")
    assert name not in copy.metadata.ome
    assert (copy.metadata.pixel_size is None) == (name != "PhysicalSizeZ")


def test_a_decimal_comma_is_read_as_one(tmp_path):
    source = ome_file(tmp_path / "a.ome.tif", 'PhysicalSizeX="0,108" PhysicalSizeY="0,108"')
    assert source.metadata.pixel_size == (0.108, 0.108)
    assert header_notes([source], "float32") == []
    assert rewritten(source, tmp_path / "b.tif").metadata.pixel_size == (0.108, 0.108)


@pytest.mark.parametrize("spacing", ["0.0", "NaN", "-2", "abc", ""])
def test_imagej_spacing_that_is_no_length(tmp_path, spacing):
    description = f"ImageJ=1.54f\nimages=2\nslices=2\nunit=um\nspacing={spacing}\n"
    source = imagej_file(tmp_path / "a.tif", description.encode())
    assert source.metadata.z_spacing is None
    assert rewritten(source, tmp_path / "b.tif").metadata.pixel_size == (0.2, 0.2)


@pytest.mark.parametrize(
    ("written", "read"),
    [("Å", "Å"), ("µm", "µm"), ("\\u00B5m", "µm"), ("ångström", "ångström"), ("微米", "微米")],
)
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_units_that_are_not_ascii_survive(tmp_path, written, read, encoding):
    if encoding == "cp1252" and not written.isascii() and read == "微米":
        pytest.skip("cp1252 has no such letters")
    text = f"ImageJ=1.54f\nimages=2\nslices=2\nunit={written}\nsample=Müller 1\n"
    source = imagej_file(tmp_path / "a.tif", text.encode(encoding))
    assert source.metadata.unit == read
    assert header_notes([source], "float32") == []
    copy = rewritten(source, tmp_path / "b.tif")
    assert (copy.metadata.unit, copy.metadata.imagej["sample"]) == (read, "Müller 1")
    with tifffile.TiffFile(tmp_path / "b.tif") as tif:
        assert tif.pages[0].tags["ImageDescription"].value.isascii()


def test_letters_beyond_the_basic_plane_are_written_as_java_does(tmp_path):
    metadata = ImageMetadata(imagej={"title": "🔬 µ"}, axes="YX", shape=(16, 24))
    source = as_source(PIXELS[0], metadata=metadata)
    write_stack(tmp_path / "b.tif", PIXELS[:1], source, output_dtype="input")
    with tifffile.TiffFile(tmp_path / "b.tif") as tif:
        assert r"title=\uD83D\uDD2C \u00B5" in tif.pages[0].tags["ImageDescription"].value


@pytest.mark.parametrize("unit", ["Å", "angstrom", "ångström", "å"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_pixel_size_in_angstrom_is_written(tmp_path, unit, dtype):
    metadata = ImageMetadata(
        axes="ZYX", shape=PIXELS.shape, pixel_size=(13.5, 13.5), z_spacing=20.0, unit=unit
    )
    source = as_source(PIXELS.astype(dtype), metadata=metadata)
    copy = rewritten(source, tmp_path / "b.tif")
    assert copy.metadata.scale_um == pytest.approx((20e-4, 13.5e-4, 13.5e-4))


def test_what_cannot_be_written_is_left_out_and_told(tmp_path):
    class Odd:
        """Cannot be made text."""

        def __str__(self) -> str:
            raise RuntimeError("no")

    flawed = ImageMetadata(
        axes="ZYX",
        shape=PIXELS.shape,
        pixel_size=(0.5, 0.5),
        unit="um",
        imagej={"odd": Odd(), "finterval": 2.0, "LUTs": "no tables"},
    )
    source = as_source(PIXELS, name="cells", metadata=flawed)
    (note,) = header_notes([source], "float32")
    assert "cells" in note
    assert "(LUTs, odd)" in note
    copy = rewritten(source, tmp_path / "b.tif")
    assert copy.metadata.imagej["finterval"] == 2.0
    assert copy.metadata.pixel_size == (0.5, 0.5)


def test_sizes_of_layers_and_arrays_that_are_no_lengths(tmp_path):
    for size in (0.0, float("nan"), float("inf"), -1.0, 1e-300, 1e300):
        metadata = ImageMetadata(
            axes="ZYX", shape=PIXELS.shape, pixel_size=(1.0, size), z_spacing=size, unit="um"
        )
        for dtype in ("uint16", "float64"):
            source = as_source(PIXELS.astype(dtype), metadata=metadata)
            rewritten(source, tmp_path / "b.tif")


def test_metadata_that_people_need_is_kept(tmp_path):
    planes = "".join(
        f'<Plane TheZ="{z}" TheC="0" TheT="0" PositionX="12.5" PositionY="-3" '
        f'PositionXUnit="µm" PositionYUnit="µm"/>'
        for z in range(2)
    )
    date = "<AcquisitionDate>2021-03-04T05:06:07</AcquisitionDate>"
    attributes = 'PhysicalSizeX="0.5" PhysicalSizeY="0.5" TimeIncrement="2"'
    source = ome_file(tmp_path / "a.ome.tif", attributes, planes, before=date)
    copy = rewritten(source, tmp_path / "b.ome.tif")
    for key in ("AcquisitionDate", "PositionX", "PositionY", "PositionXUnit"):
        assert copy.metadata.ome[key] == source.metadata.ome[key]
    assert copy.metadata.ome["PositionX"] == 12.5


def test_the_name_of_the_chosen_channel_is_kept(tmp_path):
    channels = '<Channel ID="C:0" Name="DAPI"/><Channel ID="C:1" Name="GFP &amp; Å"/>'
    source = ome_file(tmp_path / "a.ome.tif", inside=channels)
    copy = rewritten(source, tmp_path / "b.ome.tif")
    assert copy.metadata.ome["ChannelNames"] == ("GFP & Å",)


def test_a_header_of_many_planes_is_tried_in_no_time():
    metadata = ImageMetadata(axes="ZYX", shape=(20_000, 16, 24), unit="um", pixel_size=(1, 1))
    source = as_source(np.broadcast_to(PIXELS[:1], (20_000, 16, 24)), metadata=metadata)
    started = time.monotonic()
    for dtype in ("float32", "input"):
        assert header_notes([source], dtype) == []
    copied = as_source(np.zeros((2, 16, 24)), metadata=replace(metadata, ome={"Name": "x"}))
    assert header_notes([copied], "float32") == []
    assert time.monotonic() - started < 20
