"""Writing: axes, scale and values survive a round trip, and no half-written file is ever left."""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from autoStructN2V import files
from autoStructN2V.datasets.images.checks import as_source
from autoStructN2V.datasets.images.metadata import ImageMetadata
from autoStructN2V.datasets.images.reading import open_images
from autoStructN2V.datasets.images.sources import ArraySource, read_stack
from autoStructN2V.datasets.images.tiff import layout as tiff_layout
from autoStructN2V.datasets.images.unfinished import Unfinished
from autoStructN2V.datasets.images.writing import (
    StackWriter,
    atomic_write,
    ensure_writable_folder,
    to_dtype,
    write_bytes,
    write_json,
    write_stack,
)
from autoStructN2V.errors import OutputError

if TYPE_CHECKING:
    from autoStructN2V.datasets.images.sources import ImageSource

IMAGEJ = {"imagej": True, "resolution": (4.0, 2.0)}
OME = {"ome": True}
CENTIMETER = {"resolution": (2e4, 1e4), "resolutionunit": "CENTIMETER"}
SIZES = {
    "PhysicalSizeX": 100.0,
    "PhysicalSizeXUnit": "nm",
    "PhysicalSizeY": 200.0,
    "PhysicalSizeYUnit": "nm",
    "PhysicalSizeZ": 0.5,
    "PhysicalSizeZUnit": "µm",
}
MICRONS = {"unit": "micron", "spacing": 1.5}


LAYOUTS = [
    ("YX", (16, 24), IMAGEJ, MICRONS),
    ("ZYX", (4, 16, 24), IMAGEJ, MICRONS),
    ("TZYX", (3, 4, 16, 24), IMAGEJ, MICRONS | {"finterval": 2.5}),
    ("TYX", (3, 16, 24), IMAGEJ, {"unit": "\\u00B5m"}),
    ("ZYX", (3, 16, 3), IMAGEJ, {}),
    ("ZYX", (3, 16, 1), OME, SIZES),
    ("ZYX", (4, 16, 24), OME, SIZES),
    ("ZTYX", (3, 4, 16, 24), OME, SIZES | {"TimeIncrement": 0.5}),
    ("ZYX", (4, 16, 24), CENTIMETER, {}),
    ("ZYX", (4, 16, 24), {}, {}),
    ("ZTYX", (4, 3, 16, 24), {}, {}),
]
IMAGEJ_DTYPES = ("uint8", "uint16", "int16", "float32")
OTHER_DTYPES = ("int8", "int32", "float64")


def _dtypes_of(layout: tuple) -> tuple[str, ...]:
    return IMAGEJ_DTYPES if layout[2] is IMAGEJ else IMAGEJ_DTYPES + OTHER_DTYPES


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def _open_one(path: Path, mode: str = "2D", **choices: object) -> ImageSource:
    (source,) = open_images(path, mode=mode, **choices)
    return source


def _scale(source: ImageSource) -> tuple[object, ...]:
    metadata = source.metadata
    return metadata.scale_um, metadata.pixel_size, metadata.z_spacing, metadata.unit


@pytest.mark.parametrize("output_dtype", ["float32", "input"])
@pytest.mark.parametrize(
    ("axes", "shape", "options", "metadata", "dtype"),
    [(*layout, dtype) for layout in LAYOUTS for dtype in _dtypes_of(layout)],
)
def test_round_trip(tmp_path, rng, axes, shape, options, metadata, dtype, output_dtype):
    stack = rng.integers(0, 100, shape).astype(dtype)
    tifffile.imwrite(
        tmp_path / "in.tif",
        stack,
        photometric="minisblack",
        metadata={"axes": axes} | metadata,
        **options,
    )
    source = _open_one(tmp_path / "in.tif")
    out = tmp_path / "out.tif"
    write_stack(out, read_stack(source), source, output_dtype=output_dtype, history={"epochs": 3})
    copy = _open_one(out)
    assert copy.dtype == (np.dtype("float32") if output_dtype == "float32" else stack.dtype)
    assert np.array_equal(read_stack(copy), stack.reshape(-1, *shape[-2:]))
    assert copy.original_axes_shape == source.original_axes_shape == (axes, shape)
    assert np.array_equal(tifffile.imread(out), stack)
    for found, expected in zip(_scale(copy), _scale(source), strict=True):
        assert found == (
            pytest.approx(expected) if isinstance(expected, float | tuple) else expected
        )
    assert copy.metadata.imagej.get("finterval") == source.metadata.imagej.get("finterval")
    assert copy.metadata.ome.get("TimeIncrement") == source.metadata.ome.get("TimeIncrement")


def test_imagej_output_opens_with_the_right_scale(tmp_path, rng):
    stack = rng.integers(0, 100, (4, 16, 24)).astype(np.uint16)
    tifffile.imwrite(
        tmp_path / "in.tif",
        stack,
        metadata={"axes": "ZYX", "min": 3.0, "max": 77.0, "Labels": list("abcd")} | MICRONS,
        **IMAGEJ,
    )
    source = _open_one(tmp_path / "in.tif")
    write_stack(tmp_path / "out.tif", stack, source, history={"stage": 2})
    with tifffile.TiffFile(tmp_path / "out.tif") as tif:
        assert tif.is_imagej
        stated = tif.imagej_metadata
        assert tif.pages[0].tags["XResolution"].value == (4, 1)
    assert (stated["slices"], stated["spacing"], stated["unit"]) == (4, 1.5, "micron")
    assert (stated["min"], stated["max"], stated["Labels"]) == (3.0, 77.0, list("abcd"))
    assert '"stage": 2' in stated["Info"]


def test_chosen_channel_and_timepoint_leave_their_axes(tmp_path, rng):
    stack = rng.integers(0, 100, (3, 4, 2, 16, 24)).astype(np.uint16)
    tifffile.imwrite(
        tmp_path / "in.tif",
        stack,
        metadata={"axes": "TZCYX", "Labels": [str(i) for i in range(24)]} | MICRONS,
        **IMAGEJ,
    )
    source = _open_one(tmp_path / "in.tif", "2.5D", channel=1, timepoint=2)
    write_stack(tmp_path / "out.tif", read_stack(source), source, output_dtype="input")
    copy = _open_one(tmp_path / "out.tif", "2.5D")
    assert copy.original_axes_shape == ("ZYX", (4, 16, 24))
    assert np.array_equal(read_stack(copy), stack[2, :, 1])
    assert _scale(copy) == _scale(source)
    assert "Labels" not in copy.metadata.imagej


def test_scale_of_arrays_and_folders(tmp_path, rng):
    stack = rng.normal(0, 1, (3, 16, 24)).astype(np.float32)
    metadata = ImageMetadata(pixel_size=(0.2, 0.1), z_spacing=0.5, unit="µm")
    write_stack(tmp_path / "a.tif", stack, as_source(stack, metadata=metadata))
    copy = _open_one(tmp_path / "a.tif")
    assert np.array_equal(read_stack(copy), stack)
    assert copy.metadata.scale_um == pytest.approx((0.5, 0.2, 0.1))
    folder = tmp_path / "slices"
    folder.mkdir()
    for z in range(3):
        tifffile.imwrite(folder / f"{z}.tif", stack[z], **CENTIMETER)
    source = _open_one(folder, "2.5D")
    write_stack(tmp_path / "b.tif", stack, source)
    copy = _open_one(tmp_path / "b.tif", "2.5D")
    assert copy.original_axes_shape == ("ZYX", (3, 16, 24))
    assert copy.metadata.scale_um == source.metadata.scale_um


def test_inverted_display_is_kept(tmp_path, rng):
    stack = rng.integers(0, 100, (3, 16, 24)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "in.tif", stack, photometric="miniswhite")
    source = _open_one(tmp_path / "in.tif")
    write_stack(tmp_path / "out.tif", stack, source)
    copy = _open_one(tmp_path / "out.tif")
    assert copy.metadata.is_inverted
    assert np.array_equal(read_stack(copy), stack)


def test_large_files_are_bigtiff(tmp_path, rng, monkeypatch):
    monkeypatch.setattr(tiff_layout, "CLASSIC_TIFF_LIMIT", 1000)
    stack = rng.normal(0, 1, (3, 16, 24)).astype(np.float32)
    metadata = ImageMetadata(pixel_size=(0.2, 0.1), z_spacing=0.5, unit="micron")
    write_stack(tmp_path / "a.tif", stack, as_source(stack, metadata=metadata))
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        assert tif.is_bigtiff
    copy = _open_one(tmp_path / "a.tif")
    assert np.array_equal(read_stack(copy), stack)
    assert copy.metadata.scale_um == pytest.approx((0.5, 0.2, 0.1))


def test_slices_in_any_order(tmp_path, rng):
    stack = rng.normal(0, 1, (3, 16, 24)).astype(np.float32)
    with StackWriter(tmp_path / "a.tif", as_source(stack)) as writer:
        for z in (2, 0, 1):
            writer.write(z, stack[z])
        with pytest.raises(ValueError, match="slice 3"):
            writer.write(3, stack[0])
        with pytest.raises(ValueError, match="shape"):
            writer.write(0, stack[0, 1:])
        assert not (tmp_path / "a.tif").exists()
    assert np.array_equal(tifffile.imread(tmp_path / "a.tif"), stack)


def test_values_are_rounded_and_saturated_only_on_request():
    values = np.array([-1e30, -1.5, 0.49, 0.51, 254.6, 300.0, 1e30, np.inf, np.nan], np.float32)
    assert to_dtype(values, np.dtype("uint8")).tolist() == [0, 0, 0, 1, 255, 255, 255, 255, 0]
    assert to_dtype(values, np.dtype("int16"))[:2].tolist() == [-32768, -2]
    for name in ("int8", "int32", "uint32", "int64", "uint64"):
        limits = np.iinfo(name)
        converted = to_dtype(values, np.dtype(name))
        assert int(converted[0]) == limits.min
        assert int(converted[6]) >= limits.max - 2048
    assert np.array_equal(to_dtype(values, np.dtype("float32")), values, equal_nan=True)


class _CancelError(Exception):
    pass


@pytest.mark.parametrize("error", [_CancelError, KeyboardInterrupt, OSError(errno.EIO, "broken")])
def test_a_failure_leaves_what_was_there(tmp_path, rng, error):
    stack = rng.normal(0, 1, (3, 16, 24)).astype(np.float32)
    (tmp_path / "a.tif").write_bytes(b"precious")
    expected = OutputError if isinstance(error, OSError) else error
    with pytest.raises(expected), StackWriter(tmp_path / "a.tif", as_source(stack)) as writer:
        writer.write(0, stack[0])
        raise error
    assert (tmp_path / "a.tif").read_bytes() == b"precious"
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]


def test_discarded_and_unfinished_files_leave_nothing(tmp_path, rng):
    stack = rng.normal(0, 1, (3, 16, 24)).astype(np.float32)
    with StackWriter(tmp_path / "a.tif", as_source(stack)) as writer:
        writer.write(0, stack[0])
        writer.discard()
    with (
        pytest.raises(ValueError, match="2 of 3 slices were not written"),
        StackWriter(tmp_path / "a.tif", as_source(stack)) as writer,
    ):
        writer.write(0, stack[0])
    assert list(tmp_path.iterdir()) == []


def test_too_little_space_is_told_before_the_work_starts(tmp_path, rng, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=100)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(OutputError, match=r"a\.tif cannot be written because the disk is full"):
        write_stack(tmp_path / "a.tif", np.ones((1, 9, 9)), as_source(np.ones((9, 9))))
    assert list(tmp_path.iterdir()) == []


class _FullDisk(io.BytesIO):
    def write(self, _content):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_disk_that_fills_up_meanwhile(tmp_path, rng):
    stack = rng.normal(0, 1, (3, 16, 24)).astype(np.float32)
    (tmp_path / "a.tif").write_bytes(b"precious")
    with (
        pytest.raises(OutputError, match="disk is full") as error,
        StackWriter(tmp_path / "a.tif", as_source(stack)) as writer,
    ):
        writer.write(0, stack[0])
        writer.slices.planes.close()
        writer.slices.planes._file = _FullDisk()
        writer.write(1, stack[1])
    assert str(error.value).count(". ") == 0
    assert (tmp_path / "a.tif").read_bytes() == b"precious"
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_device_that_is_really_full(tmp_path):
    with pytest.raises(OutputError, match="disk is full"), atomic_write(tmp_path / "a.txt"):
        Path("/dev/full").write_bytes(b"content")


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS, errno.EPERM])
def test_read_only_folders(tmp_path, monkeypatch, code):
    def refuse(*_):
        raise OSError(code, "refused")

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(OutputError, match="read-only"):
        ensure_writable_folder(tmp_path)
    with pytest.raises(OutputError, match="read-only"):
        write_json(tmp_path / "a.json", {})


def test_folders(tmp_path):
    folder = ensure_writable_folder(tmp_path / "a" / "b")
    assert folder.is_dir()
    assert list(folder.iterdir()) == []
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="is no folder, and a folder of this name is needed"):
        ensure_writable_folder(tmp_path / "file")
    with pytest.raises(OutputError, match="is no folder, and a folder of this name is needed"):
        write_bytes(tmp_path / "file" / "inside.txt", b"")


def test_atomic_write_keeps_the_ending_and_replaces_at_the_end(tmp_path):
    target = tmp_path / "new" / "kernel.npy"
    write_bytes(target, b"old")
    with atomic_write(target) as temporary:
        assert temporary.suffix == ".npy"
        assert temporary.parent == target.parent
        np.save(temporary, np.ones(3, bool))
        assert target.read_bytes() == b"old"
    assert np.load(target).tolist() == [True] * 3
    assert [path.name for path in target.parent.iterdir()] == ["kernel.npy"]


@pytest.mark.parametrize("name", ["a.mrc", "a.tif", "a.ome.zarr"])
def test_the_next_run_removes_what_a_killed_one_left_and_nothing_else(tmp_path, rng, name):
    path = tmp_path / name
    killed = (
        "import os, sys; from pathlib import Path; from autoStructN2V.files import *\n"
        "how = atomic_folder if sys.argv[1].endswith('.zarr') else atomic_write\n"
        "with how(Path(sys.argv[1])) as temporary:\n"
        "    temporary.write_bytes(b'half')\n"
        "    os._exit(9)"
    )
    for _ in range(2):
        subprocess.run([sys.executable, "-c", killed, str(path)], check=False)
    left = hidden(tmp_path)
    assert len(left) == 2
    elsewhere = tmp_path / left[0].replace(files._host(), "0" * 8)  # another machine
    elsewhere.write_bytes(b"half")
    similar = tmp_path / left[0].replace(".a", ".ab")
    similar.write_bytes(b"half")
    with atomic_write(path) as running:
        running.write_bytes(b"half")
        source = ArraySource(rng.random((2, 16, 16)).astype(np.float32))
        with StackWriter(path, source) as writer:
            for z in range(2):
                writer.write(z, source.read_slice(z))
            assert running.exists()
            writer.discard()
        assert sorted(hidden(tmp_path)) == sorted([elsewhere.name, similar.name, running.name])


def hidden(folder):
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("name", ["x" * 251, "細" * 83])
@pytest.mark.parametrize("is_kept", [False, True])
def test_names_may_be_as_long_as_the_disk_allows(tmp_path, name, is_kept):
    path = tmp_path / f"{name}.tif"
    with atomic_write(path, partial=Unfinished.beside(path, "").partial if is_kept else None) as it:
        it.write_bytes(b"pixels")
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real.txt").write_bytes(b"old")
    (tmp_path / "link.txt").symlink_to(tmp_path / "real.txt")
    write_bytes(tmp_path / "link.txt", b"new")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_bytes() == b"new"


def test_json_of_everything_that_a_report_holds(tmp_path):
    content = {"path": Path("a/b"), "n": np.int64(3), "kernel": np.eye(2), "unit": "µm"}
    write_json(tmp_path / "a.json", content)
    loaded = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert loaded == {
        "path": str(Path("a/b")),
        "n": 3,
        "kernel": [[1.0, 0.0], [0.0, 1.0]],
        "unit": "µm",
    }
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", {"model": object()})
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == loaded
