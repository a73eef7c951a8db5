"""Offsets that differ between the halves of the lines are found and removed; structure is not."""

import numpy as np
import pytest
from scipy import ndimage, signal

from autoStructN2V.datasets.images.sources import ArraySource, read_stack
from autoStructN2V.masking import detect_periodic_patterns, extract_kernel, remove_patterns
from autoStructN2V.masking.kernels.config import ExtractorConfig
from autoStructN2V.masking.patterns.finding import find_patterns
from autoStructN2V.masking.patterns.lines.halves import find_half_offsets
from autoStructN2V.pipeline import denoise_array_events, finish, pipeline_events
from autoStructN2V.trainers.events import Warned
from tests.core.masking.patterns.lines.test_offsets import SIZE, fine, noise, texture
from tests.core.masking.patterns.test_removal import TINY

Y = np.arange(SIZE)[:, None]


def two_halves(upper, lower, change=SIZE // 2):
    return np.where(Y < change, upper, lower)


def noisy_means(rng, static, std=0.05):
    """Means of two halves of the slices of a sample that does not move."""
    return static + noise(rng, static.shape, std), static + noise(rng, static.shape, std)


def found_in(rng, static, std=0.05):
    """What is found along y and along x."""
    pair = noisy_means(rng, static, std)
    return [find_half_offsets([pair], lines) for lines in ("columns", "rows")]


@pytest.mark.parametrize("lines", ["rows", "columns"])
def test_offsets_of_halves_are_found_named_and_removed(lines):
    rng = np.random.default_rng(0)
    upper, lower = noise(rng, SIZE, 0.05), noise(rng, SIZE, 0.05)
    offsets = two_halves(upper, lower)
    added = offsets.T if lines == "rows" else offsets
    stack = np.stack([texture(seed) for seed in range(20)]) + noise(rng, (20, SIZE, SIZE))
    source = ArraySource((stack + added).astype(np.float32))
    result = find_patterns([source])
    (found,) = result.patterns
    assert (found.lines, found.is_shared, found.is_split) == (lines, True, True)
    assert found.amplitude == pytest.approx(0.05, rel=0.2)
    where = "left and right" if lines == "rows" else "upper and lower"
    assert f"offsets of half {lines} ({where}), standard deviation" in found.sentence
    cleaned = result.applied_to(source)
    change = read_stack(source) - read_stack(cleaned)
    np.testing.assert_allclose(change, np.broadcast_to(change[0], change.shape), atol=1e-6)
    removed = change[0].T if lines == "rows" else change[0]
    for offset, line in ((upper, removed[0]), (lower, removed[-1])):
        assert np.std(fine(offset) - line) < 0.2 * np.std(offset)
    np.testing.assert_allclose(removed, two_halves(removed[0], removed[-1]), atol=1e-6)
    assert find_patterns([cleaned]).patterns == ()


def test_what_several_stacks_share_is_found_in_all_of_them_together():
    """The more stacks, the fewer slices of each are looked at."""
    rng = np.random.default_rng(8)
    halves = two_halves(noise(rng, SIZE, 0.04), noise(rng, SIZE, 0.04))
    stacks = [halves + noise(rng, (16, SIZE, SIZE), 0.3) for _ in range(8)]
    result = find_patterns([ArraySource(stack.astype(np.float32)) for stack in stacks])
    (found,) = result.patterns
    assert found.is_split
    assert found.amplitude == pytest.approx(0.04, rel=0.3)


def test_what_the_halves_share_and_what_they_do_not_is_removed():
    rng = np.random.default_rng(9)
    whole = noise(rng, SIZE, 0.09)
    upper, lower = (whole + noise(rng, SIZE, 0.045) for _ in range(2))
    stack = two_halves(upper, lower) + noise(rng, (20, SIZE, SIZE), 0.3)
    source = ArraySource(stack.astype(np.float32))
    result = find_patterns([source])
    (found,) = result.patterns
    assert found.is_split
    assert found.amplitude == pytest.approx(0.1, rel=0.25)
    cleaned = result.applied_to(source)
    removed = stack[0] - cleaned.read_slice(0)
    assert np.std(fine(upper) - removed[0]) < 0.2 * np.std(upper)
    assert find_patterns([cleaned]).patterns == ()


def test_an_image_too_small_to_tell_is_left_as_it_is():
    rng = np.random.default_rng(10)
    halves = two_halves(noise(rng, SIZE, 0.05), noise(rng, SIZE, 0.05))
    stack = (halves + noise(rng, (20, SIZE, SIZE), 0.3)).astype(np.float32)
    small = [noise(rng, shape).astype(np.float32) for shape in ((1, SIZE, 7), (1, 2, SIZE))]
    sources = [ArraySource(image) for image in (stack, *small)]
    result = find_patterns(sources)
    assert [pattern.is_split for pattern in result.patterns] == [True]
    for image, source in zip(small, sources[1:], strict=True):
        np.testing.assert_array_equal(result.applied_to(source).read_slice(0), image[0])


def test_weak_offsets_are_found_in_an_odd_number_of_pixels():
    rng = np.random.default_rng(1)
    shape = (20, 301, 320)
    halves = np.repeat(noise(rng, (2, 320), 0.03), (150, 151), axis=0)
    stack = (halves + noise(rng, shape, 0.5)).astype(np.float32)
    (found,) = detect_periodic_patterns([stack])
    assert found.is_split
    assert found.amplitude == pytest.approx(0.03, rel=0.4)
    assert detect_periodic_patterns([remove_patterns(stack, [found])]) == []


def test_offsets_of_whole_lines_are_told_as_whole():
    rng = np.random.default_rng(2)
    stack = noise(rng, (20, SIZE, SIZE)) + noise(rng, SIZE, 0.05)
    (found,) = detect_periodic_patterns([stack])
    assert (found.is_shared, found.is_split) == (True, False)
    assert "half" not in found.sentence


def test_offsets_of_halves_that_slices_do_not_share_are_left_alone():
    rng = np.random.default_rng(3)
    slices = [two_halves(noise(rng, SIZE), noise(rng, SIZE)) for _ in range(20)]
    stack = (np.stack(slices) + noise(rng, (20, SIZE, SIZE))).astype(np.float32)
    assert not any(p.is_split for p in detect_periodic_patterns([stack]))


@pytest.mark.parametrize("blur", [0.0, 0.7])
def test_structure_along_y_in_one_half_stays(blur):
    rng = np.random.default_rng(4)
    fibers = ndimage.gaussian_filter1d(noise(rng, SIZE, 0.3), blur) if blur else noise(rng, SIZE)
    for static in (two_halves(fibers, 0.0), two_halves(0.0, fibers)):
        assert found_in(rng, static + texture(4)) == [None, None]
        stack = static + texture(4) + noise(rng, (20, SIZE, SIZE))
        assert detect_periodic_patterns([stack.astype(np.float32)]) == []


@pytest.mark.parametrize("distance", [-40, -12, -4, 4, 12, 40])
def test_structure_that_ends_beside_the_middle_stays(distance):
    rng = np.random.default_rng(5)
    static = two_halves(noise(rng, SIZE), noise(rng, SIZE), SIZE // 2 + distance)
    assert found_in(rng, static) == [None, None]


@pytest.mark.parametrize("length", [30.0, 60.0, 120.0, 250.0, 500.0])
def test_structure_that_changes_along_y_stays(length):
    rng = np.random.default_rng(6)
    for _ in range(3):
        values = rng.standard_normal((SIZE + int(5 * length), SIZE))
        decay = np.exp(-1.0 / length)
        static = signal.lfilter([np.sqrt(1.0 - decay**2)], [1.0, -decay], values, axis=0)[-SIZE:]
        assert found_in(rng, static) == [None, None]


def test_fibers_and_gratings_that_meet_in_the_middle_stay():
    rng = np.random.default_rng(7)
    fibers = ndimage.gaussian_filter1d(noise(rng, (2, SIZE), 0.3), 0.7, axis=1)
    assert found_in(rng, two_halves(*fibers)) == [None, None]
    gratings = [np.sin(2.0 * np.pi * np.arange(SIZE) / period) for period in (5.3, 7.9)]
    assert found_in(rng, two_halves(*gratings)) == [None, None]


def test_single_sharp_lines_that_meet_in_the_middle_stay():
    rng = np.random.default_rng(11)
    lines = np.where(rng.random((2, SIZE)) < 0.1, 1.0, 0.0)
    assert found_in(rng, two_halves(*lines)) == [None, None]


def test_lines_that_end_before_the_border_stay():
    rng = np.random.default_rng(12)
    static = two_halves(noise(rng, SIZE), noise(rng, SIZE))
    for blank in (slice(None, 20), slice(-20, None)):
        shorter = static.copy()
        shorter[blank] = 0.0
        assert found_in(rng, shorter) == [None, None]


def test_a_sample_that_does_not_move_has_no_offsets():
    rng = np.random.default_rng(8)
    for seed in range(3):
        elongated = ndimage.zoom(texture(seed)[: SIZE // 8], (8, 1), order=1)
        assert found_in(rng, elongated) == [None, None]


def test_noise_and_images_too_small_have_none():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        assert found_in(rng, np.zeros((SIZE, SIZE))) == [None, None]
    small = np.repeat(noise(rng, (2, 100)), 50, axis=0)
    assert find_half_offsets([noisy_means(rng, small)], "columns") is None
    assert find_half_offsets([], "columns") is None
    flat = np.full((SIZE, SIZE), 7.0)
    assert find_half_offsets([(flat, flat)], "columns") is None


def test_a_kernel_is_extracted_as_if_there_were_no_offsets():
    rng = np.random.default_rng(9)
    offsets = two_halves(noise(rng, SIZE), noise(rng, SIZE))
    stack = (noise(rng, (6, SIZE, SIZE)) + offsets).astype(np.float32)
    proposal = extract_kernel([stack], ExtractorConfig())
    assert proposal.kernel.n_hidden == 1
    assert "offsets of half columns (upper and lower)" in proposal.advice.message


def test_training_and_application_remove_them():
    rng = np.random.default_rng(10)
    offsets = np.repeat(noise(rng, (2, 128), 0.1), 64, axis=0)
    stack = (noise(rng, (6, 128, 128)) + offsets).astype(np.float32)
    said = []
    result = finish(pipeline_events(stack, dict(TINY)), said.append)
    finish(
        denoise_array_events([ArraySource(stack)], result.stage1.model, device="cpu"), said.append
    )
    removals = [e.message for e in said if isinstance(e, Warned) and "removed first" in e.message]
    assert len(removals) == 2
    assert all("offsets of half columns (upper and lower)" in message for message in removals)
    assert removals[0] == find_patterns([ArraySource(stack)]).sentence
