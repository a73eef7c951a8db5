"""How much of the structure of a frame the one before shows is measured beyond noise."""

from __future__ import annotations

import numpy as np
import pytest

from autoStructN2V.datasets import ArraySource
from autoStructN2V.datasets.samples.movie import make_movie
from autoStructN2V.masking import measure_noise_autocorrelation
from autoStructN2V.masking.frames.prediction import movement_sentence, predicted_share

SHAPE = (24, 96, 96)


def share_of(movie: np.ndarray) -> float | None:
    return predicted_share([ArraySource(movie)], measure_noise_autocorrelation([movie]))


def test_a_sample_at_rest_is_shown_by_every_frame_however_strong_the_noise_is():
    still = np.repeat(make_movie(1, (1, 96, 96)).clean, 24, axis=0)
    rng = np.random.default_rng(0)
    for std in (0.05, 0.15):
        noisy = (still + std * rng.standard_normal(SHAPE)).astype(np.float32)
        assert share_of(noisy) == pytest.approx(1.0, abs=0.1)


def test_frames_that_have_nothing_to_do_with_each_other_show_nothing():
    frames = [make_movie(seed, (1, 96, 96)).clean[0] for seed in range(12)]
    noisy = np.stack(frames) + 0.05 * np.random.default_rng(0).standard_normal((12, 96, 96))
    assert share_of(noisy.astype(np.float32)) < 0.15


def test_the_share_falls_with_the_speed_and_a_fast_sample_is_told():
    shares = [share_of(make_movie(0, SHAPE, speed=speed).noisy) for speed in (0.3, 6.0)]
    assert shares[0] > 0.75 and shares[1] < 0.5
    assert movement_sentence(shares[0]) == ""
    assert "sample moves fast: a frame shows" in movement_sentence(shares[1])
    assert "compare the result with 2D" in movement_sentence(shares[1])


def test_of_noise_alone_nothing_is_told():
    noise = np.random.default_rng(0).standard_normal(SHAPE).astype(np.float32)
    share = share_of(noise)
    assert share is None and movement_sentence(share) == ""
