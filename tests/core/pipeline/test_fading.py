"""A stack that bleaches is trained on and denoised evenly bright, and has its own brightness."""

import numpy as np
import pytest

from autoStructN2V.datasets.images.sources import ArraySource
from autoStructN2V.pipeline import denoise_array_events, finish, pipeline_events
from autoStructN2V.trainers import save_model
from autoStructN2V.trainers.events import Warned
from tests.core.conftest import TINY
from tests.core.masking.test_fading import series

CONFIG = {**TINY, "method": "n2v", "remove_periodic": False, "recorded_resolution": False}


def messages(events):
    return [event.message for event in events if isinstance(event, Warned)]


def test_results_and_later_ones_have_the_brightness_of_their_slices():
    stack, events, later = series(1 / 3, 8, side=64), [], []
    result = finish(pipeline_events(stack, CONFIG), events.append)
    (sentence,) = [message for message in messages(events) if "changes steadily" in message]
    assert "Match intensities off" in sentence
    denoised = result.stage1.denoised[0]
    assert denoised.mean(axis=(1, 2)) == pytest.approx(stack.mean(axis=(1, 2)), rel=0.25)
    assert result.stage1.report.input_noise.std == pytest.approx(
        np.sqrt(stack.mean() - 30.0), rel=0.2
    ), "noise is told in the intensities of the images"
    again = finish(
        denoise_array_events([ArraySource(stack)], result.stage1.model, device="cpu"), later.append
    )
    assert sentence in messages(later)
    assert np.allclose(again[0], denoised, rtol=1e-4)


def test_a_stack_is_left_as_it_is_if_that_was_asked_for():
    events, stack = [], series(1 / 3, 8, side=64)
    result = finish(pipeline_events(stack, {**CONFIG, "match_intensities": False}), events.append)
    assert not any("changes steadily" in message for message in messages(events))
    finish(denoise_array_events([ArraySource(stack)], result.stage1.model), events.append)
    assert not any("changes steadily" in message for message in messages(events))


def test_a_reused_model_is_kept_with_what_this_run_does_to_the_images(tmp_path):
    """Else stage 1 of a run, applied by itself, would not give the results of the run again."""
    stack = series(1 / 3, 8, side=64)
    config = {**CONFIG, "method": "autostructn2v", "run_stage2": False}
    first = finish(pipeline_events(stack, {**config, "match_intensities": False}))
    old = first.stage1.model
    assert not old.provenance["evens_slices"]
    save_model(tmp_path / "old.pth", old)
    kernel = tmp_path / "kernel.npy"
    np.save(kernel, np.ones((1, 3), bool))
    stage2 = {**CONFIG["stage2"], "mask_source": "file", "mask_file_path": kernel}
    reused = {**config, "run_stage2": True, "stage1_model": tmp_path / "old.pth", "stage2": stage2}
    result = finish(pipeline_events(stack, reused))
    kept = result.stage1.model
    assert kept.provenance["created"] == old.provenance["created"]
    (again,) = finish(denoise_array_events([ArraySource(stack)], kept, device="cpu"))
    assert np.allclose(again, result.stage1.denoised[0], rtol=1e-4)
