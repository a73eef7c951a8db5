"""Periodicity: sinusoids and offsets of lines are found and named, structure and noise are not."""

import numpy as np
import pytest
from scipy import ndimage

from autoStructN2V.masking import detect_periodic_patterns, remove_sinusoids

SHAPE = (4, 192, 192)
Y, X = np.mgrid[: SHAPE[1], : SHAPE[2]]


def background(rng, shape=SHAPE):
    smooth = ndimage.gaussian_filter(rng.standard_normal(shape), (0, 4, 4), mode="wrap")
    return 0.5 + 0.1 * smooth / smooth.std() + 0.06 * rng.standard_normal(shape)


def wave(period, angle_deg, phase=0.0):
    angle = np.radians(angle_deg)
    return np.sin(2 * np.pi * (np.cos(angle) * X + np.sin(angle) * Y) / period + phase)


@pytest.mark.parametrize(("period", "angle"), [(8.0, 90), (5.3, 0), (6.4, 40), (3.1, 130)])
def test_sinusoid_is_measured(period, angle):
    rng = np.random.default_rng(0)
    stack = background(rng)
    for plane in stack:
        plane += 0.05 * wave(period, angle, rng.uniform(0, 2 * np.pi))
    (found,) = detect_periodic_patterns([stack])
    assert found.period_px == pytest.approx(period, rel=0.01)
    assert found.angle_deg == pytest.approx(angle, abs=1.0) or angle == 0
    assert found.amplitude == pytest.approx(0.05, rel=0.15)
    assert found.variance_share == pytest.approx(0.00125 / stack.var(), rel=0.3)
    assert f"period {period:.1f} px" in found.sentence


def test_two_sinusoids_strongest_first():
    stack = background(np.random.default_rng(1)) + 0.04 * wave(9, 0) + 0.08 * wave(6, 90)
    found = detect_periodic_patterns([stack])
    assert [round(pattern.period_px) for pattern in found] == [6, 9]
    assert [pattern.direction for pattern in found] == ["along y", "along x"]


@pytest.mark.parametrize(("axis", "words"), [(1, "columns"), (2, "rows")])
def test_offsets_of_lines_are_found(axis, words):
    rng = np.random.default_rng(2)
    shape = list(SHAPE)
    shape[axis] = 1
    stack = background(rng) + 0.06 * rng.standard_normal(shape)
    (found,) = detect_periodic_patterns([stack])
    assert np.isinf(found.period_px)
    assert found.amplitude == pytest.approx(0.06, rel=0.3)
    assert words in found.sentence


@pytest.mark.parametrize("length", [1, 5, 15])
def test_correlated_noise_is_not_periodic(length):
    rng = np.random.default_rng(3)
    lines = ndimage.uniform_filter1d(rng.standard_normal(SHAPE), length, axis=2, mode="wrap")
    stack = background(rng) + 0.08 * lines / lines.std()
    assert detect_periodic_patterns([stack]) == []


def test_straight_edge_is_not_periodic():
    stack = background(np.random.default_rng(4)) + 1.0 * (Y > 0.7 * X)
    assert detect_periodic_patterns([stack]) == []


def test_small_constant_or_no_images():
    assert detect_periodic_patterns([]) == []
    assert detect_periodic_patterns([np.zeros((1, 20, 20))]) == []
    assert detect_periodic_patterns([np.ones((1, 64, 64))]) == []


def test_sinusoid_is_removed_and_the_rest_stays():
    clean = background(np.random.default_rng(5))
    stack = clean + 0.08 * wave(8, 90)
    before = stack.copy()
    removed = remove_sinusoids(stack, detect_periodic_patterns([stack]))
    assert np.array_equal(stack, before)
    assert removed.dtype == np.float32
    assert detect_periodic_patterns([removed]) == []
    assert np.std(removed - clean) < 0.02
