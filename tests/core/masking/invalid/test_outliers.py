"""Outliers are found wherever they come from; light, noise and structure are left alone."""

import numpy as np
import pytest

from autoStructN2V.masking.invalid.outliers import find_outliers, median_around

SHAPE = (128, 128)


def noise(seed=0, mean=100.0, std=5.0):
    return np.random.default_rng(seed).normal(mean, std, SHAPE).astype(np.float32)


def scattered(seed=1, n=10):
    mask = np.zeros(SHAPE, bool)
    mask.flat[np.random.default_rng(seed).choice(mask.size, n, replace=False)] = True
    return mask


def column():
    mask = np.zeros(SHAPE, bool)
    mask[:, 60] = True
    return mask


def two_rows():
    mask = np.zeros(SHAPE, bool)
    mask[70:72] = True
    return mask


def half_a_column():
    mask = np.zeros(SHAPE, bool)
    mask[50:, 60] = True
    return mask


def square(side):
    mask = np.zeros(SHAPE, bool)
    mask[20 : 20 + side, 30 : 30 + side] = True
    return mask


def track():
    mask = np.zeros(SHAPE, bool)
    mask[range(40, 47), range(60, 67)] = True
    return mask


@pytest.mark.parametrize(
    ("mask", "value"),
    [
        pytest.param(scattered(), 4095, id="hot"),
        pytest.param(scattered(), 0, id="dead"),
        pytest.param(scattered(), 160, id="twelve times the noise"),
        pytest.param(square(2), 4095, id="speck of 2 x 2"),
        pytest.param(square(3), 4095, id="speck of 3 x 3"),
        pytest.param(track(), 900, id="track of a cosmic ray"),
        pytest.param(column(), 65535, id="saturated column"),
        pytest.param(column(), 0, id="dead column"),
        pytest.param(column(), 140, id="stuck column"),
        pytest.param(half_a_column(), 0, id="half a column"),
        pytest.param(two_rows(), 0, id="two rows"),
        pytest.param(column() | scattered(), 4095, id="a column and hot pixels"),
    ],
)
def test_outliers_are_found_and_nothing_else(mask, value):
    image = noise()
    image[mask] = value
    assert np.array_equal(find_outliers(image), mask)


@pytest.mark.parametrize("share", [0.02, 0.05, 0.1])
def test_salt_and_pepper_are_found(share):
    image, draw = noise(), np.random.default_rng(3).random(SHAPE)
    image[draw < share / 2], image[draw > 1.0 - share / 2] = 0.0, 255.0
    mask = (draw < share / 2) | (draw > 1.0 - share / 2)
    found = find_outliers(image)
    assert (found & mask).sum() > 0.98 * mask.sum()
    assert (found & ~mask).sum() <= 2


@pytest.mark.parametrize("rate", [0.05, 0.5, 5.0, 100.0])
@pytest.mark.parametrize("gain", [1, 30])
def test_counted_photons_are_no_outliers(rate, gain):
    counts = gain * np.random.default_rng(4).poisson(rate, SHAPE)
    assert not find_outliers(counts.astype(np.float32)).any()


def test_a_hot_pixel_among_few_photons_is_found():
    image, mask = np.random.default_rng(4).poisson(0.05, SHAPE).astype(np.float32), scattered()
    image[mask] = 4095
    assert np.array_equal(find_outliers(image), mask)


@pytest.mark.parametrize("sigma", [1.0, 1.1, 1.5])
@pytest.mark.parametrize("height", [5.0, 10.0, 100.0, 1000.0])
def test_spots_that_came_through_optics_stay(sigma, height):
    rng = np.random.default_rng(5)
    image, (y, x) = noise(6), np.mgrid[: SHAPE[0], : SHAPE[1]]
    for center in rng.uniform(6, 122, (30, 2)):
        square_distance = (y - center[0]) ** 2 + (x - center[1]) ** 2
        image += (5.0 * height * np.exp(-square_distance / (2 * sigma**2))).astype(np.float32)
    assert not find_outliers(image).any()


def test_edges_lines_and_texture_stay():
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    texture = 30.0 * np.sin(x / 3.0) * np.sin(y / 4.0) + 200.0 * (x > 64) + 150.0 * (y % 40 == 20)
    assert not find_outliers(noise() + texture.astype(np.float32)).any()


def test_what_is_unusable_is_not_marked_and_does_not_count():
    image, unusable = noise(), np.zeros(SHAPE, bool)
    unusable[:, :40] = True
    image[unusable] = 100.0
    mask = scattered()
    image[mask] = 4095
    assert np.array_equal(find_outliers(image, unusable), mask & ~unusable)


@pytest.mark.parametrize("image", [np.ones(SHAPE, np.float32), np.ones((8, 8), np.float32)])
def test_nothing_is_found_where_nothing_can_be_told(image):
    assert not find_outliers(image).any()


def test_the_background_is_the_median_of_eight_pixels():
    image = noise()
    around = [image[5 + y, 7 + x] for y in (-2, 0, 2) for x in (-2, 0, 2) if y or x]
    assert median_around(image)[5, 7] == pytest.approx(np.median(around))
