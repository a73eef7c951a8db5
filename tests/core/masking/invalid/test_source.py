"""A stack that knows its pixels that are no signal, and says how many there are."""

import numpy as np
import pytest

from autoStructN2V.datasets.images.checks import check_images
from autoStructN2V.datasets.images.resampling import on_coarse_grid
from autoStructN2V.datasets.images.sources import ArraySource, read_stack
from autoStructN2V.datasets.images.validity import invalid_pixels, missing_pixels, put_back
from autoStructN2V.datasets.normalization import estimate_normalization
from autoStructN2V.errors import InputError
from autoStructN2V.masking.invalid.finding import invalid_sentences, only_signal
from autoStructN2V.masking.invalid.source import PlaceMemory, SignalSource

SHAPE = (8, 64, 64)


def noise(seed=0):
    return np.random.default_rng(seed).normal(100.0, 5.0, SHAPE).astype(np.float32)


def test_clean_slices_are_read_bit_by_bit():
    stack = noise()
    (source,) = only_signal([ArraySource(stack)])
    assert np.array_equal(read_stack(source), stack)
    assert all(invalid_pixels(source, z) is None for z in range(len(stack)))
    assert invalid_sentences([source]) == []


def test_outliers_are_filled_and_told_with_their_number():
    clean, stack = noise(), noise()
    stack[3, 10, 20], stack[5, 30, 40] = 4095.0, 0.0
    (source,) = only_signal([ArraySource(stack)])
    assert np.abs(read_stack(source) - clean).max() < 25.0
    assert np.argwhere(invalid_pixels(source, 3)).tolist() == [[10, 20]]
    assert missing_pixels(source, 3) is None
    (sentence,) = invalid_sentences([source])
    assert sentence.startswith("2 pixels are outliers (0.0061\xa0%): hot, dead")
    assert "Repair outliers off" in sentence


def test_outliers_stay_if_that_was_asked_for():
    stack = noise()
    stack[3, 10, 20] = 4095.0
    (source,) = only_signal([ArraySource(stack)], repair_outliers=False)
    assert np.array_equal(read_stack(source), stack)


def test_what_hides_in_the_noise_of_each_slice_is_found_in_their_mean():
    stack = noise()
    stack[:, 10, 20] += 25.0
    (source,) = only_signal([ArraySource(stack)])
    assert all(invalid_pixels(source, z)[10, 20] for z in range(len(stack)))
    (sentence,) = invalid_sentences([source])
    assert sentence.startswith("8 pixels are outliers")
    assert "those of 1 place in all slices" in sentence


def test_missing_pixels_are_left_out_and_put_back():
    stack = noise()
    stack[:, :8] = np.nan
    (source,) = only_signal([ArraySource(stack)])
    assert np.isfinite(read_stack(source)).all()
    result = put_back(source, 2, np.ones(SHAPE[1:], np.float32))
    assert np.isnan(result[:8]).all()
    assert (result[8:] == 1.0).all()
    (sentence,) = invalid_sentences([source])
    assert sentence.startswith("12\xa0% of the pixels are missing")


def test_a_blank_slice_is_read_as_its_neighbor_and_put_back():
    stack = noise()
    stack[3] = 7.0
    (source,) = only_signal([ArraySource(stack)])
    assert np.array_equal(source.read_slice(3), stack[2])
    assert (put_back(source, 3, stack[2]) == 7.0).all()


def test_missing_pixels_do_not_count_in_the_normalization():
    stack, clean = noise(), noise()
    stack[:, 40, 40], stack[:, :20], stack[4] = 4095.0, 0.0, 0.0
    found = estimate_normalization(only_signal([ArraySource(stack)]))
    expected = estimate_normalization([ArraySource(clean)])
    assert found.mean == pytest.approx(expected.mean, abs=0.2)
    assert found.std == pytest.approx(expected.std, rel=0.05)
    assert found.noise_level == pytest.approx(expected.noise_level, rel=0.1)


def test_a_coarser_grid_knows_too():
    stack = noise()
    stack[:, :32] = np.nan
    (coarse,) = on_coarse_grid(only_signal([ArraySource(stack)]), 0.5)
    assert invalid_pixels(coarse, 0)[:15].all()
    assert not invalid_pixels(coarse, 0)[17:].any()


def test_places_that_are_not_kept_are_found_again():
    stack = noise()
    stack[3, 10, 20] = 4095.0
    forgetful = SignalSource(ArraySource(stack), PlaceMemory(0))
    (remembering,) = only_signal([ArraySource(stack)])
    for _ in range(2):
        assert np.array_equal(read_stack(forgetful), read_stack(remembering))
    assert forgetful.counts == remembering.counts


@pytest.mark.parametrize(("value", "words"), [(np.nan, "NaN"), (5.0, "is constant")])
def test_a_stack_of_nothing_is_refused(value, words):
    sources = only_signal([ArraySource(np.full(SHAPE, value, np.float32))])
    with pytest.raises(InputError, match=words):
        check_images(sources, patch_size=32, mode="2D")


def test_infinite_values_are_refused():
    stack = noise()
    stack[2, 3, 4] = np.inf
    with pytest.raises(InputError, match="1 infinite values"):
        check_images(only_signal([ArraySource(stack)]), patch_size=32, mode="2D")
