"""Where noise grows with brightness it is drawn as strong as a network sees each pixel."""

import copy

import numpy as np
import pytest
import torch

from autoStructN2V.datasets.images.matching import Scale
from autoStructN2V.masking import NoiseSampler
from autoStructN2V.masking.noise.autocorrelation import Autocorrelation
from autoStructN2V.models.workers import Workers
from autoStructN2V.trainers.guided_noise import GuidedNoise

CPU = torch.device("cpu")
GROWING = ((0.0, 1.0), (10.0, 11.0))  # variance of 1 in the dark, and 11 where it is bright
LINE = 15


def sampler(by_levels=True):
    values = np.zeros((1, 11, 11))
    values[0, 5, 5] = 1.0
    noise = Autocorrelation(values, np.zeros_like(values), values, 0.5, 100, 2.0, levels=GROWING)
    return NoiseSampler(noise, None, (0.0, 1.0), 32, CPU, by_levels=by_levels)


def lines(n_slices=1):
    """Patches that are dark but for a line of a single row."""
    patches = torch.zeros(200, n_slices, 32, 32)
    patches[:, :, LINE] = 10.0
    return patches


def drawn(noise, patches, scale=None):
    with Workers(CPU) as workers:
        return noise.draw(patches, torch.Generator().manual_seed(0), scale, workers)


class Knowing(torch.nn.Module):
    """A network that shows the middle slice as it is, times a weight."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(()))

    def forward(self, seen):
        middle = seen.shape[1] // 2
        return self.weight * seen[:, middle : middle + 1]


@pytest.mark.parametrize("n_slices", [1, 3])
def test_noise_on_a_thin_line_is_as_strong_as_the_line_is_bright(n_slices):
    patches = lines(n_slices)
    blind = sampler().draw(patches, torch.Generator().manual_seed(0))
    guided = drawn(GuidedNoise.by(sampler(), Knowing()), patches)
    middle = n_slices // 2
    assert float(guided[:, middle, LINE].var()) == pytest.approx(11.0, rel=0.1)
    assert float(guided[:, middle, LINE + 8].var()) == pytest.approx(1.0, rel=0.1)
    assert float(blind[:, middle, LINE].var()) < 5.0, "the mean around a line is dark"
    assert guided.shape == patches.shape


def test_what_it_shows_is_on_the_scale_of_the_patches():
    """Patches that are read four times as bright have noise of sixteen times the variance."""
    scale = Scale(torch.full((200, 1, 1, 1), 4.0), torch.full((200, 1, 1, 1), 1.0))
    bright = drawn(GuidedNoise.by(sampler(), Knowing()), scale.of(lines()), scale)
    assert float(bright[:, 0, LINE].var()) == pytest.approx(16.0 * 11.0, rel=0.1)


def test_the_network_is_kept_as_it_is():
    network = Knowing()
    noise = GuidedNoise.by(sampler(), network)
    later = GuidedNoise.by(sampler(), network, copy.deepcopy(network.state_dict()))
    before = drawn(noise, lines())
    with torch.no_grad():
        network.weight.zero_()
    assert torch.equal(drawn(noise, lines()), before)
    assert torch.equal(drawn(later, lines()), before)
    assert not drawn(noise, lines()).requires_grad


def test_noise_that_follows_a_line_needs_no_network():
    straight = sampler(by_levels=False)
    noise = GuidedNoise.by(straight, Knowing())
    alone = straight.draw(lines(), torch.Generator().manual_seed(0))
    assert torch.equal(drawn(noise, lines()), alone)
