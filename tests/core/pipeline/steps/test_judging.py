"""The verdict splits noise as strong as it is in what is judged."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from autoStructN2V.datasets import ArraySource, estimate_normalization
from autoStructN2V.datasets.images.matching import EvenedSource
from autoStructN2V.inference.verdict import NoVerdict
from autoStructN2V.masking import measure_noise_autocorrelation
from autoStructN2V.pipeline.steps import judging
from autoStructN2V.pipeline.steps.uneven_noise import noise_differs
from tests.core.pipeline.steps.test_uneven_noise import GAINS, counted

BRIGHTNESS = 20.0


@pytest.fixture
def split(monkeypatch):
    """Return a function that has images judged, and says with which noise and on which scales."""

    def judged(stored, sources=None, **known):
        sources = [ArraySource(stored)] if sources is None else sources
        seen = {}

        def judge(windows, predictors, samplers, seed, should_stop, scales):
            seen.update(samplers=samplers, scales=scales)

        monkeypatch.setattr(judging, "judge", judge)
        monkeypatch.setattr(judging.Predictor, "of_model", lambda *_: None)
        normalization = estimate_normalization(sources)
        stacks = [ArraySource(stored)]
        noise = replace(measure_noise_autocorrelation([stored]), **known)
        found = judging.judge_stages(
            {"the result": (SimpleNamespace(mode="2D", grid_share=1.0), None)},
            sources,
            normalization,
            noise,
            stacks if noise_differs(stacks, noise) else None,
            torch.device("cpu"),
            0,
            lambda: False,
        )
        variances = [
            sampler.variance * normalization.std**2 for sampler in seen.get("samplers", ())
        ]
        return found, variances, seen.get("scales")

    return judged


def test_of_images_that_were_stretched_one_by_one_it_is_their_own(split):
    _, variances, _ = split(counted(GAINS))
    expected = [GAINS[0] * BRIGHTNESS, GAINS[2] * BRIGHTNESS]  # the first and the last are judged
    assert variances == pytest.approx(expected, rel=0.1)


def test_of_one_gain_it_is_that_of_all(split):
    _, variances, _ = split(counted((1.0, 1.0, 1.0)))
    assert variances[0] == variances[1] == pytest.approx(BRIGHTNESS, rel=0.05)


def test_a_stack_that_bleaches_has_one_gain(split):
    """Brought to one brightness, its slices differ in noise; it is drawn in stored units."""
    rng = np.random.default_rng(1)
    fades = np.exp(-np.linspace(0.0, 1.4, 8))
    y, x = np.mgrid[:128, :128] / 128
    clean = 40.0 + 30.0 * np.sin(2.0 * np.pi * x) * np.sin(2.0 * np.pi * y)
    stored = np.stack([rng.poisson(fade * clean) for fade in fades]).astype(np.float32)
    evened = EvenedSource(ArraySource(stored), 1.0 / fades, np.zeros(8))
    _, variances, scales = split(stored, [evened])
    assert variances[0] == variances[1]
    assert scales[0] is None  # its brightness is that of all
    assert scales[1] is not None


def test_where_the_judged_ones_do_not_tell_there_is_no_verdict(split, monkeypatch):
    monkeypatch.setattr(judging, "noise_of", lambda image, noise: None)
    found, variances, _ = split(counted(GAINS))
    assert isinstance(found, NoVerdict)
    assert "stretched one by one" in found.sentence
    assert variances == []


def test_where_noise_may_be_structure_it_is_said_that_nothing_is_known(split):
    found, variances, _ = split(counted(GAINS), is_strength_known=False)
    assert isinstance(found, NoVerdict)
    assert "could not be told apart" in found.sentence
    assert variances == []
