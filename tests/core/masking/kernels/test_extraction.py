"""Extraction: the noise that one draws is the kernel that one finds, whatever the structure."""

import dataclasses
import time

import numpy as np
import pytest
from pydantic import ValidationError
from scipy import ndimage

from autoStructN2V.errors import InputError
from autoStructN2V.masking.kernels.config import ExtractorConfig
from autoStructN2V.masking.kernels.extraction import extract_kernel, propose_kernel
from autoStructN2V.masking.kernels.kernel import Kernel
from autoStructN2V.masking.noise.autocorrelation import Autocorrelation
from autoStructN2V.masking.noise.measuring import measure_noise_autocorrelation
from autoStructN2V.masking.noise.simulation import simulate_noise

CONFIG = ExtractorConfig()


def field(rng, shape, sigma):
    smooth = ndimage.gaussian_filter(rng.standard_normal(shape), (0, sigma, sigma), mode="wrap")
    return smooth / smooth.std()


def structure(rng, shape=(4, 160, 160)):
    """Cells with dark outlines on a smooth background, contrast well above the noise."""
    cells = field(rng, shape, 14)
    slope = np.hypot(*np.gradient(cells, axis=(1, 2)))
    outline = np.exp(-((cells / slope / 1.5) ** 2))
    return 0.5 + 0.04 * field(rng, shape, 12) + 0.1 * (cells > 1) - 0.4 * outline


def colored(rng, shape, weights):
    weights = np.asarray(weights, float)
    weights = weights.reshape((1,) * (3 - weights.ndim) + weights.shape)
    noise = ndimage.convolve(rng.standard_normal(shape), weights, mode="wrap")
    return noise / np.sqrt(np.square(weights).sum())


def noisy(rng, weights=None, white=0.06, correlated=0.08, shape=(4, 160, 160)):
    image = structure(rng, shape) + white * rng.standard_normal(shape)
    if weights is not None:
        image += correlated * colored(rng, shape, weights)
    return image.astype(np.float32)


def decaying(length, scale):
    return np.exp(-np.abs(np.arange(length) - length // 2) / scale)


def gaussian(sigma):
    profile = np.exp(-np.square(np.arange(-3, 4)) / (2 * sigma**2))
    return np.outer(profile, profile)


def test_independent_noise_gives_the_center_alone():
    proposal = extract_kernel([noisy(np.random.default_rng(0))], CONFIG)
    assert proposal.kernel.n_hidden == 1
    assert not proposal.advice.found
    assert proposal.advice.recommended_method == "n2v"
    assert proposal.statistics.pattern_type == "none"


@pytest.mark.parametrize(
    ("weights", "expected", "pattern"),
    [
        (np.ones((1, 3)), np.ones((1, 5)), "horizontal"),
        (decaying(9, 2.0)[:, None], np.ones((9, 1)), "vertical"),
        (np.eye(5), np.eye(9), "diagonal"),
        (np.eye(4)[::-1], np.eye(7)[::-1], "diagonal"),
    ],
)
def test_lines_are_found_exactly(weights, expected, pattern):
    proposal = extract_kernel([noisy(np.random.default_rng(1), weights)], CONFIG)
    assert proposal.kernel.trimmed() == Kernel.from_array(expected)
    assert proposal.statistics.pattern_type == pattern
    assert proposal.advice.recommended_method == "autostructn2v"


def test_noise_correlated_on_all_sides_is_found():
    proposal = extract_kernel([noisy(np.random.default_rng(2), gaussian(0.9))], CONFIG)
    kernel = proposal.kernel.trimmed()
    assert kernel.middle.shape == (5, 5)
    assert kernel.middle[1:4, 1:4].all()
    assert kernel.n_hidden >= 13


def test_window_grows_with_the_correlation():
    image = noisy(np.random.default_rng(3), decaying(15, 3.5)[None])
    assert extract_kernel([image], CONFIG).kernel.reach[1] >= 7
    fixed = extract_kernel([image], ExtractorConfig(grow_window=False)).kernel
    assert fixed.middle.shape == (11, 11)


def test_units_and_offset_do_not_matter():
    image = noisy(np.random.default_rng(4), np.ones((1, 3)))
    first = extract_kernel([image], CONFIG)
    second = extract_kernel([3000.0 + 5000.0 * image], CONFIG)
    assert first.kernel == second.kernel
    np.testing.assert_allclose(
        first.autocorrelation.values, second.autocorrelation.values, atol=0.02
    )


def test_turning_the_images_turns_the_kernel():
    image = noisy(np.random.default_rng(5), np.ones((1, 3)))
    turned = np.rot90(image, axes=(1, 2))
    found, found_turned = (extract_kernel([i], CONFIG).kernel.trimmed() for i in (image, turned))
    assert found_turned == Kernel.from_array(found.middle.T)


def test_one_stack_or_many_images_of_different_shapes():
    image = noisy(np.random.default_rng(6), np.ones((3, 1)))
    pieces = [image[:1], image[1:2, :150], image[2:, :, :140]]
    of_pieces, of_stack = (extract_kernel(images, CONFIG).kernel for images in (pieces, [image]))
    assert of_pieces.trimmed() == of_stack.trimmed()


def test_noise_that_grows_with_the_signal():
    rng = np.random.default_rng(7)
    clean = structure(rng)
    photons = 100.0
    shot = rng.poisson(np.maximum(clean, 0) * photons) / photons
    image = shot + 0.07 * colored(rng, clean.shape, np.ones((1, 3)))
    assert extract_kernel([image], CONFIG).kernel.reach == (0, 2)


def test_clipped_background_is_ignored():
    image = noisy(np.random.default_rng(8), np.ones((1, 3)))
    image[:, :, :70] = 0.0
    assert extract_kernel([image], CONFIG).kernel.reach == (0, 2)


@pytest.mark.parametrize("n_rows", [60, 90, 120])
def test_places_filled_with_a_value_between_the_others_are_ignored(n_rows):
    """As around rotated images whose mean was subtracted; more than half of them may be filled."""
    image = 2.0 * colored(np.random.default_rng(8), (4, 160, 160), np.ones((1, 3)))
    image[:, :n_rows] = 0.0
    proposal = extract_kernel([image], CONFIG)
    assert proposal.kernel.reach == (0, 2)
    assert proposal.autocorrelation.noise_variance == pytest.approx(4.0, rel=0.05)


def test_neighboring_slices_in_2_5d():
    rng = np.random.default_rng(9)
    shape = (24, 96, 96)
    weights = np.array([0.5, 1.0, 0.5])[:, None, None] * np.ones((1, 1, 3))
    shared = noisy(rng, weights, shape=shape)
    kernel = extract_kernel([shared], CONFIG, mode="2.5D").kernel
    assert kernel.trimmed() == Kernel(np.ones((3, 1, 5)))
    separate = noisy(rng, np.ones((1, 3)), shape=shape)
    kernel = extract_kernel([separate], CONFIG, mode="2.5D").kernel
    assert not kernel.cells[[0, 2]].any()
    assert kernel.trimmed().cells.shape == (3, 1, 5)


def test_structure_without_background_gives_no_kernel():
    rng = np.random.default_rng(10)
    strength = np.exp(field(rng, (2, 256, 256), 12))
    texture = field(rng, (2, 256, 256), 2.5) * strength
    image = texture + 0.05 * rng.standard_normal(texture.shape)
    proposal = extract_kernel([image], CONFIG)
    assert proposal.kernel.n_hidden == 1
    assert proposal.autocorrelation.resembles_structure
    assert "told from structure" in proposal.advice.message


def test_periodic_pattern_is_named_and_leaves_no_trace_in_the_kernel():
    image = noisy(np.random.default_rng(11), shape=(4, 256, 256))
    image += 0.08 * np.sin(2 * np.pi * np.arange(256) / 8.0)[:, None].astype(np.float32)
    proposal = extract_kernel([image], CONFIG)
    assert proposal.kernel.n_hidden == 1
    assert "no kernel can hide it" in proposal.advice.message


@pytest.mark.parametrize(
    ("images", "words"),
    [
        ([], "at least one"),
        ([np.zeros((64, 64))], "stack"),
        ([np.zeros((1, 8, 64))], "16 x 16"),
        ([np.full((1, 64, 64), np.nan)], "NaN"),
        ([np.ones((2, 64, 64))], "constant"),
    ],
)
def test_unusable_images_are_refused(images, words):
    with pytest.raises(InputError, match=words):
        extract_kernel(images, CONFIG)


def test_single_slice_cannot_be_measured_in_2_5d():
    with pytest.raises(InputError, match="2 slices"):
        measure_noise_autocorrelation([noisy(np.random.default_rng(12))[:1]], mode="2.5D")


def test_input_is_left_alone_and_result_repeats():
    image = noisy(np.random.default_rng(13), np.ones((1, 3)))
    before = image.copy()
    first = measure_noise_autocorrelation([image])
    assert np.array_equal(image, before)
    assert np.array_equal(first.values, measure_noise_autocorrelation([image]).values)
    middle = first.max_lag
    assert first.values[0, middle, middle] == 1.0
    assert np.array_equal(first.values, first.values[:, ::-1, ::-1])
    assert first.noise_variance == pytest.approx(0.01, rel=0.1)


def test_simulated_noise_has_the_autocorrelation_asked_for():
    model = np.zeros((7, 7))
    model[3, 2:5] = 0.4, 1.0, 0.4
    noise = simulate_noise(model, (8, 128, 128), np.random.default_rng(0))
    assert noise.var() == pytest.approx(1.0, abs=0.02)
    assert np.mean(noise[:, :, 1:] * noise[:, :, :-1]) == pytest.approx(0.4, abs=0.02)
    assert np.mean(noise[:, 1:] * noise[:, :-1]) == pytest.approx(0.0, abs=0.02)


def measured(values, error=0.001):
    values = np.asarray(values, float)
    return Autocorrelation(values, np.full(values.shape, error), values, 0.5, 10_000, 1.0)


def disk(scale=8.0, half=15):
    y, x = np.mgrid[-half : half + 1, -half : half + 1]
    return np.exp(-(y**2 + x**2) / scale)[None]


def test_proposing_follows_a_slider():
    evidence = measured(disk())
    propose_kernel(evidence, CONFIG)
    start = time.perf_counter()
    for _ in range(5):
        propose_kernel(evidence, CONFIG)
    assert (time.perf_counter() - start) / 5 < 0.05


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("base_percentile", (30.0, 50.0, 70.0)),
        ("percentile_decay", (1.0, 1.15, 1.3)),
        ("min_correlation", (0.02, 0.1, 0.4)),
    ],
)
def test_stricter_parameters_give_fewer_pixels(name, values):
    counts = [
        propose_kernel(
            measured(disk()), ExtractorConfig(**{"max_true_pixels": 50, name: value})
        ).kernel.n_hidden
        for value in values
    ]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[-1]


@pytest.mark.parametrize("limit", [5, 12, 25])
def test_strongest_pixels_stay(limit):
    evidence = measured(disk())
    config = ExtractorConfig(max_true_pixels=limit, grow_window=False)
    kernel = propose_kernel(evidence, config).kernel.middle
    assert limit - 4 < kernel.sum() <= limit
    assert np.array_equal(kernel, kernel[::-1, ::-1])
    unlimited = ExtractorConfig(max_true_pixels=50, grow_window=False)
    dropped = propose_kernel(evidence, unlimited).kernel.middle & ~kernel
    values = evidence.values[0, 10:21, 10:21]
    assert values[kernel].min() >= values[dropped].max()


def test_the_limit_leaves_no_hole_beside_the_center():
    """The pixels next to the center are the weakest of these stripes, and lead to all others."""
    values = np.zeros((1, 31, 31))
    values[0, :, 15] = 0.5
    values[0, 15, 15], values[0, [14, 16], 15] = 1.0, 0.2
    values[0, [0, -1], 15] = 0.6
    config = ExtractorConfig(max_true_pixels=5, grow_window=False)
    kernel = propose_kernel(measured(values), config).kernel.middle
    middle = len(kernel) // 2
    assert kernel[middle - 2 : middle + 3, middle].all()
    assert kernel.sum() == 5


def test_insignificant_correlation_is_not_hidden():
    assert propose_kernel(measured(disk(), error=0.3), CONFIG).kernel.n_hidden == 1


@pytest.fixture
def with_gaps():
    """Correlation with two pixels and nothing between."""
    values = np.zeros((1, 31, 31))
    values[0, 15, 15] = 1.0
    values[0, 15, [12, 18]] = 0.6
    return values


def test_unconnected_pixels_are_dropped_unless_told_or_beyond_doubt(with_gaps):
    weak = measured(with_gaps, error=0.1)
    assert propose_kernel(weak, CONFIG).kernel.n_hidden == 1
    config = ExtractorConfig(keep_center_component_only=False)
    assert propose_kernel(weak, config).kernel.n_hidden == 3
    assert propose_kernel(measured(with_gaps), CONFIG).kernel.n_hidden == 3


def test_where_structure_may_be_taken_for_noise_no_unconnected_pixel_is_beyond_doubt(with_gaps):
    unsure = dataclasses.replace(measured(with_gaps), resembles_structure=True)
    assert propose_kernel(unsure, CONFIG).kernel.n_hidden == 1


def test_unconnected_pixels_count_towards_the_limit_by_their_own_strength(with_gaps):
    with_gaps[0, 14:17, 15] = with_gaps[0, 13:18, 15] = 0.4
    with_gaps[0, 15, 15] = 1.0
    config = ExtractorConfig(max_true_pixels=5, grow_window=False)
    kernel = propose_kernel(measured(with_gaps), config).kernel
    found = {tuple(offset[1:]) for offset in kernel.offsets}
    assert found == {(0, -3), (0, 3), (-1, 0), (1, 0)}


@pytest.mark.parametrize("shape", [(1, 256, 256), (4, 160, 160)])
def test_noise_that_every_second_pixel_shares_is_found_exactly(shape):
    weights = np.array([[1.0, 0.0, 1.0, 0.0, 1.0]])
    image = noisy(np.random.default_rng(3), weights, shape=shape)
    proposal = extract_kernel([image], CONFIG)
    expected = np.array([[True, False, True, False, True, False, True, False, True]])
    assert proposal.kernel.trimmed() == Kernel.from_array(expected)
    assert "with gaps" in proposal.advice.message


def test_the_center_stays_where_others_are_stronger_and_too_many():
    """Noise that a correction overestimates may seem to share more with others than with itself."""
    values = np.zeros((1, 31, 31))
    values[0, 15, 12:19] = 1.2
    values[0, 15, 15] = 1.0
    config = ExtractorConfig(keep_center_component_only=False, max_true_pixels=5)
    assert propose_kernel(measured(values), config).kernel.n_hidden == 5


def test_one_threshold_for_all_rings():
    config = ExtractorConfig(adapt_autocorr=False, center_ratio_threshold=0.9)
    proposal = propose_kernel(measured(disk()), config)
    assert len(set(proposal.thresholds[0, 1:])) == 1
    assert proposal.kernel.n_hidden == 5


def test_window_size_must_be_odd():
    with pytest.raises(ValidationError, match="even"):
        ExtractorConfig(center_size=10)
