"""The strength of noise by pixels charges networks for what they gain by keeping noise."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import ndimage
from scipy.stats import poisson

from autoStructN2V.masking.kernels.kernel import Kernel
from autoStructN2V.masking.local_strength import local_strength
from autoStructN2V.masking.noise.measuring import measure_noise_autocorrelation
from autoStructN2V.masking.noise.resolution import noise_on_grid
from autoStructN2V.masking.noise.strength.by_pixel import REACH, PixelStrength, strength_by_pixel
from autoStructN2V.masking.recorruption import NoiseSampler

SHAPE = (1, 512, 512)
WHITE = np.zeros((9, 9))
WHITE[4, 4] = 1.0
CPU = torch.device("cpu")
# what a network might make of a pixel, counted from what is around it, in deviations of the noise
FUNCTIONS = {
    "all of it": lambda t: t,
    "its square": np.square,
    "what is far below": lambda t: np.minimum(t + 1.5, 0.0),
    "what is far above": lambda t: np.maximum(t - 2.0, 0.0),
    "hardly anything of what is far": np.tanh,
}


def texture(rng, shape=SHAPE):
    field = ndimage.gaussian_filter(rng.standard_normal(shape), (0, 4, 4), mode="wrap")
    return field / field.std()


def gaussian(rng, clean):
    return clean + rng.normal(0.0, 3.0, clean.shape)


def photons(rng, clean):
    """Few of them."""
    return 3.0 * rng.poisson(clean / 3.0)


def multiplied(rng, clean):
    """Photons that a detector multiplies each by chance, and noise of its own."""
    counts = rng.poisson(clean / 4.0)
    return 4.0 * rng.standard_gamma(np.maximum(counts, 1e-9)) + rng.normal(0.0, 5.0, clean.shape)


def saturated(rng, clean):
    return np.minimum(photons(rng, clean), 30.0)


DETECTORS = [gaussian, photons, multiplied, saturated]


def images(detector, seed=0):
    """Noisy and clean pixels; what is cut off is no noise, so that the mean is the clean one."""
    rng = np.random.default_rng(seed)
    clean = np.maximum(12.0 + 6.0 * texture(rng), 0.5)
    noisy = detector(rng, clean)
    if detector is saturated:
        counts = np.arange(10)[:, None, None, None]
        unsaturated = (3.0 * counts * poisson.pmf(counts, clean / 3.0)).sum(axis=0)
        clean = unsaturated + 30.0 * poisson.sf(9, clean / 3.0)
    return noisy.astype(np.float32), clean


def measured(noisy, shared=WHITE):
    found = strength_by_pixel([noisy], shared)
    assert found is not None
    return found


@pytest.mark.parametrize("detector", DETECTORS)
def test_what_networks_gain_by_keeping_noise_is_charged(detector):
    """The mean product with the noise of the seen images is that with the drawn noise.

    It is small beside what keeping all of the noise would gain, for functions of any shape.
    """
    noisy, clean = images(detector)
    known = replace(measure_noise_autocorrelation([noisy]), by_pixel=measured(noisy))
    sampler = NoiseSampler(
        known, Kernel.center_only(), (10.0, 5.0), 64, CPU, by_levels=True, added=0.5
    )
    patches = torch.from_numpy(noisy.reshape(8, 64, 8, 64).swapaxes(1, 2).reshape(64, 1, 64, 64))
    drawn = sampler.draw((patches - 10.0) / 5.0, torch.Generator().manual_seed(0)) * 5.0
    drawn = drawn.numpy().reshape(8, 8, 64, 64).swapaxes(1, 2).reshape(SHAPE)
    noise = noisy - clean
    around = ndimage.uniform_filter(clean, (0, 5, 5))
    std = noise.std()
    for name, function in FUNCTIONS.items():
        kept = np.mean(
            [
                function((noisy + sign * 0.5 * drawn - around) / std) * (noise - sign * drawn / 0.5)
                for sign in (1.0, -1.0)
            ]
        )
        assert abs(kept) < 0.04 * std, name


def test_gaussian_noise_is_as_strong_at_all_pixels():
    known = measured(images(gaussian)[0])
    brightness, variance = np.transpose(known.levels)
    assert (np.diff(brightness) > 0.0).all()
    assert variance == pytest.approx(9.0, rel=0.08)
    within = slice(4, 11)  # of fewer than three deviations
    assert known.shares[:, within] == pytest.approx(1.0, abs=0.25)
    assert known.shares[:, within].mean() == pytest.approx(1.0, abs=0.02)


def test_what_is_gained_between_photons_is_charged_at_them():
    """Between single photons no pixel tells the strength, and their noise is drawn all the same."""
    rng = np.random.default_rng(4)
    noisy = (9.0 * rng.poisson(0.7, SHAPE) + rng.normal(0.0, 0.5, SHAPE)).astype(np.float32)
    known = measured(noisy)
    assert np.mean([variance for _, variance in known.levels]) == pytest.approx(56.95, rel=0.03)
    strength = local_strength(
        replace(measure_noise_autocorrelation([noisy]), by_pixel=known),
        (0.0, 1.0),
        CPU,
        by_levels=True,
        added=0.5,
    )
    drawn = strength(torch.from_numpy(noisy)[None])
    of_noise = measure_noise_autocorrelation([noisy]).noise_variance
    assert float(drawn.mean()) * of_noise == pytest.approx(56.95, rel=0.03)


def test_read_noise_lowers_pixels_and_photons_raise_them():
    """Pixels far below are as noisy as the detector; a line would say that they are hardly so."""
    noisy, clean = images(multiplied)
    known = measured(noisy)
    at = np.sinh(np.linspace(-REACH, REACH, known.shares.shape[1]))
    of_dark = (noisy - clean)[clean < known.levels[1][0]]
    skewness = np.mean(of_dark**3) / np.mean(of_dark**2) ** 1.5
    darkest = known.shares[0]
    assert 1.0 - 3.0 * skewness / 2.0 < 0.2  # what the third moment says of three deviations below
    assert np.interp(-3.0, at, darkest) > 0.4
    assert np.interp(3.0, at, darkest) > 1.0 + 3.0 * skewness / 2.0


def test_half_of_what_neighbors_share_is_made_up_for():
    """Differences lack some of the noise that neighbors share, of third moments half of that."""
    rng = np.random.default_rng(0)
    noise = ndimage.convolve1d(rng.normal(0.0, 3.0, SHAPE), [1.0, 0.1, 0.0], axis=2, mode="wrap")
    shared = WHITE.copy()
    shared[4, [3, 5]] = 0.1 / 1.01
    noisy = noise.astype(np.float32)
    plain, corrected = (
        np.mean([variance for _, variance in measured(noisy, known).levels])
        for known in (WHITE, shared)
    )
    true = 9.0 * 1.01
    assert plain < 0.93 * true
    assert corrected == pytest.approx(2.0 * plain * true / (plain + true), rel=0.005)


def test_hot_pixels_are_no_noise():
    """Ten of 100,000 that were not repaired, far above any noise."""
    noisy, _ = images(photons)
    hot = noisy.copy()
    hot[np.random.default_rng(1).random(SHAPE) < 1e-4] += 5000.0
    clean, spoiled = (np.transpose(measured(one).levels) for one in (noisy, hot))
    assert spoiled[1] == pytest.approx(np.interp(spoiled[0], *clean), rel=0.1)


@pytest.mark.parametrize(
    "shapes",
    [[(1, 520, 512)], [(3, 256, 256), (40, 64, 64)], [(1, 300, 1500)], [(20, 600, 600)]],
    ids=["520 rows", "two sizes", "wide", "many slices"],
)
def test_images_of_any_size_tell_it(shapes):
    """They are cut into tiles, of which enough are chosen."""
    rng = np.random.default_rng(3)
    stacks = [photons(rng, np.full(shape, 12.0)).astype(np.float32) for shape in shapes]
    found = strength_by_pixel(stacks, WHITE)
    assert found is not None
    assert np.array(found.levels)[:, 1] == pytest.approx(36.0, rel=0.12)


def test_too_few_pixels_tell_nothing():
    small = images(photons)[0][:, :64, :64]
    assert strength_by_pixel([small], WHITE) is None
    flat = np.ones(SHAPE, np.float32)
    assert strength_by_pixel([flat], WHITE) is None


def test_it_is_told_of_white_noise_that_depends_on_brightness():
    """Not of noise that neighbors share, as on a coarser grid, and not of less than a photon."""
    noisy, _ = images(photons)
    found = measure_noise_autocorrelation([noisy])
    assert isinstance(found.by_pixel, PixelStrength)
    assert noise_on_grid(found, 0.5).by_pixel is None
    rng = np.random.default_rng(1)
    shared = ndimage.uniform_filter(photons(rng, np.full(SHAPE, 12.0)), (0, 1, 3)).astype(
        np.float32
    )
    assert measure_noise_autocorrelation([shared]).by_pixel is None
    rare = 3.0 * rng.poisson(0.15 + 0.5 * (texture(rng) > 1.5)) + rng.normal(0.0, 0.3, SHAPE)
    of_rare = measure_noise_autocorrelation([rare.astype(np.float32)])
    assert of_rare.is_rare
    assert of_rare.by_pixel is None
    uniform = np.random.default_rng(2).normal(100.0, 3.0, SHAPE).astype(np.float32)
    assert measure_noise_autocorrelation([uniform]).by_pixel is None


def test_less_added_noise_needs_less_growth():
    known = PixelStrength(((1.0, 1.0),), np.array([[0.3, 1.0, 1.7]]))
    assert known.shares_for(0.5) == pytest.approx(known.shares)
    assert known.shares_for(0.0) == pytest.approx(np.array([[0.3875, 1.0, 1.6125]]))
    assert PixelStrength(known.levels, known.shares - 0.3).shares_for(0.5).min() > 0.0
