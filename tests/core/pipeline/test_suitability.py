"""A person is told when a model does not suit the images that it is applied to."""

from dataclasses import replace

import numpy as np
import pytest

from autoStructN2V.datasets import ArraySource
from autoStructN2V.datasets.normalization import estimate_normalization
from autoStructN2V.datasets.samples.synthetic import make_sample
from autoStructN2V.masking import Kernel, find_patterns
from autoStructN2V.masking.fading import evened
from autoStructN2V.models import NetworkConfig
from autoStructN2V.pipeline import suitability
from autoStructN2V.pipeline.suitability import SeenImages, differences, uncovered_share
from autoStructN2V.trainers import TrainedModel, build_network
from tests.core.masking.test_fading import series

HORIZONTAL = Kernel.from_array(np.ones((1, 9), bool))


def images(kind):
    return [ArraySource(make_sample(kind, seed=3, shape=(6, 160, 160)).noisy)]


def model(sources, *, stage=2, kernel=HORIZONTAL, mode="2D"):
    settings = NetworkConfig(features=8, num_layers=1)
    weights = build_network(settings, 1, seed=0).state_dict()
    seen = estimate_normalization(sources)
    return TrainedModel(settings, weights, seen, mode, "autostructn2v", stage, kernel)


def test_images_like_those_of_the_training_are_not_mentioned():
    sources = images("horizontal_lines")
    assert differences(sources, model(sources)) == []


def test_noise_of_another_pattern_is_named():
    (sentence,) = differences(images("vertical_stripes"), model(images("horizontal_lines")))
    assert "another pattern" in sentence
    assert "above and below" in sentence


def test_a_wide_kernel_suits_images_without_structured_noise():
    assert differences(images("random"), model(images("random"))) == []


def test_stage_1_is_known_to_keep_structured_noise():
    sources = images("horizontal_lines")
    assert differences(sources, model(sources, stage=1, kernel=Kernel.center_only())) == []


def test_images_too_small_to_measure_are_not_refused():
    tiny = [ArraySource(np.random.default_rng(0).normal(size=(1, 12, 12)).astype(np.float32))]
    assert differences(tiny, model(tiny)) == []


def test_weaker_noise_is_named_too():
    sources = images("horizontal_lines")
    (sentence,) = differences(
        [ArraySource(0.25 * sources[0].read_slice(0)[None] + 0.4)], model(sources)
    )
    assert "intensities" in sentence


@pytest.mark.parametrize(
    ("hidden", "share"),
    [((1, 1), 1.0), ((1, 3), 0.2 / 0.7), ((1, 5), 0.0), ((5, 1), 1.0), ((3, 3), 0.2 / 0.7)],
)
def test_the_uncovered_share_is_weighted_by_the_correlation(hidden, share):
    correlation = np.zeros((1, 7, 7))
    correlation[0, 3, 1:6] = 0.2, 0.5, 1.0, 0.5, 0.2
    kernel, needed = (Kernel.from_array(np.ones(shape, bool)) for shape in (hidden, (1, 5)))
    assert uncovered_share(kernel, needed, correlation) == pytest.approx(share)


def test_noise_of_stacks_that_bleach_is_measured_in_them_as_they_are(monkeypatch):
    """What is evened for the network is without patterns already, and its noise is uneven."""
    clean = make_sample("stack", 0, (6, 96, 96)).clean
    bright = 50.0 * clean * np.geomspace(1.0, 1 / 3, 6)[:, None, None]
    wave = 12.0 * np.sin(2.0 * np.pi * np.arange(96) / 7.0)
    stack = ArraySource(np.random.default_rng(0).poisson(bright) + 60.0 + wave)
    removal = find_patterns([stack], remove_periodic=True)
    cleaned = removal.applied_to(stack)
    (even,) = evened([cleaned])
    assert cleaned is not stack
    assert even is not cleaned
    measured = []
    monkeypatch.setattr(
        suitability, "measure_evidence", lambda sources, *_, **__: measured.extend(sources)
    )
    assert differences([even], model([even]), removal=removal) == []
    assert measured == [cleaned]


def test_a_stack_that_bleaches_fits_a_model_of_its_own_evened_slices():
    stack = ArraySource(series(1 / 8, 8), name="bleaching")
    (even,) = evened([stack])
    assert even is not stack
    of_even = model([even], stage=1, kernel=Kernel.center_only())
    of_even = replace(of_even, provenance={"evens_slices": True})
    as_it_is = replace(model([stack], stage=1, kernel=Kernel.center_only()), provenance={})
    seen = SeenImages([stack])
    misfit = seen.fit(as_it_is).misfit
    assert seen.fit(of_even).misfit == pytest.approx(misfit), "only slices and kernel differ"
    assert seen.fit(replace(of_even, provenance={})).misfit > misfit + 0.1, "not what it has seen"
