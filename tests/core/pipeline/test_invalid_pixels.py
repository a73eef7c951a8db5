"""Pixels that are no signal, in a whole run: left out, told, and right in the result."""

import numpy as np
import pytest

from autoStructN2V.datasets.images.sources import ArraySource
from autoStructN2V.pipeline import denoise_array_events, finish, pipeline_events
from autoStructN2V.trainers.events import Warned
from tests.core.conftest import TINY

CONFIG = {**TINY, "method": "n2v", "remove_periodic": False, "recorded_resolution": False}


def stack():
    noise = np.random.default_rng(0).normal(0.0, 5.0, (3, 64, 64))
    y = np.mgrid[:64, :64][0]
    return (100.0 + 20.0 * np.sin(y / 6.0) + noise).astype(np.float32)


def run(images, **settings):
    """Return the result (z, y, x) of a training, its model, and what was said."""
    events = []
    result = finish(pipeline_events(images, {**CONFIG, **settings}), events.append)
    said = " ".join(event.message for event in events if isinstance(event, Warned))
    return result.stage1.denoised[0], result.stage1.model, said


def test_outliers_are_told_repaired_and_repaired_again_by_the_model():
    spoiled = stack()
    spoiled[:, 10, 20], spoiled[1, 40, 30] = 4095.0, 0.0
    result, model, said = run(spoiled)
    assert "4 pixels are outliers" in said
    assert result.max() < 300.0
    events = []
    again = finish(denoise_array_events([ArraySource(spoiled)], model, device="cpu"), events.append)
    assert np.allclose(again[0], result, atol=1e-3)
    assert any("4 pixels are outliers" in e.message for e in events if isinstance(e, Warned))


def test_outliers_stay_if_that_was_asked_for():
    spoiled = stack()
    spoiled[1, 40, 30] = 4095.0
    _, model, said = run(spoiled, repair_outliers=False)
    assert "outlier" not in said
    assert model.provenance["repair_outliers"] is False
    events = []
    finish(denoise_array_events([ArraySource(spoiled)], model, device="cpu"), events.append)
    assert not any("outlier" in e.message for e in events if isinstance(e, Warned))


def test_a_model_made_before_there_was_a_choice_repairs():
    _, model, _ = run(stack())
    del model.provenance["repair_outliers"]
    spoiled, events = stack(), []
    spoiled[1, 40, 30] = 4095.0
    finish(denoise_array_events([ArraySource(spoiled)], model, device="cpu"), events.append)
    assert any("1 pixel is an outlier" in e.message for e in events if isinstance(e, Warned))


@pytest.mark.parametrize("method", ["n2v", "autostructn2v"])
@pytest.mark.parametrize("value", [np.nan, 0.0])
def test_missing_pixels_are_in_the_result_what_they_were(method, value):
    padded = stack()
    padded[:, :9], padded[1] = value, value
    result, _, said = run(padded, method=method, run_stage2=False)
    assert "of the pixels are missing" in said
    same = [
        np.array_equal(a, b, equal_nan=True)
        for a, b in ((result[:, :9], padded[:, :9]), (result[1], padded[1]))
    ]
    assert all(same)
    assert np.isfinite(result[[0, 2], 9:]).all()
    assert np.abs(result[[0, 2], 9:] - 100.0).max() < 100.0


def test_clean_images_are_treated_as_if_nothing_were_looked_for():
    repaired, *_ = run(stack())
    kept, *_ = run(stack(), repair_outliers=False)
    assert np.array_equal(repaired, kept)


def test_hidden_pixels_at_invalid_places_do_not_count():
    """The loss of a network is that of the valid pixels, whatever the others were filled with."""
    padded = stack()
    padded[:, :20] = np.nan
    events = []
    result = finish(pipeline_events(padded, CONFIG), events.append)
    assert 0.1 < result.stage1.report.masked_loss < 10.0
