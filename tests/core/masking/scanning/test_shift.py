"""Odd rows that lie beside even ones: how far, moved back, and never by chance."""

import numpy as np
import pytest
from scipy import ndimage

from autoStructN2V.datasets.images.sources import ArraySource
from autoStructN2V.masking.invalid.finding import only_signal
from autoStructN2V.masking.scanning.shift import find_row_shift, shifted_odd_rows
from autoStructN2V.masking.scanning.source import aligned, shift_sentences
from autoStructN2V.pipeline import denoise_array_events, finish, pipeline_events
from autoStructN2V.trainers.events import Warned
from tests.core.conftest import TINY

CONFIG = {**TINY, "method": "n2v", "remove_periodic": False, "recorded_resolution": False}


def blobs(shape=(128, 128), seed=0):
    """Smooth structure of standard deviation 100 around 1000."""
    image = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 2.5)
    return (1000.0 + 100.0 * image / image.std()).astype(np.float32)


def noise(std, shape=(128, 128), seed=1):
    return np.random.default_rng(seed).normal(0.0, std, shape).astype(np.float32)


@pytest.mark.parametrize("shift", [0.4, 1.0, 2.0, -2.5, 5.0])
def test_a_shift_is_measured_in_noise(shift):
    image = shifted_odd_rows(blobs(), shift) + noise(30.0)
    assert find_row_shift([image]) == pytest.approx(shift, abs=0.15)


@pytest.mark.parametrize("std", [0.0, 10.0, 100.0])
@pytest.mark.parametrize("seed", range(4))
def test_rows_that_lie_where_they_belong_are_left_alone(std, seed):
    assert find_row_shift([blobs(seed=seed) + noise(std, seed=seed + 50)]) == 0.0


@pytest.mark.parametrize("seed", range(20))
def test_noise_alone_has_no_shift(seed):
    assert find_row_shift([noise(5.0, seed=seed)]) == 0.0


@pytest.mark.parametrize("slope", [0.3, 1.0, -2.0])
def test_what_slants_has_no_shift(slope):
    y, x = np.mgrid[:128, :128]
    edges = (100.0 * (np.sin((x - slope * y) / 5.0) > 0)).astype(np.float32)
    assert find_row_shift([ndimage.gaussian_filter(edges, 1.0) + noise(10.0)]) == 0.0


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("slope", [1, -1, 2])
def test_noise_that_rows_share_along_a_diagonal_has_no_shift(slope, seed):
    weights = np.zeros((5, 2 * 2 * abs(slope) + 1))
    for row in range(5):
        weights[row, 2 * abs(slope) + (row - 2) * slope] = 1.0
    shared = ndimage.convolve(noise(10.0, seed=seed), weights, mode="wrap")
    assert find_row_shift([blobs(seed=seed) + shared + noise(5.0, seed=seed + 50)]) == 0.0


@pytest.mark.parametrize("shift", [1.0, -2.5])
def test_a_shift_is_measured_in_noise_along_the_rows(shift):
    shared = ndimage.uniform_filter1d(noise(30.0), 5, axis=1)
    image = shifted_odd_rows(blobs(), shift) + shared + noise(10.0, seed=2)
    assert find_row_shift([image]) == pytest.approx(shift, abs=0.2)


def test_images_that_are_too_small_are_left_alone():
    assert find_row_shift([shifted_odd_rows(blobs((24, 24)), 2.0)]) == 0.0


@pytest.mark.parametrize("shift", [1.0, 0.5, -3.25])
def test_rows_move_by_fractions_and_back(shift):
    image = blobs()
    moved = shifted_odd_rows(image, shift)
    assert np.array_equal(moved[::2], image[::2])
    back = shifted_odd_rows(moved, -shift)
    assert np.abs(back - image)[:, 16:-16].max() < 2.0
    if shift == 1.0:
        assert np.abs(moved[1::2, 16:-16] - image[1::2, 15:-17]).max() < 2.0


def test_moving_keeps_white_noise_white():
    moved = shifted_odd_rows(noise(5.0), 0.5)[1::2]
    assert moved.std() == pytest.approx(5.0, rel=0.05)
    assert abs(np.corrcoef(moved[:, 1:].ravel(), moved[:, :-1].ravel())[0, 1]) < 0.05


def test_missing_pixels_move_with_their_rows():
    stack = shifted_odd_rows(blobs(), 2.0)[None].repeat(2, 0) + noise(5.0)
    stack[:, :, :10] = np.nan
    (source,) = aligned(only_signal([ArraySource(stack)]))
    missing = source.missing_pixels(0)
    assert missing[::2, :10].all() and not missing[::2, 10:].any()
    assert missing[1::2, :8].all() and not missing[1::2, 8:].any()
    result = source.put_back(0, np.ones((128, 128), np.float32))
    assert np.array_equal(np.isnan(result), missing)


def run(images, **settings):
    events = []
    result = finish(pipeline_events(images, {**CONFIG, **settings}), events.append)
    return result, [event.message for event in events if isinstance(event, Warned)]


@pytest.mark.parametrize("is_wanted", [True, False])
def test_training_and_application_do_as_they_are_told(is_wanted):
    image = shifted_odd_rows(blobs(), 2.0) + noise(20.0)
    result, said = run(image, align_rows=is_wanted)
    assert any("Every other row lies +2" in message for message in said) == is_wanted
    events = []
    finish(
        denoise_array_events([ArraySource(image)], result.stage1.model, device="cpu"),
        events.append,
    )
    again = [event.message for event in events if isinstance(event, Warned)]
    assert any("Every other row lies +2" in message for message in again) == is_wanted


def test_nothing_is_said_of_rows_in_place():
    sources = aligned([ArraySource(blobs() + noise(20.0))])
    assert shift_sentences(sources) == []
