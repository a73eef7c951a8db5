"""What a job gets of a layer: pixels of its own, and a pixel size that a file can hold."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from napari.layers import Image

from autoStructN2V.datasets import read_stack, write_stack
from napari_autostructn2v.layers.pixels import snapshot
from napari_autostructn2v.layers.taking import stacks_of


@pytest.mark.parametrize("shape", [(8, 9), (3, 8, 9), (2, 3, 8, 9)])
def test_a_job_works_on_the_pixels_as_they_were(shape):
    pixels = np.random.default_rng(0).normal(0, 1, shape).astype(np.float32)
    layer = Image(pixels.copy(), rgb=False)
    sources = snapshot(stacks_of(layer).sources)
    layer.data[:] = 0
    read = np.concatenate([read_stack(source) for source in sources])
    assert np.array_equal(read, pixels.reshape(-1, 8, 9))


def test_pixels_are_used_as_they_are_where_memory_does_not_suffice(monkeypatch):
    sources = stacks_of(Image(np.ones((8, 9), np.float32))).sources

    def full(source: object) -> None:
        raise MemoryError

    monkeypatch.setattr(type(sources[0]), "snapshot", full)
    assert snapshot(sources) == list(sources)


@pytest.mark.parametrize(
    ("unit", "micrometers"),
    [("angstrom", 1e-4), ("nm", 1e-3), ("um", 1.0), ("pm", 1e-6), ("m", 1e6), ("inch", 25400.0)],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_pixel_size_of_a_layer_is_in_the_file(tmp_path, unit, micrometers, dtype):
    layer = Image(np.ones((8, 9), dtype), scale=(13.5, 27.0), units=(unit, unit))
    (source,) = stacks_of(layer).sources
    assert source.metadata.scale_um == pytest.approx((27.0, 13.5, 27.0) * np.array(micrometers))
    write_stack(tmp_path / "a.tif", read_stack(source), source, output_dtype="input")
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        assert tif.pages[0].tags["XResolution"].value != (1, 1) or tif.is_ome


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_absurd_scales_cost_no_result(tmp_path, scale):
    layer = Image(np.ones((8, 9), np.float32), scale=(scale, scale), units=("um", "um"))
    (source,) = stacks_of(layer).sources
    write_stack(tmp_path / "a.tif", read_stack(source), source)
    assert tifffile.imread(tmp_path / "a.tif").shape == (8, 9)
