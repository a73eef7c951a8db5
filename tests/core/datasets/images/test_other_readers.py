"""What other programs read in a file is read here too, and what a person says goes first."""

from __future__ import annotations

import struct
import uuid
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from autoStructN2V.datasets.images.checks import check_images
from autoStructN2V.datasets.images.reading import open_images
from autoStructN2V.datasets.images.sources import read_stack
from autoStructN2V.datasets.images.writing import write_stack
from autoStructN2V.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

RNG = np.random.default_rng(0)
STACK = RNG.integers(0, 1000, (4, 16, 20)).astype(np.uint16)
NAMESPACE = "http://www.openmicroscopy.org/Schemas/OME/2016-06"


def write_positions(folder: Path, names: Sequence[str], n_slices: int = 4) -> np.ndarray:
    """Write one position for each name, each file with the OME-XML of all; return all pixels."""
    ids = [uuid.UUID(int=number + 1) for number in range(len(names))]
    images = "".join(
        f'<Image ID="Image:{p}" Name="Pos{p}"><Pixels ID="Pixels:{p}" DimensionOrder="XYZTC" '
        f'Type="uint16" SizeX="20" SizeY="16" SizeZ="{n_slices}" SizeC="1" SizeT="1" '
        f'PhysicalSizeX="{p + 1}" PhysicalSizeY="{p + 1}">'
        f'<Channel ID="Channel:{p}:0" SamplesPerPixel="1"/>'
        + "".join(
            f'<TiffData FirstZ="{z}" IFD="{z}" PlaneCount="1"><UUID FileName="{name}">'
            f"urn:uuid:{ids[p]}</UUID></TiffData>"
            for z in range(n_slices)
        )
        + "</Pixels></Image>"
        for p, name in enumerate(names)
    )
    pixels = RNG.integers(0, 1000, (len(names), n_slices, 16, 20)).astype(np.uint16)
    for own, name, stack in zip(ids, names, pixels, strict=True):
        xml = f'<OME xmlns="{NAMESPACE}" UUID="urn:uuid:{own}">{images}</OME>'
        with tifffile.TiffWriter(folder / name) as writer:
            for z, image in enumerate(stack):
                description = xml.encode() if z == 0 else None
                writer.write(image, description=description, metadata=None, contiguous=False)
    return pixels


@pytest.mark.parametrize("n_slices", [1, 4])
@pytest.mark.parametrize("ending", [".ome.tif", ".tif"])
def test_each_position_of_a_micromanager_folder_is_one_image(tmp_path, n_slices, ending):
    names = [f"x_MMStack_Pos{p}{ending}" for p in range(3)]
    pixels = write_positions(tmp_path, names, n_slices)
    sources = open_images(tmp_path, mode="2D")
    assert len(sources) == 3
    for source, stack in zip(sources, pixels, strict=True):
        assert np.array_equal(read_stack(source), stack)
    (second,) = open_images(tmp_path / names[1], mode="2D")
    assert np.array_equal(read_stack(second), pixels[1])
    assert second.metadata.pixel_size == (2.0, 2.0)


def test_a_position_without_the_others_is_read(tmp_path):
    pixels = write_positions(tmp_path, ["a.ome.tif", "b.ome.tif"])
    (tmp_path / "b.ome.tif").rename(tmp_path / "renamed.tif")
    (tmp_path / "a.ome.tif").unlink()
    (source,) = open_images(tmp_path, mode="2.5D")
    assert np.array_equal(read_stack(source), pixels[1])


@pytest.mark.parametrize("names", [("a.tif", "b.tif"), ("b.tif", "a.tif"), ("z.ome.tif", "1.tif")])
@pytest.mark.parametrize("has_xml_in_both", [True, False])
def test_an_image_over_several_files_counts_once(tmp_path, names, has_xml_in_both):
    ids = [uuid.UUID(int=number + 1) for number in range(2)]
    data = "".join(
        f'<TiffData FirstZ="{z}" IFD="0" PlaneCount="1"><UUID FileName="{name}">urn:uuid:{ids[z]}'
        "</UUID></TiffData>"
        for z, name in enumerate(names)
    )
    pixels = (
        '<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" SizeX="20" SizeY="16" '
        f'SizeZ="2" SizeC="1" SizeT="1">{data}</Pixels>'
    )
    for z, name in enumerate(names):
        inside = f'<Image ID="Image:0">{pixels}</Image>'
        if z == 1 and not has_xml_in_both:
            inside = f'<BinaryOnly MetadataFile="{names[0]}" UUID="urn:uuid:{ids[0]}"/>'
        xml = f'<OME xmlns="{NAMESPACE}" UUID="urn:uuid:{ids[z]}">{inside}</OME>'
        tifffile.imwrite(tmp_path / name, STACK[z], description=xml.encode(), metadata=None)
    (source,) = open_images(tmp_path, mode="2.5D")
    assert np.array_equal(read_stack(source), STACK[:2])


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_tiles_that_were_left_empty_are_zeros(tmp_path, compression):
    image = RNG.integers(1, 1000, (96, 96)).astype(np.uint16)
    empty = {(0, 2), (2, 2)}
    expected = image.copy()
    for i, j in empty:
        expected[32 * i : 32 * i + 32, 32 * j : 32 * j + 32] = 0
    tiles = (
        None if (i, j) in empty else image[32 * i : 32 * i + 32, 32 * j : 32 * j + 32]
        for i in range(3)
        for j in range(3)
    )
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(
            tiles, shape=image.shape, dtype="uint16", tile=(32, 32), compression=compression
        )
    (source,) = open_images(tmp_path / "a.tif", mode="2D")
    assert np.array_equal(source.read_slice(0), expected)


def with_broken_tag(path: Path, tag: int) -> None:
    """Write an image whose tag of this number points far behind the end of the file."""
    extra = [(tag, 2, 0, "x" * 500, True)] if tag > 60000 else []
    tifffile.imwrite(path, STACK[0], extratags=extra, description="d" * 50, metadata=None)
    content = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as tif:
        offset = tif.pages[0].tags[tag].offset
    content[offset + 8 : offset + 12] = struct.pack("<I", 10**8)
    path.write_bytes(content)


@pytest.mark.parametrize("tag", [65100, 305])
def test_a_broken_tag_that_says_nothing_of_the_pixels_does_no_harm(tmp_path, tag):
    with_broken_tag(tmp_path / "a.tif", tag)
    (source,) = open_images(tmp_path / "a.tif", mode="2D")
    assert np.array_equal(source.read_slice(0), STACK[0])


def test_a_broken_description_is_refused_because_it_may_name_the_axes(tmp_path):
    with_broken_tag(tmp_path / "a.tif", 270)
    with pytest.raises(InputError, match="incomplete"):
        open_images(tmp_path / "a.tif", mode="2D")


@pytest.mark.parametrize("n", [3, 4])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_planar_color_that_imwrite_makes_of_a_stack_is_a_stack(tmp_path, n, dtype):
    stack = STACK[:n].astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="rgb", planarconfig="separate")
    (source,) = open_images(tmp_path / "a.tif", mode="2D")
    assert np.array_equal(read_stack(source), stack)
    (note,) = check_images([source], patch_size=1, mode="2D")
    assert f"read as a stack of {n} slices" in note
    for axes in ("ZYX", "TYX"):
        (stated,) = open_images(tmp_path / "a.tif", mode="2D", axes=axes)
        assert np.array_equal(read_stack(stated), stack)
        assert check_images([stated], patch_size=1, mode="2D") == []
    (channel,) = open_images(tmp_path / "a.tif", mode="2D", axes="CYX", channel=2)
    assert np.array_equal(read_stack(channel), stack[2:3])
    write_stack(tmp_path / "b.tif", read_stack(source), source, output_dtype="input")
    (copy,) = open_images(tmp_path / "b.tif", mode="2D")
    assert np.array_equal(read_stack(copy), stack)


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_color_is_refused_unless_the_axes_are_stated(tmp_path, planar, compression):
    image = STACK[:3] if planar == "separate" else np.moveaxis(STACK[:3], 0, -1)
    options = {"photometric": "rgb", "planarconfig": planar, "metadata": None}
    tifffile.imwrite(tmp_path / "a.tif", image, compression=compression, **options)
    with pytest.raises(InputError, match=r"color \(RGB\) image with 3 samples"):
        open_images(tmp_path / "a.tif", mode="2D")
    axes = "CYX" if planar == "separate" else "YXC"
    (source,) = open_images(tmp_path / "a.tif", mode="2D", axes=axes, channel=1)
    assert np.array_equal(source.read_slice(0), STACK[1])


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("n", [2, 3, 5])
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_samples_that_are_no_colors_are_channels(tmp_path, compression, n, planar):
    stack = RNG.integers(0, 1000, (n, 16, 20)).astype(np.uint16)
    image = stack if planar == "separate" else np.moveaxis(stack, 0, -1)
    tifffile.imwrite(
        tmp_path / "a.tif",
        image,
        photometric="minisblack",
        planarconfig=planar,
        metadata=None,
        compression=compression,
    )
    with pytest.raises(InputError, match=f"{n} channels; choose one"):
        open_images(tmp_path / "a.tif", mode="2D")
    for channel in range(n):
        (source,) = open_images(tmp_path / "a.tif", mode="2D", channel=channel)
        assert np.array_equal(source.read_slice(0), stack[channel])
        assert source.metadata.channel == channel


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"rowsperstrip": 1}])
@pytest.mark.parametrize("shape", [(6, 16, 20, 2), (16, 20, 5)])
def test_a_channel_axis_that_comes_last_can_be_stated(tmp_path, options, shape):
    stack = RNG.integers(0, 1000, shape).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="minisblack", **options)
    axes = "ZYXC"[-len(shape) :]
    for channel in (0, shape[-1] - 1):
        (source,) = open_images(tmp_path / "a.tif", mode="2D", axes=axes, channel=channel)
        assert np.array_equal(read_stack(source), stack[..., channel].reshape(-1, 16, 20))


@pytest.mark.parametrize(
    "shape", [(3, 16, 1), (16, 1), (3, 1, 16), (3, 1, 1), (2, 3, 5, 1), (2, 1)]
)
@pytest.mark.parametrize("dtype", ["uint16", "float64"])
def test_images_of_one_pixel_in_width_or_height_come_back(tmp_path, shape, dtype):
    stack = RNG.integers(0, 1000, shape).astype(dtype)
    axes = "TZYX"[-len(shape) :]
    metadata = {"axes": axes}
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="minisblack", metadata=metadata)
    (source,) = open_images(tmp_path / "a.tif", mode="2D")
    write_stack(tmp_path / "b.tif", read_stack(source), source, output_dtype="input")
    assert np.array_equal(tifffile.imread(tmp_path / "b.tif"), stack)
    (copy,) = open_images(tmp_path / "b.tif", mode="2D")
    assert copy.original_axes_shape == (axes, shape)
    assert np.array_equal(read_stack(copy), read_stack(source))


def test_a_list_of_pages_that_runs_in_a_circle_is_refused(tmp_path):
    options = {"photometric": "minisblack", "metadata": None}
    tifffile.imwrite(tmp_path / "a.tif", STACK, compression="zlib", **options)
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        first, last = (tif.pages[z] for z in (0, 3))
        link = last.offset + 2 + 12 * len(last.tags)
    content = bytearray((tmp_path / "a.tif").read_bytes())
    content[link : link + 4] = struct.pack("<I", first.offset)
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(InputError, match="list of pages"):
        open_images(tmp_path / "a.tif", mode="2D")


def test_a_size_of_zero_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", STACK[0], compression="zlib", metadata=None)
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+") as tif:
        tif.pages[0].tags["ImageWidth"].overwrite(0)
    with pytest.raises(InputError):
        open_images(tmp_path / "a.tif", mode="2D")


def test_a_size_that_no_such_file_can_hold_is_refused_before_it_is_read(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", STACK[0], compression="zlib", metadata=None)
    with tifffile.TiffFile(tmp_path / "a.tif", mode="r+") as tif:
        for name in ("ImageWidth", "ImageLength", "RowsPerStrip"):
            tif.pages[0].tags[name].overwrite(60_000)
    with pytest.raises(InputError, match="60000 x 60000 pixels, far more than"):
        open_images(tmp_path / "a.tif", mode="2D")


@pytest.mark.parametrize("mode", ["2D", "2.5D"])
def test_a_broken_link_among_slices_is_refused_by_name(tmp_path, mode):
    for z in (0, 2):
        tifffile.imwrite(tmp_path / f"{z}.tif", STACK[z])
    (tmp_path / "1.tif").symlink_to(tmp_path / "gone.tif")
    with pytest.raises(InputError, match=r"1\.tif is a link to a file that does not exist"):
        open_images(tmp_path, mode=mode)
