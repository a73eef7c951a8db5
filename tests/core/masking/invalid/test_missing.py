"""Padding and NaN are missing; dark, clipped and counted pixels are not."""

import numpy as np
import pytest
from scipy import ndimage

from autoStructN2V.masking.invalid.filling import filled
from autoStructN2V.masking.invalid.missing import find_missing

SHAPE = (96, 128)


def noise(seed=0):
    return np.random.default_rng(seed).normal(1000.0, 50.0, SHAPE).round().astype(np.float32)


def rotated():
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]] - np.array(SHAPE)[:, None, None] / 2
    return (abs(0.87 * y + 0.5 * x) > 36) | (abs(0.87 * x - 0.5 * y) > 40)


def shifted():
    mask = np.zeros(SHAPE, bool)
    mask[:5], mask[:, -3:] = True, True
    return mask


@pytest.mark.parametrize("mask", [rotated(), shifted()])
@pytest.mark.parametrize("value", [0.0, np.nan])
def test_what_lies_outside_of_an_image_is_missing(mask, value):
    image = noise()
    image[mask] = value
    assert np.array_equal(find_missing(image), mask)


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(noise(), id="noise"),
        pytest.param(np.maximum(noise() - 1030.0, 0.0), id="clipped"),
        pytest.param(
            np.maximum(noise() - 1100.0, 0.0).astype(np.float32), id="clipped nearly everywhere"
        ),
        *(
            pytest.param(
                np.random.default_rng(1).poisson(rate, SHAPE).astype(np.float32), id=f"rate {rate}"
            )
            for rate in (0.001, 0.01, 0.1, 0.5, 2.0)
        ),
    ],
)
def test_dark_pixels_are_not_missing(image):
    assert find_missing(image) is None


def test_saturated_pixels_are_not_missing():
    image = noise()
    image[:20, :20] = 4095
    assert find_missing(image) is None


@pytest.mark.parametrize("mask", [rotated(), shifted()])
@pytest.mark.parametrize("white", [255, 65535])
def test_white_padding_is_missing(mask, white):
    image = noise() * 0.1  # 100 with a noise of 5
    image[mask] = white
    assert np.array_equal(find_missing(image), mask)


def test_what_is_white_by_its_light_is_not_missing():
    y, _ = np.mgrid[: SHAPE[0], : SHAPE[1]]
    glow = noise() * 0.1 + 4.0 * (60.0 - y).clip(0.0)  # brighter and brighter to the border
    assert (np.minimum(glow, 255.0) == 255.0).mean() > 0.1
    assert find_missing(np.minimum(glow, 255.0)) is None
    bright = np.minimum(noise() * 0.1 + 145.0, 255.0)
    bright[:20, :20] = 255.0
    assert find_missing(bright) is None, "noise comes near to white"


def test_a_slice_of_one_value_is_missing():
    assert find_missing(np.full(SHAPE, 7, np.float32)).all()


def test_pixels_are_filled_from_those_around():
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    image = (100.0 + 2.0 * y + x).astype(np.float32)
    single = np.zeros(SHAPE, bool)
    single[10:90:10, 10:120:10] = True
    spoiled = np.where(single, np.float32(np.nan), image)
    assert np.abs(filled(spoiled, single) - image).max() < 0.01
    margin = shifted()
    result = filled(np.where(margin, np.float32(np.nan), image), margin)
    assert np.array_equal(result[~margin], image[~margin])
    assert np.abs(result - image).max() < 20.0


def test_a_large_hole_is_filled_without_an_edge():
    image, mask = noise(), rotated()
    result = filled(np.where(mask, np.float32(0.0), image), mask)
    rim = mask & ndimage.binary_dilation(~mask, iterations=3)
    assert abs(result[rim].mean() - 1000.0) < 5.0
    assert result[rim].std() < 50.0
