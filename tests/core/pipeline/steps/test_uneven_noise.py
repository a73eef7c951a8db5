"""Where images were stretched one by one, noise is as strong as in each of them."""

from dataclasses import replace

import numpy as np
import pytest

from autoStructN2V.datasets import ArraySource
from autoStructN2V.masking import measure_noise_autocorrelation
from autoStructN2V.pipeline.steps.uneven_noise import noise_differs, noise_of

GAINS = (1.0, 0.3, 2.0)


def counted(gains, side=128):
    """Return images (Z, Y, X) that are equally bright, of photons that are worth a gain each."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side] / side
    clean = 20.0 + 15.0 * np.sin(2.0 * np.pi * x) * np.sin(2.0 * np.pi * y)
    return np.stack([gain * rng.poisson(clean / gain) for gain in gains]).astype(np.float32)


@pytest.mark.parametrize(("gains", "differs"), [((1.0, 1.0, 1.0), False), (GAINS, True)])
def test_gains_of_their_own_are_seen(gains, differs):
    stack = counted(gains)
    assert noise_differs([ArraySource(stack)], measure_noise_autocorrelation([stack])) is differs


def test_noise_without_levels_is_taken_for_even():
    stack = counted(GAINS)
    measured = replace(measure_noise_autocorrelation([stack]), levels=())
    assert not noise_differs([ArraySource(stack)], measured)


@pytest.mark.parametrize("z", range(len(GAINS)))
def test_the_strength_is_that_of_the_image(z):
    """Of photons, the variance is the brightness times what one is worth."""
    stack = counted(GAINS)
    pooled = measure_noise_autocorrelation([stack])
    own = noise_of(stack[z], pooled)
    brightness = np.array(float(stack[z].mean()))
    assert own.variance_at(brightness) == pytest.approx(GAINS[z] * brightness, rel=0.1)
    assert np.array_equal(own.values, pooled.values)


def test_an_image_may_not_tell():
    pooled = measure_noise_autocorrelation([counted(GAINS)])
    assert noise_of(np.zeros((128, 128), np.float32), pooled) is None


def test_it_can_be_stopped():
    stack = counted(GAINS)
    pooled = measure_noise_autocorrelation([stack])
    assert not noise_differs([ArraySource(stack)], pooled, should_stop=lambda: True)
