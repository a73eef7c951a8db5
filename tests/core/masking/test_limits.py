"""Limits as data: each says what it is, and each tuned one was tried with other values."""

import dataclasses
import json
from pathlib import Path

import pytest

from autoStructN2V.masking.limits import all_limits, limit
from autoStructN2V.masking.noise.limits import NOISE_LIMITS

TRIED = json.loads((Path(__file__).parents[3] / "docs" / "data" / "limits.json").read_text("utf-8"))
ROWS = {(row["limits"], row["field"]): row for row in TRIED["limits"]}
TUNED = [
    pytest.param(each, id=f"{each.owner.__name__}.{each.name}")
    for each in all_limits()
    if each.kind == "tuned"
]


@pytest.mark.parametrize("tuned", TUNED)
def test_a_tuned_limit_was_tried_with_other_values(tuned):
    """If this fails, run benchmarks/limits.py --json docs/data/limits.json."""
    row = ROWS.get((tuned.owner.__name__, tuned.name))
    assert row is not None, "no row in docs/data/limits.json"
    default = list(tuned.default) if isinstance(tuned.default, tuple) else tuned.default
    assert row["default"] == default, "the value has changed since it was tried"


def test_nothing_was_tried_that_is_no_limit():
    tuned = {(each.owner.__name__, each.name) for each in all_limits() if each.kind == "tuned"}
    assert set(ROWS) - tuned == set()


@pytest.mark.parametrize(
    "each", all_limits(), ids=lambda each: f"{each.owner.__name__}.{each.name}"
)
def test_a_limit_says_what_it_is(each):
    assert each.unit and each.separates and each.source
    assert each.kind in ("tuned", "theory", "budget")


def test_a_trial_changes_nothing_else():
    stricter = dataclasses.replace(NOISE_LIMITS.leak, most=0.2)
    changed = dataclasses.replace(NOISE_LIMITS, leak=stricter)
    assert changed.leak.most == 0.2
    assert changed.blurred == NOISE_LIMITS.blurred
    assert NOISE_LIMITS.leak.most != 0.2


def test_a_declared_limit_is_a_field_with_its_meaning():
    @dataclasses.dataclass(frozen=True)
    class Limits:
        width: float = limit(2.0, unit="px", separates="lines from areas", source="optics")

    (width,) = dataclasses.fields(Limits)
    assert Limits().width == 2.0
    assert width.metadata["unit"] == "px"
    assert width.metadata["kind"] == "tuned"
