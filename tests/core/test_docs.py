"""The documentation says what the code does: tables, examples, commands and error messages."""

from __future__ import annotations

import functools
import importlib.util
import pickle
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import pytest
import tifffile
import torch

from autoStructN2V.cli.main import app, main
from autoStructN2V.datasets import check_images, make_sample, open_images
from autoStructN2V.datasets.images.names import refuse_existing
from autoStructN2V.datasets.images.sources import ArraySource
from autoStructN2V.errors import UserError
from autoStructN2V.files import ensure_writable_folder
from autoStructN2V.masking import ExtractorConfig, validate_kernel
from autoStructN2V.models import choose_device
from autoStructN2V.pipeline import PRESETS, find_models, measure_evidence, validate_config
from autoStructN2V.pipeline.events import Event
from autoStructN2V.trainers import load_model

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_TINY_STAGE = {"features": 8, "num_layers": 1, "patch_size": 32, "steps_per_epoch": 2}
TINY = {
    "num_epochs": 1,
    "n2v": _TINY_STAGE,
    "stage1": {**_TINY_STAGE, "use_roi": False},
    "stage2": _TINY_STAGE,
}
NOISY = make_sample("horizontal_lines", shape=(20, 48, 64)).noisy


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)


def pages_with(language: str) -> list[Any]:
    found = [page for page in PAGES if blocks(page, language)]
    return [pytest.param(page, id=str(page.relative_to(ROOT))) for page in found]


@pytest.fixture(scope="module")
def hooks() -> Any:
    spec = importlib.util.spec_from_file_location("hooks", ROOT / "docs" / "hooks.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@functools.cache
def evidence(mode: Any) -> Any:
    return measure_evidence([ArraySource(NOISY)], ExtractorConfig(), mode)


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files that the examples name, and a fast preset that takes a second.

    All of them show the same noise, so it is measured once.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(PRESETS, "fast", TINY)
    for module in ("pipeline.steps.measuring", "pipeline"):
        monkeypatch.setattr(
            f"autoStructN2V.{module}.measure_evidence",
            lambda sources, config, mode, **rest: evidence(mode),
        )
    tifffile.imwrite("noisy.tif", NOISY, imagej=True, metadata={"axes": "ZYX"})
    Path("more_images").mkdir()
    for number in (1, 2):
        tifffile.imwrite(f"more_images/cell_{number}.tif", NOISY[number])
    return tmp_path


def test_every_field_is_listed_with_its_default(hooks: Any) -> None:
    page = hooks.on_page_markdown((ROOT / "docs" / "configuration.md").read_text("utf-8"))
    complete = validate_config({"preset": "documented"})
    sections = [complete, complete.n2v, complete.stage1, complete.stage2, ExtractorConfig()]
    for section in sections:
        for name in set(type(section).model_fields) - {"n2v", "stage1", "stage2", "extractor"}:
            default = "balanced" if name == "preset" else getattr(section, name)
            shown = "" if default is None else f"`{default!r}`"
            shown = f"`{str(default)!r}`" if isinstance(default, Path) else shown
            assert f"\n| `{name}` | {shown} |" in page, name


def test_every_option_is_listed(hooks: Any, capsys: pytest.CaptureFixture[str]) -> None:
    page = hooks.on_page_markdown((ROOT / "docs" / "command-line.md").read_text("utf-8"))
    for name in [command.name for command in app.registered_commands]:
        main([name, "--help"])
        options = set(re.findall(r"--[a-z][a-z0-9-]+", capsys.readouterr().out)) - {"--help"}
        section = page.partition(f"## `{name}`")[2].partition("\n## ")[0]
        assert options
        assert {o for o in options if f"`{o}`" not in section} == set()


def test_presets_differ_as_listed(hooks: Any) -> None:
    table = hooks.preset_table()
    rates = [validate_config({"preset": name}).stage2.learning_rate for name in PRESETS]
    assert "| `stage2.learning_rate` | " + " | ".join(f"`{rate!r}`" for rate in rates) in table
    assert "`device`" not in table


def test_every_event_is_explained() -> None:
    page = (ROOT / "docs" / "pipeline.md").read_text("utf-8")
    assert [event for event in get_args(Event) if f"| `{event.__name__}` |" not in page] == []


def test_every_page_is_in_the_navigation() -> None:
    navigation = (ROOT / "mkdocs.yml").read_text("utf-8").partition("\nnav:")[2]
    pages = [page.relative_to(ROOT / "docs") for page in PAGES[1:]]
    assert [page for page in pages if f": {page.as_posix()}\n" not in navigation] == []


@pytest.mark.parametrize("page", pages_with("python"))
def test_python_examples_run(page: Path, workplace: Path) -> None:
    namespace: dict[str, Any] = {"__name__": "example"}
    for number, source in enumerate(blocks(page, "python")):
        exec(compile(source, f"{page.name}, example {number}", "exec"), namespace)


@pytest.mark.parametrize("page", pages_with("bash"))
def test_commands_can_be_parsed(
    page: Path, workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for line in "\n".join(blocks(page, "bash")).replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["autostructn2v"]:
            main([*words[1:], "--help"])
            options = {word for word in words if word.startswith("--")}
            shown = capsys.readouterr().out
            assert [option for option in options if option not in shown] == []


@pytest.mark.parametrize("page", ["README.md", "docs/tutorial.md"])
def test_commands_run(page: str, workplace: Path) -> None:
    for line in "\n".join(blocks(ROOT / page, "bash")).splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["autostructn2v"] and words[1] != "demo":
            assert main(words[1:]) == 0, line


def noisy_array(*shape: int) -> Any:
    return np.random.default_rng(0).normal(100, 10, shape).astype(np.float32)


def checked(array: Any, patch_size: int = 64, mode: Any = "2D") -> list[str]:
    return check_images([ArraySource(array, "noisy")], patch_size=patch_size, mode=mode)


def opened(array: Any, mode: Any = "2D", along: Any = "z", **options: Any) -> object:
    tifffile.imwrite("cells.tif", array, **options)
    return open_images("cells.tif", mode=mode, triplets_along=along)


def truncated() -> object:
    tifffile.imwrite("cells.tif", noisy_array(5, 64, 64))
    content = Path("cells.tif").read_bytes()
    Path("cells.tif").write_bytes(content[: len(content) // 2])
    return open_images("cells.tif", mode="2D")


def not_a_tiff() -> object:
    Path("notes.tif").write_text("not an image")
    return open_images("notes.tif", mode="2D")


def empty_folder() -> object:
    Path("empty").mkdir()
    return open_images("empty", mode="2D")


def with_nan() -> object:
    array = noisy_array(64, 64)
    array[:] = np.nan
    return checked(array)


def off_center() -> object:
    kernel = np.ones((3, 3), bool)
    kernel[1, 1] = False
    return validate_kernel(kernel)


class Payload:
    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return print, ("this must never run",)


def hostile() -> object:
    Path("model.pth").write_bytes(pickle.dumps(Payload()))
    torch.save({"weights": Payload()}, "model.pth")
    return load_model("model.pth")


def damaged() -> object:
    Path("model.pth").write_bytes(b"PK\x03\x04 cut off")
    return load_model("model.pth")


def in_the_way() -> object:
    Path("results").write_text("a file")
    return ensure_writable_folder("results")


def no_models() -> object:
    Path("results").mkdir()
    return find_models("results")


def existing() -> object:
    file = Path("clean/cells_denoised.tif")
    file.parent.mkdir()
    file.write_bytes(b"")
    return refuse_existing([file])


USER_ERRORS: dict[str, Callable[[], object]] = {
    "shallow": lambda: checked(noisy_array(12, 64, 64), mode="2.5D"),
    "small": lambda: checked(noisy_array(48, 48)),
    "constant": lambda: checked(np.ones((64, 64), np.float32)),
    "nan": with_nan,
    "rgb": lambda: opened(np.zeros((64, 64, 3), np.uint8), photometric="rgb"),
    "channels": lambda: opened(
        np.zeros((2, 64, 64), np.uint16), imagej=True, metadata={"axes": "CYX"}
    ),
    "time and z": lambda: opened(
        np.zeros((5, 20, 64, 64), np.uint8), "2.5D", imagej=True, metadata={"axes": "TZYX"}
    ),
    "time only": lambda: opened(
        np.zeros((30, 64, 64), np.uint8), "2.5D", imagej=True, metadata={"axes": "TYX"}
    ),
    "slices only": lambda: opened(
        np.zeros((30, 64, 64), np.uint8),
        "2.5D",
        "time",
        imagej=True,
        metadata={"axes": "ZYX"},
    ),
    "existing": existing,
    "boolean": lambda: opened(np.zeros((64, 64), bool)),
    "complex": lambda: opened(np.zeros((64, 64), np.complex64)),
    "missing file": lambda: open_images("cells.tif", mode="2D"),
    "empty folder": empty_folder,
    "not a tiff": not_a_tiff,
    "truncated": truncated,
    "kernel dimensions": lambda: validate_kernel(np.ones((3, 3, 3), bool), "2D"),
    "kernel slices": lambda: validate_kernel(np.ones((5, 3, 3), bool), "2.5D"),
    "kernel even": lambda: validate_kernel(np.ones((4, 3), bool)),
    "kernel center": off_center,
    "kernel values": lambda: validate_kernel(np.full((3, 3), 0.5)),
    "unknown field": lambda: validate_config({"num_epoch": 5}),
    "out of range": lambda: validate_config({"stage2": {"batch_size": 100}}),
    "wrong type": lambda: validate_config({"num_epochs": "many"}),
    "patch size": lambda: validate_config({"stage1": {"patch_size": 30}}),
    "augmentation": lambda: validate_config({"stage1": {"use_augmentation": True}}),
    "no stages": lambda: validate_config({"run_stage1": False, "run_stage2": False}),
    "no kernel": lambda: validate_config({"run_stage1": False}),
    "split": lambda: validate_config({"split_ratio": [0.8, 0.1, 0.2]}),
    "hostile": hostile,
    "damaged": damaged,
    "no models": no_models,
    "no GPU": lambda: choose_device("cuda"),
    "file in the way": in_the_way,
}


@pytest.mark.parametrize("case", USER_ERRORS)
def test_troubleshooting_quotes_errors(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UserError) as raised:
        USER_ERRORS[case]()
    sentence = str(raised.value).rstrip(".")
    assert sentence in (ROOT / "docs" / "troubleshooting.md").read_text("utf-8")


@pytest.fixture(scope="module")
def architecture() -> Any:
    """The script that draws the rooms."""
    spec = importlib.util.spec_from_file_location(
        "architecture", ROOT / "docs/make_architecture.py"
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look it up
    spec.loader.exec_module(module)
    return module


def test_the_picture_of_the_rooms_is_that_of_the_code(architecture: Any) -> None:
    drawn = (ROOT / "docs/images/architecture.svg").read_text("utf-8")
    assert architecture.drawn() == drawn, "run: python docs/make_architecture.py"
    for way in (architecture.IMAGE, architecture.KERNEL):
        architecture.check(way)  # every station exists


def test_every_place_that_the_architecture_page_names_exists() -> None:
    page = (ROOT / "docs/architecture.md").read_text("utf-8")
    places = re.findall(r"`((?:[a-z_]+/)+(?:[a-z_]+\.py)?)`", page)
    assert len(places) > 20
    rooms = [ROOT / "src/autoStructN2V", ROOT / "src/napari_autostructn2v"]
    assert [place for place in places if not any((room / place).exists() for room in rooms)] == []
