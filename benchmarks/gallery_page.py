"""The page of the gallery, its tables, and the pictures of the samples, made of its folders."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, PackageLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

from autoStructN2V.pipeline.files.figures import draw_panels
from autoStructN2V.pipeline.report.pictures import gray_picture
from gallery_images import REAL_IMAGES, SAMPLE_IMAGES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from autoStructN2V.pipeline.report.pictures import Picture
    from gallery_images import GalleryImage

FIGURES = "figures.json"
STEPS = {
    "input": "input",
    "best_gaussian": "best Gaussian",
    "stage1": "stage 1",
    "stage2": "stage 2",
}
"""What has a PSNR, and what it is called."""
PAGE = "index.html"

_SHOWN = {"input": "Before", "stage1": "Stage 1", "stage2": "Stage 2"}
_TAKEN = {"removed": "Removed", "first": "Taken out first"}
_GRAY = (0.0, 255.0)
_PANEL = 150  # px of the samples that are shown: twice as large in their picture
_KERNEL = 300  # px: largest side of a kernel beside them
_GRAYS, _REDS = 112, 12  # colors of a picture: fewer are seen, more make it larger
_RED = (214, 69, 65)  # frames of hidden pixels
_TABLE = re.compile(r"(<!-- gallery: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def found_rows(gallery: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the figures of all images that are there: those with a truth, without, and samples."""
    return {
        "truth": _rows(gallery, [entry for entry in REAL_IMAGES if entry.score is not None]),
        "pictures": _rows(gallery, [entry for entry in REAL_IMAGES if entry.score is None]),
        "samples": _rows(gallery, SAMPLE_IMAGES),
    }


def _rows(gallery: Path, entries: Iterable[GalleryImage]) -> list[dict[str, Any]]:
    """Return figures, under the titles and sentences of now."""
    files = [(entry, gallery / entry.name / FIGURES) for entry in entries]
    return [
        json.loads(file.read_text("utf-8")) | {"title": entry.title, "sentence": entry.sentence}
        for entry, file in files
        if file.is_file()
    ]


def write_page(gallery: Path) -> Path:
    """Write the page of all images that are there, and return its file."""
    found = found_rows(gallery)
    rows = [row for group in found.values() for row in group]
    environment = Environment(
        loader=ChoiceLoader(
            [
                FileSystemLoader(Path(__file__).parent),
                PackageLoader("autoStructN2V.pipeline.report"),
            ]
        ),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["drawn"] = Markup  # kernels, which the program drew
    groups = [(name, [_shown(gallery, row) for row in found[name]]) for name in found]
    page = environment.get_template("gallery.html").render(
        groups=groups,
        others=[image for _, images in groups for image in images if not image["psnr"]],
        steps=STEPS,
        summary=summary(found["truth"]),
        machine=rows[0]["machine"] if rows else {},
        n_images=len(rows),
    )
    gallery.mkdir(parents=True, exist_ok=True)
    (gallery / PAGE).write_text(page, encoding="utf-8")
    return gallery / PAGE


def _shown(gallery: Path, row: dict[str, Any]) -> dict[str, Any]:
    """Return figures with their pictures, ready for the template."""
    folder = gallery / row["name"]
    kernel = folder / "kernel.svg"
    return {
        **{"kernel": None, "advice": [], "first": [], "notes": [], "refused": None, "own": None},
        **{"command": None, "psnr": {}, "scored": None, "gain": None, "shape": None, **row},
        "pictures": _pictures(folder),
        "drawing": kernel.read_text("utf-8") if kernel.is_file() else None,
        "gains": gains(row),
        "time": seconds_of(row),
        "clock": {"cpu": "of one processor"}.get(row.get("clock", ""), "that passed"),
    }


def _pictures(folder: Path) -> list[tuple[str, str, Picture]]:
    titles = _SHOWN | _TAKEN
    files = [(step, title, folder / f"{step}.png") for step, title in titles.items()]
    return [
        (step, title, gray_picture(np.asarray(Image.open(file), np.float32), _GRAY))
        for step, title, file in files
        if file.is_file()
    ]


def gains(row: dict[str, Any]) -> dict[str, float]:
    """Return by how many dB each stage is above the best Gaussian filter."""
    psnr = row.get("psnr", {})
    return {s: psnr[s] - psnr["best_gaussian"] for s in ("stage1", "stage2") if s in psnr}


def seconds_of(row: dict[str, Any]) -> str:
    """Return the seconds of all steps together, as text."""
    return f"{sum(row['seconds'].values()):.0f}" if "seconds" in row else "-"


def summary(rows: Sequence[dict[str, Any]]) -> str:
    """Say in how many images stage 2 is better than the best Gaussian filter."""
    found = [gains(row)["stage2"] for row in rows if "stage2" in gains(row)]
    if not found:
        return ""
    n_better = sum(gain > 0 for gain in found)
    return (
        f"Stage 2 is above the best Gaussian filter in {n_better} of {len(found)} images with a "
        f"truth, by {min(found):+.2f} to {max(found):+.2f} dB, {np.mean(found):+.2f} dB in the "
        "mean. The filter is chosen by looking at the truth, which the program does not know."
    )


def tables(gallery: Path) -> dict[str, str]:
    """Return the tables of the documentation in Markdown, by the names of their marks."""
    found = found_rows(gallery)
    real = [*found["truth"], *found["pictures"]]
    return {
        "figures": "\n".join([summary(found["truth"]), "", *_figures(_scored(found["truth"]))]),
        "sentences": "\n".join(_sentences(real)),
        "samples": "\n\n".join(_sample(row) for row in _scored(found["samples"])),
    }


def _scored(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out what the program refused."""
    return [row for row in rows if "psnr" in row]


def _sample(row: dict[str, Any]) -> str:
    """Return a sample with its picture."""
    title = row["title"]
    picture = f"![{title}: before, after both stages, and the kernel](images/{_picture(row)})"
    scores = ", ".join(f"{STEPS[step]} {row['psnr'][step]:.2f} dB" for step in STEPS)
    said = " ".join([*row["first"], row["verdict"]])
    text = f"{scores[0].upper()}{scores[1:]}. The kernel {row['kernel']}.\n\n> {said}"
    return f"### {title}\n\n{row['sentence']}\n\n{picture}\n\n{text}"


def _picture(row: dict[str, Any]) -> str:
    return f"{row['name'].replace('sample_', 'gallery-')}.png"


def _figures(rows: Sequence[dict[str, Any]]) -> list[str]:
    lines = [["image", *STEPS.values(), "gain", "seconds"], ["---"] * (len(STEPS) + 3)]
    for row in rows:
        psnr = row["psnr"]
        best = max((step for step in STEPS if step in psnr), key=psnr.__getitem__)
        cells = [_score(psnr.get(step), is_best=step == best) for step in STEPS]
        gain = f"{gains(row)['stage2']:+.2f}" if "stage2" in psnr else "-"
        lines.append([row["title"], *cells, gain, seconds_of(row)])
    return [f"| {' | '.join(line)} |" for line in lines]


def _score(value: float | None, *, is_best: bool) -> str:
    if value is None:
        return "-"
    return f"**{value:.2f}**" if is_best else f"{value:.2f}"


def _sentences(rows: Sequence[dict[str, Any]]) -> list[str]:
    lines = [["image", "kernel", "what the program says"], ["---"] * 3]
    for row in rows:
        said = row.get("refused") or " ".join([*row["first"], row["verdict"]])
        title = f"**{row['title']}.** {row['sentence']}"
        lines.append([title, row.get("kernel", "-"), said])
    return [f"| {' | '.join(cell.replace('|', ' ') for cell in line)} |" for line in lines]


def fill_tables(page: Path, gallery: Path) -> None:
    """Put the tables into a page, between ``<!-- gallery: NAME -->`` and ``<!-- end -->``."""
    page.write_text(filled(page.read_text("utf-8"), tables(gallery)), encoding="utf-8")


def filled(text: str, known: dict[str, str]) -> str:
    """Return a text with tables between its marks, whatever was there before."""
    return _TABLE.sub(lambda match: f"{match[1]}\n{known[match[2]]}\n\n{match[3]}", text)


def write_panels(gallery: Path, folder: Path) -> None:
    """Write a picture of each sample that is there: before, both stages, and the kernel."""
    folder.mkdir(parents=True, exist_ok=True)
    for row in _scored(found_rows(gallery)["samples"]):
        picture = panel(gallery / row["name"], row["psnr"])
        picture.save(folder / _picture(row), optimize=True)


def panel(folder: Path, psnr: dict[str, float]) -> Image.Image:
    """Draw what a folder of the gallery shows, with the PSNR in dB of each, two in a row."""
    shown = []
    for step, title in _SHOWN.items():
        if step in psnr:
            pixels = np.asarray(Image.open(folder / f"{step}.png"), np.float32)
            title = f"{title.lower()}, {psnr[step]:.1f} dB"
            shown.append((title, pixels[:_PANEL, :_PANEL]))
    row = draw_panels(shown)  # in one row, because they share their contrast
    kernel = Image.open(folder / "kernel.png").convert("RGB")
    kernel.thumbnail((_KERNEL, _KERNEL))
    gap = (row.width - len(shown) * 2 * _PANEL) // (len(shown) + 1)
    third = 2 * (2 * _PANEL + gap)  # px: where it begins
    both = Image.new("RGB", (third + gap, 2 * row.height), row.getpixel((0, 0)))
    both.paste(row.crop((0, 0, third + gap, row.height)), (0, 0))
    both.paste(row.crop((third, 0, row.width, row.height)), (0, row.height))
    both.paste(kernel, (third // 2, row.height))
    return both.quantize(palette=_palette(), dither=Image.Dither.NONE)


def _palette() -> Image.Image:
    """Return gray levels, and what lies between the color of frames and white."""
    grays = np.linspace((0, 0, 0), (255, 255, 255), _GRAYS)
    colors = np.concatenate([grays, np.linspace(_RED, (255, 255, 255), _REDS)])
    palette = Image.new("P", (1, 1))
    palette.putpalette(np.round(colors).astype(np.uint8).tobytes())
    return palette
