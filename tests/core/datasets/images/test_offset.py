"""An offset that float32 cannot hold changes no result: it is taken off and added back."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from autoStructN2V.datasets.images.checks import as_source
from autoStructN2V.datasets.images.formats.notes import header_notes
from autoStructN2V.datasets.images.offset import restored, without_offset
from autoStructN2V.datasets.images.reading import open_images
from autoStructN2V.datasets.images.writing import write_stack
from autoStructN2V.datasets.normalization import Normalization, estimate_normalization

ON_OFFSETS = [
    ("float64", 1.0, 1e7),
    ("float64", 0.01, 1e5),
    ("float64", 1.0, -1e9),
    ("int32", 10.0, -(2**30)),
    ("uint32", 100.0, 2**31),
    ("int64", 100.0, 2**40),
    ("int64", 100.0, -(2**62)),
    ("uint64", 100.0, 2**63),
    ("uint64", 100.0, 2**64 - 10_000),
]


def on_offset(dtype: str, factor: float, offset: float) -> tuple[np.ndarray, np.ndarray]:
    """Return noise (2, 32, 32) of a standard deviation of ``factor``, and the same on an offset."""
    noise = factor * np.random.default_rng(0).normal(0, 1, (2, 32, 32))
    if dtype == "float64":
        return noise, noise + offset
    whole = np.rint(noise).astype(np.int64)
    total = whole.view(np.uint64) + np.uint64(int(offset) % 2**64)
    return whole.astype(float), total.view(np.int64 if dtype != "uint64" else np.uint64).astype(
        dtype
    )


@pytest.mark.parametrize(("dtype", "factor", "offset"), ON_OFFSETS)
def test_an_offset_is_taken_off_exactly_and_added_back_in_the_same_type(dtype, factor, offset):
    noise, stack = on_offset(dtype, factor, offset)
    (source,) = without_offset([as_source(stack)])
    assert source.metadata.offset != 0
    read = np.stack([source.read_slice(z) for z in range(2)])
    assert read - read.mean() == pytest.approx(noise - noise.mean(), abs=1e-5 * factor)
    back = restored(read, source.metadata.offset, stack.dtype).astype(stack.dtype)
    if dtype == "float64":
        assert back == pytest.approx(stack, rel=0, abs=1e-6 * factor)
    else:
        assert np.array_equal(back, stack)


@pytest.mark.parametrize(
    ("dtype", "offset"),
    [("uint8", 100), ("uint16", 60_000), ("float32", 1e7), ("int32", 1000), ("float64", 100.0)],
)
def test_what_float32_holds_is_read_as_it_is(dtype, offset):
    source = as_source((np.random.default_rng(0).normal(0, 9, (2, 32, 32)) + offset).astype(dtype))
    assert without_offset([source]) == [source]


def test_all_images_of_a_run_have_the_same_offset_taken_off():
    sources = [as_source(on_offset("uint32", 100.0, 2**31 + 500 * n)[1]) for n in range(3)]
    found = without_offset(sources)
    assert len({source.metadata.offset for source in found}) == 1
    means = [source.read_slice(0).mean() for source in found]
    assert np.diff(means) == pytest.approx([500, 500], abs=1)


@pytest.mark.parametrize("output_dtype", ["input", "float32"])
def test_a_file_gets_the_offset_back(tmp_path, output_dtype):
    _, stack = on_offset("uint32", 100.0, 2**31)
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="minisblack")
    (source,) = without_offset(open_images(tmp_path / "a.tif", mode="2D"))
    read = np.stack([source.read_slice(z) for z in range(2)])
    write_stack(tmp_path / "b.tif", read, source, output_dtype=output_dtype)
    written = tifffile.imread(tmp_path / "b.tif")
    notes = header_notes([source], output_dtype)
    if output_dtype == "input":
        assert np.array_equal(written, stack)
        assert notes == []
    else:
        assert written.astype(float) == pytest.approx(stack.astype(float), abs=128)
        (note,) = notes
        assert "float32 has steps of 256" in note


def test_statistics_can_be_told_relative_to_another_offset():
    _, stack = on_offset("uint32", 100.0, 2**31)
    (source,) = without_offset([as_source(stack)])
    found = estimate_normalization([source])
    assert found.mean + found.offset == pytest.approx(stack.mean(), abs=0.1)
    moved = found.relative_to(found.offset + 1000)
    assert moved.mean == pytest.approx(found.mean - 1000)
    assert (moved.std, moved.noise_level) == (found.std, found.noise_level)
    assert found.compare(moved) == []
    assert Normalization.from_dict(found.to_dict()) == found


def test_statistics_without_an_offset_are_written_as_ever():
    (source,) = without_offset([as_source(np.random.default_rng(0).normal(0, 1, (1, 32, 32)))])
    assert "offset" not in estimate_normalization([source]).to_dict()
