"""What holds for every format: pixels come back, and the same problem has the same sentence."""

from __future__ import annotations

import re
import shutil
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from autoStructN2V.datasets.images.checks import check_images
from autoStructN2V.datasets.images.formats.history import is_result_of
from autoStructN2V.datasets.images.formats.location import Location
from autoStructN2V.datasets.images.names import output_files
from autoStructN2V.datasets.images.reading import open_images
from autoStructN2V.datasets.images.sources import read_stack
from autoStructN2V.datasets.images.writing import StackWriter, write_stack
from autoStructN2V.errors import ConfigError, InputError, OutputError

from .files import SCALE_UM, STACK, WRITERS

if TYPE_CHECKING:
    from pathlib import Path

WRITTEN = (".tif", ".mrc", ".ome.zarr")
"""Formats of results."""

every_format = pytest.mark.parametrize("ending", WRITERS)


def _write(folder: Path, ending: str, stack: np.ndarray = STACK, name: str = "cells") -> Path:
    return WRITERS[ending](folder / f"{name}{ending}", stack)


@every_format
@pytest.mark.parametrize("mode", ["2D", "2.5D"])
def test_pixels_and_name_come_back(tmp_path, ending, mode):
    (source,) = open_images(_write(tmp_path, ending), mode=mode)
    assert (source.name, source.shape, source.dtype) == ("cells", STACK.shape, STACK.dtype)
    assert source.original_axes_shape == ("ZYX", STACK.shape)
    assert np.array_equal(read_stack(source), STACK)
    for z in (4, 0, 3):  # in any order, and as a new array
        image = source.read_slice(z)
        assert np.array_equal(image, STACK[z])
        image[:] = -1
    assert np.array_equal(source.read_slice(3), STACK[3])


@pytest.mark.parametrize("ending", [".mrc", ".h5", ".ome.zarr"])
def test_the_size_of_a_voxel_is_read(tmp_path, ending):
    (source,) = open_images(_write(tmp_path, ending), mode="2D")
    assert source.metadata.scale_um == pytest.approx(SCALE_UM)


@every_format
@pytest.mark.parametrize("result", WRITTEN)
def test_a_result_in_any_format_has_pixels_and_scale_of_its_input(tmp_path, ending, result):
    (source,) = open_images(_write(tmp_path, ending), mode="2D")
    denoised = STACK + np.float32(0.5)
    write_stack(tmp_path / f"clean{result}", denoised, source, history={"stage": 1})
    (read,) = open_images(tmp_path / f"clean{result}", mode="2D")
    assert read.dtype == np.float32
    assert np.array_equal(read_stack(read), denoised)
    if source.metadata.scale_um is not None:
        assert read.metadata.scale_um == pytest.approx(SCALE_UM)


@every_format
def test_a_result_in_a_folder_has_the_format_of_its_input(tmp_path, ending):
    path = _write(tmp_path, ending)
    (file,) = output_files(open_images(path, mode="2D"), path, tmp_path / "out")
    expected = {".h5": ".tif", ".zarr": ".ome.zarr"}.get(ending, ending)
    assert file.name == f"cells_denoised{expected}"


@pytest.mark.parametrize("result", WRITTEN)
def test_the_output_chooses_the_format(tmp_path, result):
    path = _write(tmp_path, ".tif")
    wanted = tmp_path / f"clean{result}"
    assert output_files(open_images(path, mode="2D"), path, wanted) == [wanted]


@pytest.mark.parametrize("result", WRITTEN)
def test_integers_are_rounded_in_the_type_of_the_input(tmp_path, result):
    (source,) = open_images(_write(tmp_path, ".tif"), mode="2D")
    path = tmp_path / f"clean{result}"
    write_stack(path, STACK + np.float32(0.4), source, output_dtype="input")
    (read,) = open_images(path, mode="2D")
    assert read.dtype == STACK.dtype
    assert np.array_equal(read_stack(read), STACK)


def test_a_folder_of_all_formats(tmp_path):
    for number, ending in enumerate(WRITERS):
        _write(tmp_path, ending, name=f"image{number}")
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / ".hidden.tif").write_bytes(b"")
    sources = open_images(tmp_path, mode="2D")
    assert [source.name for source in sources] == [f"image{n}" for n in range(len(WRITERS))]
    (only,) = open_images(tmp_path, mode="2D", extension=".mrc")
    assert only.name == "image1"
    (fitting,) = open_images(tmp_path / "*3.z*", mode="2D")
    assert fitting.name == "image3"
    with pytest.raises(InputError, match=r"No image fits .*\*\.png"):
        open_images(tmp_path / "*.png", mode="2D")


@every_format
def test_single_images_of_a_folder_are_one_stack(tmp_path, ending):
    if ending in (".h5", ".zarr"):
        pytest.skip("the writers of these two make stacks")
    dims = {"dims": "yx"} if ending == ".ome.zarr" else {}
    for z, image in enumerate(STACK):
        WRITERS[ending](tmp_path / f"{z}{ending}", image, **dims)
    (source,) = open_images(tmp_path, mode="2.5D")
    assert np.array_equal(read_stack(source), STACK)


# what is wrong with images


@every_format
def test_a_missing_file(tmp_path, ending):
    with pytest.raises(InputError, match=rf"cells\{ending} does not exist; choose "):
        open_images(tmp_path / f"cells{ending}", mode="2D")


@pytest.mark.parametrize("ending", [".tif", ".h5", ".zarr", ".mrc"])
def test_complex_numbers(tmp_path, ending):
    path = _write(tmp_path, ending, STACK.astype(np.complex64))
    with pytest.raises(InputError, match=r"has data type complex64; only integers and real"):
        open_images(path, mode="2D")


@pytest.mark.parametrize("ending", [".h5", ".zarr"])
def test_boolean_values(tmp_path, ending):
    path = _write(tmp_path, ending, STACK > 500)
    with pytest.raises(InputError, match=r"has data type bool; only integers and real"):
        open_images(path, mode="2D")


@pytest.mark.parametrize("ending", [".h5", ".zarr"])
def test_color_is_refused(tmp_path, ending):
    path = _write(tmp_path, ending, np.zeros((16, 20, 3), np.uint8))
    with pytest.raises(InputError, match=r"is a color \(RGB\) image with 3 samples per pixel"):
        open_images(path, mode="2D")
    (green,) = open_images(path, mode="2D", axes="YXC", channel=1)
    assert green.shape == (1, 16, 20)


@pytest.mark.parametrize("ending", [".tif", ".mrc", ".h5", ".zarr", ".ome.zarr"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite(tmp_path, ending, value):
    stack = STACK.astype(np.float32)
    stack[2, 3, 4] = value
    sources = open_images(_write(tmp_path, ending, stack), mode="2D")
    with pytest.raises(InputError, match=r"has 1 (NaN|infinite) values, the first in slice 2"):
        check_images(sources, patch_size=1, mode="2D")


@every_format
def test_constant_images_and_too_few_slices(tmp_path, ending):
    sources = open_images(_write(tmp_path, ending, STACK * 0 + 7), mode="2D")
    with pytest.raises(InputError, match=r"cells is constant and holds no signal"):
        check_images(sources, patch_size=1, mode="2D")
    with pytest.raises(InputError, match=r"Insufficient Stack Depth for 2.5D: 5 slices, 20 needed"):
        check_images(sources, patch_size=1, mode="2.5D")


def _cut_largest(path: Path) -> None:
    files = [path] if path.is_file() else [f for f in path.rglob("*") if f.is_file()]
    largest = max(files, key=lambda file: (file.stat().st_size, str(file)))
    largest.write_bytes(largest.read_bytes()[: largest.stat().st_size // 2])


@every_format
def test_pixels_that_are_cut_off(tmp_path, ending):
    path = _write(tmp_path, ending)
    _cut_largest(path)
    with pytest.raises(InputError, match=r"incomplete|damaged"):
        check_images(open_images(path, mode="2D"), patch_size=1, mode="2D")


@pytest.mark.parametrize("ending", [".tif", ".mrc", ".h5"])
@pytest.mark.parametrize("content", [b"", b"what", b"no image at all " * 200])
def test_a_file_of_another_kind(tmp_path, ending, content):
    path = tmp_path / f"cells{ending}"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"cells\{ending} (is not|cannot be read as) "):
        open_images(path, mode="2D")


@pytest.mark.parametrize("result", WRITTEN)
def test_a_folder_that_may_not_be_written(tmp_path, result, monkeypatch):
    (source,) = open_images(_write(tmp_path, ".tif"), mode="2D")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="file is no folder, and a folder"):
        write_stack(tmp_path / "file" / f"clean{result}", STACK, source)


@pytest.mark.parametrize("result", WRITTEN)
def test_a_full_disk_is_told_before_the_work_and_leaves_nothing(tmp_path, result, monkeypatch):
    (source,) = open_images(_write(tmp_path, ".tif"), mode="2D")
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(OutputError, match=r"the disk is full"):
        write_stack(tmp_path / f"clean{result}", STACK, source)
    assert [path.name for path in tmp_path.iterdir()] == ["cells.tif"]


@pytest.mark.parametrize("result", WRITTEN)
def test_what_is_broken_off_leaves_nothing_and_keeps_what_was_there(tmp_path, result):
    (source,) = open_images(_write(tmp_path, ".tif"), mode="2D")
    path = tmp_path / f"clean{result}"
    write_stack(path, STACK * np.float32(1), source)
    with pytest.raises(RuntimeError), StackWriter(path, source) as writer:
        writer.write(0, STACK[0] * np.float32(2))
        raise RuntimeError
    (read,) = open_images(path, mode="2D")
    assert np.array_equal(read_stack(read), STACK)
    write_stack(path, STACK * np.float32(3), source)  # complete ones replace it
    (read,) = open_images(path, mode="2D")
    assert np.array_equal(read_stack(read), STACK * 3)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(["cells.tif", path.name])


@pytest.mark.parametrize("result", WRITTEN)
def test_a_finished_result_is_known_by_its_history(tmp_path, result):
    (source,) = open_images(_write(tmp_path, ".tif"), mode="2D")
    path, history = tmp_path / f"clean{result}", {"model": {"epochs": 3}, "stage": 2}
    write_stack(path, STACK * np.float32(1), source, history=history)
    assert is_result_of(path, source, history)
    assert not is_result_of(path, source, {**history, "stage": 1})
    assert not is_result_of(tmp_path / f"other{result}", source, history)


def test_a_result_is_never_written_into_its_input(tmp_path):
    path = _write(tmp_path, ".ome.zarr")
    sources = open_images(path, mode="2D")
    with pytest.raises(ConfigError, match=r"lies inside an input image"):
        output_files(sources, path, path / "clean.tif")
    with pytest.raises(ConfigError, match=r"is an input image"):
        output_files(sources, path, path, overwrite=True)


@pytest.mark.parametrize(("package", "ending"), [("mrcfile", ".mrc"), ("h5py", ".h5")])
def test_a_package_that_is_not_installed(tmp_path, monkeypatch, package, ending):
    path = _write(tmp_path, ending)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match=re.escape('pip install "napari-autostructn2v[formats]"')):
        open_images(path, mode="2D")


@pytest.mark.parametrize(
    ("text", "path", "inside", "address"),
    [
        ("a/cells.tif", "a/cells.tif", "", None),
        ("a/cells.h5:/raw/data", "a/cells.h5", "raw/data", None),
        ("cells.h5:/raw/data", "cells.h5", "raw/data", None),
        ("a/cells.H5:raw", "a/cells.H5", "raw", None),
        ("https://b.org/x.zarr/", "https:/b.org/x.zarr", "", "https://b.org/x.zarr"),
        ("https:/b.org/x.zarr", "https:/b.org/x.zarr", "", "https://b.org/x.zarr"),
        ("s3://bucket/x.zarr", "s3:/bucket/x.zarr", "", "s3://bucket/x.zarr"),
        ("file:///data/x.zarr", "/data/x.zarr", "", None),
    ],
)
def test_places_as_persons_write_them(text, path, inside, address):
    location = Location.of(text)
    assert (location.path.as_posix(), location.inside) == (path, inside)
    assert location.address == address
