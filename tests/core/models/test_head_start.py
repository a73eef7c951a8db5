"""Weights from drawn images: they fit where they are taken, remove noise, and make nothing up."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from autoStructN2V.models.config import NetworkConfig
from autoStructN2V.models.head_start import HEAD_START, give_head_start, has_head_start
from autoStructN2V.pipeline import PRESETS, validate_config
from autoStructN2V.trainers import build_network


@pytest.fixture(scope="module")
def network():
    made = build_network(HEAD_START, 1, seed=0).eval()
    give_head_start(made)
    return made


def denoised(network, image):
    with torch.inference_mode():
        return network(torch.from_numpy(image.astype(np.float32))[None, None])[0, 0].numpy()


@pytest.mark.parametrize("preset", sorted(set(PRESETS) - {"documented"}))
def test_the_networks_of_the_presets_have_one(preset):
    config = validate_config({"preset": preset})
    assert config.head_start
    assert all(has_head_start(stage) for stage in (config.n2v, config.stage2))


@pytest.mark.parametrize("other", [{"features": 64}, {"num_layers": 3}, {"use_resize_conv": False}])
def test_networks_of_another_kind_have_none(other):
    assert not has_head_start(NetworkConfig(**{**HEAD_START.model_dump(), **other}))


def test_in_2_5d_equal_slices_are_seen_as_one_in_2d(network):
    triplets = build_network(HEAD_START, 3, seed=0).eval()
    give_head_start(triplets)
    slices = torch.randn(1, 1, 24, 32)
    with torch.inference_mode():
        torch.testing.assert_close(
            triplets(slices.expand(-1, 3, -1, -1)), network(slices), atol=1e-4, rtol=1e-3
        )


@pytest.mark.parametrize("spread", [None, (1, 5), (3, 3)])
def test_of_noise_alone_nothing_is_made(network, spread):
    """Neither white noise nor noise that neighbors share has something in it that may stay."""
    noise = np.random.default_rng(3).normal(0, 1, (128, 128))
    if spread is not None:
        noise = ndimage.uniform_filter(noise, spread, mode="wrap")
        noise = 0.9 * noise / noise.std() + 0.4 * np.random.default_rng(4).normal(0, 1, noise.shape)
    left = denoised(network, noise / noise.std())[8:-8, 8:-8]
    smooth = ndimage.gaussian_filter(noise / noise.std(), 3)[8:-8, 8:-8]
    assert left.std() < max(0.2, 1.5 * smooth.std())


def gratings_and_letters():
    """Return structure of kinds that were not drawn: gratings, rectangles, and a letter."""
    y, x = np.mgrid[:128, :128]
    image = np.where(x < 64, np.sin(2 * np.pi * y / 9), np.sign(np.sin(2 * np.pi * x / 12)))
    image[20:60, 70:74] = image[20:24, 70:100] = image[38:42, 70:92] = 2.0
    image[70:118, 20:50] = -1.5
    return (image - image.mean()) / image.std()


def test_structure_of_a_kind_that_was_never_drawn_stays(network):
    clean = gratings_and_letters()
    noisy = clean + np.random.default_rng(5).normal(0, 0.5, clean.shape)
    scale = noisy.std()
    error = np.mean((denoised(network, noisy / scale) * scale - clean) ** 2)
    best = min(np.mean((ndimage.gaussian_filter(noisy, s) - clean) ** 2) for s in (0.5, 1, 1.5, 2))
    assert error < 0.8 * best
