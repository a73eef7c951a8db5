"""Input checks: every image that cannot be denoised is refused with one sentence."""

from __future__ import annotations

import numpy as np
import pytest

from autoStructN2V.datasets.images.checks import as_source, check_images
from autoStructN2V.errors import InputError


@pytest.fixture
def stack() -> np.ndarray:
    return np.random.default_rng(0).normal(100, 10, (20, 32, 40)).astype(np.float32)


def _refusal(array: np.ndarray, mode: str = "2D", patch_size: int = 32) -> str:
    with pytest.raises(InputError) as error:
        check_images([as_source(array, name="sample")], patch_size=patch_size, mode=mode)
    sentence = str(error.value)
    assert sentence.endswith(".")
    assert ". " not in sentence.replace("2.5D", "")
    return sentence


@pytest.mark.parametrize("mode", ["2D", "2.5D"])
def test_good_images_pass_without_a_word(stack, mode):
    assert check_images([as_source(stack)], patch_size=32, mode=mode) == []
    assert check_images([as_source(stack[0])], patch_size=32, mode="2D") == []


def test_too_few_slices(stack):
    sentence = _refusal(stack[:12], mode="2.5D")
    assert sentence.startswith("Insufficient Stack Depth for 2.5D: 12 slices, 20 needed")


def test_smaller_than_a_patch(stack):
    assert "32 x 40 pixels, less than a patch of 64 x 64" in _refusal(stack, patch_size=64)


def test_constant(stack):
    assert "is constant" in _refusal(np.full((3, 32, 32), 7, np.uint8))
    assert "is constant" in _refusal(np.arange(3.0)[:, None, None] * np.ones((3, 32, 32)))
    stack[3:5] = 0.0
    (warning,) = check_images([as_source(stack)], patch_size=32, mode="2D")
    assert "2 of 20 slices" in warning
    assert "slice 3" in warning


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([np.nan], "1 NaN values"),
        ([np.inf, -np.inf], "2 infinite values"),
        ([np.nan, np.inf], "1 NaN and 1 infinite values"),
    ],
)
def test_values_that_are_not_finite(stack, values, found):
    stack[4].ravel()[: len(values)] = values
    sentence = _refusal(stack)
    assert found in sentence
    assert "the first in slice 4" in sentence


def test_float64_beyond_float32(stack):
    wide = stack.astype(np.float64)
    wide[2, 0, 0] = 1e300
    assert "1 infinite values, the first in slice 2" in _refusal(wide)


@pytest.mark.parametrize("dtype", [complex, bool, str, object])
def test_data_types_without_intensities(dtype):
    assert "data type" in _refusal(np.ones((32, 32), dtype))


@pytest.mark.parametrize(
    ("shape", "found"),
    [
        ((32,), "1 axes"),
        ((2, 3, 32, 32), "4 axes (2 x 3 x 32 x 32)"),
        ((32, 32, 3), "color image"),
        ((32, 32, 4), "color image"),
        ((0, 32, 32), "no pixels"),
    ],
)
def test_arrays_of_other_shapes(shape, found):
    assert found in _refusal(np.ones(shape))


def test_no_image_at_all():
    with pytest.raises(InputError, match="no images"):
        check_images([], patch_size=32, mode="2D")


def test_saturated_and_clipped_pixels_are_worth_a_warning(stack):
    narrow = as_source(np.clip(stack, 90, 115), name="narrow")
    saturated, clipped = check_images([narrow], patch_size=32, mode="2D")
    assert saturated.startswith("7\xa0% of the pixels of narrow have the highest value (115)")
    assert clipped.startswith("16\xa0% of the pixels of narrow have the lowest value (90)")


def test_many_images_with_the_same_flaw_give_one_warning(stack):
    sources = [as_source(np.clip(image, None, 115)) for image in stack]
    (warning,) = check_images(sources, patch_size=32, mode="2D")
    assert "The same holds for 19 more images." in warning


def test_the_check_can_be_stopped(stack):
    stack[10] = np.nan
    answers = iter([False] * 5 + [True])
    found = check_images(
        [as_source(stack)], patch_size=32, mode="2D", should_stop=lambda: next(answers)
    )
    assert found == []
