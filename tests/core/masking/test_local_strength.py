"""The strength of noise at each pixel of patches is what was measured of it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from autoStructN2V.masking.local_strength import local_strength
from autoStructN2V.masking.noise.autocorrelation import Autocorrelation
from autoStructN2V.masking.noise.strength.by_pixel import REACH, PixelStrength

CPU = torch.device("cpu")
MEAN_AND_STD = (50.0, 10.0)
LEVELS = ((20.0, 4.0), (60.0, 8.0), (100.0, 12.0))
SHARES = np.array([[0.2, 1.0, 3.0], [0.5, 1.0, 2.0], [1.0, 1.0, 1.0]])


def noise(**others):
    """White noise that is told by pixels."""
    white = np.zeros((1, 11, 11))
    white[0, 5, 5] = 1.0
    return Autocorrelation(
        values=white,
        standard_error=np.zeros_like(white),
        raw=white,
        background_fraction=1.0,
        n_pixels=1,
        noise_variance=2.0,
        **{"levels": LEVELS, "by_pixel": PixelStrength(LEVELS, SHARES), **others},
    )


def variance_at(known, patches, *, by_levels=True):
    """Return the variance (B, C, P, P) in units of images, of patches in their units."""
    mean, std = MEAN_AND_STD
    strength = local_strength(known, MEAN_AND_STD, CPU, by_levels=by_levels, added=0.5)
    return strength((patches - mean) / std) * known.noise_variance


def single(brightness, pixel, side=9):
    """An even patch but for one pixel."""
    patch = torch.full((1, 1, side, side), float(brightness))
    patch[..., side // 2, side // 2] = pixel
    return patch


@pytest.mark.parametrize(
    ("brightness", "variance", "shares"),
    [(20.0, 4.0, SHARES[0]), (100.0, 12.0, SHARES[2]), (40.0, 6.0, SHARES[:2].mean(axis=0))],
)
@pytest.mark.parametrize("deviations", [-40.0, -2.0, 0.0, 1.5, 40.0])
def test_a_pixel_and_those_around_it_tell_the_variance(brightness, variance, shares, deviations):
    """On straight lines between levels and stretched distances, and as at the last one beyond."""
    patch = single(brightness, brightness + deviations * variance**0.5)
    found = variance_at(noise(), patch)[0, 0]
    expected = np.interp(np.arcsinh(deviations), [-REACH, 0.0, REACH], shares)
    assert float(found[4, 4]) == pytest.approx(variance * expected, rel=1e-4)
    assert float(found[0, 0]) == pytest.approx(variance * shares[1], rel=1e-4)


def test_pixels_on_its_row_and_column_say_nothing_of_a_pixel():
    """Their noise is in the differences by which the noise of the pixel was told."""
    patch = single(60.0, 60.0)
    patch[..., 4, [2, 3, 5, 6]] = 100.0
    patch[..., [2, 3, 5, 6], 4] = 0.0
    assert float(variance_at(noise(), patch)[0, 0, 4, 4]) == pytest.approx(8.0, rel=1e-4)


def test_above_the_last_level_the_variance_grows_on_as_long_as_it_grew():
    assert float(variance_at(noise(), single(140.0, 140.0))[0, 0, 4, 4]) == pytest.approx(16.0)
    saturated = ((20.0, 4.0), (60.0, 18.0), (100.0, 14.0))
    known = noise(by_pixel=PixelStrength(saturated, SHARES))
    assert float(variance_at(known, single(140.0, 140.0))[0, 0, 4, 4]) == pytest.approx(14.0)


def test_one_level_is_the_same_at_every_brightness():
    known = noise(by_pixel=PixelStrength(LEVELS[:1], SHARES[:1]))
    for brightness in (0.0, 20.0, 200.0):
        found = variance_at(known, single(brightness, brightness))
        assert float(found[0, 0, 4, 4]) == pytest.approx(4.0, rel=1e-4)


def test_slices_are_told_for_themselves():
    patch = torch.cat([single(20.0, 20.0), single(60.0, 60.0), single(100.0, 100.0)], dim=1)
    found = variance_at(noise(), patch.repeat(2, 1, 1, 1))
    assert found.shape == (2, 3, 9, 9)
    assert found.mean(dim=(0, 2, 3)) == pytest.approx(torch.tensor([4.0, 8.0, 12.0]), rel=1e-3)


def test_levels_and_a_line_serve_where_pixels_do_not_tell():
    patch = single(60.0, 70.0)
    by_levels = variance_at(noise(by_pixel=None, asymmetry=3.5), patch)
    assert float(by_levels[0, 0, 4, 4]) == pytest.approx(8.0 + 3.5 / 1.75 * 10.0, rel=1e-4)
    known = replace(noise(), variance_slope=0.5, brightness=56.4)
    on_line = variance_at(known, patch, by_levels=False)
    assert float(on_line[0, 0, 4, 4]) == pytest.approx(2.0 * (1.0 + 0.5 * 4.0), rel=1e-4)
