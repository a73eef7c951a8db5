"""Offsets of rows or columns that all frames of a movie share are measured in all of them."""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING

import numpy as np
import pytest

from autoStructN2V.datasets import ArraySource
from autoStructN2V.datasets.samples.movie import make_movie
from autoStructN2V.masking.patterns.finding import find_patterns
from autoStructN2V.masking.patterns.fourier.choices import NO_EDITS, PatternEdits
from autoStructN2V.masking.patterns.lines.offsets import find_offsets
from autoStructN2V.masking.patterns.lines.profile import line_profile
from tests.core.masking.patterns.lines.test_offsets import fine

if TYPE_CHECKING:
    from autoStructN2V.masking.patterns.removal import PatternRemoval

SHAPE = (16, 96, 512)
OFFSETS = np.random.default_rng(5).standard_normal(SHAPE[1])


@pytest.fixture(scope="module")
def movie() -> np.ndarray:
    """Cells that move, in noise that is five times as strong as the offsets to be found."""
    noise = 0.2 * np.random.default_rng(0).standard_normal(SHAPE)
    return (make_movie(0, SHAPE).clean + noise).astype(np.float32)


def sources_of(frames: np.ndarray, kind: str) -> list[ArraySource]:
    return [ArraySource(frames)] if kind == "stack" else [ArraySource(frame) for frame in frames]


@pytest.mark.parametrize("kind", ["stack", "single frames"])
@pytest.mark.parametrize("lines", ["rows", "columns"])
def test_offsets_of_all_frames_are_found_and_removed_with_the_right_value(movie, kind, lines):
    frames = (movie + 0.04 * OFFSETS[:, None]).astype(np.float32)
    one = line_profile(frames[0], "rows")
    sources = sources_of(frames if lines == "rows" else frames.transpose(0, 2, 1), kind)
    removal = find_patterns(sources)
    (found,) = removal.patterns
    assert (found.lines, found.is_shared) == (lines, True)
    assert found.std == pytest.approx(0.04, rel=0.2)
    assert "the same in all slices or frames" in removal.sentence
    removed = sources[0].read_slice(0) - removal.applied_to(sources[0]).read_slice(0)
    profile = removed.mean(axis=1 if lines == "rows" else 0)
    left = np.std(profile - fine(0.04 * OFFSETS))
    assert left < 0.01
    assert left < 0.65 * np.std(one - fine(0.04 * OFFSETS)), "no better than one frame"
    z = sources[-1].shape[0] - 1
    last = sources[-1].read_slice(z) - removal.applied_to(sources[-1]).read_slice(z)
    np.testing.assert_allclose(last, removed, atol=1e-5)


@pytest.mark.parametrize("std", [0.02, 0.04])
def test_frames_that_are_files_show_together_what_none_shows_alone(movie, std):
    frames = (movie + std * OFFSETS[:, None]).astype(np.float32)
    assert find_offsets(list(frames)) == []
    (found,) = find_patterns(sources_of(frames, "single frames")).patterns
    assert found.std == pytest.approx(std, rel=0.2)


@pytest.mark.parametrize("kind", ["stack", "single frames"])
def test_there_is_no_false_alarm_in_movies_without(movie, kind):
    still = np.repeat(make_movie(3, (1, 128, 128)).clean, 16, axis=0)
    still = still + 0.05 * np.random.default_rng(1).standard_normal(still.shape)
    for frames in (movie, make_movie(2, (16, 128, 128)).clean, still.astype(np.float32)):
        assert find_patterns(sources_of(frames, kind)).patterns == ()


@pytest.fixture(scope="module")
def rows(movie) -> tuple[list[ArraySource], PatternRemoval]:
    """Frames that are files, in whose rows there are weak offsets that all of them share."""
    sources = sources_of((movie + 0.04 * OFFSETS[:, None]).astype(np.float32), "single frames")
    return sources, find_patterns(sources)


def removed_by(removal: PatternRemoval, source: ArraySource) -> np.ndarray:
    """Return what is taken out of the rows (Y,) of a frame."""
    return (source.read_slice(0) - removal.applied_to(source).read_slice(0)).mean(axis=1)


def test_they_are_measured_in_all_frames_when_a_person_adds_another_pattern(rows):
    sources, removal = rows
    wave = PatternEdits.read("16@0", "")
    edited = removal.edited(wave)
    assert len(edited.patterns) == 2
    whole = removed_by(removal, sources[0])
    for frame in (sources[0], sources[-1]):
        assert np.std(removed_by(edited, frame) - whole) < 0.05 * np.std(whole)


def test_they_are_measured_in_all_frames_when_they_stay(rows):
    """Noise is measured without them also where they are not to be removed."""
    sources, removal = rows
    kept = removal.edited(PatternEdits.read("", "rows"))
    assert not kept.patterns
    for frame in (sources[0], sources[-1]):
        difference = frame.read_slice(0) - kept.for_measuring(frame).read_slice(0)
        np.testing.assert_allclose(
            difference.mean(axis=1), removed_by(removal, sources[0]), atol=1e-5
        )


def test_they_are_known_still_when_the_frames_are_forgotten(rows):
    sources, removal = rows
    wanted = removed_by(removal, sources[0])
    again = ArraySource(sources[3].read_slice(0))
    np.testing.assert_allclose(removed_by(removal.forgetful(), again), wanted, atol=1e-5)


def test_a_removal_that_forgets_holds_no_pixels(movie):
    frames = (movie + 0.04 * OFFSETS[:, None]).astype(np.float32)
    sources = sources_of(frames, "single frames")
    removal = find_patterns(sources, edits=PatternEdits.read("16@0", ""))
    for source in sources:
        removal.applied_to(source).read_slice(0)
    removal = removal.forgetful()
    pixels = [weakref.ref(source) for source in sources]
    del sources, source
    gc.collect()
    assert not [one for one in pixels if one() is not None]
    assert removal.edited(NO_EDITS).patterns
