"""How far each tuned limit is from the first failure.

Every field of kind "tuned" in the limits of `autoStructN2V.masking` is multiplied by 0.7 and by
1.4, all others kept. Those that follow from theory, or bound time and memory, should decide nothing
by their exact value: `--kinds theory budget` tries them as well. Each value is tried on small
images (limit_cases.py) of the seeds on which the program was tuned. Missed: less than 80 % of the
offsets with a true autocorrelation above 0.1 are hidden, or a pattern is not found. False alarm:
less than 80 % of what is hidden has one, or a pattern is found where there is none. Wrong: the
strength or the distribution of the noise, or whether it can be told from structure. Whole numbers
change by at least 1 and odd ones stay odd; a share that would exceed 1 changes its distance from 1
instead.

Where a value fails that the default passes, smaller changes are tried as well; the margin is the
largest without such a failure. "changes" counts the cases whose kernel or pattern is another one.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from typing import TYPE_CHECKING, Any, TypeAlias, get_args

import numpy as np

from autoStructN2V.masking.limits import Kind, all_limits
from limit_suites import SUITES
from tables import Table, add_common_arguments, machine, use_threads, write_report

if TYPE_CHECKING:
    from autoStructN2V.masking.limits import Limit
    from limit_suites import Outcome, Suite

Row: TypeAlias = dict[str, Any]

_LOWER, _HIGHER = 0.7, 1.4
_SMALLER = {_LOWER: (0.85, 0.93), _HIGHER: (1.3, 1.2, 1.1)}  # tried in turn where the change fails
_COLUMNS = ["limit", "default", f"x {_LOWER}", f"x {_HIGHER}", "margin down / up", "changes"]


_ERRORS = (ArithmeticError, ValueError, LookupError, np.linalg.LinAlgError)


def defaults() -> dict[str, Any]:
    """Return the default instances of limits that functions take, by the name of their class."""
    modules = dict.fromkeys(limit.owner.__module__ for limit in all_limits())
    values = [value for name in modules for value in vars(sys.modules[name]).values()]
    instances = [v for v in values if dataclasses.is_dataclass(v) and not isinstance(v, type)]
    return {type(instance).__name__: instance for instance in instances}


def parts(limits: Any) -> set[type]:
    """Return the types of a tree of limits."""
    found = {type(limits)}
    for field in dataclasses.fields(limits):
        value = getattr(limits, field.name)
        if dataclasses.is_dataclass(value):
            found |= parts(value)
    return found


def changed(limits: Any, limit: Limit, factor: float) -> Any:
    """Return a tree of limits in which one field is another, wherever it occurs."""
    changes: dict[str, Any] = {}
    for field in dataclasses.fields(limits):
        value = getattr(limits, field.name)
        if dataclasses.is_dataclass(value):
            changes[field.name] = changed(value, limit, factor)
        elif type(limits) is limit.owner and field.name == limit.name:
            changes[field.name] = scaled(value, factor, is_share=limit.unit.startswith("of "))
    return dataclasses.replace(limits, **changes)


def scaled(value: Any, factor: float, *, is_share: bool) -> Any:
    """Return a number, or each of a tuple, times a factor."""
    if isinstance(value, tuple):
        return tuple(scaled(each, factor, is_share=is_share) for each in value)
    if isinstance(value, int):
        return _scaled_whole(value, factor)
    if is_share and value < 1.0 < value * _HIGHER:
        return 1.0 - (1.0 - value) * (2.0 - factor)
    return value * factor


def _scaled_whole(value: int, factor: float) -> int:
    sign = 1 if factor > 1.0 else -1
    size = max(1, round(abs(factor - 1.0) * value))
    size += value % 2 * (size % 2)  # odd stays odd
    return max(1, value + sign * size)


def tried(suite: Suite, limits: Any) -> Outcome:
    """Return what a suite says of limits; one that cannot be computed with fails everywhere."""
    try:
        return suite(limits)
    except _ERRORS as error:
        return suite.broken(f"{type(error).__name__}: {error}")


def row_of(suite: Suite, limits: Any, limit: Limit, usual: Outcome) -> Row:
    """Try changes of one limit."""
    outcomes = {f: tried(suite, changed(limits, limit, f)) for f in (_LOWER, _HIGHER)}
    return {
        "limits": limit.owner.__name__,
        "field": limit.name,
        "default": limit.default,
        "unit": limit.unit,
        "separates": limit.separates,
        "source": limit.source,
        "lower": outcomes[_LOWER].summary(usual),
        "higher": outcomes[_HIGHER].summary(usual),
        "margin_down": _margin(suite, limits, limit, usual, outcomes, _LOWER),
        "margin_up": _margin(suite, limits, limit, usual, outcomes, _HIGHER),
        "n_changes": max(outcome.n_changes(usual) for outcome in outcomes.values()),
    }


def _margin(
    suite: Suite,
    limits: Any,
    limit: Limit,
    usual: Outcome,
    outcomes: dict[float, Outcome],
    factor: float,
) -> float:
    """Return the largest change, relative to the default, without a failure of its own."""
    if not outcomes[factor].new_failures(usual):
        return round(abs(factor - 1.0), 2)
    for smaller in _SMALLER[factor]:
        if not tried(suite, changed(limits, limit, smaller)).new_failures(usual):
            return round(abs(smaller - 1.0), 2)
    return 0.0


def cells_of(row: Row) -> list[str]:
    name = f"{row['limits']}.{row['field']}"
    margin = f"{row['margin_down']:.0%} / {row['margin_up']:.0%}"
    ends = [row[end]["text"] for end in ("lower", "higher")]
    return [name, str(row["default"]), *ends, margin, str(row["n_changes"])]


def _name(limit: Limit) -> str:
    return f"{limit.owner.__name__}.{limit.name}"


def measure(only: list[str], kinds: list[str], seeds: list[int]) -> list[Row]:
    table = Table(_COLUMNS)
    for name, limits in defaults().items():
        owners = parts(limits)
        wanted = [x for x in all_limits() if x.kind in kinds and x.owner in owners]
        if only:
            wanted = [x for x in wanted if {name, x.owner.__name__, _name(x)} & {*only}]
        if not wanted or name not in SUITES:
            continue
        suite = SUITES[name](seeds)
        usual = suite(limits)
        said = usual.summary(usual)["text"]
        print(f"{name}: {len(usual.cases)} cases; with the defaults {said}", flush=True)
        for limit in wanted:
            row = row_of(suite, limits, limit, usual)
            table.add(cells_of(row), row)
    return table.rows


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=[2], metavar="N")
    parser.add_argument(
        "--only",
        nargs="+",
        default=[],
        metavar="LIMITS",
        help="dataclasses of limits; in FILE, the rows of others are kept",
    )
    parser.add_argument("--kinds", nargs="+", choices=get_args(Kind), default=["tuned"])
    add_common_arguments(parser)
    return parser.parse_args()


def main() -> None:
    arguments = read_arguments()
    use_threads(arguments.threads)
    start = time.perf_counter()
    rows = measure(arguments.only, arguments.kinds, arguments.seeds)
    if arguments.only and arguments.json is not None and arguments.json.exists():
        rows = merged(json.loads(arguments.json.read_text("utf-8"))["limits"], rows)
    report = {"machine": machine(), "seeds": arguments.seeds, "limits": rows}
    report["seconds"] = round(time.perf_counter() - start)
    write_report(arguments.json, report)


def merged(old: list[Row], new: list[Row]) -> list[Row]:
    """Return the rows of all limits that are tuned, the new ones where there are two."""
    rows = {(row["limits"], row["field"]): row for row in [*old, *new]}
    tuned = [(x.owner.__name__, x.name) for x in all_limits() if x.kind == "tuned"]
    return [rows[key] for key in tuned if key in rows]


if __name__ == "__main__":
    main()
