"""A few of the inputs of ``benchmarks/fuzz.py``, the same at every run."""

from __future__ import annotations

import importlib.util
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE = Path(__file__).parents[2] / "benchmarks" / "fuzz.py"
NUMBERS = {"tiff": range(30), "array": range(10), "configuration": range(30), "kernel": range(30)}
NUMBERS |= {"model": range(10)}
FOUND = [  # what the program once did wrong with
    ("tiff", 238),  # a size of zero pixels, offset
    ("tiff", 262),  # a size of zero pixels
    ("tiff", 457),  # a result of one pixel in width
]


@pytest.fixture(scope="module")
def fuzz() -> Iterator[Any]:
    """Return the benchmark as a module."""
    sys.path.insert(0, str(FILE.parent))
    spec = importlib.util.spec_from_file_location("fuzz_benchmark", FILE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]
    sys.path.remove(str(FILE.parent))


@pytest.fixture(scope="module")
def model(fuzz: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the model that is applied and damaged."""
    folder: Path = fuzz.make_model(tmp_path_factory.mktemp("fuzz"))
    return folder


def finding(fuzz: Any, model: Path, kind: str, number: int) -> str | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of libraries, about damaged files
        outcome = fuzz.tried(kind, number, 0, model)
    return f"{kind} {number}: {outcome.detail}" if outcome.is_finding else None


@pytest.mark.parametrize("kind", NUMBERS)
def test_generated_inputs_are_done_or_refused_in_one_sentence(fuzz, model, kind):
    found = [finding(fuzz, model, kind, number) for number in NUMBERS[kind]]
    assert [text for text in found if text] == []


@pytest.mark.parametrize(("kind", "number"), FOUND)
def test_what_was_found_once_is_done_or_refused(fuzz, model, kind, number):
    assert finding(fuzz, model, kind, number) is None


def test_damage_and_findings_are_seen(fuzz, model, monkeypatch):
    def fails(folder: Path, rng: object, of: Path) -> tuple[bool, str]:
        (folder / ".half.tif").write_bytes(b"")
        fuzz.require_whole_files(folder)
        return True, ""

    monkeypatch.setitem(fuzz.KINDS, "kernel", fails)
    assert "half file .half.tif" in (finding(fuzz, model, "kernel", 0) or "")
    monkeypatch.setitem(fuzz.KINDS, "kernel", lambda *given: 1 / 0)
    assert "ZeroDivisionError" in (finding(fuzz, model, "kernel", 0) or "")
