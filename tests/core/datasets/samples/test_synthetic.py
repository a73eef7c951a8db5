"""Synthetic samples: reproducible, and their noise has the stated autocorrelation."""

from __future__ import annotations

import numpy as np
import pytest

from autoStructN2V.datasets.samples.synthetic import (
    NOISE_MODELS,
    SAMPLE_KINDS,
    make_sample,
    true_autocorrelation,
)

SMALL = (4, 96, 96)


@pytest.fixture
def textures_once() -> None:
    """Here, images are drawn whenever they are asked for."""


def _measured(noise: np.ndarray, half: int) -> np.ndarray:
    planes = [plane - plane.mean() for plane in noise]
    correlations = [np.fft.fftshift(np.fft.ifft2(np.abs(np.fft.fft2(p)) ** 2).real) for p in planes]
    mean = np.mean(correlations, axis=0)
    y, x = np.array(mean.shape) // 2
    return (mean / mean[y, x])[y - half : y + half + 1, x - half : x + half + 1]


@pytest.mark.parametrize("kind", SAMPLE_KINDS)
def test_noise_has_the_stated_autocorrelation_and_strength(kind):
    sample = make_sample(kind, shape=(8, 128, 128))
    noise = sample.noisy - sample.clean
    assert np.abs(_measured(noise, 8) - true_autocorrelation(kind, 8)).max() < 0.05
    model = NOISE_MODELS[kind]
    assert noise.std() == pytest.approx(np.hypot(model.white_std, model.structured_std), rel=0.05)
    assert abs(noise.mean()) < 0.01


@pytest.mark.parametrize("kind", SAMPLE_KINDS)
def test_same_seed_same_images(kind):
    first, second, other = (make_sample(kind, seed, SMALL) for seed in (3, 3, 4))
    assert np.array_equal(first.noisy, second.noisy)
    assert not np.array_equal(first.clean, other.clean)
    assert first.clean.shape == first.noisy.shape == SMALL
    assert first.clean.dtype == first.noisy.dtype == np.float32


def test_all_kinds_of_separate_images_share_their_clean_truth():
    clean = [make_sample(kind, 0, SMALL).clean for kind in SAMPLE_KINDS if kind != "stack"]
    assert all(np.array_equal(clean[0], other) for other in clean)


def test_signal_leaves_room_for_the_noise():
    sample = make_sample("random", shape=SMALL)
    assert sample.clean.min() >= 0.15 - 1e-6
    assert sample.clean.max() <= 0.85 + 1e-6
    assert sample.clean.std() > 0.05


def test_neighbors_in_a_stack_are_alike_and_share_noise():
    sample = make_sample("stack", shape=(20, 64, 64))
    noise = sample.noisy - sample.clean

    def similarity(stack: np.ndarray) -> float:
        return float(np.corrcoef(stack[:-1].ravel(), stack[1:].ravel())[0, 1])

    assert similarity(sample.clean) > 0.7
    assert similarity(noise) == pytest.approx(0.64 * 2 / 3, abs=0.05)


@pytest.mark.parametrize(
    ("kind", "offsets"),
    [
        ("random", set()),
        ("diagonal", {(i, i) for i in range(-4, 5) if i}),
        ("horizontal_lines", {(0, i) for i in range(-7, 8) if i}),
    ],
)
def test_true_lags_follow_the_pattern(kind, offsets):
    lags = {(y, x) for y, x, _ in make_sample(kind, shape=SMALL).true_lags}
    assert lags <= offsets
    assert len(lags) >= len(offsets) - 2


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("random", [0.53687, 0.53922]),
        ("horizontal_lines", [0.42745, 0.56134]),
        ("vertical_stripes", [0.62301, 0.39531]),
        ("diagonal", [0.66409, 0.65414]),
        ("periodic", [0.43747, 0.51207]),
        ("stack", [0.82612, 0.67046]),
        ("blob", [0.63627, 0.45384]),
        ("shot_noise_lines", [0.55152, 0.50579]),
    ],
)
def test_images_stay_what_they_were(kind, values):
    """Benchmarks of different versions compare only on the same images."""
    noisy = make_sample(kind, shape=(2, 64, 64)).noisy
    assert noisy[1, [5, 40], [7, 50]] == pytest.approx(values, abs=1e-4)
