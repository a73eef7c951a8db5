"""Added noise has the measured autocovariance, and lets a network be judged without blind spots."""

import dataclasses

import numpy as np
import pytest
import torch

from autoStructN2V.masking import Autocorrelation, Kernel, NoiseSampler
from autoStructN2V.trainers.batches import STRENGTH, RecorruptedBatch
from autoStructN2V.trainers.loss import recorrupted_error

CPU = torch.device("cpu")
LINE = {-2: 0.25, -1: 0.5, 1: 0.5, 2: 0.25}


def measured(n_slices=1, variance=4.0):
    """Autocorrelation of noise that is shared along rows, and with the slices around."""
    values = np.zeros((n_slices, 11, 11))
    center = n_slices // 2
    values[center, 5, 5] = 1.0
    for lag, value in LINE.items():
        values[center, 5, 5 + lag] = value
    if n_slices == 3:
        values[0, 5, 5:7] = 0.4, 0.2  # z - 1: also one pixel to the right
        values[2, 5, 4:6] = 0.2, 0.4  # z + 1: one to the left, as symmetry demands
    return Autocorrelation(values, np.zeros_like(values), values, 0.5, 10_000, variance)


def drawn(autocorrelation, kernel, unit=1.0):
    sampler = NoiseSampler(autocorrelation, kernel, (0.0, unit), 64, CPU)
    patches = torch.zeros(200, kernel.n_slices, 64, 64)
    return sampler, sampler.draw(patches, torch.Generator().manual_seed(0)).numpy()


def covariance(first, second, dy, dx):
    """Mean product of ``second`` displaced by (dy, dx) with ``first``."""
    inner = first[:, 8:-8, 8:-8]
    moved = second[:, 8 + dy : 56 + dy, 8 + dx : 56 + dx]
    return float((inner * moved).mean())


def test_noise_has_the_measured_autocovariance():
    sampler, noise = drawn(measured(), Kernel(np.ones((1, 1, 5), bool)), unit=2.0)
    assert sampler.variance == pytest.approx(1.0)
    plane = noise[:, 0]
    assert plane.var() == pytest.approx(1.0, abs=0.02)
    for lag, value in LINE.items():
        assert covariance(plane, plane, 0, lag) == pytest.approx(value, abs=0.02)
        assert covariance(plane, plane, lag, 0) == pytest.approx(0.0, abs=0.02)


def test_what_the_kernel_leaves_out_is_not_in_the_noise():
    _, noise = drawn(measured(), Kernel(np.ones((1, 1, 1), bool)))
    plane = noise[:, 0]
    assert plane.var() == pytest.approx(4.0, abs=0.05)
    assert covariance(plane, plane, 0, 1) == pytest.approx(0.0, abs=0.05)


def test_slices_around_share_what_was_measured_with_the_central_one():
    _, noise = drawn(measured(3, variance=1.0), Kernel(np.ones((3, 1, 5), bool)))
    above, center, below = noise[:, 0], noise[:, 1], noise[:, 2]
    assert center.var() == pytest.approx(1.0, abs=0.02)
    for other, side in ((above, 1), (below, -1)):
        assert covariance(center, other, 0, 0) == pytest.approx(0.4, abs=0.02)
        assert covariance(center, other, 0, side) == pytest.approx(0.2, abs=0.02)
        assert covariance(center, other, 0, -side) == pytest.approx(0.0, abs=0.02)


def test_noise_is_as_strong_as_it_is_at_each_brightness():
    """Variance 4 at brightness 100, and 1 % of that more for each unit: 2 at 50 and 6 at 150."""
    shot_noise = dataclasses.replace(measured(), brightness=100.0, variance_slope=0.01)
    intensities = (80.0, 20.0)
    sampler = NoiseSampler(shot_noise, Kernel(np.ones((1, 1, 5), bool)), intensities, 64, CPU)
    image = torch.full((200, 1, 64, 64), 50.0)
    image[..., 32:] = 150.0
    noise = sampler.draw((image - 80.0) / 20.0, torch.Generator().manual_seed(0)) * 20.0
    assert float(noise[..., :30].var()) == pytest.approx(2.0, rel=0.03)
    assert float(noise[..., 34:].var()) == pytest.approx(6.0, rel=0.03)


def test_noise_does_not_vanish_where_the_line_would_be_negative():
    falling = dataclasses.replace(measured(), brightness=0.0, variance_slope=-1.0)
    sampler = NoiseSampler(falling, Kernel(np.ones((1, 1, 5), bool)), (0.0, 1.0), 64, CPU)
    noise = sampler.draw(torch.full((50, 1, 64, 64), 5.0), torch.Generator().manual_seed(0))
    assert float(noise.var()) == pytest.approx(0.4, rel=0.05)


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_the_loss_is_the_error_of_the_signal_plus_the_noise_however_much_noise_is_kept(share):
    """A filter that keeps ``share`` of a noisy image of signal 0 has the error share^2 variance."""
    kernel = Kernel(np.ones((1, 1, 5), bool))
    sampler = NoiseSampler(measured(variance=1.0), kernel, (0.0, 1.0), 64, CPU)
    generator = torch.Generator().manual_seed(1)
    noisy, added = (sampler.draw(torch.zeros(400, 1, 64, 64), generator) for _ in range(2))
    batch = RecorruptedBatch(
        torch.cat([noisy + STRENGTH * added, noisy - STRENGTH * added]),
        torch.cat([noisy, noisy]),
        torch.cat([added, -added]),
    )
    # the added noise raises the error of what is kept
    expected = 1.0 + share**2 * (1 + STRENGTH**2)
    assert float(recorrupted_error(share * batch.seen, batch)) == pytest.approx(expected, abs=0.03)
    parts = [recorrupted_error(share * part.seen, part) for part in batch.parts(200)]
    assert float(sum(parts) / len(parts)) == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, True),
        ({"excess_kurtosis": 0.2}, True),
        ({"excess_kurtosis": 4.0}, False),
        ({"excess_kurtosis": -0.8}, False),
        ({"skewness": 0.1}, True),
        ({"skewness": 0.6}, False),
        ({"skewness": -0.6}, False),
    ],
)
def test_only_uniform_gaussian_noise_can_be_added(change, expected):
    assert dataclasses.replace(measured(), **change).is_uniform_gaussian is expected
