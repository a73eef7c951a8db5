"""The strength of noise is followed at every brightness, also where no straight line does."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from autoStructN2V.masking import Kernel, NoiseSampler
from autoStructN2V.masking.noise.autocorrelation import Autocorrelation
from autoStructN2V.masking.noise.measuring import measure_noise_autocorrelation
from autoStructN2V.masking.noise.strength.levels import spread_over_images, variance_at_levels

CPU = torch.device("cpu")
CENTER = Kernel.center_only()


def smooth(rng, shape=(2, 256, 256)):
    """Brightness between 0 and 1 that changes over some 60 px."""
    field = ndimage.gaussian_filter(rng.standard_normal(shape), (0, 30, 30), mode="mirror")
    return (field - field.min()) / np.ptp(field)


def measured(levels=(), **fields):
    values = np.zeros((1, 11, 11))
    values[0, 5, 5] = 1.0
    given = {"noise_variance": 4.0, "levels": levels, **fields}
    return Autocorrelation(values, np.zeros_like(values), values, 0.5, 10_000, **given)


def test_noise_that_saturates_is_followed():
    """Shot noise that is compressed in bright places: strongest in the middle."""
    rng = np.random.default_rng(0)
    clean = smooth(rng)
    strength = 1.0 + 3.0 * np.sin(np.pi * clean)
    found = measure_noise_autocorrelation(
        [100.0 * clean + strength * rng.standard_normal(clean.shape)]
    )
    brightness, variance = np.transpose(found.levels)
    expected = np.square(1.0 + 3.0 * np.sin(np.pi * brightness / 100.0))
    np.testing.assert_allclose(variance, expected, rtol=0.15)


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e4])
def test_the_unit_of_the_images_does_not_matter(unit):
    rng = np.random.default_rng(1)
    image = rng.poisson(20.0 + 100.0 * smooth(rng)) * unit
    found = measure_noise_autocorrelation([image])
    brightness, variance = np.transpose(found.levels)
    np.testing.assert_allclose(variance / unit**2, brightness / unit, rtol=0.15)


def test_levels_of_white_noise_are_its_variance():
    """The median of averages is 2 % less than their mean, which is undone."""
    noise = np.random.default_rng(2).normal(0.0, 3.0, (4, 512, 512))
    _, variance = np.transpose(measure_noise_autocorrelation([noise]).levels)
    assert variance.mean() == pytest.approx(9.0, rel=0.01)


SATURATING = ((100.0, 1.0), (200.0, 9.0), (300.0, 4.0), (400.0, 2.0), (500.0, 1.0))
# what saturates at the end of all, though it grows on the whole
ENDING = ((100.0, 1.0), (200.0, 8.0), (300.0, 9.0), (400.0, 7.0))
GROWING = ((100.0, 1.0), (200.0, 3.0), (300.0, 5.0))


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        (SATURATING, ((20.0, 1.0), (150.0, 5.0), (200.0, 9.0), (900.0, 1.0))),
        (GROWING, ((20.0, 1.0), (250.0, 4.0), (900.0, 17.0))),
        (ENDING, ((350.0, 8.0), (900.0, 7.0))),
    ],
)
def test_drawn_noise_is_as_strong_as_the_level_says(levels, expected):
    """On straight lines between levels; above them as it grew before, if it did."""
    known = measured(levels)
    sampler = NoiseSampler(known, CENTER, (50.0, 10.0), 32, CPU, by_levels=True)
    for brightness, variance in expected:
        patches = torch.full((100, 1, 32, 32), (brightness - 50.0) / 10.0)
        noise = sampler.draw(patches, torch.Generator().manual_seed(0))
        assert float(noise.var()) * 100.0 == pytest.approx(variance, rel=0.05)
        assert float(sampler.variance_at(patches).mean()) * 100.0 == pytest.approx(variance)
        assert variance_at_levels(known.levels, np.array(brightness)) == pytest.approx(variance)


@pytest.mark.parametrize("multiplied", [False, True])
@pytest.mark.parametrize("added", [0.0, 0.5])
def test_shot_noise_is_charged_to_third_order(multiplied, added):
    """Charged for copying its square, a pixel of counts owes its third moment as well.

    What a network f gains by copying noise n is 2 E[f n], and it is charged 2 E[f z] / a for noise
    a z that is added to what it sees. For f(y) = (y - m)^2 the gain is the third moment. Where
    photons are multiplied each by a chance of its own (exponential, as in an EMCCD), it is 3 for
    each unit of variance, and the variance is 2 for each photon.
    """
    n_photons, worth = 3.0, 2.0 if multiplied else 1.0
    counts = torch.poisson(
        torch.full((1600, 1, 32, 32), n_photons), torch.Generator().manual_seed(0)
    )
    if multiplied:
        torch.manual_seed(2)
        counts = torch.where(counts > 0, torch._standard_gamma(counts.clamp_min(1.0)), 0.0)
    levels = ((0.0, 1e-6), (100.0, 100.0 * worth))
    known = measured(levels, noise_variance=worth * n_photons, asymmetry=3.0 if multiplied else 1.0)
    sampler = NoiseSampler(known, CENTER, (0.0, 1.0), 32, CPU, by_levels=True, added=added)
    drawn = sampler.draw(counts, torch.Generator().manual_seed(1))
    off, drawn = (counts - n_photons).double(), drawn.double()
    gained = float((off**3).mean() + added**2 * (off * drawn.square()).mean())
    charged = float(2.0 * (off * drawn.square()).mean())
    assert charged == pytest.approx(gained, rel=0.06)
    assert charged > 0.5 * known.asymmetry * known.noise_variance


def test_all_that_was_measured_is_drawn_where_the_kernel_is_not_to_limit_it():
    known = measured()
    known.values[0, 5, [4, 6]] = 0.4
    noise = NoiseSampler(known, None, (0.0, 1.0), 64, CPU).draw(
        torch.zeros(100, 1, 64, 64), torch.Generator().manual_seed(0)
    )
    assert float((noise[..., 1:] * noise[..., :-1]).mean()) == pytest.approx(0.4 * 4.0, rel=0.05)


def test_where_pixels_are_darker_than_their_noise_is_skewed_it_stays_positive():
    """Dark pixels of bright noise, and bright ones of inverted noise, have the least of it."""
    levels = ((0.0, 1.0), (10.0, 11.0))
    for asymmetry in (1.0, -1.0):
        known = measured(levels, noise_variance=1.0, asymmetry=asymmetry)
        sampler = NoiseSampler(known, CENTER, (0.0, 1.0), 16, CPU, by_levels=True)
        patches = torch.zeros(1, 1, 16, 16)
        patches[0, 0, 8, 8] = -50.0 * asymmetry
        patches[0, 0, 4, 4] = 3.0 * asymmetry
        variance = sampler.variance_at(patches)[0, 0]
        assert 0.0 < float(variance[8, 8]) < 0.2
        assert float(variance[4, 4]) == pytest.approx(1.0 + 1.5, rel=0.01)


def test_one_level_is_enough():
    sampler = NoiseSampler(measured(((5.0, 4.0),)), CENTER, (5.0, 1.0), 16, CPU, by_levels=True)
    drawn = sampler.draw(torch.zeros(100, 1, 16, 16), torch.Generator().manual_seed(0))
    assert float(drawn.var()) == pytest.approx(4.0, rel=0.05)


LINE = tuple((brightness, brightness) for brightness in (1.0, 3.0, 5.0, 20.0))


@pytest.mark.parametrize("photons", [0.1, 0.6])
def test_slices_without_light_do_not_count_as_of_another_gain(photons):
    rng = np.random.default_rng(0)
    means = [5.0] * 6 + [photons] * 2
    images = [rng.poisson(mean, (96, 96)).astype(np.float32) for mean in means]
    assert spread_over_images(images, LINE) < 0.1
    assert spread_over_images([*images[:4], 3.0 * images[4], 0.4 * images[0]], LINE) > 0.2
    assert spread_over_images([], LINE) == 0.0
