"""MRC: what headers say, in all their kinds, is read and kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mrcfile
import numpy as np
import pytest

from autoStructN2V.datasets.images.formats.notes import header_notes
from autoStructN2V.datasets.images.reading import open_images
from autoStructN2V.datasets.images.sources import ArraySource, ImageSource, read_stack
from autoStructN2V.datasets.images.writing import write_stack
from autoStructN2V.errors import InputError

from .files import STACK, write_mrc

if TYPE_CHECKING:
    from pathlib import Path

_HEADER_OF_IMOD = np.array([1146047817, 0], "<i4").tobytes()  # stamp, flags: bytes are unsigned


def _open_one(path: Path, mode: str = "2D", **choices: Any) -> ImageSource:
    (source,) = open_images(path, mode=mode, **choices)
    return source


@pytest.mark.parametrize("dtype", ["int8", "int16", "uint16", "float16", "float32"])
@pytest.mark.parametrize("byte_order", ["<", ">"])
def test_types_and_byte_orders(tmp_path, dtype, byte_order):
    stack = (STACK % 100).astype(np.dtype(dtype).newbyteorder(byte_order))
    with mrcfile.new(tmp_path / "a.mrc") as mrc:
        mrc.set_data(stack)
    source = _open_one(tmp_path / "a.mrc")
    assert source.dtype == stack.dtype
    assert np.array_equal(read_stack(source), stack)


def test_unsigned_bytes_of_imod(tmp_path):
    write_mrc(tmp_path / "a.mrc", np.array([[[100, -56]]], np.int8).repeat(3, axis=0))
    with (tmp_path / "a.mrc").open("r+b") as file:
        file.seek(152)
        file.write(_HEADER_OF_IMOD)
    assert _open_one(tmp_path / "a.mrc").read_slice(0).tolist() == [[100.0, 200.0]]


def test_a_result_keeps_header_labels_and_extended_header(tmp_path):
    with mrcfile.new(tmp_path / "a.rec") as mrc:
        mrc.set_data(STACK)
        mrc.voxel_size = (13.2, 13.2, 13.5)
        mrc.set_extended_header(np.frombuffer(b"tilt angles" * 20, "V1"))
        mrc.header.exttyp = b"SERI"
        mrc.header.origin.x = 7
        mrc.nstart = (1, 2, 3)
        mrc.add_label("aligned by hand")
    source = _open_one(tmp_path / "a.rec")
    write_stack(tmp_path / "b.rec", STACK * np.float32(1.5), source, history={"stage": 2})
    assert mrcfile.validate(tmp_path / "b.rec")
    with mrcfile.open(tmp_path / "b.rec") as mrc:
        assert np.array_equal(mrc.data, STACK * np.float32(1.5))
        assert mrc.voxel_size.tolist() == pytest.approx((13.2, 13.2, 13.5))
        assert mrc.extended_header.tobytes() == b"tilt angles" * 20
        assert (mrc.header.origin.x, mrc.nstart.tolist()) == (7, (1, 2, 3))
        labels = mrc.get_labels()
        assert "aligned by hand" in labels
        assert any(label.startswith("autoStructN2V") for label in labels)
        assert mrc.header.dmax == mrc.data.max()
        assert mrc.header.rms == pytest.approx(mrc.data.std(), rel=1e-5)


def test_volumes_are_timepoints(tmp_path):
    volumes = np.arange(2 * 3 * 4 * 5, dtype=np.float32).reshape(2, 3, 4, 5)
    with mrcfile.new(tmp_path / "a.mrc") as mrc:
        mrc.set_data(volumes)
    source = _open_one(tmp_path / "a.mrc", "2D")
    assert source.original_axes_shape == ("TZYX", volumes.shape)
    write_stack(tmp_path / "b.mrc", read_stack(source), source)
    with mrcfile.open(tmp_path / "b.mrc") as mrc:
        assert mrc.is_volume_stack()
        assert np.array_equal(mrc.data, volumes)


def test_types_that_it_does_not_have_are_told(tmp_path):
    source = ArraySource(STACK.astype(np.int32), "cells")
    (note,) = header_notes([source], "input", [tmp_path / "clean.mrc"])
    assert note.startswith("MRC has no data type int32, so the result of cells is written as float")
    assert header_notes([source], "input", [tmp_path / "clean.tif"]) == []
    write_stack(tmp_path / "clean.mrc", STACK * 1.0, source, output_dtype="input")
    assert _open_one(tmp_path / "clean.mrc").dtype == np.float32


@pytest.mark.parametrize("n_bytes", [0, 500, 1023])
def test_a_header_that_is_cut_off(tmp_path, n_bytes):
    path = write_mrc(tmp_path / "a.mrc", STACK)
    path.write_bytes(path.read_bytes()[:n_bytes])
    with pytest.raises(InputError, match=r"a\.mrc is not an MRC file \("):
        open_images(path, mode="2D")


def test_an_unknown_mode_and_impossible_sizes(tmp_path):
    for place, words in ((12, "its data have mode 77"), (0, "it states 77 x 30 x 5 pixels")):
        path = write_mrc(tmp_path / f"{place}.mrc", STACK)
        value = 77 if place == 12 else -77
        with path.open("r+b") as file:
            file.seek(place)
            file.write(np.int32(value).tobytes())
        with pytest.raises(InputError, match=words.replace("77 x", "-77 x")):
            open_images(path, mode="2D")
