"""Offsets of rows or columns that all frames of a movie share are measured in all of them."""

from __future__ import annotations

import numpy as np
import pytest

from autoStructN2V.datasets import ArraySource
from autoStructN2V.datasets.samples.movie import make_movie
from autoStructN2V.masking.patterns.finding import find_patterns
from autoStructN2V.masking.patterns.lines.offsets import find_offsets
from tests.core.masking.patterns.lines.test_offsets import fine

SHAPE = (32, 128, 128)
OFFSETS = 0.04 * np.random.default_rng(5).standard_normal(128)


@pytest.fixture(scope="module")
def movie() -> np.ndarray:
    """Cells that move, in noise that is several times as strong as the offsets to be found."""
    clean = make_movie(0, SHAPE).clean
    noise = 0.2 * np.random.default_rng(0).standard_normal(SHAPE)
    return (clean + noise).astype(np.float32)


def sources_of(frames: np.ndarray, kind: str) -> list[ArraySource]:
    return [ArraySource(frames)] if kind == "stack" else [ArraySource(frame) for frame in frames]


@pytest.mark.parametrize("kind", ["stack", "single frames"])
@pytest.mark.parametrize("lines", ["rows", "columns"])
def test_offsets_of_all_frames_are_found_and_removed_with_the_right_value(movie, kind, lines):
    added = (OFFSETS[:, None] if lines == "rows" else OFFSETS).astype(np.float32)
    sources = sources_of(movie + added, kind)
    removal = find_patterns(sources)
    (found,) = removal.patterns
    assert (found.lines, found.is_shared) == (lines, True)
    assert found.std == pytest.approx(0.04, rel=0.2)
    assert "the same in all slices or frames" in removal.sentence
    removed = sources[0].read_slice(0) - removal.applied_to(sources[0]).read_slice(0)
    profile = removed.mean(axis=1 if lines == "rows" else 0)
    # far better than one frame, whose lines leave 0.2 / sqrt(128) each
    assert np.std(profile - fine(OFFSETS)) < 0.006
    last = sources[-1].read_slice(sources[-1].shape[0] - 1)
    cleaned = removal.applied_to(sources[-1]).read_slice(sources[-1].shape[0] - 1)
    np.testing.assert_allclose(last - cleaned, removed, atol=1e-5)


def test_one_frame_alone_does_not_show_offsets_as_weak(movie):
    weak = (movie + 0.25 * OFFSETS[:, None]).astype(np.float32)
    assert find_offsets([weak[0]]) == []
    (found,) = find_patterns(sources_of(weak, "single frames")).patterns
    assert found.std == pytest.approx(0.01, rel=0.3)


@pytest.mark.parametrize("kind", ["stack", "single frames"])
def test_there_is_no_false_alarm_in_movies_without(movie, kind):
    still = np.repeat(make_movie(3, (1, 128, 128)).clean, 16, axis=0)
    still = still + 0.05 * np.random.default_rng(1).standard_normal(still.shape)
    for frames in (movie, make_movie(2, (16, 128, 128)).clean, still.astype(np.float32)):
        assert find_patterns(sources_of(frames, kind)).patterns == ()
