"""White noise is told from structure in images that are full of it."""

import numpy as np
import pytest
from scipy import ndimage

from autoStructN2V.masking.noise.autocorrelation import measure_noise_autocorrelation
from autoStructN2V.masking.noise.background import NoiseField, noise_field
from autoStructN2V.masking.noise.finest import fine_differences, finest_asymmetry
from autoStructN2V.masking.noise.levels import strength_levels

GAIN = 3.0
FLAT = NoiseField(np.zeros((1, 64, 64), np.float32), np.full((1, 64, 64), np.inf, np.float32))


def texture(rng, blur, shape=(2, 256, 256)):
    """Structure without any flat place, of standard deviation 1."""
    field = ndimage.gaussian_filter(rng.standard_normal(shape), (0, blur, blur), mode="wrap")
    return field / field.std()


def photons(rng, clean):
    """Counts, of which each is worth GAIN."""
    return (GAIN * rng.poisson(clean / GAIN)).astype(np.float32)


def read(stack):
    """Read the third moment over the variance, where the noise is as strong as it is measured."""
    field = noise_field(stack)
    white = np.zeros((11, 11))
    white[5, 5] = 1.0
    levels = strength_levels([stack], [field], white, (0.0, 1.0))
    return finest_asymmetry([stack], [field], levels)


@pytest.mark.parametrize("order", [2, 4, 8])
def test_differences_keep_the_variance_of_white_noise(order):
    noise = np.random.default_rng(0).normal(0.0, 3.0, (1, 512, 512)).astype(np.float32)
    assert np.square(fine_differences(noise, order)).mean() == pytest.approx(9.0, rel=0.03)


def cells(rng):
    """Structure everywhere, much stronger in some places."""
    return (0.4 + np.abs(texture(rng, 40.0))) * texture(rng, 2.5)


def test_images_full_of_structure_still_tell_their_noise():
    """What is taken for background is structure there, and what seems its noise is too strong."""
    rng = np.random.default_rng(1)
    clean = np.maximum(1000.0 + 500.0 * cells(rng), 1.0)
    found = measure_noise_autocorrelation([photons(rng, clean)])
    assert found.is_strength_known
    assert found.is_told_by_levels
    assert not found.follows_line
    expected = GAIN * clean.mean()
    assert found.noise_variance == pytest.approx(expected, rel=0.06)
    assert found.variance_at(np.array(clean.mean())) == pytest.approx(expected, rel=0.06)


@pytest.mark.parametrize("contrast", [0.0, 15.0])
def test_counts_tell_what_one_is_worth(contrast):
    rng = np.random.default_rng(2)
    clean = np.maximum(60.0 + contrast * texture(rng, 8.0), 1.0)
    assert read(photons(rng, clean)) == pytest.approx(GAIN, rel=0.15)


def test_symmetric_noise_has_no_third_moment():
    rng = np.random.default_rng(3)
    noisy = texture(rng, 2.0) + rng.normal(0.0, 0.3, (2, 256, 256))
    assert read(noisy.astype(np.float32)) == pytest.approx(0.0, abs=0.03)


def test_structure_as_fine_as_noise_is_not_taken_for_it():
    rng = np.random.default_rng(4)
    sharp = 20.0 * texture(rng, 0.5) + rng.normal(0.0, 3.0, (2, 256, 256))
    assert read(sharp.astype(np.float32)) is None


def test_noise_that_neighbors_share_is_not_taken_for_white():
    rng = np.random.default_rng(5)
    assert read(texture(rng, 0.6).astype(np.float32)) is None


def test_a_flat_image_has_no_noise():
    assert finest_asymmetry([np.zeros((1, 64, 64), np.float32)], [FLAT], ((0.0, 1.0),)) is None
