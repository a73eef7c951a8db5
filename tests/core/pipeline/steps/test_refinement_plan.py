"""Noise is drawn only where it is known well enough, and as it was measured."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from autoStructN2V.datasets import ArraySource, estimate_normalization
from autoStructN2V.masking import Autocorrelation, ExtractorConfig, Kernel
from autoStructN2V.masking.invalid.source import PlaceMemory, SignalSource
from autoStructN2V.masking.kernels.evidence import Evidence
from autoStructN2V.pipeline import finish, validate_config
from autoStructN2V.pipeline.steps.grid import Grid
from autoStructN2V.pipeline.steps.refinement_plan import plan_refinement
from autoStructN2V.pipeline.steps.uneven_noise import noise_differs

CENTER = Kernel.center_only()


def planned(share, kernel=CENTER, along_x=(), most=25, has_head_start=False, sources=(), **fields):
    """Return the plan for noise that is known as stated, on a grid of that share."""
    values = np.zeros((1, 11, 11))
    values[0, 5, 5] = 1.0
    for lag, value in enumerate(along_x, start=1):
        values[0, 5, [5 - lag, 5 + lag]] = value
    given = {"noise_variance": 4.0, "levels": ((0.0, 3.5), (1.0, 4.5)), **fields}
    noise = Autocorrelation(values, np.zeros_like(values), values, 0.5, 10_000, **given)
    extractor = ExtractorConfig(max_true_pixels=most)
    known = SimpleNamespace(
        reported=lambda: Evidence(noise),
        grid=Grid(share),
        configured=extractor,
        mode="2D",
        differs=lambda should_stop: noise_differs(sources, noise),
    )
    stage2 = validate_config({"preset": "fast"}).stage2
    normalization = estimate_normalization([ArraySource(np.eye(64, dtype=np.float32))])
    said = []
    about = (stage2, kernel, known, normalization, torch.device("cpu"))
    steps = plan_refinement(*about, sources=sources, has_head_start=has_head_start)
    return finish(steps, said.append), said


SHOT_NOISE = {"excess_kurtosis": 0.8, "scaled_kurtosis": 0.7, "skewness": 0.7}
FEW_PHOTONS = {"excess_kurtosis": 13.0, "scaled_kurtosis": 16.0, "skewness": 3.3}
FINE_STRUCTURE = {"excess_kurtosis": 1.7, "scaled_kurtosis": 1.1, "skewness": 0.1}
UNSURE = {"is_strength_known": False}


@pytest.mark.parametrize(
    ("noise", "share", "reason"),
    [
        ({"excess_kurtosis": 0.1, "scaled_kurtosis": 0.1}, 1.0, ""),
        ({"excess_kurtosis": 0.8, "scaled_kurtosis": 0.4}, 0.4, ""),
        (SHOT_NOISE, 1.0, ""),
        (SHOT_NOISE | UNSURE, 1.0, "told apart"),
        (UNSURE, 1.0, "told apart"),
        (FEW_PHOTONS, 1.0, "less than a photon"),
        (FEW_PHOTONS, 0.4, "less than a photon"),
        (FINE_STRUCTURE, 1.0, "either sign"),
    ],
)
def test_which_noise_is_refined(noise, share, reason):
    plan, said = planned(share, **noise)
    assert (plan is None) is bool(reason)
    assert len(said) == bool(reason)
    assert all(reason in warning.message for warning in said)


def test_noise_that_was_cut_off_is_not_drawn():
    """Four of five values lie below the lowest that the detector tells."""
    values = np.random.default_rng(0).normal(size=(1, 96, 96)).astype(np.float32)
    whole, cut = ([ArraySource(np.maximum(values, lowest))] for lowest in (-10.0, 0.8))
    assert planned(1.0, sources=whole, **SHOT_NOISE)[0] is not None
    plan, said = planned(1.0, sources=cut, **SHOT_NOISE)
    assert plan is None
    assert "cut off" in said[0].message


@pytest.mark.parametrize(
    ("gains", "is_refined"), [((1.0, 1.0, 1.0), True), ((1.0, 0.3, 2.0), False)]
)
def test_images_that_were_stretched_one_by_one_are_not_refined(gains, is_refined):
    """One photon is worth another value in each, so that no strength is right for all."""
    counts = np.random.default_rng(0).poisson(20.0, (3, 96, 96))
    stacks = [gain * image[None] for gain, image in zip(gains, counts, strict=True)]
    sources = [ArraySource(stack.astype(np.float32)) for stack in stacks]
    levels = tuple((brightness, brightness) for brightness in (1.0, 20.0, 50.0))
    plan, said = planned(1.0, sources=sources, **(SHOT_NOISE | {"levels": levels}))
    assert (plan is not None) is is_refined
    assert is_refined or "in all images" in said[0].message


def test_padding_is_no_other_gain():
    """Four of eight slices are padded over most of them, as in a registered stack."""
    counts = np.random.default_rng(0).poisson(20.0, (8, 128, 128)).astype(np.float32)
    counts[::2, :80] = np.nan
    padded = SignalSource(ArraySource(counts), PlaceMemory())
    levels = tuple((brightness, brightness) for brightness in (1.0, 20.0, 50.0))
    noise = SHOT_NOISE | {"levels": levels}
    assert planned(1.0, sources=[padded], **noise)[0] is not None


def test_hidden_pixels_may_be_predicted_a_little_worse_on_a_coarser_grid_and_in_shot_noise():
    assert planned(1.0)[0].tolerance == 0.0
    assert 0.0 < planned(0.4)[0].tolerance < 0.1
    assert 0.0 < planned(1.0, **SHOT_NOISE)[0].tolerance < 0.1


def test_weak_correlation_of_shot_noise_is_drawn_and_that_of_other_independent_noise_is_not():
    patches = torch.zeros(100, 1, 64, 64)
    for noise, expected in ((SHOT_NOISE, 0.06), ({}, 0.0)):
        plan, _ = planned(1.0, along_x=(0.06,), **noise)
        noise = plan.noise.draw(patches, torch.Generator().manual_seed(0))
        correlation = float((noise[..., 1:] * noise[..., :-1]).mean() / noise.var())
        assert correlation == pytest.approx(expected, abs=0.02)


def test_after_a_head_start_hidden_pixels_do_not_judge_alone():
    """What has seen all pixels before keeps on copying noise if it goes back to hiding some."""
    assert planned(1.0, has_head_start=True)[0].tolerance > 0.1


@pytest.mark.parametrize(("most", "is_tolerant"), [(25, False), (5, True)])
def test_a_kernel_that_was_cut_lets_noise_through_and_is_not_to_judge_alone(most, is_tolerant):
    kernel = Kernel(np.ones((1, 1, min(most, 7)), bool))
    plan, _ = planned(1.0, kernel, along_x=(0.6, 0.4, 0.2), most=most)
    assert (plan.tolerance > 0.0) is is_tolerant


@pytest.mark.parametrize(("n_hidden", "is_drawn"), [(1, False), (3, True), (5, True)])
def test_noise_beyond_the_kernel_is_drawn_unless_it_was_taken_out(n_hidden, is_drawn):
    """Neighbors are hidden, the pixels after them share too little; a person may hide neither."""
    kernel = Kernel(np.ones((1, 1, n_hidden), bool))
    plan, _ = planned(1.0, kernel, along_x=(0.5, 0.08))
    patches = torch.zeros(100, 1, 64, 64)
    noise = plan.noise.draw(patches, torch.Generator().manual_seed(0))
    correlation = float((noise[..., 2:] * noise[..., :-2]).mean() / noise.var())
    assert (abs(correlation - 0.08) < 0.02) is is_drawn
