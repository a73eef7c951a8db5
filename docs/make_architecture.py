"""Draw the rooms of the code, and the ways of an image and of a kernel through them.

``python docs/make_architecture.py`` writes ``docs/images/architecture.svg``. Rooms and modules are
those on disk, their order is that of the import contracts in ``pyproject.toml``, and every station
of a way has to exist.
"""

from __future__ import annotations

import argparse
import importlib
import textwrap
import tomllib
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"
CORE, PLUGIN = "autoStructN2V", "napari_autostructn2v"
WIDTH, MARGIN, GAP = 1240, 16, 10  # px
PLUGIN_X, LEGEND_WIDTH = 830, 384
LINE, HEAD, BADGE = 13, 20, 8
INK, PALE, FRAME = "#1f2933", "#f4f6f8", "#9aa5b1"

_DOCUMENTS = "napari_autostructn2v.session.documents"


@dataclass(frozen=True)
class Way:
    """Stations ``module:name`` that something passes, each with what is done to it there."""

    title: str
    color: str
    stations: tuple[tuple[str, str], ...]


IMAGE = Way(
    "The way of an image",
    "#1a6fb5",
    (
        ("autoStructN2V.datasets.images.reading:open_images", "is opened as a stack"),
        ("autoStructN2V.datasets.images.checks:check_images", "is checked"),
        ("autoStructN2V.masking.patterns.removal", "loses patterns no kernel can hide"),
        ("autoStructN2V.datasets.normalization:estimate_normalization", "is normalized"),
        ("autoStructN2V.datasets.patches:load_patch_bank", "becomes pixels on the device"),
        ("autoStructN2V.trainers.batches:BatchSource", "is cut into batches, turned"),
        ("autoStructN2V.masking.replacement:replace_hidden", "has pixels hidden and filled"),
        ("autoStructN2V.trainers.trainer:Trainer", "is learned from"),
        ("autoStructN2V.inference.predictor:Predictor", "is denoised tile by tile"),
        ("autoStructN2V.datasets.images.writing:StackWriter", "is written"),
        ("napari_autostructn2v.layers.results:ResultLayers", "or becomes a layer"),
    ),
)
KERNEL = Way(
    "The way of a kernel",
    "#b5540f",
    (
        ("autoStructN2V.masking.noise.measuring", "noise is measured"),
        ("autoStructN2V.masking.kernels.extraction:propose_kernel", "a kernel is proposed"),
        ("autoStructN2V.pipeline.steps.kernel_review:decide_kernel", "waits for a decision"),
        (f"{_DOCUMENTS}.kernel_document:KernelDocument", "is edited by a person"),
        ("autoStructN2V.masking.placement:KernelPlacer", "is placed on every patch"),
        ("autoStructN2V.trainers.batches:BatchSource", "decides how patches are turned"),
        ("autoStructN2V.inference.trained_model:TrainedModel", "is kept with the model"),
    ),
)


@dataclass(frozen=True)
class Room:
    """A folder and the modules that lie directly in it."""

    package: str
    modules: tuple[str, ...]

    @property
    def name(self) -> str:
        """Its name below the import package."""
        return self.package.partition(".")[2] or "ground"

    @property
    def weight(self) -> float:
        """How wide it is drawn, relative to the others in its row."""
        return max(8.0 + len(self.modules), 0.62 * len(self.name))

    def lines(self, width: float) -> list[str]:
        """Return the names of its modules, wrapped."""
        return textwrap.wrap(", ".join(self.modules), max(12, int(width / 5.6)))


def rooms_of(package: str) -> list[Room]:
    """Return the folder of a package and those in it that hold modules, the outer one first."""
    top = SOURCE / package.replace(".", "/")
    folders = [top, *sorted(f for f in top.rglob("*") if f.is_dir() and f.name != "__pycache__")]
    found = []
    for folder in folders:
        modules = sorted(p.stem for p in folder.glob("[!_]*.py"))
        if modules:
            found.append(Room(".".join(folder.relative_to(SOURCE).parts), tuple(modules)))
    return found


def layers_of(root: str) -> list[list[str]]:
    """Return the packages of each layer of the import contract that is about ``root``."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = next(
        contract["layers"]
        for contract in contracts["contracts"]
        if contract["type"] == "layers" and contract["layers"][0].startswith(root)
    )
    return [[name.strip() for name in layer.split("|")] for layer in layers]


def core_rows() -> list[list[Room]]:
    """Return the rooms of each floor of the core; single modules make up the ground."""
    floors = [layer for layer in layers_of(CORE) if (SOURCE / layer[0].replace(".", "/")).is_dir()]
    ground = sorted(p.stem for p in (SOURCE / CORE).glob("[!_]*.py"))
    return [[r for p in floor for r in rooms_of(p)] for floor in floors] + [
        [Room(CORE, tuple(ground))]
    ]


def plugin_rows() -> list[list[Room]]:
    """Return the rooms of each floor of the plugin; the docks stand two in a row."""
    rooms = [[r for p in layer for r in rooms_of(p)] for layer in layers_of(PLUGIN)]
    docks = rooms[0]
    pairs = [docks[i : i + 2] for i in range(0, len(docks), 2)]
    return [*pairs, *[row for row in rooms[1:] if row]]


def check(way: Way) -> None:
    """Fail when a station of a way does not exist."""
    for place, _ in way.stations:
        module, _, name = place.partition(":")
        loaded = importlib.import_module(module)
        if name and not hasattr(loaded, name):
            raise SystemExit(f"{place} of '{way.title}' does not exist")


class Picture:
    """An SVG that grows downwards."""

    def __init__(self) -> None:
        self.svg = ET.Element("svg", xmlns="http://www.w3.org/2000/svg")
        self.svg.set("font-family", "Helvetica, Arial, sans-serif")

    def box(self, x: float, y: float, w: float, h: float, fill: str) -> None:
        """Draw a room."""
        attributes = {"x": x, "y": y, "width": w, "height": h, "rx": 5}
        ET.SubElement(
            self.svg,
            "rect",
            {k: f"{v:.0f}" for k, v in attributes.items()},
            fill=fill,
            stroke=FRAME,
        )

    def text(self, x: float, y: float, words: str, size: int = 10, *, weight: str = "normal",
             color: str = INK, anchor: str = "start") -> None:  # fmt: skip
        """Write a line."""
        element = ET.SubElement(self.svg, "text", x=f"{x:.0f}", y=f"{y:.0f}", fill=color)
        element.set("font-size", str(size))
        element.set("font-weight", weight)
        element.set("text-anchor", anchor)
        element.text = words

    def badge(self, x: float, y: float, number: int, color: str) -> None:
        """Draw the number of a station."""
        ET.SubElement(self.svg, "circle", cx=f"{x:.0f}", cy=f"{y:.0f}", r=str(BADGE), fill=color)
        self.text(x, y + 4, str(number), 10, weight="bold", color="white", anchor="middle")

    def row(self, rooms: list[Room], x: float, y: float, width: float) -> float:
        """Draw rooms beside each other; return how high they are."""
        total = sum(room.weight for room in rooms)
        inner = width - GAP * (len(rooms) - 1)
        widths = [inner * room.weight / total for room in rooms]
        lines = [room.lines(w - 12) for room, w in zip(rooms, widths, strict=True)]
        height = HEAD + LINE * max(map(len, lines)) + 8
        for room, w, wrapped in zip(rooms, widths, lines, strict=True):
            self.box(x, y, w, height, PALE if room.package.startswith(CORE) else "#eef6ee")
            self.text(x + 7, y + 14, room.name, 12, weight="bold")
            for number, line in enumerate(wrapped):
                self.text(x + 7, y + HEAD + 10 + number * LINE, line)
            self._stations(room, x + w - 12, y + 11)
            x += w + GAP
        return height

    def _stations(self, room: Room, x: float, y: float) -> None:
        for way in (KERNEL, IMAGE):
            for number, (place, _) in reversed(list(enumerate(way.stations, start=1))):
                if place.partition(":")[0].rpartition(".")[0] == room.package:
                    self.badge(x, y, number, way.color)
                    x -= 2 * BADGE + 3

    def legend(self, way: Way, x: float, y: float) -> float:
        """List the stations of a way; return where the list ends."""
        self.text(x, y, way.title, 13, weight="bold", color=way.color)
        for number, (place, words) in enumerate(way.stations, start=1):
            y += 21
            module, _, name = place.partition(":")
            self.badge(x + BADGE, y - 4, number, way.color)
            self.text(x + 24, y, words, 11, weight="bold")
            where = f"{module.rpartition('.')[2]}.{name}" if name else module.rpartition(".")[2]
            self.text(x + LEGEND_WIDTH, y, where, 10, anchor="end")
        return y


def draw() -> ET.Element:
    """Draw everything."""
    picture = Picture()
    top = MARGIN + 18
    picture.text(MARGIN, top - 6, "autoStructN2V: the core; imports point downwards", 14,
                 weight="bold")  # fmt: skip
    left = top + 4
    for rooms in core_rows():
        left += picture.row(rooms, MARGIN, left, PLUGIN_X - 2 * MARGIN) + GAP
    picture.text(PLUGIN_X, top - 6, "napari_autostructn2v: the plugin, on top of it", 14,
                 weight="bold")  # fmt: skip
    right = top + 4
    for rooms in plugin_rows():
        right += picture.row(rooms, PLUGIN_X, right, WIDTH - PLUGIN_X - MARGIN) + GAP
    y = left + 18
    end = max(
        picture.legend(IMAGE, MARGIN, y),
        picture.legend(KERNEL, MARGIN + LEGEND_WIDTH + 24, y),
    )
    height = max(end, right) + MARGIN
    picture.svg.set("viewBox", f"0 0 {WIDTH} {height:.0f}")
    size = {"width": str(WIDTH), "height": f"{height:.0f}"}
    background = ET.Element("rect", size, fill="white")
    picture.svg.insert(0, background)
    return picture.svg


def drawn() -> str:
    """Return the picture as text."""
    svg = draw()
    ET.indent(svg)
    return ET.tostring(svg, encoding="unicode") + "\n"


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=ROOT / "docs/images/architecture.svg")
    arguments = parser.parse_args()
    for way in (IMAGE, KERNEL):
        check(way)
    arguments.output.write_text(drawn(), "utf-8")


if __name__ == "__main__":
    main()
