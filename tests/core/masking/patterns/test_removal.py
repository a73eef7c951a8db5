"""Patterns of the detector are taken out before training; periodic structure is not."""

from dataclasses import replace

import numpy as np
import pytest

from autoStructN2V.datasets.images.sources import ArraySource, read_stack
from autoStructN2V.datasets.samples.synthetic import make_sample
from autoStructN2V.masking.patterns.finding import find_patterns
from autoStructN2V.masking.patterns.pattern import Sinusoid
from autoStructN2V.masking.patterns.pattern_limits import PATTERN_LIMITS
from autoStructN2V.pipeline import denoise_array_events, finish, pipeline_events
from autoStructN2V.trainers.events import Warned
from tests.core.masking.patterns.test_sinusoids import SHAPE, X, Y, background, wave

TINY = {
    "method": "n2v",
    "num_epochs": 1,
    "device": "cpu",
    "n2v": {"features": 8, "num_layers": 2, "patch_size": 32, "steps_per_epoch": 2},
}


def cleaned_sources(sources, **options):
    """Return stacks without the patterns that are found in them."""
    removal = find_patterns(sources, **options)
    return [removal.applied_to(source) for source in sources]


@pytest.mark.parametrize("drift", [0.0, 0.4])
def test_a_wave_that_covers_the_images_is_removed_to_the_border(drift):
    clean = background(np.random.default_rng(0))
    amplitude = 0.08 * (1 + drift * np.sin(2 * np.pi * X / SHAPE[2]))
    source = ArraySource((clean + amplitude * wave(8, 90)).astype(np.float32))
    result = find_patterns([source])
    patterns = result.patterns
    assert [round(pattern.period_px) for pattern in patterns] == [8]
    cleaned = result.applied_to(source)
    left = read_stack(cleaned) - clean
    assert np.std(left) < 0.016
    assert np.std(left[:, :8]) < 0.03  # at the border, where there is less to average over
    assert "period 8.0 px along y" in result.sentence


@pytest.mark.parametrize(
    "where",
    [X > SHAPE[2] // 2, (X > 60) & (Y > 60), np.hypot(X - 96, Y - 96) < 60],
    ids=["half", "corner", "disk"],
)
def test_periodic_structure_in_some_places_stays(where):
    stack = background(np.random.default_rng(1)) + 0.12 * wave(8, 30) * where
    source = ArraySource(stack.astype(np.float32))
    result = find_patterns([source])
    assert result.patterns == ()
    assert result.applied_to(source) is source
    assert [round(wave.period_px) for wave in result.structure] == [8]


def test_periodic_structure_in_some_slices_stays():
    stack = background(np.random.default_rng(2), (8, *SHAPE[1:]))
    stack[:4] += 0.15 * wave(7, 0)
    assert find_patterns([ArraySource(stack.astype(np.float32))]).patterns == ()


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
    (cleaned,) = cleaned_sources([source])
    cleaned.read_slice(0)
    np.testing.assert_array_equal(sample.noisy, before)


def test_every_slice_is_cleaned_once(monkeypatch):
    """A wave is followed through a slice at the cost of a tenth of a second or more."""
    sample = make_sample("periodic", shape=(4, 128, 128))
    model = finish(pipeline_events(sample.noisy, TINY)).stage1.model
    cleaned = []
    remove = Sinusoid.removed_from

    def counted(pattern, plane, *rest, **options):
        cleaned.append(plane)
        return remove(pattern, plane, *rest, **options)

    monkeypatch.setattr(Sinusoid, "removed_from", counted)
    said = []
    finish(denoise_array_events([ArraySource(sample.noisy)], model, device="cpu"), said.append)
    assert any("removed first" in e.message for e in said if isinstance(e, Warned))
    assert len(cleaned) == 4


def test_no_more_slices_are_kept_than_there_is_room_for():
    sample = make_sample("periodic", shape=(4, 128, 128))
    limits = replace(PATTERN_LIMITS.removal, most_kept=3 * 128 * 128)
    limits = replace(PATTERN_LIMITS, removal=limits)
    (small,) = cleaned_sources([ArraySource(sample.noisy)], limits=limits)
    (large,) = cleaned_sources([ArraySource(sample.noisy)])
    np.testing.assert_array_equal(read_stack(small), read_stack(large))
    assert (small.n_kept, large.n_kept) == (3, 4)


def test_a_slice_that_is_kept_cannot_be_changed():
    sample = make_sample("periodic", shape=(2, 128, 128))
    (cleaned,) = cleaned_sources([ArraySource(sample.noisy)])
    first = cleaned.read_slice(0)
    cleaned.read_slice(0)[:] = 0
    np.testing.assert_array_equal(cleaned.read_slice(0), first)
