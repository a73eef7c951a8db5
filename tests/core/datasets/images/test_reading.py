"""Reading: every page of every kind of TIFF, or one clear sentence that says why not."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from autoStructN2V.datasets.images.reading import list_images, open_images
from autoStructN2V.datasets.images.sources import ArraySource, ImageSource, read_stack
from autoStructN2V.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

DTYPES = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "float16", "float32", "float64"]


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def _stack(rng: np.random.Generator, *shape: int, dtype: str = "uint16") -> np.ndarray:
    return rng.integers(0, 100, shape).astype(dtype)


def _open_one(path: Path, mode: str = "2.5D", **choices: object) -> ImageSource:
    sources = open_images(path, mode=mode, **choices)
    assert len(sources) == 1
    return sources[0]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"byteorder": ">"}])
def test_all_pages_of_all_data_types(tmp_path, rng, dtype, options):
    stack = _stack(rng, 5, 17, 23, dtype=dtype)
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="minisblack", **options)
    source = _open_one(tmp_path / "a.tif")
    assert isinstance(source, ImageSource)
    assert (source.name, source.shape, source.dtype) == ("a", (5, 17, 23), np.dtype(dtype))
    read = read_stack(source)
    assert read.dtype == np.float32
    assert np.array_equal(read, stack.astype(np.float32))


@pytest.mark.parametrize(
    "options",
    [
        {"tile": (16, 16), "compression": "zlib"},
        {"rowsperstrip": 5, "compression": "lzw", "predictor": True},
        {"bigtiff": True},
        {"metadata": None},
        {"volumetric": True, "tile": (4, 16, 16)},
        {"photometric": "miniswhite"},
    ],
)
def test_layouts_of_the_pixels(tmp_path, rng, options):
    stack = _stack(rng, 8, 33, 40)
    tifffile.imwrite(tmp_path / "a.tif", stack, **({"photometric": "minisblack"} | options))
    assert np.array_equal(read_stack(_open_one(tmp_path / "a.tif")), stack)


def test_a_slice_can_be_read_in_any_order_and_changed(tmp_path, rng):
    stack = _stack(rng, 4, 9, 9)
    tifffile.imwrite(tmp_path / "a.tif", stack, compression="zlib", photometric="minisblack")
    source = _open_one(tmp_path / "a.tif")
    for z in (3, 0, 3):
        image = source.read_slice(z)
        assert np.array_equal(image, stack[z])
        image[:] = -1
    with pytest.raises(IndexError):
        source.read_slice(4)


def test_files_are_closed_between_slices(tmp_path, rng):
    stack = _stack(rng, 4, 9, 9)
    tifffile.imwrite(tmp_path / "a.tif", stack, compression="zlib", photometric="minisblack")
    source = _open_one(tmp_path / "a.tif")
    source.read_slice(0)
    (tmp_path / "a.tif").rename(tmp_path / "b.tif")
    with pytest.raises(InputError, match=r"Slice 1 of .*a\.tif cannot be read"):
        source.read_slice(1)


def test_imagej_hyperstack_scale_and_choices(tmp_path, rng):
    stack = _stack(rng, 3, 5, 2, 16, 24)
    tifffile.imwrite(
        tmp_path / "a.tif",
        stack,
        imagej=True,
        resolution=(4.0, 2.0),
        metadata={"axes": "TZCYX", "spacing": 1.5, "unit": "micron", "finterval": 2.0},
    )
    source = _open_one(tmp_path / "a.tif", channel=1, timepoint=2)
    assert np.array_equal(read_stack(source), stack[2, :, 1])
    assert source.original_axes_shape == ("ZYX", (5, 16, 24))
    metadata = source.metadata
    assert (metadata.axes, metadata.shape) == ("TZCYX", stack.shape)
    assert metadata.pixel_size == (0.5, 0.25)
    assert (metadata.z_spacing, metadata.unit) == (1.5, "micron")
    assert metadata.scale_um == (1.5, 0.5, 0.25)
    assert metadata.imagej["finterval"] == 2.0
    assert "channel 1 of 2" in metadata.selection
    assert "timepoint 2 of 3" in metadata.selection

    every_image = _open_one(tmp_path / "a.tif", "2D", channel=0)
    assert np.array_equal(read_stack(every_image), stack[:, :, 0].reshape(15, 16, 24))
    assert every_image.original_axes_shape == ("TZYX", (3, 5, 16, 24))
    assert "3 frames x 5 slices, each an image of its own" in every_image.metadata.selection


def test_ome_axes_and_physical_sizes(tmp_path, rng):
    stack = _stack(rng, 2, 4, 16, 24)
    tifffile.imwrite(
        tmp_path / "a.ome.tif",
        stack,
        photometric="minisblack",
        metadata={
            "axes": "TZYX",
            "PhysicalSizeX": 100.0,
            "PhysicalSizeXUnit": "nm",
            "PhysicalSizeY": 0.2,
            "PhysicalSizeYUnit": "µm",
            "PhysicalSizeZ": 0.5,
            "PhysicalSizeZUnit": "µm",
        },
    )
    source = _open_one(tmp_path / "a.ome.tif", timepoint=1)
    assert source.name == "a"
    assert np.array_equal(read_stack(source), stack[1])
    assert source.metadata.unit == "nm"
    assert source.metadata.scale_um == pytest.approx((0.5, 0.2, 0.1))
    assert source.metadata.ome["PhysicalSizeX"] == 100.0


def test_resolution_in_centimeters(tmp_path, rng):
    tifffile.imwrite(
        tmp_path / "a.tif", _stack(rng, 9, 9), resolution=(2e4, 1e4), resolutionunit="CENTIMETER"
    )
    metadata = _open_one(tmp_path / "a.tif").metadata
    assert metadata.resolution == (2e4, 1e4)
    assert metadata.scale_um == pytest.approx((0.5, 1.0, 0.5))


def test_pages_written_one_by_one_are_one_stack(tmp_path, rng):
    stack = _stack(rng, 5, 8, 8)
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for image in stack:
            writer.write(image)
    assert np.array_equal(read_stack(_open_one(tmp_path / "a.tif")), stack)


@pytest.mark.parametrize(
    ("axes", "shape", "mode", "choices", "sentence"),
    [
        ("CZYX", (2, 4, 8, 8), "2D", {}, "has 2 channels; choose one (channel 0 to 1)"),
        ("CZYX", (2, 4, 8, 8), "2D", {"channel": 2}, "Channel 2 was chosen"),
        ("ZYX", (4, 8, 8), "2D", {"channel": 1}, "only one channel"),
        ("TZYX", (3, 4, 8, 8), "2.5D", {}, "3 timepoints of 4 slices each"),
        ("TZYX", (3, 4, 8, 8), "2.5D", {"timepoint": 3}, "has 3 timepoints; choose from 0 to 2"),
        ("TYX", (3, 8, 8), "2.5D", {}, "say axes='ZYX'"),
        ("TYX", (3, 8, 8), "2D", {"axes": "TZYX"}, "name 4 axes"),
        ("TYX", (3, 8, 8), "2D", {"axes": "YXT"}, "are not possible"),
        ("QQYX", (3, 4, 8, 8), "2D", {}, "is not known; name them"),
        ("ZYXS", (4, 8, 8, 3), "2D", {}, "color (RGB) image with 3 samples"),
    ],
)
def test_ambiguity_is_refused_with_the_choice(tmp_path, rng, axes, shape, mode, choices, sentence):
    photometric = "rgb" if axes.endswith("S") else "minisblack"
    stack = _stack(rng, *shape, dtype="uint8")
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric=photometric, metadata={"axes": axes})
    with pytest.raises(InputError) as error:
        open_images(tmp_path / "a.tif", mode=mode, **choices)
    assert sentence in str(error.value)
    assert "a.tif" in str(error.value) or "not possible" in sentence


def test_the_person_may_name_the_axes(tmp_path, rng):
    stack = _stack(rng, 3, 4, 8, 8)
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="minisblack")
    source = _open_one(tmp_path / "a.tif", axes="tzyx", timepoint=1)
    assert np.array_equal(read_stack(source), stack[1])
    tifffile.imwrite(
        tmp_path / "b.tif", stack[0], photometric="minisblack", metadata={"axes": "TYX"}
    )
    assert _open_one(tmp_path / "b.tif", axes="ZYX").original_axes_shape[0] == "ZYX"
    assert _open_one(tmp_path / "b.tif", "2D").original_axes_shape[0] == "TYX"


@pytest.mark.parametrize("dtype", ["complex64", "bool"])
def test_data_types_without_intensities_are_refused(tmp_path, dtype):
    tifffile.imwrite(tmp_path / "a.tif", np.ones((4, 8, 8), dtype), photometric="minisblack")
    with pytest.raises(InputError, match=rf"a\.tif has data type {dtype}"):
        open_images(tmp_path / "a.tif", mode="2D")


def test_different_images_in_one_file_are_refused(tmp_path, rng):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(_stack(rng, 8, 8))
        writer.write(_stack(rng, 9, 9))
    with pytest.raises(InputError, match=r"2 different images \(8 x 8, 9 x 9\)"):
        open_images(tmp_path / "a.tif", mode="2D")
    with tifffile.TiffWriter(tmp_path / "b.ome.tif") as writer:
        writer.write(_stack(rng, 3, 8, 8), photometric="minisblack", metadata={"axes": "ZYX"})
        writer.write(_stack(rng, 3, 8, 8), photometric="minisblack", metadata={"axes": "ZYX"})
    with pytest.raises(InputError, match="2 different images"):
        open_images(tmp_path / "b.ome.tif", mode="2D")


WRITERS = {
    "plain": {"metadata": None},
    "zlib": {"compression": "zlib"},
    "tifffile": {},
    "truncate": {"truncate": True},
    "imagej": {"imagej": True},
    "ome": {"ome": True},
    "tiled": {"tile": (16, 16), "compression": "lzw"},
    "bigtiff": {"bigtiff": True, "metadata": None},
}


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("share", [0.05, 0.3, 0.7, 0.97])
def test_truncated_files_are_refused_at_once_and_in_silence(
    tmp_path, rng, writer, share, caplog, capfd
):
    path = tmp_path / "cut.tif"
    stack = rng.integers(0, 60000, (6, 40, 40)).astype(np.uint16)
    tifffile.imwrite(path, stack, photometric="minisblack", **WRITERS[writer])
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with caplog.at_level(logging.DEBUG), pytest.raises(InputError) as error:
        open_images(path, mode="2.5D")
    assert "cut.tif" in str(error.value)
    assert str(error.value).count(". ") == 0
    assert not caplog.records
    assert capfd.readouterr() == ("", "")


def test_pages_missing_from_an_ome_series_are_refused(tmp_path, rng):
    path = tmp_path / "a.ome.tif"
    tifffile.imwrite(path, _stack(rng, 4, 8, 8), photometric="minisblack", compression="zlib")
    with tifffile.TiffFile(path) as tif:
        xml = tif.ome_metadata
    with tifffile.TiffWriter(path, ome=False) as writer:
        for index in range(3):
            writer.write(
                _stack(rng, 8, 8),
                description=xml.encode() if index == 0 else None,
                metadata=None,
                compression="zlib",
            )
    with pytest.raises(InputError, match="incomplete"):
        open_images(path, mode="2.5D")


@pytest.mark.parametrize("content", [b"", b"II", b"\x89PNG\r\n\x1a\n" + bytes(100), b"hello" * 50])
def test_files_that_are_not_tiff_are_refused(tmp_path, content):
    (tmp_path / "a.tif").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.tif"):
        open_images(tmp_path / "a.tif", mode="2D")


def test_damaged_pixels_are_reported_with_their_slice(tmp_path, rng):
    path = tmp_path / "a.tif"
    stack = rng.integers(0, 60000, (3, 40, 40)).astype(np.uint16)
    tifffile.imwrite(path, stack, photometric="minisblack", compression="zlib")
    with tifffile.TiffFile(path) as tif:
        offset = tif.pages[1].dataoffsets[0]
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(b"\xff" * 40)
    source = _open_one(path)
    assert np.array_equal(source.read_slice(0), stack[0])
    with pytest.raises(InputError, match=r"Slice 1 of .* damaged"):
        source.read_slice(1)


def test_folder_of_single_images(tmp_path, rng):
    stack = _stack(rng, 12, 8, 8)
    for number, image in enumerate(stack):
        ending = ".TIF" if number % 2 else ".tiff"
        tifffile.imwrite(tmp_path / f"img{number}{ending}", image)
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "._img0.tif").write_bytes(b"hidden")
    (tmp_path / "inner.tif").mkdir()
    source = _open_one(tmp_path)
    assert source.shape == (12, 8, 8)
    assert source.name == tmp_path.name
    assert np.array_equal(read_stack(source), stack)
    assert "12 files" in source.metadata.selection
    images = open_images(tmp_path, mode="2D")
    assert [image.name for image in images] == [f"img{number}" for number in range(12)]
    assert [image.shape for image in images] == [(1, 8, 8)] * 12
    assert len(list_images(tmp_path, "TIFF")) == 12
    assert len(list_images(tmp_path, None)) == 12


def test_folder_of_stacks(tmp_path, rng):
    for name in ("b", "a"):
        tifffile.imwrite(tmp_path / f"{name}.tif", _stack(rng, 3, 8, 8), photometric="minisblack")
    assert [source.name for source in open_images(tmp_path, mode="2.5D")] == ["a", "b"]
    tifffile.imwrite(tmp_path / "c.tif", _stack(rng, 8, 8))
    with pytest.raises(InputError, match=r"mixes single images and stacks \(such as a\.tif\)"):
        open_images(tmp_path, mode="2.5D")
    assert len(open_images(tmp_path, mode="2D")) == 3


def test_single_images_of_unequal_shape_are_no_stack(tmp_path, rng):
    tifffile.imwrite(tmp_path / "a.tif", _stack(rng, 8, 8))
    tifffile.imwrite(tmp_path / "b.tif", _stack(rng, 8, 9))
    with pytest.raises(InputError, match=r"b\.tif is 8 x 9 uint16, a\.tif is 8 x 8 uint16"):
        open_images(tmp_path, mode="2.5D")


def test_ome_image_spread_over_files_counts_once(tmp_path, rng):
    stack = _stack(rng, 2, 8, 8)
    names = ["a_0.ome.tif", "a_1.ome.tif"]
    tiff_data = "".join(
        f'<TiffData FirstZ="{z}" IFD="0" PlaneCount="1"><UUID FileName="{name}">urn:uuid:'
        f"0000000{z}-0000-0000-0000-000000000000</UUID></TiffData>"
        for z, name in enumerate(names)
    )
    for z, name in enumerate(names):
        xml = (
            '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:'
            f'0000000{z}-0000-0000-0000-000000000000"><Image ID="Image:0"><Pixels ID="Pixels:0" '
            'DimensionOrder="XYZCT" Type="uint16" SizeX="8" SizeY="8" SizeZ="2" SizeC="1" '
            f'SizeT="1">{tiff_data}</Pixels></Image></OME>'
        )
        tifffile.imwrite(
            tmp_path / name, stack[z], description=xml.encode(), metadata=None, compression="zlib"
        )
    source = _open_one(tmp_path)
    assert np.array_equal(read_stack(source), stack)


def test_missing_and_empty_places(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        open_images(tmp_path / "nothing", mode="2D")
    with pytest.raises(InputError, match=r"no images \(it is empty\)"):
        open_images(tmp_path, mode="2D")
    with pytest.raises(InputError, match=r"no files that end in \.tif or \.tiff \(it is empty\)"):
        open_images(tmp_path, extension=".tif", mode="2D")
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(InputError, match="files of other kinds: 1"):
        open_images(tmp_path, mode="2D")


def test_array_source_leaves_the_array_alone(rng):
    array = _stack(rng, 8, 9)
    source = ArraySource(array)
    image = source.read_slice(0)
    image[:] = 0
    assert source.shape == (1, 8, 9)
    assert source.original_axes_shape == ("YX", (8, 9))
    assert array.any()
