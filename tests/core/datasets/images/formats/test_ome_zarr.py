"""OME-Zarr: both versions, all axes, plates and groups, addresses; results read by others."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import fsspec
import ngff_zarr
import numpy as np
import pytest
import tifffile
import zarr

from autoStructN2V.datasets.images.reading import open_images
from autoStructN2V.datasets.images.sources import ImageSource, read_stack
from autoStructN2V.datasets.images.writing import StackWriter, write_stack
from autoStructN2V.errors import InputError

from .files import SCALE_UM, STACK, write_ome_zarr, write_plain_zarr

if TYPE_CHECKING:
    from pathlib import Path

both_versions = pytest.mark.parametrize("version", ["0.4", "0.5"])
HYPERSTACK = np.random.default_rng(1).integers(0, 99, (3, 2, 4, 30, 40)).astype(np.uint16)


def _open_one(path: Path | str, mode: str = "2D", **choices: object) -> ImageSource:
    (source,) = open_images(path, mode=mode, **choices)
    return source


def _hyperstack(path: Path, version: str = "0.5") -> Path:
    units = {"t": "second"}
    write_ome_zarr(path, HYPERSTACK, "tczyx", version, scale={"t": 1.5}, units=units)
    group = zarr.open_group(str(path), mode="r+")
    window = {"min": 0, "max": 99, "start": 0, "end": 99}
    channels = [
        {"label": name, "color": "00FF00", "active": True, "window": window}
        for name in ("DAPI", "GFP")
    ]
    omero = {"omero": {"channels": channels}}
    group.attrs.update(omero if version == "0.4" else {"ome": {**group.attrs["ome"], **omero}})
    return path


@both_versions
def test_time_channels_and_names(tmp_path, version):
    path = _hyperstack(tmp_path / "a.ome.zarr", version)
    with pytest.raises(InputError, match=r"has 2 channels; choose one \(channel 0 to 1\)"):
        open_images(path, mode="2D")
    source = _open_one(path, channel=1, timepoint=2)
    assert np.array_equal(read_stack(source), HYPERSTACK[2, 1])
    metadata = source.metadata
    assert (metadata.axes, metadata.shape) == ("TCZYX", HYPERSTACK.shape)
    assert (metadata.unit, metadata.scale_um) == ("µm", pytest.approx(SCALE_UM))
    assert metadata.ome["TimeIncrement"] == 1.5
    every = _open_one(path, channel=0)
    assert every.original_axes_shape == ("TZYX", (3, 4, 30, 40))
    assert np.array_equal(read_stack(every), HYPERSTACK[:, 0].reshape(12, 30, 40))


@both_versions
@pytest.mark.parametrize("result", ["clean.ome.zarr", "clean.tif"])
def test_a_result_keeps_axes_scale_units_and_names(tmp_path, version, result):
    source = _open_one(_hyperstack(tmp_path / "a.ome.zarr", version), channel=1)
    write_stack(tmp_path / result, read_stack(source), source)
    read = _open_one(tmp_path / result)
    assert np.array_equal(read_stack(read), HYPERSTACK[:, 1].reshape(12, 30, 40))
    kept, stated = read.metadata, source.metadata
    assert kept.scale_um == pytest.approx(SCALE_UM)
    assert kept.ome["TimeIncrement"] == 1.5
    if result == "clean.ome.zarr":
        assert kept.own["version"] == stated.own["version"] == version
        assert kept.ome["ChannelNames"] == ("GFP",)


@both_versions
def test_a_result_is_valid_for_another_reader_and_has_a_pyramid(tmp_path, version):
    image = np.random.default_rng(2).normal(100, 5, (2, 400, 601)).astype(np.float32)
    source = _open_one(write_ome_zarr(tmp_path / "a.ome.zarr", image, version=version))
    path = tmp_path / "clean.ome.zarr"
    write_stack(path, image, source, history={"model": {"epochs": 3}})
    read = ngff_zarr.from_ngff_zarr(str(path), validate=True, version=version)
    assert [level.data.shape for level in read.images] == [
        (2, 400, 601),
        (2, 200, 301),
        (2, 100, 151),
    ]
    for level, factor in zip(read.images, (1, 2, 4), strict=True):
        z, y, x = SCALE_UM
        assert level.dims == ("z", "y", "x")
        assert level.scale == {"z": z, "y": factor * y, "x": factor * x}
        assert set(level.axes_units.values()) == {"micrometer"}
        # the field of view of all levels is the same: centers of larger pixels lie further in
        assert level.translation["x"] == pytest.approx((factor - 1) / 2 * x)
    assert np.array_equal(np.asarray(read.images[0].data), image)
    means = image[:, :, :600].reshape(2, 200, 2, 300, 2).mean(axis=(2, 4))
    assert np.allclose(np.asarray(read.images[1].data)[:, :, :300], means)
    assert zarr.open_group(str(path), mode="r").attrs["autoStructN2V"]["model"] == {"epochs": 3}


def test_axes_in_an_order_that_the_specification_forbids_are_sorted(tmp_path):
    stack = HYPERSTACK[:, 0].transpose(1, 0, 2, 3)  # (z, t, y, x)
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="minisblack")
    source = _open_one(tmp_path / "a.tif", axes="ZTYX")
    write_stack(tmp_path / "clean.ome.zarr", read_stack(source), source)
    read = ngff_zarr.from_ngff_zarr(str(tmp_path / "clean.ome.zarr"), validate=True)
    assert read.images[0].dims == ("t", "z", "y", "x")
    assert np.array_equal(np.asarray(read.images[0].data), HYPERSTACK[:, 0])


@pytest.mark.parametrize("order", ["xyz", "zxy", "yxz"])
def test_axes_of_an_array_in_any_order(tmp_path, order):
    places = ["zyx".index(letter) for letter in order]
    array = zarr.create_array(
        str(tmp_path / "a.zarr"),
        data=np.ascontiguousarray(STACK.transpose(places)),
        chunks=tuple(3 for _ in order),
        dimension_names=list(order),
    )
    assert array.ndim == 3
    assert np.array_equal(read_stack(_open_one(tmp_path / "a.zarr")), STACK)
    named = _open_one(tmp_path / "a.zarr", axes=order.upper())
    assert np.array_equal(read_stack(named), STACK)


def test_axes_without_names(tmp_path):
    path = write_plain_zarr(tmp_path / "a.zarr", HYPERSTACK[:, 0])
    with pytest.raises(InputError, match=r"The meaning of the axes 'QQYX'.* is not known; name"):
        open_images(path, mode="2D")
    source = _open_one(path, axes="TZYX", timepoint=1)
    assert np.array_equal(read_stack(source), HYPERSTACK[1, 0])
    with pytest.raises(InputError, match=r"Axes 'TZYW' are not possible; use letters out of T, Z"):
        open_images(path, mode="2D", axes="TZYW")


def test_a_level_and_an_image_can_be_chosen(tmp_path):
    path = write_ome_zarr(tmp_path / "a.ome.zarr", STACK)
    image = zarr.open_group(str(path), mode="r").attrs["ome"]["multiscales"][0]
    level = _open_one(path / image["datasets"][1]["path"])
    assert level.shape[1:] == (15, 20)
    assert level.metadata.scale_um[1:] == pytest.approx((1.0, 0.5))
    assert level.name.startswith("a_")


def test_groups_of_several_images(tmp_path):
    root = tmp_path / "many.zarr"
    zarr.open_group(str(root), mode="w", attributes={"bioformats2raw.layout": 3})
    for number in range(2):
        write_ome_zarr(root / str(number), STACK + number)
    with pytest.raises(InputError, match=r"many.zarr holds 2 images \(0, 1\); choose one image, "):
        open_images(root, mode="2D")
    chosen = _open_one(root / "1")
    assert (chosen.name, chosen.read_slice(0)[0, 0]) == ("many_1", STACK[0, 0, 0] + 1)


def test_a_plate_is_refused_and_one_of_its_images_is_read(tmp_path):
    root = tmp_path / "plate.ome.zarr"
    plate = {"plate": {"wells": [{"path": "A/1"}, {"path": "B/2"}]}}
    zarr.open_group(str(root), mode="w", attributes={"ome": {"version": "0.5", **plate}})
    well = {"ome": {"version": "0.5", "well": {"images": [{"path": "0"}]}}}
    zarr.open_group(str(root / "A/1"), mode="w", attributes=well)
    write_ome_zarr(root / "A/1/0", STACK)
    with pytest.raises(
        InputError,
        match=r"is a plate of wells \(A/1, B/2\); choose one image, for example "
        r"plate.ome.zarr/A/1/0\.",
    ):
        open_images(root, mode="2D")
    for chosen in (root / "A/1", root / "A/1/0"):
        assert np.array_equal(read_stack(_open_one(chosen)), STACK)
    assert _open_one(root / "A/1/0").name == "plate_A_1_0"


def test_a_remote_store(tmp_path):
    path = write_ome_zarr(tmp_path / "a.ome.zarr", STACK)
    remote = fsspec.filesystem("memory")
    remote.put(str(path), "/images/a.ome.zarr", recursive=True)
    source = _open_one("memory://images/a.ome.zarr")
    assert (source.name, source.metadata.scale_um) == ("a", pytest.approx(SCALE_UM))
    assert np.array_equal(read_stack(source), STACK)
    with pytest.raises(InputError, match=r"b.ome.zarr does not exist or is not a Zarr store"):
        open_images("memory://images/b.ome.zarr", mode="2D")


def test_an_address_that_nothing_reads(tmp_path):
    with pytest.raises(
        InputError, match=r"s4://b/a.zarr cannot be opened \(.*\); check the address"
    ):
        open_images("s4://b/a.zarr", mode="2D")


# what is wrong with stores


def test_half_written_groups(tmp_path):
    empty = tmp_path / "empty.ome.zarr"
    empty.mkdir()
    with pytest.raises(InputError, match=r"empty.ome.zarr is incomplete: it has no metadata"):
        open_images(empty, mode="2D")
    group = tmp_path / "group.ome.zarr"
    zarr.open_group(str(group), mode="w")
    with pytest.raises(InputError, match=r"group.ome.zarr holds no image"):
        open_images(group, mode="2D")
    level = {"path": "7", "coordinateTransformations": [{"type": "scale", "scale": [1, 1]}]}
    image = {"axes": [{"name": "y"}, {"name": "x"}], "datasets": [level]}
    ome = {"version": "0.5", "multiscales": [image]}
    zarr.open_group(str(group), mode="w", attributes={"ome": ome})
    with pytest.raises(InputError, match=r"is incomplete: it names 7, which is not there"):
        open_images(group, mode="2D")


@pytest.mark.parametrize(
    "damage",
    [
        {"multiscales": []},
        {"multiscales": "none"},
        {"multiscales": [{"datasets": [{}]}]},
        {"multiscales": [{"datasets": [{"path": "0"}], "axes": 5}]},
    ],
)
def test_damaged_attributes(tmp_path, damage):
    zarr.open_group(str(tmp_path / "a.zarr"), mode="w", attributes={"ome": damage})
    with pytest.raises(InputError, match=r"not valid OME-Zarr: .*\(multiscales\) is missing"):
        open_images(tmp_path / "a.zarr", mode="2D")


def test_metadata_that_are_no_json(tmp_path):
    path = write_plain_zarr(tmp_path / "a.zarr", STACK)
    (path / "zarr.json").write_text("{ half")
    with pytest.raises(InputError, match=r"cannot be read as Zarr; its metadata are damaged"):
        open_images(path, mode="2D")


def test_an_unknown_codec(tmp_path):
    path = write_plain_zarr(tmp_path / "a.zarr", STACK)
    stated = json.loads((path / "zarr.json").read_text())
    stated["codecs"][-1] = {"name": "of_another_world", "configuration": {}}
    (path / "zarr.json").write_text(json.dumps(stated))
    with pytest.raises(InputError, match=r"cannot be read"):
        _open_one(path).read_slice(0)


def test_slices_of_a_chunk_are_decoded_once(tmp_path, monkeypatch):
    path = write_plain_zarr(tmp_path / "a.zarr", STACK)  # two slices in a chunk
    source = _open_one(path)
    read = []
    get = zarr.Array.__getitem__
    monkeypatch.setattr(zarr.Array, "__getitem__", lambda a, key: read.append(key) or get(a, key))
    assert np.array_equal(read_stack(source), STACK)
    assert len(read) == 3


def test_planes_may_come_in_any_order(tmp_path):
    source = _open_one(write_ome_zarr(tmp_path / "a.ome.zarr", STACK))
    with StackWriter(tmp_path / "clean.ome.zarr", source) as writer:
        for z in (3, 0, 4, 2, 1):
            writer.write(z, STACK[z].astype(np.float32))
    assert np.array_equal(read_stack(_open_one(tmp_path / "clean.ome.zarr")), STACK)
