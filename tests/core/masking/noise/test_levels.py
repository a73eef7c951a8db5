"""The strength of noise is followed at every brightness, also where no straight line does."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from autoStructN2V.masking import Kernel, NoiseSampler
from autoStructN2V.masking.noise.autocorrelation import (
    Autocorrelation,
    measure_noise_autocorrelation,
)

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


def test_drawn_noise_is_as_strong_as_the_level_says():
    """Between levels on straight lines, beyond them as at the last one."""
    levels = ((100.0, 1.0), (200.0, 9.0), (300.0, 4.0))
    sampler = NoiseSampler(measured(levels), CENTER, (50.0, 10.0), 32, CPU, by_levels=True)
    for brightness, variance in ((20.0, 1.0), (150.0, 5.0), (200.0, 9.0), (900.0, 4.0)):
        patches = torch.full((100, 1, 32, 32), (brightness - 50.0) / 10.0)
        noise = sampler.draw(patches, torch.Generator().manual_seed(0))
        assert float(noise.var()) * 100.0 == pytest.approx(variance, rel=0.05)


def test_shot_noise_is_charged_to_third_order():
    """Charged for copying itself squared, a pixel of counts owes its third moment as well.

    For counts y of mean m: E[(y - m) y^2] = 2 m^2 + m; drawn noise z of variance v charges
    2 E[y v], so v must be half the pixel itself and half its surroundings.
    """
    counts = torch.poisson(torch.full((400, 1, 32, 32), 3.0), torch.Generator().manual_seed(0))
    levels = ((0.0, 1e-6), (100.0, 100.0))
    known = measured(levels, noise_variance=3.0)
    sampler = NoiseSampler(known, CENTER, (0.0, 1.0), 32, CPU, by_levels=True)
    noise = sampler.draw(counts, torch.Generator().manual_seed(1))
    inner = (slice(None), slice(None), slice(4, -4), slice(4, -4))
    charged = float((2.0 * counts * noise.square())[inner].mean())
    assert charged == pytest.approx(2.0 * 3.0**2 + 3.0, rel=0.02)


def test_all_that_was_measured_is_drawn_where_the_kernel_is_not_to_limit_it():
    known = measured()
    known.values[0, 5, [4, 6]] = 0.4
    noise = NoiseSampler(known, None, (0.0, 1.0), 64, CPU).draw(
        torch.zeros(100, 1, 64, 64), torch.Generator().manual_seed(0)
    )
    assert float((noise[..., 1:] * noise[..., :-1]).mean()) == pytest.approx(0.4 * 4.0, rel=0.05)
