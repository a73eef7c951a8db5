"""The gallery of ``benchmarks/gallery.py``: its list of images, its page, and its tables."""

from __future__ import annotations

import importlib
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from autoStructN2V.datasets import SAMPLE_KINDS, make_sample

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "benchmarks"
SMALL = [f"{stage}.{field}" for stage in ("stage1", "stage2") for field in (
    "features=8", "num_layers=1", "patch_size=32", "steps_per_epoch=2"
)]  # fmt: skip


@pytest.fixture(scope="module")
def gallery() -> Iterator[Any]:
    """Return the script as a module."""
    before = set(sys.modules)
    sys.path.insert(0, str(FOLDER))
    yield importlib.import_module("gallery")
    sys.path.remove(str(FOLDER))
    for name in set(sys.modules) - before:
        if Path(getattr(sys.modules[name], "__file__", None) or "").parent == FOLDER:
            del sys.modules[name]


@pytest.fixture
def page(gallery: Any) -> Any:
    return sys.modules["gallery_page"]


def write_entry(folder: Path, name: str, **figures: Any) -> None:
    """Write what a training would leave of an image."""
    (folder / name).mkdir(parents=True)
    row = {"name": name, "machine": {"autostructn2v": "1", "torch": "2"}, **figures}
    (folder / name / "figures.json").write_text(json.dumps(row))
    for step in ("input", "stage1", "stage2", "removed"):
        Image.new("L", (256, 256), 90).save(folder / name / f"{step}.png")
    Image.new("RGB", (64, 64), "white").save(folder / name / "kernel.png")


def done(stage2: float, **more: Any) -> dict[str, Any]:
    psnr = {"input": 20.0, "best_gaussian": 30.0, "stage1": 29.0, "stage2": stage2}
    said = {"verdict": "Stage 2 is better.", "kernel": "hides nothing", "first": [], "notes": []}
    return {**said, "psnr": psnr, "seconds": {"stage1": 50.2, "stage2": 70.1}, **more}


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A gallery of three images: better than the filter, worse, and refused."""
    shape = {"shape": [1, 256, 256], "mode": "2D", "clock": "cpu", "scored": "peak 255"}
    note = "Pixels <below> 0 were | left out."
    write_entry(tmp_path, "Confocal_FISH", **done(31.5, first=[note], **shape))
    write_entry(tmp_path, "nucleus", **done(29.5, **shape))
    write_entry(tmp_path, "em_isbi2012", refused="It is too small.")
    write_entry(tmp_path, "sample_diagonal", **done(34.0, **shape))
    return tmp_path


def test_images_of_the_gallery_are_told_apart_and_described(gallery: Any) -> None:
    entries = [*gallery.REAL_IMAGES, *gallery.SAMPLE_IMAGES]
    for told in ("name", "title"):
        assert len({getattr(entry, told) for entry in entries}) == len(entries)
    assert [entry.name for entry in entries if not entry.sentence.endswith(".")] == []
    assert {entry.kind for entry in gallery.SAMPLE_IMAGES} <= set(SAMPLE_KINDS)
    scored = [entry for entry in gallery.REAL_IMAGES if entry.score is not None]
    assert [entry.name for entry in scored if "_noisy.tif" not in entry.path] == []


def test_the_page_shows_every_image_and_loads_nothing(page: Any, made: Path) -> None:
    html = page.write_page(made).read_text("utf-8")
    assert re.findall(r'<article id="(\w+)">', html) == [
        *("Confocal_FISH", "nucleus", "em_isbi2012", "sample_diagonal")
    ]
    assert "above the best Gaussian filter in 1 of 2 images" in html
    assert "by -0.50 to +1.50 dB" in html
    assert "Pixels &lt;below&gt; 0" in html
    assert html.count('src="data:image/') == 3 * 4  # pictures of what was not refused
    assert "It is too small." in html
    assert re.findall(r'(?:src|href)="(?!data:|#)', html) == []


def test_tables_hold_the_figures_and_replace_what_was_there(page: Any, made: Path) -> None:
    marks = [f"<!-- gallery: {name} -->\nold\n<!-- end -->" for name in page.tables(made)]
    file = made / "page.md"
    file.write_text("\n".join(["top", *marks, "end"]))
    page.fill_tables(file, made)
    text = file.read_text("utf-8")
    assert "old" not in text
    assert text.startswith("top\n") and text.endswith("\nend")
    row = "| Zebrafish, confocal (FMD) | 20.00 | 30.00 | 29.00 | **31.50** | +1.50 | 120 |"
    assert row in text
    assert "| 20.00 | **30.00** | 29.00 | 29.50 | -0.50 | 120 |" in text
    assert "| - | It is too small. |" in text
    assert "](images/gallery-diagonal.png)" in text
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert {line.count("|") for line in lines} == {8, 4}  # no sentence adds a column
    page.fill_tables(file, made)
    assert file.read_text("utf-8") == text


def test_the_documentation_has_a_place_for_each_table(page: Any, made: Path) -> None:
    text = (ROOT / "docs" / "gallery.md").read_text("utf-8")
    known = {name: f"table of {name}" for name in page.tables(made)}
    filled = page.filled(text, known)
    assert [table for table in known.values() if filled.count(table) != 1] == []


def test_pictures_of_samples_are_small(page: Any, made: Path) -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(128, 50, (256, 256)).clip(0, 255).astype(np.uint8)
    for step in ("input", "stage1"):
        Image.fromarray(noise).save(made / "sample_diagonal" / f"{step}.png")
    page.write_panels(made, made / "images")
    (picture,) = (made / "images").iterdir()
    assert picture.stat().st_size < 150_000
    with Image.open(picture) as drawn:
        width, height = drawn.size
        colors = np.asarray(drawn.convert("RGB"))
    assert 2 * 300 < width < 700 and 2 * 300 < height < 800  # twice as large, two in a row
    assert colors[-50, 50].max() < 240 < colors[-50, -30].min()  # the third, beside the kernel


def test_an_image_is_trained_on_once(
    gallery: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = make_sample("horizontal_lines", shape=(2, 64, 64))
    monkeypatch.setattr(sys.modules["gallery_images"], "_sample", lambda kind: sample)
    words = ["gallery", "--output", str(tmp_path / "out"), "--samples", str(tmp_path / "images")]
    words += ["--images", "sample_horizontal_lines", "--set", "num_epochs=1", *SMALL]
    monkeypatch.setattr(sys, "argv", words)
    gallery.main()
    folder = tmp_path / "out" / "sample_horizontal_lines"
    row = json.loads((folder / "figures.json").read_text())
    assert "refused" not in row
    assert row["command"].startswith(f"autostructn2v train {folder / 'noisy.tif'} --output ")
    mse = np.square(sample.noisy.astype(float) - sample.clean).mean()
    assert row["psnr"]["input"] == pytest.approx(-10 * np.log10(mse))
    assert set(row["psnr"]) == {"input", "stage1", "stage2", "best_gaussian"}
    assert (tmp_path / "images" / "gallery-horizontal_lines.png").is_file()
    monkeypatch.setattr(gallery, "pipeline_events", None)  # would fail
    gallery.main()
    assert json.loads((folder / "figures.json").read_text()) == row


def test_what_is_refused_is_told_and_ends_nothing(
    gallery: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["gallery", "--data", str(tmp_path), "--output", str(tmp_path / "out")]
    monkeypatch.setattr(sys, "argv", [*words, "--images", "emccd_fa0488"])
    gallery.main()
    row = json.loads((tmp_path / "out" / "emccd_fa0488" / "figures.json").read_text())
    assert "does not exist" in row["refused"]
    assert row["refused"] in (tmp_path / "out" / "index.html").read_text("utf-8")
