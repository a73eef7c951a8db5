"""HDF5: which dataset, which axes."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from autoStructN2V.datasets.images.reading import open_images
from autoStructN2V.datasets.images.sources import read_stack
from autoStructN2V.errors import InputError

from .files import STACK, write_hdf5


@pytest.fixture
def several(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["raw/green"] = STACK
        file["raw/red"] = STACK + 1
        file["table"] = np.arange(9)
    return path


def test_one_of_several_datasets(several):
    with pytest.raises(
        InputError,
        match=r"holds 2 images \(/raw/green, /raw/red\); choose one, for example .*a\.h5",
    ):
        open_images(several, mode="2D")
    (source,) = open_images(f"{several}:/raw/red", mode="2D")
    assert source.name == "a_raw_red"
    assert np.array_equal(read_stack(source), STACK + 1)
    with pytest.raises(InputError, match="holds no raw/blue; it holds /raw/green, /raw/red"):
        open_images(f"{several}:/raw/blue", mode="2D")


def test_labels_of_dimensions_are_axes(tmp_path):
    path = write_hdf5(tmp_path / "a.h5", STACK)
    with h5py.File(path, "r+") as file:
        for dimension, label in zip(file["raw"].dims, "tyx", strict=True):
            dimension.label = label
    (source,) = open_images(path, mode="2D")
    assert source.original_axes_shape == ("TYX", STACK.shape)


def test_a_file_without_images(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["table"] = np.arange(9)
    with pytest.raises(InputError, match=r"a\.h5 holds no images .*; choose another file"):
        open_images(tmp_path / "a.h5", mode="2D")
    with pytest.raises(InputError, match=r"a\.h5:/table has 1 axes; an image has rows and"):
        open_images(f"{tmp_path}/a.h5:/table", mode="2D")


def test_pixels_of_other_files_are_not_read(several, tmp_path):
    path = tmp_path / "links.h5"
    layout = h5py.VirtualLayout(STACK.shape, STACK.dtype)
    layout[:] = h5py.VirtualSource(str(several), "raw/red", STACK.shape)
    with h5py.File(path, "w") as file:
        file["image"] = h5py.ExternalLink(str(several), "raw/red")
        file["group"] = h5py.ExternalLink(str(several), "raw")
        file["soft"] = h5py.SoftLink("/group/red")
        file.create_virtual_dataset("virtual", layout)
        raw = [(str(several), 0, STACK.nbytes)]
        file.create_dataset("raw", STACK.shape, STACK.dtype, external=raw)
    for inside in ("image", "group/red", "soft", "virtual", "raw"):
        with pytest.raises(InputError, match=rf"{inside} lies in another file, .*a\.h5"):
            open_images(f"{path}:/{inside}", mode="2D")
