"""Correction: noise has the same autocovariance after it was undone what measuring did to it."""

import numpy as np
import pytest
from scipy import ndimage

from autoStructN2V.datasets.samples import synthetic
from autoStructN2V.masking.kernels.config import ExtractorConfig
from autoStructN2V.masking.kernels.extraction import extract_kernel
from autoStructN2V.masking.noise import correction
from autoStructN2V.masking.noise.background import (
    high_pass,
    noise_field,
    structure_score,
)
from autoStructN2V.masking.noise.differences import fine_energy
from autoStructN2V.masking.noise.lags import lag_sums
from autoStructN2V.masking.noise.measuring import measure_noise_autocorrelation
from autoStructN2V.masking.noise.simulation import simulate_noise

MAX_LAG = 15
CENTER = (MAX_LAG, MAX_LAG)
SHAPE = (8, 256, 256)


def exact(kind):
    return synthetic.true_autocorrelation(kind, MAX_LAG)


def fine_noise(kind, seed):
    """High-passed noise in units of its fine energy, and the factor of these units."""
    noise = simulate_noise(exact(kind), SHAPE, np.random.default_rng(seed))
    scale = 1.0 / np.sqrt(fine_energy(noise).mean())
    return high_pass(noise) * np.float32(scale), scale


def structure(seed, strength):
    smooth = ndimage.gaussian_filter(
        np.random.default_rng(seed).standard_normal(SHAPE), (0, 3, 3), mode="wrap"
    )
    rising = np.linspace(0.0, 1.0, SHAPE[2])
    return high_pass((strength * rising * smooth / smooth.std()).astype(np.float32))


def measured(noise, chosen):
    return lag_sums(noise, chosen, MAX_LAG).covariance()


@pytest.mark.parametrize("kind", ["vertical_stripes", "blob", "random"])
def test_product_of_pixels_and_score(kind):
    noise, _ = fine_noise(kind, 0)
    score = structure_score(noise, 1.0)
    everywhere = measured(noise, np.ones(SHAPE, bool))
    expected = correction.covariance_with_score(everywhere, everywhere)
    for lag in (0, 1, 4):
        product = noise[:, lag:] * noise[:, : SHAPE[1] - lag]
        seen = np.mean(product * (score[:, lag:] - score.mean()))
        assert seen == pytest.approx(expected[MAX_LAG + lag, MAX_LAG], abs=0.15 * expected[CENTER])


@pytest.mark.parametrize("kind", ["vertical_stripes", "blob"])
def test_choosing_flat_pixels_is_undone(kind):
    noise, _ = fine_noise(kind, 1)
    field = noise_field((noise + structure(2, 3.0)).astype(np.float32))
    threshold = float(np.quantile(field.structure, 0.3))
    chosen = field.structure < threshold
    true = measured(noise, np.ones(SHAPE, bool))
    biased = measured(noise, chosen)
    growth = correction.growth_of_pairs([field], threshold, MAX_LAG)
    undone = correction.undo_selection(biased, growth)
    near = np.s_[MAX_LAG - 3 : MAX_LAG + 4, MAX_LAG - 3 : MAX_LAG + 4]
    before, after = (np.abs(values - true)[near].mean() for values in (biased, undone))
    assert before > 0.01 * true[CENTER]
    assert after < 0.4 * before


@pytest.mark.parametrize("kind", ["vertical_stripes", "horizontal_lines", "diagonal", "blob"])
def test_the_high_pass_is_undone(kind):
    noise, scale = fine_noise(kind, 3)
    covariance = measured(noise, np.ones(SHAPE, bool))
    error = np.full(covariance.shape, 0.003)
    undone = correction.undo_high_pass(covariance, error, covariance[CENTER]) / scale**2
    near = np.s_[MAX_LAG - 8 : MAX_LAG + 9, MAX_LAG - 8 : MAX_LAG + 9]
    before, after = (np.abs(v - exact(kind))[near] for v in (covariance / scale**2, undone))
    assert after.mean() < 0.5 * before.mean()
    assert after.max() < 0.025


def test_long_lines_are_measured_without_bias():
    sample = synthetic.make_sample("vertical_stripes", 1)
    values = measure_noise_autocorrelation([sample.noisy]).values[0]
    lags = np.arange(1, 10)
    found = values[MAX_LAG + lags, MAX_LAG]
    np.testing.assert_allclose(
        found, exact("vertical_stripes")[MAX_LAG + lags, MAX_LAG], atol=0.013
    )


def test_common_to_two_slices_is_measured_without_bias():
    sample = synthetic.make_sample("stack", 1)
    above = measure_noise_autocorrelation([sample.noisy], mode="2.5D").values[2]
    share = 0.64 * 2 / 3  # correlated part of the noise, and what neighbors share of it
    true = exact("horizontal_lines")[MAX_LAG, MAX_LAG + 1 : MAX_LAG + 6] * 2 / 3
    assert above[CENTER] == pytest.approx(share, abs=0.02)
    np.testing.assert_allclose(above[MAX_LAG, MAX_LAG + 1 : MAX_LAG + 6], true, atol=0.02)


def test_independent_slices_stay_uncorrelated():
    noise, _ = fine_noise("horizontal_lines", 5)
    field = noise_field((noise + structure(6, 3.0)).astype(np.float32))
    threshold = float(np.quantile(field.structure, 0.3))
    chosen = field.structure < threshold
    within = measured(noise, np.ones(SHAPE, bool))
    across = lag_sums(noise, chosen, MAX_LAG, slice_offset=1).covariance()
    growth = correction.growth_of_pairs([field], threshold, MAX_LAG, slice_offset=1)
    undone = correction.undo_selection(across, growth, within)
    assert np.abs(undone - across).max() < 0.02 * within[CENTER]


def test_effects_that_are_not_small_are_limited():
    noise, _ = fine_noise("blob", 7)
    covariance = measured(noise, np.ones(SHAPE, bool))
    undone = correction.undo_selection(covariance, np.full(covariance.shape, 10.0))
    assert np.abs(undone - covariance).max() <= 0.2501 * covariance[CENTER]


def test_lags_beyond_the_reach_of_the_correction_are_left_out():
    noise = np.random.default_rng(6).standard_normal((2, 192, 192))
    assert measure_noise_autocorrelation([noise], max_lag=40).max_lag == 31


@pytest.mark.parametrize("mode", ["2D", "2.5D"])
def test_slow_structure_is_not_amplified(mode):
    """Waves all over small images are neither slow noise nor the reason for a kernel."""
    z, y, x = np.indices((3, 96, 96))
    waves = np.sin(x / 9 + 0.1 * z) + np.cos(y / 7)
    noise = np.random.default_rng(0).normal(0, 0.3, waves.shape)
    proposal = extract_kernel([waves + noise], ExtractorConfig(), mode=mode)
    assert proposal.kernel.n_hidden == 1
    assert proposal.autocorrelation.noise_variance == pytest.approx(0.09, rel=0.1)
