"""Stacks that bleach are told from others, evened, and the noise drawn for them stays right."""

import numpy as np
import pytest
import torch

from autoStructN2V.datasets import Normalization, estimate_normalization, load_patch_bank
from autoStructN2V.datasets.images.matching import EvenedSource, Scale, as_measured
from autoStructN2V.datasets.images.resampling import on_coarse_grid
from autoStructN2V.datasets.images.sources import ArraySource
from autoStructN2V.datasets.samples.synthetic import SAMPLE_KINDS, make_sample
from autoStructN2V.masking import Autocorrelation, NoiseSampler
from autoStructN2V.masking.fading import evened, fading_sentences, noise_after_evening

CPU = torch.device("cpu")
PHOTONS, OFFSET = 50.0, 30.0


def series(fall, n=6, seed=0, side=96):
    """Frames of shot noise on an offset, whose brightness falls evenly to a share of the first."""
    clean = make_sample("stack", seed, (n, side, side)).clean
    bright = PHOTONS * clean * np.geomspace(1.0, fall, n)[:, None, None]
    return (np.random.default_rng(seed).poisson(bright) + OFFSET).astype(np.float32)


def same_place(n, side=32):
    """Frames of one place that bleaches to a third, without noise."""
    clean = make_sample("random", 0, (1, side, side)).clean
    return (PHOTONS * clean * np.geomspace(1.0, 1 / 3, n)[:, None, None]).astype(np.float32)


def even(stack):
    (found,) = evened([ArraySource(stack)])
    return found


@pytest.mark.parametrize("n", [4, 12])
@pytest.mark.parametrize("fall", [1 / 3, 3.0], ids=["falls", "rises"])
def test_a_stack_that_fades_is_read_evenly_bright_and_comes_back(fall, n):
    source = even(series(fall, n))
    assert isinstance(source, EvenedSource)
    slices = [source.read_slice(z) for z in range(n)]
    signal = [image.mean() for image in slices]
    assert np.ptp(signal) < 0.03 * np.mean(signal)
    assert source.change == pytest.approx(fall, rel=0.15)
    stored = as_measured(source)
    for z, image in enumerate(slices):
        assert np.allclose(source.put_back(z, image), stored.read_slice(z), rtol=1e-4)
        scale = source.scale_of(z)
        assert scale.gain * stored.read_slice(z) + scale.shift == pytest.approx(image)
    assert len(fading_sentences([source])) == 1


@pytest.mark.parametrize("kind", SAMPLE_KINDS)
@pytest.mark.parametrize("n", [4, 16])
def test_samples_are_left_as_they_are(kind, n):
    assert not isinstance(even(make_sample(kind, 1, (n, 96, 96)).noisy), EvenedSource)


def mixed_up():
    return series(1 / 3, 6)[[3, 0, 5, 1, 4, 2]]


def faded_offset():
    """The background falls and the structure does not, as of a lamp beside the sample."""
    return series(1.0) + np.linspace(100.0, 0.0, 6, dtype=np.float32)[:, None, None]


def other_contents():
    """The stack leaves the sample: fewer and fewer bright places on the same background."""
    stack = series(1.0)
    for z, image in enumerate(stack):
        image[:, 15 * z :] = np.random.default_rng(z).poisson(8.0, image[:, 15 * z :].shape)
    return stack


@pytest.mark.parametrize(
    "stack",
    [
        pytest.param(series(0.8), id="hardly"),
        pytest.param(series(1 / 3, 3), id="few slices"),
        pytest.param(mixed_up(), id="up and down"),
        pytest.param(faded_offset(), id="background alone"),
        pytest.param(other_contents(), id="other contents"),
        pytest.param(np.zeros((6, 96, 96), np.float32), id="blank"),
        pytest.param(series(1 / 3, side=24), id="small"),
    ],
)
def test_what_changes_otherwise_is_left_as_it_is(stack):
    assert not isinstance(even(stack), EvenedSource)
    assert fading_sentences([even(stack)]) == []


def test_long_stacks_are_looked_at_in_some_slices_only():
    read = []

    class Counted(ArraySource):
        def read_slice(self, z):
            read.append(z)
            return super().read_slice(z)

    (source,) = evened([Counted(same_place(200))])
    assert len(read) <= 64
    means = [source.read_slice(z).mean() for z in range(200)]
    assert np.ptp(means) < 0.01 * np.mean(means)


def test_it_can_be_switched_off_and_stopped():
    source = ArraySource(series(1 / 3))
    assert evened([source], is_wanted=False) == [source]
    assert evened([source], should_stop=lambda: True) == [source]


def shot_noise(normalization):
    """Noise whose variance is the brightness over the offset."""
    values = np.zeros((1, 11, 11))
    values[0, 5, 5] = 1.0
    mean = normalization.mean
    slope = 1.0 / (mean - OFFSET)
    return Autocorrelation(
        values, values, values, 0.5, 10_000, mean - OFFSET, brightness=mean, variance_slope=slope
    )


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_noise_is_drawn_as_strong_as_it_is_in_each_slice(share):
    stack = series(1 / 3, 5)
    (source,) = on_coarse_grid([even(stack)], share)
    normalization = estimate_normalization([source])
    bank = load_patch_bank([source], normalization, "2.5D", CPU, 2**30)
    corners = torch.tensor([[0, 3, 4], [4, 2, 1]])
    patches, scale = bank.cut(corners, 32), bank.scale_of(corners)
    assert scale.gain.shape == (2, 3, 1, 1)
    noise = shot_noise(normalization)
    sampler = NoiseSampler(noise, None, (normalization.mean, normalization.std), 32, CPU)
    generator = torch.Generator().manual_seed(0)
    drawn = torch.stack([sampler.draw(patches, generator, scale)[:, 1] for _ in range(200)])
    stored = np.stack([image - OFFSET for image in stack[[0, 4]]])
    gains = np.array([even(stack).scale_of(z).gain for z in (0, 4)])
    expected = gains**2 * stored.mean(axis=(1, 2)) / normalization.std**2
    assert drawn.var(dim=(0, 2, 3)).numpy() == pytest.approx(expected, rel=0.15)


def test_all_noise_together_is_that_of_the_slices():
    source = even(series(1 / 3, 5))
    noise = shot_noise(estimate_normalization([source]))
    mean = noise.brightness
    gains = np.array([source.scale_of(z).gain for z in range(5)])
    bright = np.array(
        [(mean - source.scale_of(z).shift) / source.scale_of(z).gain for z in range(5)]
    )
    expected = (gains**2 * (bright - OFFSET)).mean() / (mean - OFFSET)
    assert noise_after_evening([source], noise, mean) == pytest.approx(expected)
    assert noise_after_evening([as_measured(source)], noise, mean) == 1.0


def test_a_scale_is_the_same_between_normalized_intensities():
    normalization = Normalization(10.0, 4.0, 0.0, 20.0, 10.0, 1.0, 1.0)
    scale = Scale(2.0, 3.0)
    image = np.array([1.0, 5.0])
    normalized = scale.normalized(normalization.mean, normalization.std)
    read = normalized.of(normalization.normalize(image))
    assert read == pytest.approx(normalization.normalize(scale.of(image)))
    assert normalized.before(read) == pytest.approx(normalization.normalize(image))
