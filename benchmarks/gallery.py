"""A gallery: every real image of the benchmarks before and after, on one page.

Each image is learned from alone (both stages, automatic kernel) and denoised. A page that needs
nothing beside it shows a part of each: as it was, after each stage, and what was removed; the
kernel; what the program says; PSNR in dB where there is a truth, scored as in the other benchmarks;
seconds; and the command that does the same.

    python benchmarks/gallery.py --data FOLDER --output GALLERY --threads 1 --clock cpu

Every image has a folder in GALLERY. One that is there is not trained again, so that an interrupted
run goes on where it ended, and --only-page makes the page of what there is. The images are data of
others: neither they nor the page are part of this repository. Images that the program makes itself
are shown with --samples, which also writes their pictures for the documentation. --markdown puts
the tables of all that is there into a page of the documentation, between the marks for them.
"""

from __future__ import annotations

import argparse
import json
import shlex
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from autoStructN2V.datasets import ArraySource, open_images, read_stack
from autoStructN2V.errors import UserError
from autoStructN2V.masking import Kernel
from autoStructN2V.pipeline import finish, pipeline_events, validate_config
from autoStructN2V.pipeline.events import ImagesRead, StageStarted
from autoStructN2V.pipeline.files.figures import draw_kernel
from autoStructN2V.pipeline.report.content import content
from autoStructN2V.pipeline.report.pictures import difference_range, gray_levels, intensity_range
from autoStructN2V.pipeline.report.record import RunRecord
from autoStructN2V.trainers import Warned
from gallery_images import REAL_IMAGES, SAMPLE_IMAGES
from gallery_page import FIGURES, STEPS, fill_tables, found_rows, write_page, write_panels
from quality import Stopwatch, denoised_images
from real_noise import busiest
from settings import add_settings_arguments, chosen_fields
from tables import (
    Table,
    add_clock_argument,
    add_common_arguments,
    clock_of,
    machine,
    use_threads,
    write_report,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from autoStructN2V.pipeline import PipelineConfig, PipelineResult
    from autoStructN2V.pipeline.events import Event
    from gallery_images import GalleryImage

    Stack = NDArray[np.float32]

_COLUMNS = ["image", *STEPS.values(), "seconds", "says"]
_CONTEXT = 7  # cells: smallest side of a drawn kernel, so that it shows what is not hidden


@dataclass
class Witness(Stopwatch):
    """What a run told, besides its seconds: what it read, and its sentences.

    Attributes
    ----------
    first, later : list of str
        Sentences before the first stage was trained, and after that.
    read : ImagesRead or None
        The images, and what is taken out of them.
    """

    first: list[str] = field(default_factory=list)
    later: list[str] = field(default_factory=list)
    read: ImagesRead | None = None
    _is_training: bool = False

    def __call__(self, event: Event) -> None:
        """Remember what is shown later."""
        super().__call__(event)
        if isinstance(event, Warned):
            (self.later if self._is_training else self.first).append(event.message)
        elif isinstance(event, ImagesRead):
            self.read = event
        self._is_training |= isinstance(event, StageStarted)


def make_entry(entry: GalleryImage, folder: Path, arguments: argparse.Namespace) -> None:
    """Train on an image and write its folder; its figures come last: what has them is complete."""
    folder.mkdir(parents=True, exist_ok=True)
    row: dict[str, Any] = {"name": entry.name, "title": entry.title, "sentence": entry.sentence}
    row["machine"] = machine()
    try:
        file = entry.file(arguments.data, folder)
        row["command"] = command_of(entry, file, arguments)
        row |= _trained(entry, file, folder, arguments)
    except UserError as error:
        row["refused"] = str(error)
    except Exception as error:  # one image that fails does not end a run of hours
        row["refused"] = f"The program failed: {type(error).__name__}: {error}"
    write_report(folder / FIGURES, row)


def command_of(entry: GalleryImage, file: Path, arguments: argparse.Namespace) -> str:
    """Return the command that does the same."""
    words = ["autostructn2v", "train", str(file), "--output", entry.name]
    words += ["--preset", arguments.preset]
    if entry.mode != "2D":
        words += ["--mode", entry.mode]
    if entry.triplets_along != "z":
        words += ["--triplets-along", entry.triplets_along]
    for setting in arguments.set:
        words += ["--set", setting]
    return shlex.join(words)


def _trained(
    entry: GalleryImage, file: Path, folder: Path, arguments: argparse.Namespace
) -> dict[str, Any]:
    """Train on a file; write pictures and return figures and sentences."""
    along = entry.triplets_along
    config = validate_config(chosen_fields(arguments, mode=entry.mode, triplets_along=along))
    sources = open_images(file, mode=entry.mode, triplets_along=along)
    noisy = read_stack(sources[0])
    witness = Witness(clock_of(arguments.clock))
    result = finish(pipeline_events(sources, config), witness)
    images = {"input": noisy, **denoised_images(result)}
    assert witness.read is not None
    write_pictures(folder, images, witness.read)
    row: dict[str, Any] = {"shape": noisy.shape, "mode": config.mode_text}
    row["seconds"], row["clock"] = witness.seconds, arguments.clock
    row |= _said(result, witness, config, folder)
    truth = entry.truth(arguments.data)
    if truth is not None and entry.score is not None:
        row |= {"scored": entry.score.words, **entry.score.scores(images, truth)}
    return row


def _said(
    result: PipelineResult, witness: Witness, config: PipelineConfig, folder: Path
) -> dict[str, Any]:
    """Draw the kernel and return the sentences of a run, those that its report would have."""
    assert witness.read is not None
    images = denoised_images(result)
    record = RunRecord(
        config,
        result,
        witness.read.images,
        witness.read.removal,
        {int(step[-1]): [ArraySource(stack)] for step, stack in images.items()},
        time.strftime("%Y%m%d-%H%M%S"),
        witness.later,
        sum(witness.seconds.values()),
    )
    shown = content(record)
    row: dict[str, Any] = {"verdict": shown["verdict"], "first": witness.first}
    row["notes"] = shown["notes"]
    if shown["kernel"] is not None:
        row["kernel"] = shown["kernel"]["sentence"]
        row["advice"] = shown["kernel"]["advice"]
        (folder / "kernel.svg").write_text(shown["kernel"]["plot"], encoding="utf-8")
        _draw_kernel(result).save(folder / "kernel.png")
    return row


def _draw_kernel(result: PipelineResult) -> Image.Image:
    """Draw the kernel of the last stage with a few cells around it."""
    assert result.last_stage is not None
    cells = result.last_stage.model.kernel.trimmed().cells
    margins = [(max(0, _CONTEXT - side) // 2,) * 2 for side in cells.shape[1:]]
    evidence = None if result.proposal is None else result.proposal.autocorrelation.values
    return draw_kernel(Kernel(np.pad(cells, [(0, 0), *margins])), evidence)


def write_pictures(folder: Path, images: dict[str, Stack], read: ImagesRead) -> None:
    """Write the same part of each image (z, y, x), and of what was taken out, as PNG.

    It is the square of the middle slice in which the last image varies most.
    """
    *_, last = images.values()
    z = len(last) // 2
    part = busiest(last[z])
    cut = {step: image[z][part] for step, image in images.items()}
    *_, denoised = cut.values()
    limits = intensity_range(denoised)
    gray = {step: gray_levels(image, limits) for step, image in cut.items()}
    taken = {"removed": cut["input"] - denoised}
    if read.removal.patterns:
        source = read.images[0]
        cleaned = read.removal.applied_to(source)
        taken["first"] = (source.read_slice(z) - cleaned.read_slice(z))[part]
    gray |= {name: gray_levels(image, difference_range(image)) for name, image in taken.items()}
    for step, pixels in gray.items():
        Image.fromarray(pixels).save(folder / f"{step}.png", optimize=True)


def cells_of(row: dict[str, Any]) -> list[str]:
    psnr = row.get("psnr", {})
    scores = [f"{psnr[step]:.2f}" if step in psnr else "-" for step in STEPS]
    seconds = f"{sum(row['seconds'].values()):.0f}" if "seconds" in row else "-"
    return [row["name"], *scores, seconds, row.get("refused") or row["verdict"]]


def possible_images(arguments: argparse.Namespace) -> dict[str, GalleryImage]:
    """Return the images that can be trained on, by their names, in the order of the tables."""
    every: list[GalleryImage] = [*REAL_IMAGES] if arguments.data is not None else []
    every += SAMPLE_IMAGES if arguments.samples is not None else ()
    return {entry.name: entry for entry in every}


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    names = [entry.name for entry in (*REAL_IMAGES, *SAMPLE_IMAGES)]
    add("--data", type=Path, metavar="FOLDER", help="with the real images; without it, none")
    add("--output", type=Path, required=True, metavar="GALLERY", help="folder of page and images")
    add("--images", nargs="+", choices=names, metavar="NAME", help=f"of {', '.join(names)}")
    add("--again", action="store_true", help="also train on what is there already")
    add("--only-page", action="store_true", help="train on nothing")
    add("--samples", type=Path, metavar="FOLDER", help="for pictures of the samples, as PNG")
    add("--markdown", type=Path, metavar="FILE", help="page that gets the tables")
    add_settings_arguments(parser)
    add_clock_argument(parser)
    add_common_arguments(parser)
    arguments = parser.parse_args()
    if not {*possible_images(arguments)}.issuperset(arguments.images or ()):
        parser.error("real images need --data, and samples need --samples")
    return arguments


def main() -> None:
    arguments = read_arguments()
    use_threads(arguments.threads)
    table = Table(_COLUMNS)
    possible = possible_images(arguments)
    for name in [] if arguments.only_page else arguments.images or possible:
        entry, folder = possible[name], arguments.output / name
        if arguments.again or not (folder / FIGURES).is_file():
            make_entry(entry, folder, arguments)
            write_page(arguments.output)
        row = json.loads((folder / FIGURES).read_text("utf-8"))
        table.add(cells_of(row), row)
    page = write_page(arguments.output)
    print(f"\n{page}")
    if arguments.samples is not None:
        write_panels(arguments.output, arguments.samples)
    if arguments.markdown is not None:
        fill_tables(arguments.markdown, arguments.output)
    rows = [row for rows in found_rows(arguments.output).values() for row in rows]
    write_report(arguments.json, {"machine": machine(), "images": rows})


if __name__ == "__main__":
    main()
