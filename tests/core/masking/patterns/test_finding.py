"""Patterns are found once for each run, and everything reads the images without the same ones."""

from dataclasses import replace

import numpy as np
import pytest

from autoStructN2V.datasets.images.sources import ArraySource, read_stack
from autoStructN2V.datasets.samples.curtains import curtains
from autoStructN2V.masking import (
    ExtractorConfig,
    LineOffsets,
    PatternRemoval,
    PeriodicPattern,
    Sinusoid,
    Stripes,
    detect_periodic_patterns,
    find_patterns,
    remove_patterns,
    remove_sinusoids,
)
from autoStructN2V.masking.kernels.evidence import measure_evidence
from autoStructN2V.masking.noise import measuring
from autoStructN2V.masking.patterns import finding
from autoStructN2V.masking.patterns.pattern_limits import PATTERN_LIMITS
from autoStructN2V.pipeline import finish, pipeline_events
from autoStructN2V.pipeline.steps import training_data
from tests.core.conftest import tiny
from tests.core.masking.patterns.test_sinusoids import SHAPE, background, wave

TWO_STAGES = {"method": "autostructn2v"}


def patterned(seed=0):
    """Return a stack with a wave and with offsets of columns that all slices share."""
    rng = np.random.default_rng(seed)
    columns = 0.08 * rng.standard_normal(SHAPE[2])
    stack = background(rng) + 0.08 * wave(8, 90) + columns
    return stack[:3, :96, :96].astype(np.float32)


class CountedSource(ArraySource):
    """Counts how often a slice is read."""

    n_read = 0

    def read_slice(self, z):
        self.n_read += 1
        return super().read_slice(z)


def test_a_run_looks_for_patterns_once(monkeypatch):
    calls = []
    detect = finding.sinusoids_in

    def counted(spectrum, **options):
        calls.append(spectrum.n_blocks)
        return detect(spectrum, **options)

    monkeypatch.setattr(finding, "sinusoids_in", counted)
    result = finish(pipeline_events(patterned(), tiny(TWO_STAGES)))
    assert result.stage2 is not None
    assert calls == [3]


def test_measuring_and_training_see_the_same_pixels(monkeypatch):
    """Also the same as who reads the images after :func:`find_patterns` on its own."""
    stack, measured, trained = patterned(), [], []
    measure, load = measuring.measure_cleaned, training_data.load_patch_bank

    def recorded(stacks, *rest, **options):
        measured.extend(stacks)
        return measure(stacks, *rest, **options)

    def loaded(sources, *rest):
        trained.extend(read_stack(source) for source in sources)
        return load(sources, *rest)

    monkeypatch.setattr(measuring, "measure_cleaned", recorded)
    monkeypatch.setattr(training_data, "load_patch_bank", loaded)
    finish(pipeline_events(stack, tiny(TWO_STAGES)))
    source = ArraySource(stack)
    (seen,) = trained
    np.testing.assert_array_equal(read_stack(find_patterns([source]).applied_to(source)), seen)
    assert len(measured) == 1
    np.testing.assert_array_equal(measured[0], seen)
    assert np.abs(seen - stack).max() > 0.1


def test_periodic_structure_stays_for_measuring_too():
    """It lies outside of the background that is measured, so that the kernel is the same."""
    stack = 0.06 * np.random.default_rng(1).standard_normal((2, *SHAPE[1:]))
    structure = 0.08 * wave(8, 30) * (np.arange(SHAPE[2]) >= SHAPE[2] // 2)
    source = ArraySource((stack + structure).astype(np.float32))
    removal = find_patterns([source])
    assert [round(wave.period_px) for wave in removal.structure] == [8]
    assert removal.for_measuring(source) is removal.applied_to(source) is source
    evidence = measure_evidence([source], ExtractorConfig(), "2D", removal=removal)
    assert evidence.autocorrelation.periodic_patterns == ()
    assert evidence.propose(ExtractorConfig()).kernel.n_hidden == 1


def test_what_is_to_stay_is_left_out_of_the_noise_only():
    stack = patterned()
    source = ArraySource(stack)
    removal = find_patterns([source], remove_periodic=False)
    everything = find_patterns([source])
    assert removal.patterns == ()
    assert removal.kept == everything.patterns
    assert removal.applied_to(source) is source
    np.testing.assert_array_equal(
        read_stack(removal.for_measuring(source)), read_stack(everything.applied_to(source))
    )


def test_a_stack_is_cleaned_by_one_object():
    source, other = ArraySource(patterned()), ArraySource(patterned())
    removal = find_patterns([source])
    cleaned = removal.applied_to(source)
    assert removal.applied_to(source) is cleaned
    assert removal.applied_to(cleaned) is cleaned
    assert removal.for_measuring(cleaned) is cleaned
    assert removal.applied_to(other) is not cleaned
    np.testing.assert_array_equal(read_stack(removal.applied_to(other)), read_stack(cleaned))


def test_what_the_search_has_cleaned_is_not_read_again():
    source = CountedSource(background(np.random.default_rng(2)) + 0.08 * wave(8, 90))
    removal = find_patterns([source])
    assert [type(pattern) for pattern in removal.patterns] == [Sinusoid]
    before = source.n_read
    read_stack(removal.applied_to(source))
    assert source.n_read == before


def test_evidence_reads_no_more_than_it_measures():
    """Cleaning a slice may take seconds, so that of a deep stack only some are cleaned."""
    rng = np.random.default_rng(3)
    source = CountedSource(rng.standard_normal((600, 96, 96)).astype(np.float32))
    measure_evidence([source], ExtractorConfig(), "2D")
    assert source.n_read < 250  # 174 measured, 16 looked at and 16 in the means of halves


def offsets(rng, *, halves=False):
    upper, lower = (0.1 * rng.standard_normal(SHAPE[2]) for _ in range(2))
    return np.repeat(np.stack([upper, lower if halves else upper]), SHAPE[1] // 2, axis=0)


@pytest.mark.parametrize(
    ("pattern", "draw", "words"),
    [
        (Sinusoid(8.0, 90.0, 0.1, 0.3), lambda rng: 0.1 * wave(8, 90), "period 8.0 px along y, am"),
        (Sinusoid(6.0, 40.0, 0.1, 0.3), lambda rng: 0.1 * wave(6, 40), "px at 40 degrees from x"),
        (LineOffsets("columns", 0.1, 0.3), offsets, "offsets of whole columns, standard deviation"),
        (LineOffsets("rows", 0.1, 0.3), lambda rng: offsets(rng).T, "offsets of whole rows, stand"),
        (
            LineOffsets("columns", 0.1, 0.3, is_shared=True, is_split=True),
            lambda rng: offsets(rng, halves=True),
            "half columns (upper and lower), standard deviation 0.1, the same in all slices",
        ),
        (
            Stripes("columns", 0.1, 0.3),
            lambda rng: curtains(SHAPE[1:], 0.1, rng),
            "stripes along the columns, as curtaining makes them, standard deviation 0.1",
        ),
    ],
    ids=["wave", "oblique", "columns", "rows", "halves", "stripes"],
)
def test_each_pattern_is_said_and_removed(pattern, draw, words):
    rng = np.random.default_rng(4)
    clean = background(rng)[0]
    added = draw(rng)
    assert words in pattern.sentence
    removed = pattern.removed_from(clean + added)
    axis = 0 if pattern.parallel_lines == "rows" else 1
    left, before = (np.diff(image, axis=axis) for image in (removed - clean, added))
    assert removed.dtype == np.float32
    assert np.square(left).mean() < 0.25 * np.square(before).mean()
    assert isinstance(pattern, PeriodicPattern)


def test_shared_offsets_are_removed_as_they_are_given():
    plane, shared = np.ones((64, 64)), np.arange(64, dtype=np.float32)
    pattern = LineOffsets("columns", 1.0, 0.5, is_shared=True)
    np.testing.assert_array_equal(pattern.removed_from(plane, shared), plane - shared)


def test_arrays_are_treated_as_sources_are():
    stack = patterned()
    source = ArraySource(stack)
    removal = find_patterns([source])
    found = detect_periodic_patterns([stack])
    assert [type(pattern) for pattern in found] == [LineOffsets, Sinusoid]
    assert set(found) == set(removal.patterns)
    np.testing.assert_array_equal(
        remove_patterns(stack, found), read_stack(removal.applied_to(source))
    )
    waves = PatternRemoval(tuple(p for p in removal.patterns if isinstance(p, Sinusoid)))
    np.testing.assert_array_equal(
        remove_sinusoids(stack, found), read_stack(waves.applied_to(source))
    )


def test_the_search_takes_other_limits():
    source = ArraySource(patterned())
    lines = replace(PATTERN_LIMITS.lines, least_correlation=1.1)
    waves = replace(PATTERN_LIMITS.sinusoids, least_cycles=1e6)
    assert [type(p) for p in find_patterns([source]).patterns] == [Sinusoid, LineOffsets]
    none = replace(PATTERN_LIMITS, lines=lines, halves=replace(PATTERN_LIMITS.halves, lines=lines))
    assert [type(p) for p in find_patterns([source], limits=none).patterns] == [Sinusoid]
    none = replace(none, sinusoids=waves)
    assert find_patterns([source], limits=none).patterns == ()
