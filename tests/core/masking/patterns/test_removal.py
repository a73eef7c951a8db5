"""Patterns of the detector are taken out before training; periodic structure is not."""

import numpy as np
import pytest

from autoStructN2V.datasets.images.sources import ArraySource, read_stack
from autoStructN2V.datasets.samples.synthetic import make_sample
from autoStructN2V.masking.patterns import removal as periodic
from autoStructN2V.masking.patterns.removal import removal_sentence, without_global_patterns
from autoStructN2V.pipeline import denoise_array_events, finish, pipeline_events
from autoStructN2V.trainers.events import Warned
from tests.core.masking.patterns.test_sinusoids import SHAPE, X, Y, background, wave

TINY = {
    "method": "n2v",
    "num_epochs": 1,
    "device": "cpu",
    "n2v": {"features": 8, "num_layers": 2, "patch_size": 32, "steps_per_epoch": 2},
}


@pytest.mark.parametrize("drift", [0.0, 0.4])
def test_a_wave_that_covers_the_images_is_removed_to_the_border(drift):
    clean = background(np.random.default_rng(0))
    amplitude = 0.08 * (1 + drift * np.sin(2 * np.pi * X / SHAPE[2]))
    source = ArraySource((clean + amplitude * wave(8, 90)).astype(np.float32))
    result = without_global_patterns([source])
    patterns = result.patterns
    assert [round(pattern.period_px) for pattern in patterns] == [8]
    (cleaned,) = result.sources
    left = read_stack(cleaned) - clean
    assert np.std(left) < 0.016
    assert np.std(left[:, :8]) < 0.03  # at the border, where there is less to average over
    assert "period 8.0 px along y" in removal_sentence(patterns)


@pytest.mark.parametrize(
    "where",
    [X > SHAPE[2] // 2, (X > 60) & (Y > 60), np.hypot(X - 96, Y - 96) < 60],
    ids=["half", "corner", "disk"],
)
def test_periodic_structure_in_some_places_stays(where):
    stack = background(np.random.default_rng(1)) + 0.12 * wave(8, 30) * where
    source = ArraySource(stack.astype(np.float32))
    result = without_global_patterns([source])
    assert result.patterns == []
    assert result.sources == [source]


def test_periodic_structure_in_some_slices_stays():
    stack = background(np.random.default_rng(2), (8, *SHAPE[1:]))
    stack[:4] += 0.15 * wave(7, 0)
    assert without_global_patterns([ArraySource(stack.astype(np.float32))]).patterns == []


@pytest.mark.parametrize("is_on", [True, False])
def test_training_and_application_remove_it_unless_told_not_to(is_on):
    sample = make_sample("periodic", shape=(2, 128, 128))
    said = []
    events = pipeline_events(sample.noisy, {**TINY, "remove_periodic": is_on})
    result = finish(events, said.append)
    warned = [event.message for event in said if isinstance(event, Warned)]
    assert any("removed first" in message for message in warned) is is_on

    again = []
    model = result.stage1.model
    finish(denoise_array_events([ArraySource(sample.noisy)], model, device="cpu"), again.append)
    warned = [event.message for event in again if isinstance(event, Warned)]
    assert any("removed first" in message for message in warned) is is_on


def test_the_input_is_not_changed():
    sample = make_sample("periodic", shape=(2, 128, 128))
    before = sample.noisy.copy()
    source = ArraySource(sample.noisy)
    (cleaned,) = without_global_patterns([source]).sources
    cleaned.read_slice(0)
    np.testing.assert_array_equal(sample.noisy, before)


def test_every_slice_is_cleaned_once(monkeypatch):
    """A wave is followed through a slice at the cost of a tenth of a second or more."""
    sample = make_sample("periodic", shape=(4, 128, 128))
    model = finish(pipeline_events(sample.noisy, TINY)).stage1.model
    cleaned = []
    remove = periodic.remove_sinusoids

    def counted(stack, patterns):
        cleaned.append(len(stack))
        return remove(stack, patterns)

    monkeypatch.setattr(periodic, "remove_sinusoids", counted)
    said = []
    finish(denoise_array_events([ArraySource(sample.noisy)], model, device="cpu"), said.append)
    assert any("removed first" in e.message for e in said if isinstance(e, Warned))
    assert sum(cleaned) == 4


def test_no_more_slices_are_kept_than_there_is_room_for(monkeypatch):
    sample = make_sample("periodic", shape=(4, 128, 128))
    monkeypatch.setattr(periodic, "_MOST_KEPT", 3 * 128 * 128)
    (small,) = without_global_patterns([ArraySource(sample.noisy)]).sources
    monkeypatch.undo()
    (large,) = without_global_patterns([ArraySource(sample.noisy)]).sources
    np.testing.assert_array_equal(read_stack(small), read_stack(large))
    assert len(small._kept) == 3 and len(large._kept) == 4


def test_a_slice_that_is_kept_cannot_be_changed():
    sample = make_sample("periodic", shape=(2, 128, 128))
    (cleaned,) = without_global_patterns([ArraySource(sample.noisy)]).sources
    first = cleaned.read_slice(0)
    cleaned.read_slice(0)[:] = 0
    np.testing.assert_array_equal(cleaned.read_slice(0), first)
