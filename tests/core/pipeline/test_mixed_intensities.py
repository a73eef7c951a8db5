"""Images of different gain or offset in one run: each on its own scale in and out."""

import numpy as np
import pytest

from autoStructN2V.datasets.images.sources import ArraySource
from autoStructN2V.datasets.mixed import matched, middle_scale, scales_differ
from autoStructN2V.pipeline import denoise_array_events, finish, pipeline_events
from autoStructN2V.trainers.events import Warned
from tests.core.conftest import TINY

CONFIG = {**TINY, "method": "n2v", "remove_periodic": False, "recorded_resolution": False}


def field(seed=0):
    """An image of signal between 0 and 1 with noise of 0.1."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:64, :64]
    signal = 0.5 + 0.5 * np.sin(y / 6.0 + seed) * np.cos(x / 8.0)
    return signal + rng.normal(0.0, 0.1, signal.shape)


def bright(seed=0):
    return (2000.0 + 20000.0 * field(seed)).clip(0).astype(np.uint16)


def dark(seed=0):
    return (50.0 + 100.0 * field(seed)).clip(0, 255).astype(np.uint8)


def messages(events):
    return [event.message for event in events if isinstance(event, Warned)]


def sources(*images):
    return [ArraySource(image) for image in images]


@pytest.mark.parametrize(
    ("images", "differ"),
    [
        pytest.param([bright(), dark()], True, id="bit depth"),
        pytest.param([dark(), 20.0 * field() + 60.0], True, id="gain"),
        pytest.param([dark(), dark().astype(float) + 400.0], True, id="offset"),
        pytest.param([dark(0), dark(1)], False, id="fields of one camera"),
        pytest.param([dark(), 1.5 * dark().astype(float)], False, id="a little brighter"),
        pytest.param([bright()], False, id="one image"),
        pytest.param(
            [100.0 * field(), np.random.default_rng(1).normal(5.0, 8.0, (64, 64))],
            False,
            id="a field without cells",
        ),
    ],
)
def test_only_clear_differences_count(images, differ):
    assert (scales_differ(sources(*images)) is not None) == differ


def test_matched_images_have_one_scale_and_come_back_exactly():
    images = sources(bright(), dark())
    scales = scales_differ(images)
    common = middle_scale(scales)
    found = scales_differ(matched(images, scales, common))
    assert found is None
    for image, source in zip(images, matched(images, scales, common), strict=True):
        stored = image.read_slice(0)
        assert source.read_slice(0).mean() == pytest.approx(common.mean, rel=0.05)
        assert np.allclose(source.put_back(0, source.read_slice(0)), stored, rtol=1e-4)
        assert np.allclose(source.seen_as(stored), source.read_slice(0))


def test_each_image_has_its_own_intensities_in_training_and_application():
    images, events = sources(bright(0), dark(0), bright(1), dark(1)), []
    result = finish(pipeline_events(images, CONFIG), events.append)
    assert any("differ in gain or offset" in message for message in messages(events))
    for noisy, denoised in zip(images, result.stage1.denoised, strict=True):
        stored = noisy.read_slice(0)
        assert denoised.mean() == pytest.approx(stored.mean(), rel=0.5)
        assert np.abs(denoised[0] - stored).max() < 3.0 * np.ptp(stored)
    assert result.stage1.report.removed_std < 100000.0
    model = result.stage1.model
    assert model.provenance["is_matched"] is True
    again = finish(denoise_array_events(images, model, device="cpu"))
    for first, second in zip(result.stage1.denoised, again, strict=True):
        assert np.allclose(first, second, rtol=1e-3, atol=1e-2 * np.ptp(first))


def test_all_are_normalized_alike_if_that_was_asked_for():
    events = []
    settings = {**CONFIG, "match_intensities": False}
    result = finish(pipeline_events(sources(bright(), dark()), settings), events.append)
    assert not any("differ in gain" in message for message in messages(events))
    assert result.stage1.model.provenance["is_matched"] is False
