"""Patterns are named by short text, which means the same wherever it is written."""

import pytest

from autoStructN2V.errors import ConfigError
from autoStructN2V.masking.patterns.fourier.choices import PatternEdits, Wave, names
from autoStructN2V.masking.patterns.pattern import LineOffsets, Sinusoid, Stripes
from autoStructN2V.pipeline import validate_config

SIDE = 256


def test_text_is_read_and_written():
    edits = PatternEdits.read(" rows,8@90 ,  5.3031@-143.1", "columns")
    assert edits.removed == ("rows", Wave(8.0, 90.0), Wave(5.303, 36.9))
    assert edits.fields == {"also_remove": "rows, 8@90, 5.303@36.9", "keep_patterns": "columns"}
    assert PatternEdits.read(*edits.fields.values()) == edits
    assert edits and not PatternEdits.read()


def test_a_place_has_the_text_that_leads_back_to_it():
    wave = Wave.at(-0.123456, 0.2345678)
    assert PatternEdits.read(wave.text).removed == (wave,)
    assert Wave.at(0.123456, -0.2345678) == wave
    assert Wave.at(-1e-9, 0.25).angle_deg == 0.0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("diagonal", "'diagonal' is not a pattern; write rows, columns, or PERIOD@ANGLE"),
        ("8", "'8' is not a pattern"),
        ("1.2@0", "'1.2@0' is more than images can show"),
        ("nan@0", "more than images can show"),
        ("8@nan", "more than images can show"),
        (", ".join(f"{n}@0" for n in range(2, 40)), "38 patterns are named; name 20 at most"),
    ],
)
def test_what_is_no_pattern_is_refused_in_words(text, words):
    with pytest.raises(ConfigError, match="also_remove: ") as error:
        validate_config({"also_remove": text})
    assert words in str(error.value)
    assert "Value error" not in str(error.value)


def test_a_pattern_cannot_go_and_stay():
    with pytest.raises(ConfigError, match="name each pattern in one of them"):
        validate_config({"also_remove": "8@90", "keep_patterns": "rows, 8.0@90.0"})


@pytest.mark.parametrize(
    ("period", "angle", "is_named"),
    [(8.0, 90.0, True), (8.3, 90.0, True), (9.0, 90.0, False), (8.0, 92.0, True), (8, 0, False)],
)
def test_a_wave_names_what_overlaps_with_its_peak(period, angle, is_named):
    assert names(Wave(8.0, 90.0), Sinusoid(period, angle, 1.0, 0.1), SIDE) is is_named


def test_waves_at_the_fastest_frequency_are_the_same_in_both_directions():
    assert names(Wave.at(0.1, 0.5), Sinusoid(1 / 0.5099, 168.7, 1.0, 0.1), SIDE)


def test_lines_name_all_that_runs_along_them():
    for pattern in (LineOffsets("rows", 1.0, 0.1, is_shared=True), Stripes("rows", 1.0, 0.1)):
        assert names("rows", pattern, SIDE)
        assert not names("columns", pattern, SIDE)
        assert not names(Wave(8.0, 90.0), pattern, SIDE)
    assert not names("rows", Sinusoid(8.0, 90.0, 1.0, 0.1), SIDE)
