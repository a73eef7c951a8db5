"""Errors against the truth are estimated without it, and a filter that is better is not hidden."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
import torch
from scipy import ndimage

from autoStructN2V.datasets import ArraySource, estimate_normalization, make_sample
from autoStructN2V.inference.noise_splitting import CLIPPED, judge
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


def prepared(noisy, clean):
    """Return windows, filters and noise of images, and the true error of each filter."""
    normalization = estimate_normalization([ArraySource(noisy)])
    measured = measure_noise_autocorrelation([noisy])
    scale = normalization.mean, normalization.std
    by_levels = not measured.follows_line
    sampler = NoiseSampler(measured, None, scale, noisy.shape[-1], CPU, by_levels=by_levels)
    windows = [normalization.normalize(image)[None] for image in noisy[:JUDGED]]
    filters = {name: Filter(normalization, function) for name, function in FILTERS.items()}
    variance = np.var(noisy - clean)
    pairs = list(zip(noisy[:JUDGED], clean[:JUDGED], strict=True))
    true = {
        name: np.mean([(f(image) - truth) ** 2 for image, truth in pairs]) / variance
        for name, f in FILTERS.items()
    }
    return windows, filters, sampler, true


def of_kind(kind):
    sample = make_sample(kind, seed=3, shape=(6, 256, 256))
    return prepared(sample.noisy, sample.clean)


def counted(photons, gain=5.0, offset=20.0, read_noise=2.0):
    """Return what is prepared of a few bright specks on a dark background, counted in photons."""
    generator = np.random.default_rng(7)
    specks = np.zeros((6, 256, 256))
    specks[generator.random(specks.shape) < 0.002] = 1.0
    specks = ndimage.gaussian_filter(specks, (0, 3.0, 3.0))
    clean = photons * (0.02 + specks / specks.max())
    noisy = gain * generator.poisson(clean) + offset
    noisy = noisy + read_noise * generator.standard_normal(clean.shape)
    return prepared(noisy.astype(np.float32), (gain * clean + offset).astype(np.float32))


@pytest.mark.parametrize(
    "kind", ["random", "horizontal_lines", "diagonal", "blob", "shot_noise_lines"]
)
def test_estimated_errors_are_those_against_the_truth(kind):
    windows, filters, sampler, true = of_kind(kind)
    verdict = judge(windows, filters, [sampler] * len(windows), seed=0)
    assert {name: verdict.errors[name] for name in true} == pytest.approx(true, rel=0.12, abs=0.03)
    for better, worse in permutations(FILTERS, 2):
        if true[worse] > 1.15 * true[better]:  # 0.6 dB
            assert verdict.errors[worse] > verdict.errors[better]
    # the best of these is a filter along both axes, and far better than none
    assert verdict.errors[GAUSSIAN] < min(true.values()) + 0.03
    assert 0.6 < verdict.gaussian_sigma < 3.0


@pytest.mark.parametrize("photons", [10.0, 40.0])
def test_errors_of_shot_noise_are_not_promised_to_be_small(photons):
    """A line through the noise of the dark background takes the errors for negative."""
    windows, filters, sampler, true = counted(photons)
    verdict = judge(windows, filters, [sampler] * len(windows), seed=0)
    assert {name: verdict.errors[name] for name in true} == pytest.approx(true, rel=0.12, abs=0.05)


def test_the_same_seed_gives_the_same_verdict():
    windows, filters, sampler, _ = of_kind("random")
    first, second, other = (
        judge(windows, filters, [sampler] * len(windows), seed) for seed in (1, 1, 2)
    )
    assert first == second != other


def test_it_can_be_stopped():
    windows, filters, sampler, _ = of_kind("random")
    assert judge(windows, filters, [sampler] * len(windows), 0, should_stop=lambda: True) is None


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


def test_which_images_the_filter_was_applied_to_is_said():
    """Stage 1 may beat the filter of the images as recorded and lose to that of cleaned ones."""
    cleaned = replace(verdict(), is_without_patterns=True)
    assert "best Gaussian filter (1.5 px on the images without patterns), as" in cleaned.sentence
    losing = replace(verdict(gaussian=0.02), is_without_patterns=True)
    assert (
        "worse than a Gaussian filter of 1.5 px on the images without patterns, as"
        in losing.sentence
    )
    untouched = replace(losing, gaussian_sigma=0.0)
    assert "worse than the images without patterns, as" in untouched.sentence


def test_errors_that_are_too_small_to_be_known_make_no_claims():
    """The variance of the noise is known to a few percent, and so is what is told of it."""
    assert verdict(stage1=0.0, stage2=-0.01, gaussian=0.01).gain_db < 1.5


def test_structure_that_may_count_as_noise_is_told_as_a_doubt():
    """Structure of a tenth of the noise would let the filter win: 0.15 - 0.1 against 0.05 + 0.1."""
    sure, unsure = verdict(), replace(verdict(), doubt=0.1)
    assert not sure.is_open and sure.least_gain_db == pytest.approx(sure.gain_db)
    assert unsure.is_open and unsure.gain_db == sure.gain_db
    assert unsure.least_gain_db == pytest.approx(10 * np.log10((0.05 + 0.03) / (0.15 + 0.03)))
    assert unsure.sentence == (
        "Stage 2 is about 2.1 dB better than stage 1 and at best 3.5 dB better than the best "
        "Gaussian filter (1.5 px), as far as these images can tell: noise and fine structure look "
        "alike in them."
    )
    assert not replace(verdict(), doubt=0.01).is_open
    assert "no better than" in replace(verdict(gaussian=0.05), doubt=0.1).sentence


def test_what_was_learned_from_is_judged_at_best():
    """A network that knows the noise of the judged pixels seems better than it is."""
    learned = replace(verdict(), is_learned=True)
    assert learned.is_open and learned.gain_db == verdict().gain_db
    assert "at best 3.5 dB better than the best Gaussian filter" in learned.sentence
    assert learned.sentence.endswith("too small to judge on pixels that nothing was learned from.")
    losing = replace(verdict(gaussian=0.02), is_learned=True)
    assert losing.loses_to_gaussian and losing.sentence == verdict(gaussian=0.02).sentence


def test_where_values_were_cut_off_nothing_is_judged():
    """The left half lies around the value below which a detector shows nothing."""
    sample = make_sample("random", seed=3, shape=(4, 256, 256))
    noisy, clean = sample.noisy.copy(), sample.clean.copy()
    noisy[:, :, 128:] += 2.0
    clean[:, :, 128:] += 2.0
    cut_off = np.maximum(noisy, np.median(noisy[:, :, :128]))
    windows, filters, sampler, _ = prepared(cut_off, clean)
    found = judge(windows, filters, [sampler] * len(windows), seed=0)
    errors = [
        np.square(FILTERS["median"](image)[:, 128:] - truth[:, 128:]).mean()
        for image, truth in list(zip(cut_off, clean, strict=True))[:JUDGED]
    ]
    true = np.mean(errors) / np.var((noisy - clean)[:JUDGED, :, 128:])
    assert found.errors["median"] == pytest.approx(true, abs=0.05)
    everywhere = [np.maximum(window, np.quantile(window, 0.8)) for window in windows]
    assert judge(everywhere, filters, [sampler] * len(everywhere), seed=0) == CLIPPED


def test_counts_of_few_photons_are_not_taken_for_values_that_were_cut_off():
    counts = np.random.default_rng(0).poisson(0.3, (1, 128, 128)).astype(np.float32)
    _, filters, sampler, _ = of_kind("random")
    assert isinstance(judge([np.tile(counts, (1, 2, 2))], filters, [sampler], seed=0), Verdict)
