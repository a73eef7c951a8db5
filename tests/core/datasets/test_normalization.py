"""Normalization: it can be undone exactly, outliers do not decide, new data are compared."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from autoStructN2V.datasets.images.checks import as_source
from autoStructN2V.datasets.normalization import (
    Normalization,
    estimate_noise_level,
    estimate_normalization,
)
from autoStructN2V.errors import InputError, ModelError


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def _estimate(*arrays: np.ndarray) -> Normalization:
    return estimate_normalization([as_source(array) for array in arrays])


def test_arrays_and_tensors_alike_and_back(rng):
    stack = rng.normal(1000, 50, (3, 64, 64)).astype(np.float32)
    normalization = _estimate(stack)
    normalized = normalization.normalize(stack)
    assert normalized.dtype == np.float32
    assert abs(normalized.mean()) < 0.01
    assert normalized.std() == pytest.approx(1, abs=0.02)
    tensor = normalization.normalize(torch.from_numpy(stack))
    assert tensor.dtype == torch.float32
    assert np.allclose(tensor.numpy(), normalized, atol=1e-6)
    assert np.allclose(normalization.denormalize(tensor).numpy(), stack, rtol=1e-5)
    assert np.allclose(normalization.denormalize(normalized), stack, rtol=1e-5)


def test_nothing_is_clipped(rng):
    normalization = _estimate(rng.integers(0, 255, (64, 64)).astype(np.uint8))
    far = np.array([-1e6, 1e6], np.float32)
    assert np.allclose(normalization.denormalize(normalization.normalize(far)), far)


def test_hot_pixels_do_not_decide(rng):
    stack = rng.normal(100, 10, (4, 128, 128)).astype(np.float32)
    clean = _estimate(stack)
    stack[rng.random(stack.shape) < 5e-4] = 60000
    hot = _estimate(stack)
    assert hot.mean == pytest.approx(clean.mean, rel=0.01)
    assert hot.std == pytest.approx(clean.std, rel=0.03)


def test_all_sources_count(rng):
    dark = rng.normal(0, 1, (10, 64, 64)).astype(np.float32)
    both = _estimate(dark, dark + 100)
    assert both.mean == pytest.approx(50, abs=1)
    assert both.std == pytest.approx(50, rel=0.02)


def test_periodic_patterns_are_sampled_fairly():
    x = np.arange(2048)
    stripes = np.tile((x % 8 == 0).astype(np.float32), (2048, 1))
    assert _estimate(np.stack([stripes] * 3)).mean == pytest.approx(1 / 8, rel=0.02)


@pytest.mark.parametrize("level", [0.0, -3.0, 1e-30, 1e6])
def test_flat_data_get_a_usable_scale(level):
    normalization = _estimate(np.full((8, 8), level))
    assert normalization.std == 1.0
    assert normalization.mean == pytest.approx(level, rel=1e-6)


def test_a_few_bright_spots_on_nothing():
    image = np.zeros((256, 256), np.uint16)
    image[5:7, 5:7] = 1000
    normalization = _estimate(image)
    assert normalization.std > 0
    assert np.isfinite(normalization.normalize(image.astype(np.float32))).all()


def test_values_that_are_not_finite_are_left_out(rng):
    image = rng.normal(0, 1, (64, 64)).astype(np.float32)
    image[3, 3], image[9, 9] = np.nan, np.inf
    assert _estimate(image).std == pytest.approx(1, abs=0.05)
    with pytest.raises(InputError, match="no finite value"):
        _estimate(np.full((8, 8), np.nan))


@pytest.mark.parametrize("sigma", [0.5, 3.0, 40.0])
def test_noise_level_in_spite_of_structure(rng, sigma):
    y, x = np.mgrid[:200, :200]
    structure = 100 * np.sin(y / 15) + 200 * (x > 120)
    image = (structure + rng.normal(0, sigma, (200, 200))).astype(np.float32)
    assert estimate_noise_level(image) == pytest.approx(sigma, rel=0.05)


@pytest.mark.parametrize("shape", [(2048, 1024), (50, 40_000), (70, 40_000), (40_000, 50)])
def test_the_noise_level_of_a_large_image_is_that_of_all_of_it(rng, shape):
    image = rng.normal(100, 1, shape).astype(np.float32) * np.linspace(3, 5, shape[0])[:, None]
    expected = 1.4826 * np.median(
        np.abs(np.diff(np.diff(image.astype(float), 2, axis=0), 2, axis=1) / 6)
    )
    assert estimate_noise_level(image) == pytest.approx(expected, rel=0.05)


def test_noise_level_of_clipped_and_tiny_images(rng):
    clipped = np.maximum(rng.normal(-1, 1, (200, 200)), 0).astype(np.float32)
    assert 0.1 < estimate_noise_level(clipped) < 1
    assert estimate_noise_level(np.ones((2, 9), np.float32)) == 0.0
    assert estimate_noise_level(np.full((9, 9), np.nan, np.float32)) == 0.0


def test_stored_statistics_come_back(rng):
    normalization = _estimate(rng.normal(0, 1, (64, 64)))
    stored = json.loads(json.dumps(normalization.to_dict()))
    assert Normalization.from_dict(stored) == normalization


@pytest.mark.parametrize(
    "change", [{"std": 0.0}, {"mean": float("nan")}, {"extra": 1.0}, {"low": "a"}]
)
def test_damaged_statistics_are_refused(rng, change):
    stored = _estimate(rng.normal(0, 1, (64, 64))).to_dict() | change
    with pytest.raises(ModelError):
        Normalization.from_dict(stored)


def test_similar_images_raise_no_warning(rng):
    training = _estimate(rng.normal(100, 10, (4, 64, 64)))
    assert training.compare(training) == []
    assert training.compare(_estimate(rng.normal(103, 12, (4, 64, 64)))) == []


def test_another_bit_depth_is_noticed_once(rng):
    image = rng.normal(100, 10, (4, 64, 64))
    (warning,) = _estimate(image).compare(_estimate(image * 256))
    assert "intensities run from" in warning
    (warning,) = _estimate(image).compare(_estimate(image + 1000))
    assert "intensities run from" in warning


def test_another_noise_level_is_noticed(rng):
    structure = 100 * np.sin(np.arange(64) / 10)[:, None] * np.ones((4, 64, 64))
    training = _estimate(structure + rng.normal(0, 5, structure.shape))
    (warning,) = training.compare(_estimate(structure + rng.normal(0, 20, structure.shape)))
    assert "4.0 times stronger" in warning or "stronger" in warning
    (warning,) = training.compare(_estimate(structure + rng.normal(0, 1, structure.shape)))
    assert "weaker" in warning
