"""Files of microscopes, read by bioio: a CZI that the library of its maker wrote."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from autoStructN2V.datasets.images.formats.bio_formats import READERS
from autoStructN2V.datasets.images.reading import open_images
from autoStructN2V.datasets.images.sources import read_stack
from autoStructN2V.datasets.images.writing import write_stack
from autoStructN2V.errors import InputError

from .files import STACK


@pytest.mark.parametrize(("ending", "reader"), READERS.items())
def test_a_missing_reader_is_named_with_the_line_that_installs_it(
    tmp_path, monkeypatch, ending, reader
):
    path = tmp_path / f"cells{ending}"
    path.write_bytes(b"image")
    monkeypatch.setitem(sys.modules, reader.replace("-", "_"), None)
    with pytest.raises(InputError, match=f"install it with: pip install bioio {reader}$"):
        open_images(path, mode="2D")


def test_a_czi_with_channels(tmp_path):
    pytest.importorskip("bioio_czi")
    czi = pytest.importorskip("pylibCZIrw.czi")
    stack = np.stack([STACK, STACK + 1])  # (c, z, y, x)
    path = tmp_path / "cells.czi"
    with czi.create_czi(str(path)) as file:
        for c in range(2):
            for z in range(5):
                file.write(stack[c, z][..., None], plane={"C": c, "Z": z, "T": 0})
        file.write_metadata(scale_x=0.25e-6, scale_y=0.5e-6, scale_z=2e-6)
    (source,) = open_images(path, mode="2D", channel=1)
    assert np.array_equal(read_stack(source), stack[1])
    assert source.metadata.scale_um == pytest.approx((2.0, 0.5, 0.25))
    write_stack(tmp_path / "clean.tif", stack[1], source)
    (read,) = open_images(tmp_path / "clean.tif", mode="2D")
    assert read.metadata.scale_um == pytest.approx((2.0, 0.5, 0.25))


def test_a_damaged_file(tmp_path):
    pytest.importorskip("bioio_czi")
    (tmp_path / "cells.czi").write_bytes(b"no image at all" * 99)
    with pytest.raises(InputError, match=r"cells\.czi cannot be read by bioio-czi"):
        open_images(tmp_path / "cells.czi", mode="2D")
