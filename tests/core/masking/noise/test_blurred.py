"""Noise floor: noise that is blurred in all directions is told from sharp noise and structure."""

import numpy as np
import pytest
from scipy import ndimage

from autoStructN2V.datasets.samples import synthetic, texture
from autoStructN2V.masking.kernels.config import ExtractorConfig
from autoStructN2V.masking.kernels.extraction import extract_kernel
from autoStructN2V.masking.noise.background import noise_field
from autoStructN2V.masking.noise.blurred import blurred_noise
from autoStructN2V.masking.noise.measuring import measure_noise_autocorrelation

SHAPE = (3, 256, 256)


def dense_texture(rng, contrast=0.15):
    """Structure everywhere, without any background."""
    noise = ndimage.gaussian_filter(rng.standard_normal(SHAPE), (0, 2, 2), mode="wrap")
    return 0.5 + contrast * noise / noise.std()


def blurred(image, sigma):
    return ndimage.gaussian_filter(image, (0, sigma, sigma)).astype(np.float32)


def test_blurred_noise_in_dense_texture_is_hidden_on_all_sides():
    rng = np.random.default_rng(0)
    image = blurred(dense_texture(rng) + 0.1 * rng.standard_normal(SHAPE), 0.7)
    proposal = extract_kernel([image], ExtractorConfig())
    assert np.array_equal(proposal.kernel.trimmed(), np.ones((3, 3), bool))
    assert not proposal.autocorrelation.resembles_structure
    assert not proposal.autocorrelation.is_strength_known, "the texture adds to the variance"


@pytest.mark.parametrize("sigma", [0.7, 0.8])
def test_the_blur_is_measured(sigma):
    rng = np.random.default_rng(1)
    image = blurred(dense_texture(rng) + 0.1 * rng.standard_normal(SHAPE), sigma)
    values = blurred_noise([noise_field(image)], 5)
    assert values is not None
    assert values[5, 5] == 1.0
    true = np.exp(-1.0 / (4.0 * sigma**2))
    assert true - 0.15 < values[5, 6] < true + 0.02


@pytest.mark.parametrize("kind", synthetic.SAMPLE_KINDS)
def test_noise_with_an_independent_part_is_not_blurred(kind):
    sample = synthetic.make_sample(kind, 0, SHAPE)
    assert blurred_noise([noise_field(sample.noisy)], 5) is None


def test_sharp_structure_is_no_blurred_noise():
    rng = np.random.default_rng(2)
    clean = texture.clean_texture(SHAPE, rng)
    for strength in (0.0, 0.005, 0.02):
        image = clean + np.float32(strength) * rng.standard_normal(SHAPE, dtype=np.float32)
        assert blurred_noise([noise_field(image)], 5) is None
        assert extract_kernel([image], ExtractorConfig()).kernel.n_hidden == 1


def test_a_third_of_the_slices_is_enough():
    rng = np.random.default_rng(3)
    sharp = dense_texture(rng) + 0.1 * rng.standard_normal(SHAPE)
    soft = blurred(dense_texture(rng) + 0.1 * rng.standard_normal(SHAPE), 0.7)
    both = np.concatenate([sharp.astype(np.float32), soft])
    assert blurred_noise([noise_field(both)], 5) is not None
    assert blurred_noise([noise_field(np.concatenate([both, both[:3], both[:3]]))], 5) is None


def test_too_few_pixels_give_no_answer():
    rng = np.random.default_rng(4)
    image = blurred(rng.standard_normal((1, 128, 128)), 0.7)
    assert blurred_noise([noise_field(image)], 5) is None
    tiny = blurred(rng.standard_normal((4, 24, 24)), 0.7)
    assert blurred_noise([noise_field(tiny)], 5) is None


def test_lines_in_blurred_noise_are_kept():
    rng = np.random.default_rng(5)
    lines = ndimage.uniform_filter1d(rng.standard_normal(SHAPE), 5, axis=2)
    noise = 0.08 * rng.standard_normal(SHAPE) + 0.08 * lines / lines.std()
    image = blurred(dense_texture(rng, 0.05) + noise, 0.7)
    values = measure_noise_autocorrelation([image]).values[0]
    kernel = extract_kernel([image], ExtractorConfig()).kernel
    assert values[15, 18] > 0.1
    assert kernel.reach[1] >= 3
    assert kernel.reach[0] == 1
