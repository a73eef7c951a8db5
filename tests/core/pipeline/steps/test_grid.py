"""Enlarged images are denoised on the grid that they were recorded on, and come back as large."""

import numpy as np
import pytest

from autoStructN2V.datasets import ArraySource
from autoStructN2V.masking.patterns.finding import find_patterns
from autoStructN2V.pipeline import denoise_array_events, finish, pipeline_events, validate_config
from autoStructN2V.pipeline.steps.grid import Grid, grid_of_training
from autoStructN2V.pipeline.steps.measuring import NoiseMeasurement
from autoStructN2V.trainers import Preview, Warned, load_model, save_model
from tests.core.conftest import TINY
from tests.core.masking.noise.test_resolution import enlarged


def grid_for(noisy, config):
    """Return the grid to train on; no patterns are looked for."""
    sources = [ArraySource(noisy)]
    removal = find_patterns(sources, remove_periodic=False, remove_stripes="off")
    noise = NoiseMeasurement(sources, removal, config.mode, config.stage2.extractor)
    return grid_of_training(sources, noise, config)


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


def test_a_kernel_from_a_file_keeps_the_grid_it_was_drawn_on(tmp_path):
    np.save(tmp_path / "kernel.npy", np.ones((1, 3), bool))
    stage2 = {"mask_source": "file", "mask_file_path": str(tmp_path / "kernel.npy")}
    config = validate_config({**TINY, "stage2": {**TINY["stage2"], **stage2}})
    assert grid_for(enlarged(), config) == Grid()


def test_images_of_few_patches_are_not_made_smaller():
    config = validate_config({"preset": "fast"})  # patches of 64 px
    assert grid_for(enlarged(64), config) == Grid()
