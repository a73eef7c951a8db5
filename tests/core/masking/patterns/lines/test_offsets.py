"""Offsets of whole rows and columns are found, measured and removed; structure is not."""

import time

import numpy as np
import pytest
from scipy import ndimage

from autoStructN2V.datasets.images.sources import ArraySource, read_stack
from autoStructN2V.datasets.samples.synthetic import SAMPLE_KINDS, make_sample
from autoStructN2V.masking import detect_periodic_patterns, extract_kernel, remove_patterns
from autoStructN2V.masking.kernels.config import ExtractorConfig
from autoStructN2V.masking.patterns.finding import find_patterns
from autoStructN2V.masking.patterns.lines.offsets import find_offsets
from autoStructN2V.masking.patterns.lines.profile import line_profile, subtract_profile
from autoStructN2V.pipeline import denoise_array_events, finish, pipeline_events
from autoStructN2V.trainers.events import Warned
from tests.core.masking.patterns.test_removal import TINY

NOISE = 0.1
SIZE = 256


def texture(seed, shape=(SIZE, SIZE)):
    return make_sample("random", seed, (1, *shape)).clean[0]


def fine(profile):
    """Leave out what is smooth across the lines, which is not to be removed."""
    return line_profile(np.tile(profile, (8, 1)), "columns")


def noise(rng, shape, std=NOISE):
    return std * rng.standard_normal(shape)


@pytest.mark.parametrize("lines", ["rows", "columns"])
def test_the_profile_that_was_added_is_found(lines):
    rng = np.random.default_rng(0)
    shape = (192, 320)
    n, length = shape if lines == "rows" else shape[::-1]
    offsets = noise(rng, n, 0.05)
    image = noise(rng, shape) + (offsets[:, None] if lines == "rows" else offsets)
    error = line_profile(image, lines) - fine(offsets)
    assert np.std(error) < 1.2 * NOISE / np.sqrt(length)
    (found,) = find_offsets([image])
    assert (found.lines, found.is_shared) == (lines, False)
    assert found.std == pytest.approx(0.05, rel=0.15)


def test_the_profile_does_not_depend_on_level_and_units():
    rng = np.random.default_rng(1)
    image = texture(1) + noise(rng, SIZE, 0.05) + noise(rng, (SIZE, SIZE))
    expected = line_profile(image, "columns")
    scaled = line_profile((1e4 * image + 3e5).astype(np.float32), "columns")
    np.testing.assert_allclose(scaled / 1e4, expected, atol=2e-4)
    counts = np.round(1e4 * (image - image.min())).astype(np.uint16)
    np.testing.assert_allclose(line_profile(counts, "columns") / 1e4, expected, atol=1e-3)


def test_structure_stays_when_offsets_are_removed():
    rng = np.random.default_rng(2)
    clean, offsets = texture(2), noise(rng, SIZE, 0.08)
    image = clean + offsets + noise(rng, clean.shape, 0.05)
    removed = image - subtract_profile(image, line_profile(image, "columns"), "columns")
    assert np.std(removed[0] - fine(offsets)) < 0.2 * np.std(fine(offsets))
    untouched = line_profile(clean, "columns")
    assert np.std(untouched) < 0.12 * np.std(clean)


def test_shading_across_the_lines_stays():
    rng = np.random.default_rng(3)
    x = np.arange(512)
    shading = 0.3 * np.cos(2 * np.pi * x / 512) + 0.002 * x
    image = shading + noise(rng, 512, 0.05) + noise(rng, (512, 512))
    without = image - shading
    difference = line_profile(image, "columns") - line_profile(without, "columns")
    assert np.abs(difference).max() < 0.02 * 0.3


@pytest.mark.parametrize("lines", ["rows", "columns"])
def test_offsets_that_all_slices_share_are_removed(lines):
    rng = np.random.default_rng(4)
    offsets = noise(rng, SIZE, 0.05)
    added = offsets[:, None] if lines == "rows" else offsets
    clean = np.stack([texture(seed) for seed in range(20)])
    without = (clean + noise(rng, clean.shape)).astype(np.float32)
    source = ArraySource((without + added).astype(np.float32))
    result = find_patterns([source])
    (found,) = result.patterns
    assert (found.lines, found.is_shared) == (lines, True)
    assert found.amplitude == pytest.approx(0.05, rel=0.2)
    assert f"whole {lines}" in found.sentence
    assert "the same in all slices" in found.sentence
    cleaned = result.applied_to(source)
    change = read_stack(source) - read_stack(cleaned)
    np.testing.assert_allclose(change, np.broadcast_to(change[0], change.shape), atol=1e-6)
    left = fine(offsets) - (change[0, :, 0] if lines == "rows" else change[0, 0])
    assert np.std(left) < 0.1 * np.std(offsets)


def test_row_offsets_on_a_tilt_are_removed_in_each_slice():
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:SIZE, :SIZE]
    flat = np.stack([texture(seed) for seed in range(3)]) + noise(rng, (3, SIZE, SIZE), 0.02)
    height = flat + 0.2 * y + 0.05 * x
    offsets = noise(rng, (3, SIZE), 0.1)
    source = ArraySource((height + offsets[:, :, None]).astype(np.float32))
    result = find_patterns([source])
    (found,) = result.patterns
    assert (found.lines, found.is_shared) == ("rows", False)
    assert found.variance_share < 0.003  # the tilt has nearly all of the variance
    cleaned = result.applied_to(source)
    change = (read_stack(source) - read_stack(cleaned))[:, :, 0]
    for line, expected in zip(change, offsets, strict=True):
        assert np.std(line - fine(expected)) < 0.15 * np.std(expected)
        assert abs(np.polyfit(np.arange(SIZE), line, 1)[0]) < 1e-3  # the tilt stays


def test_shared_columns_and_rows_of_each_slice_together():
    rng = np.random.default_rng(6)
    shape = (8, SIZE, SIZE)
    columns, rows = noise(rng, (1, 1, SIZE), 0.05), noise(rng, (8, SIZE, 1), 0.05)
    stack = np.stack([texture(seed) for seed in range(8)]) + noise(rng, shape)
    source = ArraySource((stack + columns + rows).astype(np.float32))
    result = find_patterns([source])
    found = result.patterns
    assert [(p.lines, p.is_shared) for p in found] == [("columns", True), ("rows", False)]
    cleaned = result.applied_to(source)
    assert find_patterns([cleaned]).patterns == ()
    in_memory = read_stack(source)
    assert detect_periodic_patterns([in_memory]) == list(found)
    np.testing.assert_allclose(remove_patterns(in_memory, found), read_stack(cleaned), atol=1e-5)


def test_offsets_beside_a_wave():
    rng = np.random.default_rng(7)
    stack = np.stack([texture(seed) for seed in range(4)]) + noise(rng, (4, SIZE, SIZE), 0.06)
    stack += noise(rng, SIZE, 0.05) + 0.08 * np.sin(np.arange(SIZE) * np.pi / 4)[:, None]
    removal = find_patterns([ArraySource(stack.astype(np.float32))])
    found = removal.patterns
    assert [p.lines for p in found] == [None, "columns"]
    assert "period 8.0 px along y" in removal.sentence
    assert "offsets of whole columns" in removal.sentence


def test_white_noise_has_no_offsets():
    for seed in range(20):
        stack = noise(np.random.default_rng(seed), (3, 128, 160))
        assert find_patterns([ArraySource(stack.astype(np.float32))]).patterns == ()


@pytest.mark.parametrize("kind", [kind for kind in SAMPLE_KINDS if kind != "periodic"])
def test_samples_without_offsets_have_none(kind):
    assert find_patterns([ArraySource(make_sample(kind, 1).noisy)]).patterns == ()


@pytest.mark.parametrize("length", [15.0, 40.0])
def test_noise_along_lines_that_end_is_no_offset(length):
    rng = np.random.default_rng(8)
    lines = ndimage.gaussian_filter1d(rng.standard_normal((4, SIZE, SIZE)), length / 2.5, axis=2)
    stack = np.stack([texture(seed) for seed in range(4)]) + 0.08 * lines / lines.std()
    stack += noise(rng, stack.shape, 0.06)
    assert find_patterns([ArraySource(stack.astype(np.float32))]).patterns == ()


@pytest.mark.parametrize("n_layers", [1, 4, 12, 24])
@pytest.mark.parametrize("blur", [0.0, 0.7, 2.0])
def test_straight_layers_across_the_image_are_no_offsets(n_layers, blur):
    rng = np.random.default_rng(9)
    edges = np.sort(rng.choice(np.arange(4, SIZE - 4), n_layers, replace=False))
    levels = rng.uniform(-0.4, 0.4, n_layers + 1)
    layers = levels[np.searchsorted(edges, np.arange(SIZE))]
    layers = ndimage.gaussian_filter1d(layers, blur) if blur else layers
    stack = np.stack([0.5 * texture(seed) for seed in range(3)]) + layers[:, None]
    stack += noise(rng, stack.shape, 0.05)
    assert find_patterns([ArraySource(stack.astype(np.float32))]).patterns == ()


def test_lines_in_a_part_of_the_image_are_no_offsets():
    rng = np.random.default_rng(10)
    image = texture(10) + noise(rng, (SIZE, SIZE))
    image[:, : SIZE // 2] += noise(rng, (SIZE, 1))
    assert find_offsets([image]) == []


def test_a_curved_surface_has_no_offsets():
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE
    image = 3.0 * y + 2.0 * x * x + texture(11) + noise(np.random.default_rng(11), x.shape, 1e-3)
    assert find_offsets([image]) == []


def test_images_too_small_or_flat():
    rng = np.random.default_rng(11)
    assert find_offsets([]) == []
    assert find_offsets([noise(rng, (48, 300)) + noise(rng, (48, 1))]) == []
    assert find_offsets([np.full((64, 64), 7.0)]) == []


def test_a_large_slice_is_measured_quickly():
    image = np.random.default_rng(12).standard_normal((2048, 2048), np.float32)
    start = time.process_time()
    line_profile(image, "columns")
    assert time.process_time() - start < 1.5  # 0.25 s on an idle core


def test_a_kernel_is_extracted_as_if_there_were_no_offsets():
    rng = np.random.default_rng(13)
    stack = noise(rng, (6, SIZE, SIZE)) + noise(rng, (6, SIZE, 1), 0.08)
    proposal = extract_kernel([stack.astype(np.float32)], ExtractorConfig())
    assert proposal.kernel.n_hidden == 1
    assert "offsets of whole rows" in proposal.advice.message
    assert "Training removes it first" in proposal.advice.message


@pytest.mark.parametrize("is_on", [True, False])
def test_training_and_application_remove_offsets_unless_told_not_to(is_on):
    rng = np.random.default_rng(14)
    stack = noise(rng, (3, 128, 128)) + noise(rng, 128, 0.1)
    stack = stack.astype(np.float32)
    before = stack.copy()
    said = []
    result = finish(pipeline_events(stack, {**TINY, "remove_periodic": is_on}), said.append)
    model = result.stage1.model
    finish(denoise_array_events([ArraySource(stack)], model, device="cpu"), said.append)
    removals = [e.message for e in said if isinstance(e, Warned) and "removed first" in e.message]
    assert len(removals) == (2 if is_on else 0)
    assert all("offsets of whole columns" in message for message in removals)
    np.testing.assert_array_equal(stack, before)
