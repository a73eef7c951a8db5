"""Input checks: every image that cannot be denoised is refused with one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from autoStructN2V.datasets.images.checks import as_source, check_each, check_images
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


def test_a_constant_image_among_others_is_told_and_no_error(stack):
    sources = [as_source(stack[0], name="a"), as_source(np.zeros((32, 40), np.uint8), name="blank")]
    (warning,) = check_images(sources, patch_size=32, mode="2D")
    assert warning == "blank is constant and holds no signal."
    with pytest.raises(InputError, match="blank is constant"):
        check_images(sources[1:], patch_size=32, mode="2D")


def test_what_only_a_training_needs_is_not_asked_for_when_applying(stack):
    flawed = stack[0].copy()
    flawed[3, 3] = np.nan
    images = {"thin": stack[:2], "tiny": stack[0, :3, :3], "blank": np.zeros((4, 4)), "nan": flawed}
    sources = [as_source(image, name=name) for name, image in images.items()]
    warnings, refused = check_each(sources)
    assert [sources[place].name for place in refused] == ["nan"]
    assert "1 NaN values" in str(refused[3])
    assert warnings == ["blank is constant and holds no signal."]


@pytest.mark.parametrize("rate", [0.02, 0.1, 0.3, 0.8, 2.0])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32"])
def test_zero_is_a_count_where_photons_are_counted(rate, dtype):
    counts = np.random.default_rng(0).poisson(rate, (4, 64, 64)).astype(dtype)
    assert check_images([as_source(counts)], patch_size=32, mode="2D") == []


@pytest.mark.parametrize("spread", [2, 10, 50])
def test_noise_cut_off_at_zero_is_told(spread):
    signal = np.random.default_rng(0).normal(spread / 4, spread, (4, 64, 64))
    (warning,) = check_images(
        [as_source(np.clip(np.rint(signal), 0, None).astype(np.uint16))], patch_size=32, mode="2D"
    )
    assert "have the lowest value (0)" in warning


@pytest.mark.parametrize("side", [3, 5, 8, 16])
def test_a_share_of_a_few_pixels_says_nothing(side):
    for seed in range(20):
        pixels = np.random.default_rng(seed).normal(100, 10, (side, side)).round()
        for image in (pixels.astype(np.uint8), pixels.astype(np.float32)):
            assert check_each([as_source(image)]) == ([], {})


class Tensor:
    """Stands for a tensor of another library that needs gradients."""

    shape = (4, 5)

    def detach(self) -> Tensor:
        return self

    def cpu(self) -> np.ndarray:
        return np.ones((4, 5))


class Broken:
    """An array whose pixels cannot be had."""

    def __array__(self, *args: object, **kwargs: object) -> np.ndarray:
        raise OSError("the server has gone")


@pytest.mark.parametrize(
    "image",
    [
        [[1, 2, 3], [4, 5, 6]],
        ((1.0, 2.0), (3.0, 4.0)),
        Tensor(),
        np.ma.masked_array(np.ones((4, 5)), mask=False),
        memoryview(np.ones((4, 5))),
    ],
)
def test_anything_like_an_array_is_one(image):
    source = as_source(image)
    assert source.read_slice(0) == pytest.approx(
        np.asarray(image.cpu() if isinstance(image, Tensor) else image)
    )


@pytest.mark.parametrize(
    ("dtype", "becomes"), [("uint8", "float32"), ("int32", "float64"), ("float32", "float32")]
)
def test_what_is_masked_is_not_a_number(dtype, becomes):
    mask = np.eye(4, 5, dtype=bool)
    source = as_source(np.ma.masked_array(np.full((4, 5), 3, dtype), mask=mask))
    assert source.dtype == becomes
    assert np.array_equal(np.isnan(source.read_slice(0)), mask)
    assert (source.read_slice(0)[~mask] == 3).all()


@pytest.mark.parametrize(
    ("image", "found"),
    [
        ([[1, 2], [3]], "list that cannot be read as an array"),
        (Broken(), "the server has gone"),
        ("a.tif", "is a name, not an image"),
        (Path("a.tif"), "is a name, not an image"),
        (None, "0 axes"),
    ],
)
def test_what_is_no_array_is_refused_in_a_sentence(image, found):
    with pytest.raises(InputError, match=found):
        as_source(image)


def test_a_snapshot_keeps_its_pixels_and_copies_no_file(tmp_path):
    array = np.ones((2, 4, 5), np.float32)
    source = as_source(array, name="x")
    copy = source.snapshot()
    array[:] = 0
    assert copy.read_slice(0).min() == 1
    assert (copy.name, copy.shape, copy.metadata) == ("x", source.shape, source.metadata)
    mapped = np.lib.format.open_memmap(tmp_path / "a.npy", "w+", np.float32, (2, 4, 5))
    on_disk = as_source(mapped[:1])
    assert on_disk.snapshot() is on_disk
