"""Errors against the truth are estimated without it, and a filter that is better is not hidden."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
import torch
from scipy import ndimage

from autoStructN2V.datasets import ArraySource, estimate_normalization, make_sample
from autoStructN2V.inference.noise_splitting import judge
from autoStructN2V.inference.verdict import GAUSSIAN, Verdict
from autoStructN2V.masking import measure_noise_autocorrelation
from autoStructN2V.masking.recorruption import NoiseSampler

CPU = torch.device("cpu")
JUDGED = 2  # of the slices; the noise is measured in all of them
FILTERS = {
    "median": lambda image: ndimage.median_filter(image, 3),
    "mean": lambda image: ndimage.uniform_filter(image, 5),
    "along x": lambda image: ndimage.gaussian_filter(image, (0.5, 2.5)),
    "far too smooth": lambda image: ndimage.gaussian_filter(image, 6.0),
    "nothing": lambda image: image,
}


class Filter:
    """A filter in the place of a network."""

    def __init__(self, normalization, function):
        self.normalization = normalization
        self._function = function

    def denoise_slice(self, source, z, should_stop):
        return None if should_stop() else self._function(source.read_slice(z)).astype(np.float32)


def prepared(kind):
    """Return windows, filters and noise of a sample, and the true error of each filter."""
    sample = make_sample(kind, seed=3, shape=(6, 256, 256))
    normalization = estimate_normalization([ArraySource(sample.noisy)])
    measured = measure_noise_autocorrelation([sample.noisy])
    scale = normalization.mean, normalization.std
    sampler = NoiseSampler(measured, None, scale, 256, CPU)
    windows = [normalization.normalize(image)[None] for image in sample.noisy[:JUDGED]]
    filters = {name: Filter(normalization, function) for name, function in FILTERS.items()}
    variance = np.var(sample.noisy - sample.clean)
    true = {
        name: np.mean([(f(noisy) - clean) ** 2 for noisy, clean in pairs(sample)]) / variance
        for name, f in FILTERS.items()
    }
    return windows, filters, sampler, true


def pairs(sample):
    return zip(sample.noisy[:JUDGED], sample.clean[:JUDGED], strict=True)


@pytest.mark.parametrize(
    "kind", ["random", "horizontal_lines", "diagonal", "blob", "shot_noise_lines"]
)
def test_estimated_errors_are_those_against_the_truth(kind):
    windows, filters, sampler, true = prepared(kind)
    verdict = judge(windows, filters, sampler, seed=0)
    assert {name: verdict.errors[name] for name in true} == pytest.approx(true, rel=0.12, abs=0.03)
    for better, worse in permutations(FILTERS, 2):
        if true[worse] > 1.15 * true[better]:  # 0.6 dB
            assert verdict.errors[worse] > verdict.errors[better]
    # the best of these is a filter along both axes, and far better than none
    assert verdict.errors[GAUSSIAN] < min(true.values()) + 0.03
    assert 0.6 < verdict.gaussian_sigma < 3.0


def test_the_same_seed_gives_the_same_verdict():
    windows, filters, sampler, _ = prepared("random")
    first, second, other = (judge(windows, filters, sampler, seed) for seed in (1, 1, 2))
    assert first == second != other


def test_it_can_be_stopped():
    windows, filters, sampler, _ = prepared("random")
    assert judge(windows, filters, sampler, 0, should_stop=lambda: True) is None


def verdict(stage1=0.10, stage2=0.05, gaussian=0.15, deviation=0.001):
    errors = {"stage 1": stage1, "stage 2": stage2, GAUSSIAN: gaussian}
    return Verdict(errors, {**dict.fromkeys(errors, deviation), GAUSSIAN: 0.0}, 1.5)


def test_what_is_better_is_said():
    assert verdict().best == "stage 2"
    assert verdict().sentence == (
        "Stage 2 is about 2.1 dB better than stage 1 and about 3.5 dB better than the best "
        "Gaussian filter (1.5 px), as far as these images can tell."
    )
    assert verdict(stage2=0.2).sentence.startswith("Stage 1 is about ")


def test_a_result_that_loses_to_a_gaussian_filter_is_told():
    losing = verdict(gaussian=0.02)
    assert losing.loses_to_gaussian
    assert "dB worse than a Gaussian filter of 1.5 px" in losing.sentence
    assert not verdict(gaussian=0.02, deviation=0.03).loses_to_gaussian  # may be chance
    assert "no better than" in verdict(gaussian=0.05).sentence
    untouched = replace(losing, gaussian_sigma=0.0)
    assert "dB worse than the images as they are" in untouched.sentence


def test_errors_that_are_too_small_to_be_known_make_no_claims():
    """The variance of the noise is known to a few percent, and so is what is told of it."""
    assert verdict(stage1=0.0, stage2=-0.01, gaussian=0.01).gain_db < 1.5
