"""A file that was half written is gone on with, and only what is whole in it is believed."""

import json
import os

import numpy as np
import pytest
import tifffile
import zarr

from autoStructN2V import files
from autoStructN2V.datasets.images.formats.history import is_result_of
from autoStructN2V.datasets.images.metadata import ImageMetadata
from autoStructN2V.datasets.images.sources import ArraySource
from autoStructN2V.datasets.images.unfinished import Unfinished
from autoStructN2V.datasets.images.writing import StackWriter, write_stack
from autoStructN2V.errors import OutputError
from tests.core.conftest import written_files

STACK = np.random.default_rng(0).normal(0, 1, (4, 16, 24)).astype(np.float32)
OME = ImageMetadata(axes="ZYX", shape=STACK.shape, ome={"PhysicalSizeX": 0.1})


class _KillError(Exception):
    pass


def written(folder, slices, *, made_by="this", metadata=None, kill=True, ending=".tif", **options):
    """Write some slices and return which were there before."""
    source = ArraySource(STACK, metadata=metadata)
    path = folder / f"a{ending}"
    unfinished = Unfinished.beside(path, made_by)
    try:
        with StackWriter(path, source, unfinished=unfinished, **options) as stack:
            finished = stack.finished
            for z in finished:
                assert np.array_equal(stack.stored(z), STACK[z].astype(stack.stored(z).dtype))
            for z in set(slices) - finished:
                stack.write(z, STACK[z])
            if kill:
                raise _KillError
    except _KillError:
        pass
    return finished


def pixels_of(path):
    return tifffile.imread(path) if path.suffix == ".tif" else zarr.open(path, mode="r")["0"][:]


@pytest.mark.parametrize("metadata", [None, OME], ids=["imagej", "ome"])
@pytest.mark.parametrize("output_dtype", ["float32", "input"])
@pytest.mark.parametrize("ending", [".tif", ".ome.zarr"])
def test_it_goes_on_with_the_slices_that_are_missing(tmp_path, metadata, output_dtype, ending):
    options = {"metadata": metadata, "output_dtype": output_dtype, "ending": ending}
    path = tmp_path / f"a{ending}"
    assert written(tmp_path, [2, 0], **options) == set()
    assert not path.exists()
    assert written(tmp_path, [1], **options) == {0, 2}
    assert written(tmp_path, [0, 1, 2, 3], kill=False, **options) == {0, 1, 2}
    assert np.array_equal(pixels_of(path), STACK)
    before = written_files(tmp_path)
    assert written(tmp_path, [], kill=False, **options) == {0, 1, 2, 3}, "it is finished"
    assert written_files(tmp_path) == before


def test_slices_of_another_making_are_not_believed(tmp_path):
    written(tmp_path, [0, 1])
    assert written(tmp_path, [0], made_by="another model") == set()
    assert written(tmp_path, [0], made_by="another model", output_dtype="float32") == {0}


def flip(path, position):
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(content)


def place_of(z, folder):
    return (folder / ".a.tif.pixels").read_bytes().index(STACK[z].tobytes())


@pytest.mark.parametrize(
    ("damage", "kept"),
    [
        (lambda folder: flip(folder / ".a.tif.pixels", place_of(3, folder)), {0, 1}),
        (lambda folder: flip(folder / ".a.tif.pixels", 4), set()),
        (lambda folder: os.truncate(folder / ".a.tif.pixels", 3000), set()),
        (lambda folder: os.truncate(folder / ".a.tif.slices", 5), set()),
        (lambda folder: (folder / ".a.tif.slices").unlink(), set()),
        (lambda folder: (folder / ".a.tif.pixels").unlink(), set()),
        (lambda folder: (folder / ".a.tif.slices").write_bytes(b"[" * 10**5), set()),
    ],
)
def test_what_is_damaged_is_made_again(tmp_path, damage, kept):
    written(tmp_path, [0, 1, 3])
    damage(tmp_path)
    assert written(tmp_path, range(4), kill=False) == kept
    assert np.array_equal(tifffile.imread(tmp_path / "a.tif"), STACK)


def test_a_store_is_what_it_is_without_a_kill(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for folder in (whole, killed):
        folder.mkdir()
    for slices in ([3], [0, 2]):
        written(killed, slices, ending=".ome.zarr", metadata=OME)
    for folder in (killed, whole):
        written(folder, range(4), ending=".ome.zarr", metadata=OME, kill=False)
    made, wanted = (
        {path.relative_to(folder): content for path, content in written_files(folder).items()}
        for folder in (killed / "a.ome.zarr", whole / "a.ome.zarr")
    )
    assert made == wanted


def chunk(folder, z, level=0):
    return folder / ".a.ome.zarr.pixels" / str(level) / "c" / str(z) / "0" / "0"


@pytest.mark.parametrize(
    ("damage", "kept"),
    [
        (lambda folder: os.truncate(chunk(folder, 3), 5), {0, 1}),
        (lambda folder: chunk(folder, 1).unlink(), {0, 3}),
        (lambda folder: (folder / ".a.ome.zarr.pixels" / "0" / "zarr.json").unlink(), set()),
        (lambda folder: (folder / ".a.ome.zarr.pixels" / "zarr.json").write_bytes(b"{"), set()),
        (lambda folder: (folder / ".a.ome.zarr.slices").unlink(), set()),
    ],
)
def test_what_is_damaged_in_a_store_is_made_again(tmp_path, damage, kept):
    written(tmp_path, [0, 1, 3], ending=".ome.zarr")
    damage(tmp_path)
    assert written(tmp_path, range(4), kill=False, ending=".ome.zarr") == kept
    assert np.array_equal(pixels_of(tmp_path / "a.ome.zarr"), STACK)


def test_a_process_that_was_left_behind_neither_notes_nor_begins_a_journal(tmp_path):
    own, other = (Unfinished.beside(tmp_path / "a.tif", made_by) for made_by in "ab")
    for refusal in (own.require_current, lambda: own.note(0, 1)):
        with pytest.raises(OutputError):
            refusal()
    other.begin({})
    other.require_current()
    with pytest.raises(OutputError, match="another run has taken"):
        own.require_current()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("place", {"offset": -5, "slice_bytes": 1536, "n_slices": 4, "dtype": "<f4"}),
        ("place", {"offset": 10**18, "slice_bytes": 1536, "n_slices": 4, "dtype": "<f4"}),
        ("place", {"offset": 8, "slice_bytes": 1536, "n_slices": 4, "dtype": "|O"}),
        ("place", {"offset": "8", "slice_bytes": None, "n_slices": [], "dtype": 3}),
        ("place", 5),
        ("size", "large"),
        ("header", None),
    ],
)
def test_a_journal_may_say_anything(tmp_path, name, value):
    written(tmp_path, [0, 1, 3])
    journal = tmp_path / ".a.tif.slices"
    first, *lines = journal.read_text().splitlines()
    journal.write_text("\n".join([json.dumps({**json.loads(first), name: value}), *lines]))
    assert written(tmp_path, range(4), kill=False) == set()
    assert np.array_equal(tifffile.imread(tmp_path / "a.tif"), STACK)


@pytest.mark.parametrize("metadata", [None, OME], ids=["imagej", "ome"])
@pytest.mark.parametrize("dtype", [np.float32, np.uint32], ids=["float32", "uint32"])
def test_a_file_says_whose_result_it_is(tmp_path, metadata, dtype):
    path, source = tmp_path / "a.tif", ArraySource(STACK.astype(dtype), metadata=metadata)
    history = {"model": {"created": "today", "images": ["<a>"], "at": tmp_path}, "stage": 2}
    write_stack(path, STACK, source, history=history, output_dtype="input")
    assert is_result_of(path, source, history)
    assert not is_result_of(path, source, {**history, "stage": 1})
    assert not is_result_of(path, ArraySource(STACK[:2]), history)
    tifffile.imwrite(path, STACK, photometric="minisblack")
    assert not is_result_of(path, source, history)
    path.write_bytes(b"II*\0 no image")
    assert not is_result_of(path, source, history)


def test_a_kill_leaves_nothing_beside_a_journal_that_is_begun(tmp_path, monkeypatch):
    result = Unfinished.beside(tmp_path / "a.tif", "me")
    names = []
    monkeypatch.setattr(files.os, "fsync", lambda _: names.extend(tmp_path.iterdir()))
    result.begin({})
    assert names == [result.path]
