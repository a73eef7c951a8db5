"""Strength of the noise: in any unit, and no more of it where nothing is known of it."""

import numpy as np
import pytest
from scipy import ndimage

from autoStructN2V.datasets.samples import synthetic
from autoStructN2V.masking.noise.autocorrelation import Autocorrelation
from autoStructN2V.masking.noise.measuring import measure_noise_autocorrelation

SHAPE = (8, 256, 256)


def relative_variance(found: Autocorrelation, brightness: float) -> float:
    return 1.0 + found.variance_slope * (brightness - found.brightness)


def spots_on_flat_background(rng, height):
    """Few bright spots, which leave a background of one brightness."""
    spots = ndimage.gaussian_filter((rng.random(SHAPE) < 5e-4).astype(float), (0, 2.5, 2.5))
    return 100.0 + height * spots / spots.max()


@pytest.mark.parametrize("height", [100.0, 1000.0])
@pytest.mark.parametrize("seed", range(3))
def test_a_flat_background_says_nothing_about_much_brighter_places(height, seed):
    rng = np.random.default_rng(seed)
    clean = spots_on_flat_background(rng, height)
    found = measure_noise_autocorrelation([clean + rng.standard_normal(SHAPE)])
    assert found.noise_variance == pytest.approx(1.0, rel=0.05)
    assert relative_variance(found, clean.max()) == pytest.approx(1.0)


def test_noise_that_grows_with_brightness_is_followed_over_all_of_the_images():
    """By far most of the variance is shot noise: the line meets zero not far from darkness."""
    rng = np.random.default_rng(0)
    waves = np.sin(np.arange(SHAPE[2]) / 20.0)
    clean = np.broadcast_to(100.0 + 80.0 * waves, SHAPE)
    found = measure_noise_autocorrelation([rng.poisson(clean)])
    for brightness in (20.0, 100.0, 180.0):
        variance = found.noise_variance * relative_variance(found, brightness)
        assert variance == pytest.approx(brightness, rel=0.15)


@pytest.mark.parametrize("n_photons", [4.0, 25.0])
def test_counts_are_as_skewed_as_they_are_few(n_photons):
    """The skewness of a Poisson law of mean m is the root of 1 / m; that of 4 is no bell shape."""
    found = measure_noise_autocorrelation([np.random.default_rng(0).poisson(n_photons, SHAPE)])
    assert found.skewness == pytest.approx(n_photons**-0.5, abs=0.03)
    assert found.is_uniform_gaussian is (n_photons > 11.0)


@pytest.mark.parametrize("unit", [5.0, -2.0])
def test_what_a_photon_is_worth_is_the_asymmetry(unit):
    """The third moment of a Poisson law is its variance; images may be inverted."""
    counts = np.random.default_rng(0).poisson(3.0, SHAPE)
    found = measure_noise_autocorrelation([1000.0 + unit * counts])
    assert found.asymmetry == pytest.approx(unit, rel=0.05)


@pytest.mark.parametrize("is_multiplied", [False, True])
def test_counts_are_told_from_fine_structure_by_their_shape(is_multiplied):
    """Photons count alike, or are multiplied by chance (EMCCD); structure has both signs."""
    rng = np.random.default_rng(0)
    counts = rng.poisson(3.0, SHAPE)
    if is_multiplied:
        counts = rng.gamma(np.maximum(counts, 1e-6))
    assert measure_noise_autocorrelation([counts]).is_of_photons
    places = rng.random(SHAPE) < 0.05
    structure = np.where(places, rng.choice([-4.0, 4.0], SHAPE), 0.0)
    assert not measure_noise_autocorrelation([structure + rng.normal(size=SHAPE)]).is_of_photons


@pytest.mark.parametrize("unit", [1e-8, 1e-6, 1e4])
def test_the_unit_of_the_images_does_not_matter(unit):
    image = synthetic.make_sample("shot_noise_lines", 0, (4, 128, 128)).noisy
    first = measure_noise_autocorrelation([image])
    second = measure_noise_autocorrelation([np.float32(unit) * image])
    assert second.is_uniform_gaussian
    assert second.excess_kurtosis == pytest.approx(first.excess_kurtosis, abs=1e-3)
    assert second.skewness == pytest.approx(first.skewness, abs=1e-3)
    assert second.noise_variance == pytest.approx(first.noise_variance * unit**2, rel=1e-3)
    assert second.variance_slope == pytest.approx(first.variance_slope / unit, rel=1e-2)
