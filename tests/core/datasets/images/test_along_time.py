"""Frames of a movie as what 2.5D sees next to each other: chosen, or refused with the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from autoStructN2V.datasets import check_images, open_images
from autoStructN2V.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

ALONG_TIME = {"mode": "2.5D", "triplets_along": "time"}


def write(path: Path, axes: str, shape: tuple[int, ...]) -> Path:
    data = np.random.default_rng(0).random((*shape, 16, 16), np.float32)
    metadata = {"axes": f"{axes}YX"} if axes else None
    tifffile.imwrite(path, data, imagej=bool(axes), metadata=metadata, photometric="minisblack")
    return path


def test_frames_are_a_stack_and_pages_without_a_meaning_are_frames(tmp_path):
    for axes in ("T", ""):
        (movie,) = open_images(write(tmp_path / "a.tif", axes, (24,)), **ALONG_TIME)
        assert movie.shape == (24, 16, 16)
        assert movie.original_axes_shape[0] == "TYX"


def test_single_frames_of_a_folder_are_a_movie(tmp_path):
    for number in range(3):
        write(tmp_path / f"{number}.tif", "", ())
    (movie,) = open_images(tmp_path, **ALONG_TIME)
    assert movie.original_axes_shape == ("TYX", (3, 16, 16))
    assert movie.metadata.selection == "3 files, one frame each"


@pytest.mark.parametrize(
    ("axes", "shape", "options", "said"),
    [
        ("Z", (24,), {}, "24 slices in z and no time axis.* say axes='TYX', otherwise use"),
        ("TZ", (24, 3), {}, "24 timepoints of 3 slices each, and triplets along time need a movie"),
        ("T", (24,), {"timepoint": 1}, "Timepoint 1 of .* was chosen, and triplets along time"),
        ("T", (24,), {"triplets_along": "z"}, "if they are a movie, triplets_along='time'"),
    ],
)
def test_what_is_no_movie_is_refused_with_what_to_do(axes, shape, options, said, tmp_path):
    path = write(tmp_path / "a.tif", axes, shape)
    with pytest.raises(InputError, match=said):
        open_images(path, **{**ALONG_TIME, **options})


def test_a_person_may_say_that_slices_are_frames(tmp_path):
    path = write(tmp_path / "a.tif", "Z", (24,))
    (movie,) = open_images(path, axes="TYX", **ALONG_TIME)
    assert movie.original_axes_shape[0] == "TYX"


def test_few_frames_are_refused_as_frames(tmp_path):
    sources = open_images(write(tmp_path / "a.tif", "T", (12,)), **ALONG_TIME)
    with pytest.raises(InputError, match=r"2\.5D: 12 frames, 20 needed; use 2D or a longer movie"):
        check_images(sources, patch_size=1, mode="2.5D")
