"""A person takes patterns out of what is removed or adds some, and everything follows."""

import numpy as np
import pytest

from autoStructN2V.datasets.images.sources import ArraySource, read_stack
from autoStructN2V.inference.hostile_files import require_plain
from autoStructN2V.masking import LineOffsets, Sinusoid, find_patterns
from autoStructN2V.masking.patterns.fourier.choices import NO_EDITS, PatternEdits, Wave
from autoStructN2V.masking.patterns.fourier.places import Places
from autoStructN2V.masking.patterns.spectrum import spectrum_of
from autoStructN2V.pipeline import (
    denoise_array_events,
    finish,
    pipeline_events,
    validate_config,
)
from autoStructN2V.pipeline.applying import preparing
from autoStructN2V.pipeline.steps import training_data
from autoStructN2V.trainers.events import Warned
from tests.core.conftest import tiny
from tests.core.masking.patterns.test_sinusoids import SHAPE, X, background, wave

FOUND = 0.08 * wave(8, 90)
WEAK = 0.008 * wave(5.3, 37)  # the search leaves it in


@pytest.fixture(scope="module")
def clean():
    return background(np.random.default_rng(0))


@pytest.fixture(scope="module")
def source(clean):
    return ArraySource((clean + FOUND + WEAK).astype(np.float32))


@pytest.fixture(scope="module")
def removal(source):
    return find_patterns([source])


def share_of(pattern, image):
    """Return how much of a pattern (Y, X) there is in a stack, 1 for all of it."""
    return float((image.mean(axis=0) * pattern).sum() / np.square(pattern).sum())


def test_the_spectrum_is_that_of_the_images(clean):
    """Zero frequency lies in the middle, y downwards, and the power adds up to the variance."""
    stack = (clean[:1] + 0.2 * wave(8, 30)).astype(np.float32)
    spectrum = spectrum_of([stack])
    window = np.outer(*[np.hanning(SHAPE[1] + 1)[:-1]] * 2)
    plain = np.abs(np.fft.fftshift(np.fft.fft2((stack[0] - stack[0].mean()) * window))) ** 2
    np.testing.assert_allclose(
        spectrum.whole / spectrum.whole.max(), plain / plain.max(), rtol=1e-3, atol=1e-7
    )
    y, x = np.unravel_index(spectrum.whole.argmax(), spectrum.whole.shape)
    fy, fx = (i / spectrum.side - 0.5 for i in (y, x))
    assert abs(np.degrees(np.arctan2(fy, fx)) % 180 - 30) < 3
    assert spectrum.whole.sum() == pytest.approx(spectrum.variance, rel=0.1)


@pytest.mark.parametrize("side", [64, 65])
def test_the_spectrum_is_symmetric(side):
    whole = spectrum_of([np.random.default_rng(1).standard_normal((1, side, side))]).whole
    assert whole.shape == (side, side)
    inner = whole[1 - side % 2 :, 1 - side % 2 :]
    np.testing.assert_allclose(inner, inner[::-1, ::-1], rtol=1e-5)


def test_pointing_means_the_peak_nearby(removal):
    places = Places(removal.spectrum)
    fy, fx = Wave(5.3, 37.0).frequency
    for sign in (1, -1):
        choice = places.pointed_at((sign * (fy + 0.006), sign * (fx - 0.004)), 0.01)
        assert choice.period_px == pytest.approx(5.3, rel=0.01)
        assert choice.angle_deg == pytest.approx(37, abs=1)
    assert places.excess((fy, fx)) > 10
    assert places.sinusoid(choice).amplitude == pytest.approx(0.008, rel=0.2)


def test_pointing_at_frequency_zero_of_one_axis_means_lines(removal):
    places = Places(removal.spectrum)
    assert places.pointed_at((0.3, 0.001), 0.005) == "rows"
    assert places.pointed_at((0.001, 0.3), 0.005) == "columns"
    assert places.pointed_at((0.0, 0.0), 0.005) is None
    on_axis = places.pointed_at((1 / 8, 0.0), 0.01)
    assert on_axis.period_px == pytest.approx(8, rel=0.01)


@pytest.mark.parametrize("lines", ["rows", "columns"])
def test_offsets_of_lines_are_measured_in_the_spectrum(clean, lines):
    profile = 0.03 * np.random.default_rng(2).standard_normal(SHAPE[1])
    stack = clean + (profile[:, None] if lines == "rows" else profile)
    places = Places(spectrum_of([stack]))
    assert places.offsets(lines).std == pytest.approx(0.03, rel=0.15)
    assert places.offsets("columns" if lines == "rows" else "rows").std < 0.005


def test_what_was_found_can_stay(source, removal):
    (found,) = removal.patterns
    edits = removal.toggled(found)
    assert edits.fields == {"also_remove": "", "keep_patterns": "8.001@90"}
    edited = removal.edited(edits)
    assert (edited.patterns, edited.kept) == ((), (found,))
    assert share_of(FOUND, read_stack(edited.applied_to(source))) == pytest.approx(1, abs=0.05)
    # it is no noise that a kernel could hide
    assert abs(share_of(FOUND, read_stack(edited.for_measuring(source)))) < 0.05
    assert "left in the images: period 8.0 px" in edited.sentence
    assert edited.toggled(found) == NO_EDITS
    assert edited.edited(NO_EDITS) == removal


def test_what_was_not_found_can_be_removed(source, removal):
    edits = PatternEdits.read("5.3@37")
    edited = removal.edited(edits)
    assert [round(p.period_px, 1) for p in edited.patterns] == [8.0, 5.3]
    cleaned = read_stack(edited.applied_to(source))
    assert share_of(WEAK, read_stack(removal.applied_to(source))) == pytest.approx(1, abs=0.1)
    assert abs(share_of(WEAK, cleaned)) < 0.1
    assert "As was chosen, this is removed first: period 5.3 px" in edited.sentence
    assert edited.toggled(edited.patterns[1]) == NO_EDITS


def test_offsets_of_lines_can_be_added_and_kept(clean):
    profile = 0.06 * np.random.default_rng(3).standard_normal(SHAPE[2])
    removal = find_patterns([ArraySource((clean + profile).astype(np.float32))])
    assert {pattern.lines for pattern in removal.patterns} == {"columns"}
    edited = removal.edited(PatternEdits(removed=("rows",), kept=("columns",)))
    assert [(type(p), p.lines) for p in edited.patterns] == [(LineOffsets, "rows")]
    assert edited.kept == removal.patterns
    toggled = edited.edited(edited.toggled(edited.kept[0]))
    assert {pattern.lines for pattern in toggled.patterns} == {"rows", "columns"}


def test_structure_in_some_places_can_be_removed_if_wanted(clean):
    half = 0.08 * wave(8, 30) * (X >= SHAPE[2] // 2)
    removal = find_patterns([ArraySource((clean + half).astype(np.float32))])
    (structure,) = removal.structure
    edited = removal.edited(removal.toggled(structure))
    assert (edited.patterns, edited.structure) == ((structure,), ())


def test_what_is_found_can_be_removed_with_the_switch_off(source, removal):
    off = find_patterns([source], remove_periodic=False)
    (found,) = off.kept
    edited = off.edited(off.toggled(found))
    assert edited.patterns == removal.patterns == (found,)


def test_images_that_are_too_small_know_of_no_edits():
    tiny_source = ArraySource(np.random.default_rng(4).standard_normal((2, 20, 20)))
    removal = find_patterns([tiny_source], edits=PatternEdits.read("8@90"))
    assert removal.patterns == ()
    assert removal.applied_to(tiny_source) is tiny_source


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, (0.0, 1.0)),
        ({"keep_patterns": "8@90"}, (1.0, 1.0)),
        ({"also_remove": "5.3@37"}, (0.0, 0.0)),
        ({"also_remove": "8@90", "remove_periodic": False}, (0.0, 1.0)),
    ],
    ids=["as found", "kept", "added", "added with the switch off"],
)
def test_training_model_and_other_images_follow(monkeypatch, source, fields, expected):
    """What the network learns from, and later gets, is the images without the same patterns."""
    learned, applied, said = [], [], []
    load = training_data.load_patch_bank

    def loaded(sources, *rest):
        learned.extend(read_stack(one) for one in sources)
        return load(sources, *rest)

    class Recorded(preparing.Denoiser):
        def __init__(self, model, network, images, should_stop):
            applied.extend(read_stack(one) for one in images)
            super().__init__(model, network, images, should_stop)

    monkeypatch.setattr(training_data, "load_patch_bank", loaded)
    monkeypatch.setattr(preparing, "Denoiser", Recorded)
    result = finish(pipeline_events(source, tiny({"method": "n2v", **fields})), said.append)
    model = result.stage1.model
    require_plain(model.provenance)
    assert model.pattern_edits == validate_config(fields).pattern_edits
    finish(denoise_array_events([source], model), said.append)
    for (stack,) in (learned, applied):
        shares = share_of(FOUND, stack), share_of(WEAK, stack)
        assert shares == pytest.approx(expected, abs=0.12)
    told = [e.message for e in said if isinstance(e, Warned) and "As was chosen" in e.message]
    assert len(told) == (0 if fields == {} else 2)


def test_a_model_that_names_no_pattern_is_refused():
    with pytest.raises(ValueError, match="'x' is not a pattern"):
        require_plain({"also_remove": "x"})


def test_a_sinusoid_on_the_axis_is_told_from_offsets():
    """The same column of the spectrum: one is a peak in it, the other fills it."""
    rng = np.random.default_rng(5)
    stack = background(rng) + 0.05 * wave(8, 0) + 0.03 * rng.standard_normal(SHAPE[2])
    places = Places(spectrum_of([stack]))
    assert places.pointed_at((0.0, 1 / 8), 0.005).period_px == pytest.approx(8, rel=0.01)
    assert isinstance(places.sinusoid(Wave(8.0, 0.0)), Sinusoid)
    assert places.pointed_at((0.0, 0.31), 0.005) == "columns"
