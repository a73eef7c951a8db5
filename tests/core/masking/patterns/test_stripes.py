"""Stripes that end within the image, as curtains do, are found and removed; structure is not."""

from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from scipy import ndimage

from autoStructN2V.datasets.images.sources import ArraySource, read_stack
from autoStructN2V.datasets.samples.curtains import curtains
from autoStructN2V.datasets.samples.synthetic import SAMPLE_KINDS, make_sample
from autoStructN2V.errors import ConfigError
from autoStructN2V.masking import (
    detect_periodic_patterns,
    extract_kernel,
    measure_noise_autocorrelation,
    remove_patterns,
)
from autoStructN2V.masking.kernels.config import ExtractorConfig
from autoStructN2V.masking.patterns import stripe_separation, stripes
from autoStructN2V.masking.patterns.finding import find_patterns
from autoStructN2V.masking.patterns.pattern import Stripes
from autoStructN2V.masking.patterns.pattern_limits import PATTERN_LIMITS
from autoStructN2V.masking.patterns.stripe_removal import without_stripes
from autoStructN2V.masking.patterns.stripe_separation import separated_stripes
from autoStructN2V.masking.patterns.stripes import find_stripes
from autoStructN2V.pipeline import denoise_array_events, finish, pipeline_events, validate_config
from autoStructN2V.trainers.events import Warned
from tests.core.masking.patterns.test_removal import TINY, cleaned_sources

SIZE = 320
SHAPE = (SIZE, SIZE)


@cache
def texture(seed=0, shape=SHAPE):
    image = make_sample("random", seed, (1, *shape)).clean[0]
    image.flags.writeable = False  # other tests get the same
    return image


def turned(image, lines):
    return image.T if lines == "rows" else image


def across(image):
    """Leave out what is smooth across the columns, which counts as shading."""
    return image - ndimage.gaussian_filter1d(image, 8.0, axis=1)


@pytest.mark.parametrize("lines", ["rows", "columns"])
def test_curtains_are_found_measured_named_and_removed(lines):
    rng = np.random.default_rng(1)
    clean = texture() + 0.03 * rng.standard_normal(SHAPE)
    added = curtains(SHAPE, 0.12, rng)
    image = turned(clean + added, lines)
    (found,) = detect_periodic_patterns([image[None]])
    assert (found.lines, found.is_local, found.is_shared) == (lines, True, False)
    assert found.amplitude == pytest.approx(across(added).std(), rel=0.3)
    assert f"stripes along the {lines}" in found.sentence
    cleaned = turned(remove_patterns(image[None], [found])[0], lines)
    assert np.var(across(cleaned - clean)) < 0.15 * np.var(across(added))


def test_of_many_pixels_some_are_searched(monkeypatch):
    rng = np.random.default_rng(2)
    images = [texture(seed) + curtains(SHAPE, 0.12, rng) for seed in range(5)]
    monkeypatch.setattr(stripes, "_MOST_PIXELS", 2 * SIZE**2)
    searched = []

    def counted(some, lines, **options):
        searched.append(len(some))
        return find_stripes(some, lines, **options)

    monkeypatch.setattr(stripes, "find_stripes", counted)
    (found,) = stripes.detect_stripes(images)
    assert found.lines == "columns" and searched == [2, 2]


def test_cleaned_images_have_no_stripes():
    rng = np.random.default_rng(2)
    image = texture(2) + 0.03 * rng.standard_normal(SHAPE) + curtains(SHAPE, 0.12, rng)
    found = detect_periodic_patterns([image[None]])
    assert detect_periodic_patterns([remove_patterns(image[None], found)]) == []


def test_level_and_units_do_not_matter():
    rng = np.random.default_rng(3)
    image = texture(3) + curtains(SHAPE, 0.12, rng)
    expected = without_stripes(image, "columns")
    scaled = 1e4 * image + 3e5
    cleaned = without_stripes(scaled, "columns")
    np.testing.assert_allclose((cleaned - 3e5) / 1e4, expected, atol=0.01)
    counts = np.round(40 * (image - image.min()))
    assert find_stripes([counts], "columns") == pytest.approx(
        40 * find_stripes([image], "columns"), rel=0.05
    )


@pytest.mark.parametrize("kind", SAMPLE_KINDS)
def test_noise_and_structure_are_no_stripes(kind):
    sample = make_sample(kind, 4, (1, *SHAPE))
    for image in (sample.clean[0], sample.noisy[0]):
        assert [find_stripes([image], lines) for lines in ("rows", "columns")] == [0.0, 0.0]


@pytest.mark.parametrize("length", [11, 31, 61])
def test_lines_that_a_kernel_can_hide_or_nearly_are_left_to_the_kernel(length):
    rng = np.random.default_rng(length)
    lines = ndimage.uniform_filter1d(rng.standard_normal(SHAPE), length, axis=0, mode="wrap")
    assert find_stripes([texture() + 0.1 * lines / lines.std()], "columns") == 0.0


def fibers(tilt, rng):
    y, x = np.mgrid[:512, :512]
    image = np.zeros((512, 512))
    for _ in range(150):
        place = x - rng.uniform(-50, 562) - np.tan(np.radians(rng.normal(0, tilt))) * (y - 256)
        image += rng.uniform(0.5, 1) * np.exp(-0.5 * (place / rng.uniform(1, 3)) ** 2)
    return image


@pytest.mark.parametrize("tilt", [3.0, 5.0, 10.0])
def test_fibers_that_run_about_along_the_columns_stay(tilt):
    rng = np.random.default_rng(0)
    image = fibers(tilt, rng) + 0.1 * rng.standard_normal((512, 512))
    assert find_stripes([image], "columns") == 0.0


@pytest.mark.parametrize("n_layers", [4, 12, 24, 60])
@pytest.mark.parametrize("blur", [0.3, 2.0])
def test_layers_from_end_to_end_stay(n_layers, blur):
    rng = np.random.default_rng(13)
    edges = np.sort(rng.choice(np.arange(4, SIZE - 4), n_layers, replace=False))
    levels = rng.uniform(-0.4, 0.4, n_layers + 1)[np.searchsorted(edges, np.arange(SIZE))]
    image = 0.5 * texture(13) + ndimage.gaussian_filter1d(levels, blur)
    assert find_stripes([image + 0.05 * rng.standard_normal(SHAPE)], "columns") == 0.0


@pytest.mark.parametrize(
    ("rows", "columns"),
    [(slice(None), slice(0, 256)), (slice(0, 256), slice(None)), (slice(0, 330), slice(0, 330))],
    ids=["left", "top", "corner"],
)
def test_straight_structure_in_some_places_stays(rows, columns):
    rng = np.random.default_rng(5)
    image = texture(5, (512, 512)) + 0.03 * rng.standard_normal((512, 512))
    image[rows, columns] += 0.2 * np.repeat(rng.standard_normal(256), 2)[columns]
    source = ArraySource(image[None].astype(np.float32))
    assert not [p for p in find_patterns([source]).patterns if p.is_local]


def test_a_grating_that_does_not_cover_the_images_stays():
    image = texture(6, (512, 512)) + 0.02 * np.random.default_rng(6).standard_normal((512, 512))
    image[100:, 100:] += 0.2 * np.sin(2 * np.pi * np.arange(412) / 7.0)
    source = ArraySource(image[None].astype(np.float32))
    result = find_patterns([source])
    assert result.patterns == ()
    assert result.applied_to(source) is source


def test_straight_structure_in_some_slices_stays():
    rng = np.random.default_rng(7)
    stack = np.stack([texture(seed) for seed in range(5)])
    striped = [z for z in range(5) if find_stripes([stack[z] + curtains(SHAPE, 0.2, rng)], "rows")]
    assert striped == []
    stack[:3] += curtains(SHAPE, 0.2, rng)
    assert find_stripes(stack, "columns") == 0.0
    assert find_stripes(stack[:3], "columns") > 0.0


@pytest.mark.parametrize("shape", [(1, 1), (8, 300), (300, 8), (40, 40), (96, 96)])
def test_images_too_small_to_tell_are_left_as_they_are(shape):
    image = np.random.default_rng(8).standard_normal(shape).cumsum(axis=0)
    assert find_stripes([image], "columns") == 0.0
    assert separated_stripes(image).shape == shape
    assert np.isfinite(separated_stripes(image)).all()


def test_a_constant_image_has_no_stripes():
    image = np.full(SHAPE, 7.0)
    assert find_stripes([image], "columns") == 0.0
    np.testing.assert_array_equal(without_stripes(image, "columns"), image)


def test_long_patches_are_stripes_and_short_ones_are_not():
    image = np.zeros((200, 100), np.float32)
    image[50:130, 20:22] = 1.0  # 40 times as long as wide
    image[50:66, 60:64] = 1.0  # 4 times
    stripes = separated_stripes(image)
    assert stripes[60:120, 20:22].mean() > 0.8
    assert np.abs(stripes[:, 55:70]).max() < 0.1


def test_wide_images_are_separated_in_bands_without_seams():
    rng = np.random.default_rng(9)
    shape = (160, 900)
    image = texture(9, shape) + curtains(shape, 0.12, rng)
    at_once = separated_stripes(image)
    narrow = replace(PATTERN_LIMITS.removal.stripes.separation, band_width=400)
    assert len(stripe_separation._bands(900, narrow)) == 3
    difference = across(separated_stripes(image, limits=narrow) - at_once)
    assert difference.std() < 0.05 * across(at_once).std()


def test_bands_cover_every_column_and_overlap():
    for width in (1, 128, 129, 2048, 2049, 5000):
        bands = stripe_separation._bands(width)
        assert (bands[0][0], bands[-1][1]) == (0, width)
        assert all(b[0] < a[1] for a, b in pairwise(bands))


@pytest.mark.parametrize("seed", [10, 11, 12])
def test_the_kernel_is_extracted_nearly_as_if_there_were_no_curtains(seed):
    sample = make_sample("horizontal_lines", seed, (1, *SHAPE))
    added = curtains(SHAPE, 0.15, np.random.default_rng(seed))
    expected = extract_kernel([sample.noisy], ExtractorConfig()).kernel
    proposal = extract_kernel([sample.noisy + added], ExtractorConfig())
    assert proposal.kernel.cells[expected.cells].all()
    assert proposal.kernel.n_hidden - expected.n_hidden <= 6
    assert "A stripe pattern was found (stripes along the columns" in proposal.advice.message


def curtained_stack():
    rng = np.random.default_rng(11)
    planes = [texture(seed) + curtains(SHAPE, 0.15, rng) for seed in range(2)]
    noise = 0.05 * rng.standard_normal((2, *SHAPE))
    return (np.stack(planes) + noise).astype(np.float32)


@pytest.mark.parametrize(
    ("settings", "is_removed"),
    [
        ({}, True),
        ({"remove_stripes": "off"}, False),
        ({"remove_periodic": False}, False),
        ({"remove_periodic": False, "remove_stripes": "columns"}, True),
    ],
)
def test_training_and_application_do_as_they_are_told(settings, is_removed):
    stack, said = curtained_stack(), []
    result = finish(pipeline_events(stack, {**TINY, **settings}), said.append)
    model = result.stage1.model
    finish(denoise_array_events([ArraySource(stack)], model, device="cpu"), said.append)
    messages = [event.message for event in said if isinstance(event, Warned)]
    removals = [message for message in messages if "tripes along the columns" in message]
    assert len(removals) == (2 if is_removed else 0)


def test_crops_are_treated_as_the_images_of_the_training():
    stack = curtained_stack()
    model = finish(pipeline_events(stack, TINY)).stage1.model
    assert model.provenance["remove_stripes"] == "columns"
    crop, said = stack[:, :120, :120], []
    assert find_patterns([ArraySource(crop)]).patterns == ()
    finish(denoise_array_events([ArraySource(crop)], model, device="cpu"), said.append)
    assert any(
        event.message.startswith("Stripes along the columns are removed first (standard deviation")
        for event in said
        if isinstance(event, Warned)
    )


def test_a_slice_does_not_depend_on_the_others():
    striped = curtained_stack()[0]
    stack = np.stack([texture(seed).astype(np.float32) for seed in range(12)])
    stack[5] = striped
    (cleaned,) = cleaned_sources([ArraySource(stack)], remove_stripes="columns")
    (alone,) = cleaned_sources([ArraySource(striped[None])])
    np.testing.assert_array_equal(cleaned.read_slice(5), alone.read_slice(0))


def test_measuring_and_training_see_the_same_stripes():
    image = texture(14) + 0.05 * np.random.default_rng(14).standard_normal(SHAPE)
    stack = (image + curtains(SHAPE, 0.03, np.random.default_rng(14)))[None].astype(np.float32)
    for choice in ("auto", "columns", "off"):
        seen = find_patterns([ArraySource(stack)], remove_stripes=choice).patterns
        assert detect_periodic_patterns([stack], choice) == list(seen)
        measured = measure_noise_autocorrelation([stack], remove_stripes=choice)
        assert measured.periodic_patterns == seen
        assert bool(seen) == (choice == "columns")


def test_a_stop_leaves_stripes_in_and_takes_no_time():
    stack = curtained_stack()
    source = ArraySource(stack)
    (cleaned,) = cleaned_sources([source], should_stop=lambda: True)
    np.testing.assert_array_equal(read_stack(cleaned), stack)


def test_padding_stays():
    image = np.zeros((400, 400), np.float32)
    image[60:-60, 60:-60] = curtained_stack()[0][:280, :280]
    cleaned = without_stripes(image, "columns")
    assert not cleaned[:55].any() and not cleaned[:, :55].any()
    assert np.std(cleaned - image) > 0.05


@pytest.mark.parametrize("tilt", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("bend", [0.0, 3.0])
def test_layers_that_are_not_quite_straight_stay(tilt, bend):
    rng = np.random.default_rng(15)
    y, x = np.mgrid[:512, :512]
    place = x + np.tan(np.radians(tilt)) * y + bend * np.sin(2 * np.pi * y / 512)
    profile = ndimage.gaussian_filter1d(rng.standard_normal(800), 3.0)
    image = 0.3 * texture(15, (512, 512)) + np.interp(
        place, np.arange(800), profile / profile.std()
    )
    assert find_stripes([image + 0.05 * rng.standard_normal((512, 512))], "columns") == 0.0


def tracks(rng):
    """Draw a kymograph: spots that hardly move, each for some time."""
    image = np.zeros((512, 512))
    for _ in range(60):
        start, length = rng.integers(-100, 500), rng.integers(60, 400)
        place = np.cumsum(rng.normal(0.0, 0.1, length)) + rng.uniform(0, 512)
        for y, x in zip(range(start, start + length), place, strict=True):
            if 0 <= y < 512:
                image[y] += np.exp(-0.5 * ((np.arange(512) - x) / 1.5) ** 2)
    return image


@pytest.mark.parametrize("noise", [0.05, 0.3])
@pytest.mark.parametrize("draw", [tracks, lambda rng: fibers(0.5, rng)], ids=["tracks", "fibers"])
def test_lines_that_are_all_there_is_stay(draw, noise):
    rng = np.random.default_rng(16)
    image = draw(rng) + noise * rng.standard_normal((512, 512))
    assert find_stripes([image], "columns") == 0.0


def test_models_that_do_not_say_leave_stripes_where_they_are():
    stack = curtained_stack()
    model = finish(pipeline_events(stack, TINY)).stage1.model
    model.provenance.pop("remove_stripes")
    said = []
    finish(denoise_array_events([ArraySource(stack)], model, device="cpu"), said.append)
    assert not any("stripes" in event.message for event in said if isinstance(event, Warned))


def test_stripes_that_are_too_few_to_be_found_are_removed_on_demand():
    image = texture(12)[None].astype(np.float32)
    image[:, 60:260, 100:102] += 0.5
    assert find_patterns([ArraySource(image)]).patterns == ()
    (cleaned,) = cleaned_sources([ArraySource(image)], remove_stripes="columns")
    removed = (image - read_stack(cleaned))[0]
    assert removed[100:220, 100:102].mean() > 0.3


def test_every_slice_is_cleaned_once(monkeypatch):
    calls = []

    def counted(pattern, plane, *rest, **options):
        calls.append(plane)
        return plane

    monkeypatch.setattr(Stripes, "removed_from", counted)
    (cleaned,) = cleaned_sources([ArraySource(curtained_stack())])
    for _ in range(3):
        read_stack(cleaned)
    assert len(calls) == 2


def test_what_is_removed_is_said_with_the_way_to_keep_it():
    result = find_patterns([ArraySource(curtained_stack())])
    sentence = result.sentence
    assert sentence.startswith("Stripes cover the images and are removed first (stripes along")
    assert sentence.endswith("train with Remove stripes off to keep them.")


def test_a_direction_that_does_not_exist_is_refused():
    with pytest.raises(ConfigError, match=r"remove_stripes.*auto.*rows.*columns.*off"):
        validate_config({"remove_stripes": "diagonal"})
