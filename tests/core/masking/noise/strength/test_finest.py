"""White noise is told from structure in images that are full of it."""

import numpy as np
import pytest
from scipy import ndimage

from autoStructN2V.masking.noise.background import NoiseField, noise_field
from autoStructN2V.masking.noise.differences import fine_differences
from autoStructN2V.masking.noise.measuring import measure_noise_autocorrelation
from autoStructN2V.masking.noise.strength.finest import (
    FinestAsymmetry,
    finest_asymmetry,
    is_white_at_finest,
)
from autoStructN2V.masking.noise.strength.levels import strength_levels

GAIN = 3.0
REACH = 4  # px at the edges, which the differences of the mirrored stack reach


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
    return finest_asymmetry([stack], [field], strength_levels([stack], [field], 1.0, (0.0, 1.0)))


def is_white(stack):
    stack = stack.astype(np.float32)
    return is_white_at_finest([stack], [noise_field(stack)])


@pytest.mark.parametrize("order", [2, 4, 8])
def test_differences_keep_the_variance_of_white_noise(order):
    noise = np.random.default_rng(0).normal(0.0, 3.0, (1, 512, 512)).astype(np.float32)
    inner = fine_differences(noise, order)[:, REACH:-REACH, REACH:-REACH]
    assert np.square(inner).mean() == pytest.approx(9.0, rel=0.03)


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
    assert abs(found.asymmetry) < 5.0 * GAIN
    assert abs(found.skewness) < 0.3


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_skewed_structure_is_not_taken_for_skewed_noise(sign):
    """Bright or dark specks everywhere: what seems noise over the background is skewed by them."""
    rng = np.random.default_rng(5)
    specks = np.exp(texture(rng, 2.5))
    specks = sign * (specks - specks.mean()) / specks.std()
    clean = 1000.0 + 300.0 * (0.4 + np.abs(texture(rng, 40.0))) * specks
    found = measure_noise_autocorrelation([clean + rng.normal(0.0, 55.0, clean.shape)])
    assert found.is_told_by_levels
    assert found.noise_variance == pytest.approx(55.0**2, rel=0.03)
    assert abs(found.skewness) < 0.3


def test_what_is_shared_along_fibers_is_not_drawn_as_noise():
    """Directed structure stays in the autocorrelation, so that the noise is not known."""
    rng = np.random.default_rng(1)
    fibers = ndimage.gaussian_filter(rng.standard_normal((2, 256, 256)), (0, 2.5, 8.0), mode="wrap")
    noisy = 1000.0 + 300.0 * (0.4 + np.abs(texture(rng, 40.0))) * fibers / fibers.std()
    found = measure_noise_autocorrelation([noisy + rng.normal(0.0, 30.0, noisy.shape)])
    assert not found.is_told_by_levels


@pytest.mark.parametrize("contrast", [0.0, 15.0])
def test_counts_tell_what_one_is_worth(contrast):
    rng = np.random.default_rng(2)
    clean = np.maximum(60.0 + contrast * texture(rng, 8.0, (8, 256, 256)), 1.0)
    assert read(photons(rng, clean)).value == pytest.approx(GAIN, rel=0.15)


def test_symmetric_noise_has_no_third_moment():
    rng = np.random.default_rng(3)
    noisy = texture(rng, 2.0) + rng.normal(0.0, 0.3, (2, 256, 256))
    found = read(noisy.astype(np.float32))
    assert abs(found.value) < 3.0 * found.standard_error


def test_a_few_strong_pixels_tell_no_third_moment():
    rng = np.random.default_rng(3)
    noisy = rng.normal(0.0, 1.0, (1, 256, 256)).astype(np.float32)
    noisy[0, 40::60, 30::70] += 200.0
    found = read(noisy)
    assert abs(found.value) < 3.0 * found.standard_error


@pytest.mark.parametrize(
    ("background", "kept"),
    [(7.0, 5.0), (90.0, 5.0), (-90.0, 5.0)],
)
def test_a_clear_third_moment_goes_before_that_of_the_background(background, kept):
    assert FinestAsymmetry(5.0, 1.0).beside(background) == kept


@pytest.mark.parametrize(("background", "kept"), [(4.0, 4.0), (90.0, 1.0), (-90.0, 1.0)])
def test_an_unclear_one_gives_way_to_what_it_does_not_exclude(background, kept):
    assert FinestAsymmetry(1.0, 2.0).beside(background) == kept


@pytest.mark.parametrize("side", [48, 256])
def test_white_noise_is_white_in_images_of_any_size(side):
    rng = np.random.default_rng(6)
    assert is_white(texture(rng, 3.0, (6, side, side)) + rng.normal(0.0, 0.3, (6, side, side)))


def test_structure_as_fine_as_noise_is_not_taken_for_it():
    rng = np.random.default_rng(4)
    assert not is_white(20.0 * texture(rng, 0.5) + rng.normal(0.0, 3.0, (2, 256, 256)))


def test_noise_that_neighbors_share_is_not_taken_for_white():
    assert not is_white(texture(np.random.default_rng(5), 0.6))


def test_sharpened_noise_is_not_taken_for_white():
    kernel = np.array([[0.0, -0.1, 0.0], [-0.1, 1.0, -0.1], [0.0, -0.1, 0.0]])[None]
    noise = np.random.default_rng(7).standard_normal((2, 256, 256))
    assert not is_white(ndimage.convolve(noise, kernel, mode="wrap"))


def test_a_flat_image_has_no_noise():
    flat = np.zeros((1, 64, 64), np.float32)
    assert not is_white_at_finest([flat], [NoiseField(flat, flat)])
