"""Enlarged images are denoised on the grid that they were recorded on, and come back as large."""

import numpy as np
import pytest

from autoStructN2V.datasets import ArraySource
from autoStructN2V.errors import KernelError
from autoStructN2V.inference.noise_report import InputNoise
from autoStructN2V.masking import ExtractorConfig, Kernel
from autoStructN2V.masking.kernels.evidence import measure_evidence
from autoStructN2V.masking.patterns.finding import find_patterns
from autoStructN2V.pipeline import denoise_array_events, finish, pipeline_events, validate_config
from autoStructN2V.pipeline.decisions import Approve
from autoStructN2V.pipeline.events import KernelProposed
from autoStructN2V.pipeline.steps.grid import Grid, grid_of_training
from autoStructN2V.pipeline.steps.kernel_review import decide_kernel
from autoStructN2V.pipeline.steps.measuring import NoiseMeasurement
from autoStructN2V.trainers import Preview, Warned, load_model, save_model
from tests.core.conftest import TINY
from tests.core.masking.noise.test_resolution import enlarged

DRAWN = Kernel(np.ones((1, 1, 3), bool))


def grid_for(noisy, config, given=None):
    """Return the grid to train on; no patterns are looked for."""
    sources = [ArraySource(noisy)]
    removal = find_patterns(sources, remove_periodic=False, remove_stripes="off")
    noise = NoiseMeasurement(sources, removal, config.mode, config.stage2.extractor)
    return grid_of_training(sources, noise, config, given)


@pytest.mark.parametrize("is_on", [True, False])
def test_training_and_application_work_on_the_recorded_grid_unless_told_not_to(is_on, tmp_path):
    noisy = enlarged()
    said = []
    config = {**TINY, "recorded_resolution": is_on}
    result = finish(pipeline_events(noisy, config, preview_slice=lambda: 0), said.append)
    warned = [event.message for event in said if isinstance(event, Warned)]
    assert any("recorded resolution" in message for message in warned) is is_on
    assert all(event.image.shape == (200, 200) for event in said if isinstance(event, Preview))
    model = result.last_stage.model
    assert (model.grid_share < 1.0) is is_on
    (trained,) = result.last_stage.denoised
    assert trained.shape == noisy.shape
    save_model(tmp_path / "model.pth", model)
    loaded = load_model(tmp_path / "model.pth")
    (applied,) = finish(denoise_array_events([ArraySource(noisy)], loaded, device="cpu"))
    np.testing.assert_allclose(applied, trained, rtol=1e-4)


def test_a_kernel_that_was_drawn_keeps_the_grid_of_the_images():
    config = validate_config(TINY)
    assert grid_for(enlarged(), config, DRAWN) == Grid()


def test_a_kernel_that_was_found_on_a_coarser_grid_is_used_there_and_nowhere_else():
    config = validate_config(TINY)
    own = grid_for(enlarged(), config).share
    found = Kernel(DRAWN.cells, own * 1.02)
    assert grid_for(enlarged(), config, found) == Grid(found.grid_share)
    off = validate_config({**TINY, "recorded_resolution": False})
    sharp = np.random.default_rng(0).normal(100.0, 10.0, (2, 200, 200)).astype(np.float32)
    for noisy, settings in [(enlarged(), off), (sharp, config)]:
        with pytest.raises(KernelError, match="the training works on the grid of the images"):
            grid_for(noisy, settings, found)


def test_a_training_on_the_coarser_grid_says_one_noise_and_marks_its_kernel():
    """The kernel that is proposed and saved knows its grid; noise is that of the images."""
    noisy, said = enlarged(), []
    result = finish(pipeline_events(noisy, {**TINY, "recorded_resolution": True}), said.append)
    share = result.last_stage.model.grid_share
    assert share < 1.0
    proposals = [event.proposal for event in said if isinstance(event, KernelProposed)]
    assert {proposal.kernel.grid_share for proposal in proposals} == {share}
    measured = measure_evidence([ArraySource(noisy)], ExtractorConfig(), "2D").autocorrelation
    std = InputNoise.measured(measured).std_text
    for stage in (result.stage1, result.stage2):
        assert stage.model.kernel.grid_share == share
        assert stage.model.provenance["noise"] == stage.report.input_noise.std_text == std
        (denoised,) = stage.denoised
        assert stage.report.removed_std == pytest.approx(float(np.std(noisy - denoised)), rel=0.05)


@pytest.mark.parametrize("is_array", [True, False])
def test_a_decision_on_the_coarser_grid_takes_an_array_and_refuses_a_kernel_of_another(is_array):
    sources = [ArraySource(enlarged())]
    removal = find_patterns(sources, remove_periodic=False, remove_stripes="off")
    noise = NoiseMeasurement(sources, removal, "2D", ExtractorConfig(), Grid(0.5))
    decisions = decide_kernel(noise, lambda: False, waits=False)
    next(decisions)
    answer = Approve(DRAWN.to_array() if is_array else DRAWN)
    if is_array:
        with pytest.raises(StopIteration) as end:
            decisions.send(answer)
        assert end.value.value[0] == Kernel(DRAWN.cells, 0.5)
    else:
        assert "grid of 50%" in decisions.send(answer).message


def test_images_of_few_patches_are_not_made_smaller():
    config = validate_config({"preset": "fast"})  # patches of 64 px
    assert grid_for(enlarged(64), config) == Grid()
