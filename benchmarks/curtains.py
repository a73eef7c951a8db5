"""Whether curtains are found, what is left of them, and what is done to images without any.

Artificial curtains of known shape are added to images. "found": detected along the columns, of all
seeds. "left": mean square of the error of what was removed, over mean square of the curtains; 100 %
where nothing was found. "left, told": the same if the direction is known. Both mean squares are
without what is smooth across the columns (Gaussian of 8 px), which is shading. "damage": standard
deviation of what is removed from the image without curtains, told that it has some, relative to
that of the image; in parentheses without what is smooth across the columns.

Other programs get the same images and are told the direction. Of eight settings each, the best is
chosen by looking at the curtains, which a user cannot do: for each image, strength and seed, and
once for all. Seconds are those on the processor.

With --real also what is found in images with curtains of their own and what remains of them, and
with --clean how often stripes are found in images that should have none.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from scipy import ndimage

from autoStructN2V.datasets import make_sample, open_images
from autoStructN2V.datasets.samples.curtains import curtains
from autoStructN2V.errors import InputError
from autoStructN2V.masking import detect_periodic_patterns, remove_patterns
from autoStructN2V.masking.patterns import stripes
from autoStructN2V.masking.patterns.lines import offsets as line_offsets
from autoStructN2V.masking.patterns.lines.profile import upright
from autoStructN2V.masking.patterns.pattern import Stripes
from autoStructN2V.masking.patterns.pattern_limits import PATTERN_LIMITS
from autoStructN2V.masking.patterns.spectrum import centered_blocks, mean_power
from autoStructN2V.sampling import MOST_SLICES, evenly
from peers import run_script
from tables import Table, add_common_arguments, machine, use_threads, write_report

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from autoStructN2V.masking.patterns.pattern import Pattern
    from autoStructN2V.vocabulary import Lines

    Image = NDArray[np.float32]

Row: TypeAlias = dict[str, Any]

_OWN = "autoStructN2V"
_PEERS = ("VSNR", "wavelet-Fourier")
_STRENGTHS = (0.25, 0.5, 1.0)  # standard deviation of the curtains over that of the image
_SEEDS = (11, 12)
_SHADING_SCALE = 8.0  # px
_SIDE = 512  # px
_TIFF = (".tif", ".tiff")
_SMALLEST_SIDE = 200  # px: in smaller images no stripes are looked for
_PIXELS_OF_MEGAPIXEL = 1e6


@dataclass(frozen=True)
class Case:
    """An image with curtains, or without: then `strength` and `curtains` are 0."""

    name: str
    clean: Image
    strength: float
    seed: int
    curtains: Image

    @property
    def striped(self) -> Image:
        """The image with the curtains."""
        return self.clean + self.curtains

    @property
    def key(self) -> str:
        """Different for each case of an image."""
        return f"{self.strength} {self.seed}"

    @property
    def megapixels(self) -> float:
        """Size of the image."""
        return self.clean.size / _PIXELS_OF_MEGAPIXEL

    def left(self, removed: Image) -> float:
        """Share of the power of the curtains that is left."""
        error, truth = _detail(removed - self.curtains), _detail(self.curtains)
        return float(np.square(error).mean() / np.square(truth).mean())

    def damage(self, removed: Image) -> list[float]:
        """Return how much was removed, with and without what is smooth, relative to the image."""
        std = self.clean.std(dtype=np.float64)
        return [float(part.std(dtype=np.float64) / std) for part in (removed, _detail(removed))]

    def score(self, removed: Image) -> Row:
        """Judge what was removed: what is left of the curtains, or the damage if there are none."""
        return {"left": self.left(removed)} if self.strength else {"damage": self.damage(removed)}


def _detail(image: Image) -> NDArray[np.float64]:
    pixels = image.astype(np.float64)
    detail: NDArray[np.float64] = pixels - ndimage.gaussian_filter1d(pixels, _SHADING_SCALE, axis=1)
    return detail


def cases_of(
    name: str, image: Image, strengths: Sequence[float], seeds: Sequence[int]
) -> list[Case]:
    """Draw curtains of each strength and seed on an image; the first case has none."""
    drawn = [Case(name, image, 0.0, 0, np.zeros_like(image))]
    height, width = image.shape
    for strength, seed in product(strengths, seeds):
        std = strength * float(image.std(dtype=np.float64))
        shapes = curtains((height, width), std, np.random.default_rng(seed))
        drawn.append(Case(name, image, strength, seed, shapes.astype(np.float32)))
    return drawn


def along(patterns: list[Pattern]) -> list[Lines]:
    """Return the directions in which stripes were found."""
    return [pattern.lines for pattern in patterns if isinstance(pattern, Stripes)]


def own_row(case: Case) -> Row:
    """Find and remove curtains, and remove them if only the direction is told."""
    striped = case.striped
    start = time.process_time()
    patterns = detect_periodic_patterns([striped[None]])
    found_at = time.process_time()
    told_patterns = stripes.detect_stripes([striped], remove_stripes="columns")
    told = striped - remove_patterns(striped[None], told_patterns)[0]
    seconds = [found_at - start, time.process_time() - found_at]
    removed = striped - remove_patterns(striped[None], patterns)[0]
    return {
        "found": along(patterns),
        "also_found": [p.sentence for p in patterns if not isinstance(p, Stripes)],
        "found_and_removed": case.score(removed),
        _OWN: {"": case.score(told) | {"seconds_per_megapixel": seconds[1] / case.megapixels}},
        "seconds_per_megapixel_to_find": seconds[0] / case.megapixels,
    }


def peer_rows(cases: list[Case], python: Path, threads: int | None) -> list[Row]:
    """Judge other programs: for each case, figures for each program and setting."""
    images = {case.key: case.striped for case in cases}
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / name for name in ("striped.npz", "cleaned.npz")]
        np.savez(files[0], **images)  # type: ignore[arg-type]
        run_script("peer_stripes.py", files, python, threads)
        with np.load(files[1]) as file:
            return [_peer_row(case, file) for case in cases]


def _peer_row(case: Case, file: np.lib.npyio.NpzFile) -> Row:
    row: Row = {peer: {} for peer in _PEERS}
    names = [name.split("/") for name in file.files]
    for peer, setting in (rest for key, *rest in names if key == case.key and len(rest) == 2):
        path = f"{case.key}/{peer}/{setting}"
        seconds = float(file[f"{path}/seconds"]) / case.megapixels
        score = case.score(case.striped - file[path])
        row[peer][setting] = score | {"seconds_per_megapixel": seconds}
    return row


def measure(images: Iterator[tuple[str, Image]], arguments: argparse.Namespace) -> list[Row]:
    """Print what is left of curtains in each image, and return all figures of each case."""
    table = Table(["image", "strength", "found", "left", "left, told", *_PEERS])
    rows: list[Row] = []
    for name, image in images:
        cases = cases_of(name, image, arguments.strengths, arguments.seeds)
        peers: list[Row] = [{peer: {} for peer in _PEERS}] * len(cases)
        if arguments.stripes_python is not None:
            peers = peer_rows(cases, arguments.stripes_python, arguments.threads)
        new = [
            {"image": name, "strength": case.strength, "seed": case.seed, **own_row(case), **others}
            for case, others in zip(cases, peers, strict=True)
        ]
        for strength in arguments.strengths:
            group = [row for row in new if row["strength"] == strength]
            table.add([name, f"{strength:g}", *_cells(group)], {})
        rows += new
    return rows


def _cells(group: list[Row]) -> list[str]:
    found = sum(row["found"] == ["columns"] for row in group)
    left = float(np.mean([row["found_and_removed"]["left"] for row in group]))
    told = [_percent(_left(group, method)) for method in (_OWN, *_PEERS)]
    return [f"{found} of {len(group)}", _percent(left), *told]


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def best_setting(rows: list[Row], method: str) -> str | None:
    """Return the setting with the least that is left on average; None if there are no figures."""
    settings: list[str] = list(rows[0][method])
    if not settings:
        return None
    return min(settings, key=lambda s: float(np.mean([row[method][s]["left"] for row in rows])))


def _left(rows: list[Row], method: str, setting: str | None = None) -> float | None:
    """Mean of what is left with this setting, or else with the best of each row."""
    chosen = [setting or best_setting([row], method) for row in rows]
    if None in chosen:
        return None
    return float(np.mean([row[method][s]["left"] for row, s in zip(rows, chosen, strict=True)]))


def print_damage(rows: list[Row]) -> None:
    """Print what is done to the images without curtains, with the settings of each strength."""
    table = Table(["image without curtains", "found", "settings for", _OWN, *_PEERS])
    for clean in (row for row in rows if not row["strength"]):
        of_image = [row for row in rows if row["image"] == clean["image"] and row["strength"]]
        for strength in sorted({row["strength"] for row in of_image}):
            group = [row for row in of_image if row["strength"] == strength]
            cells = [_damage_cell(clean, group, method) for method in (_OWN, *_PEERS)]
            found = ", ".join(clean["found"]) or "nothing"
            table.add([clean["image"], found, f"{strength:g}", *cells], {})


def _damage_cell(clean: Row, group: list[Row], method: str) -> str:
    chosen = [best_setting([row], method) for row in group]
    damages = [clean[method][setting]["damage"] for setting in chosen if setting is not None]
    if not damages:
        return "-"
    whole, detail = np.mean(damages, axis=0)
    return f"{whole:.1%} ({detail:.1%})"


def summarize(rows: list[Row]) -> list[Row]:
    """Print the mean over all images, strengths and seeds, for each program."""
    striped = [row for row in rows if row["strength"]]
    columns = ["told the direction", "left, best setting for each", "left, one setting for all"]
    table = Table([*columns, "its damage", "setting", "s per megapixel"])
    for method in (_OWN, *_PEERS):
        setting = best_setting(striped, method)
        if setting is None:
            continue
        damage = np.mean([r[method][setting]["damage"] for r in rows if not r["strength"]], axis=0)
        all_seconds = [of["seconds_per_megapixel"] for row in rows for of in row[method].values()]
        values: Row = {
            "method": method,
            "left_best": _left(striped, method),
            "left_one": _left(striped, method, setting),
            "setting": setting,
            "damage": damage.tolist(),
            "seconds_per_megapixel": float(np.median(all_seconds)),
        }
        cells = [method, _percent(values["left_best"]), _percent(values["left_one"])]
        cells += [f"{damage[0]:.1%} ({damage[1]:.1%})", setting or "-"]
        table.add([*cells, f"{values['seconds_per_megapixel']:.2f}"], values)
    to_find = float(np.median([row["seconds_per_megapixel_to_find"] for row in rows]))
    print(f"\n{_OWN} needs {to_find:.2f} s per megapixel to find out whether there are stripes.")
    return table.rows


def striped_share(image: Image, lines: Lines) -> float:
    """Share of the places of an image that have stripes."""
    limits = PATTERN_LIMITS.stripes
    pieces = [stripes._typical(p, limits) for p in stripes._pieces_of([image], lines, limits)]
    places = [stripes._striped_places(steps, limits) for steps in pieces]
    return float(np.mean(np.concatenate([found.ravel() for found in places])))


def line_ratio(image: Image, lines: Lines) -> float:
    """Power at zero frequency along the lines, relative to the frequencies next to it."""
    turned, limits = upright(image, lines)[None], PATTERN_LIMITS.lines
    steps = np.diff(centered_blocks([turned], limits.smallest_side), axis=2)[:, 1:]
    power = mean_power(steps - steps.mean(axis=(1, 2), keepdims=True))
    return line_offsets._line_ratio(power, limits)


def measure_real(files: list[str]) -> list[Row]:
    """Find and remove the curtains that images have."""
    columns = ["real image", "found", "places with stripes before / after"]
    table = Table([*columns, "ratio of powers before / after", "s to find / remove"])
    for name, image in (pair for file in files for pair in slices_of(file)):
        start = time.process_time()
        patterns = detect_periodic_patterns([image[None]])
        found_at = time.process_time()
        cleaned = remove_patterns(image[None], patterns)[0]
        seconds = [found_at - start, time.process_time() - found_at]
        lines = (along(patterns) or ["columns"])[0]
        found = "; ".join(pattern.sentence for pattern in patterns) or "nothing"
        shares = [striped_share(pixels, lines) for pixels in (image, cleaned)]
        ratios = [line_ratio(pixels, lines) for pixels in (image, cleaned)]
        cells = [f"{name}, {image.shape[0]} x {image.shape[1]}", found]
        cells += [f"{shares[0]:.0%} / {shares[1]:.0%}", f"{ratios[0]:.1f} / {ratios[1]:.2f}"]
        values = {"image": name, "found": found, "places": shares, "ratios": ratios}
        table.add([*cells, f"{seconds[0]:.1f} / {seconds[1]:.1f}"], values | {"seconds": seconds})
    return table.rows


def measure_clean(folders: list[Path]) -> Row:
    """Look for stripes in each slice of all TIFF files below folders."""
    files = [f for folder in folders for f in folder.rglob("*") if f.suffix.lower() in _TIFF]
    table = Table(["file", "slices", "with stripes", "found"])
    n_slices = n_small = n_found = 0
    for file in sorted(files):
        try:
            images = [image for _, image in slices_of(str(file))]
        except InputError as error:
            print(f"left out: {error}")
            continue
        large = [image for image in images if min(image.shape) >= _SMALLEST_SIDE]
        found = [along(detect_periodic_patterns([image[None]])) for image in large]
        striped = {k: lines for k, lines in enumerate(found) if lines}
        n_slices, n_found = n_slices + len(large), n_found + len(striped)
        n_small += len(images) - len(large)
        if striped:
            what = "; ".join(f"{k}: {', '.join(lines)}" for k, lines in striped.items())
            table.add([file.name, str(len(large)), str(len(striped)), what], {"file": file.name})
    print(
        f"\nStripes in {n_found} of {n_slices} slices of {len(files)} files; "
        f"{n_small} slices are too small."
    )
    return {"slices": n_slices, "too_small": n_small, "with_stripes": n_found, "files": table.rows}


def slices_of(place: str) -> Iterator[tuple[str, Image]]:
    """Read FILE:SLICE, or the slices of a file or of all files of a folder, evenly chosen."""
    path, _, number = place.rpartition(":")
    chosen = int(number) if path and number.isdigit() else None
    for source in open_images(place if chosen is None else path, mode="2D"):
        n_slices = source.shape[0]
        for k in evenly(n_slices, MOST_SLICES) if chosen is None else [chosen]:
            yield source.name if n_slices == 1 else f"{source.name} {k}", source.read_slice(k)


def pictures(arguments: argparse.Namespace) -> Iterator[tuple[str, Image]]:
    """Images without curtains, given by the user or else synthetic."""
    side = arguments.side
    for place in arguments.images:
        for name, image in slices_of(place):
            yield name, image[:side, :side]
    if not arguments.images:
        for seed in arguments.seeds:
            sample = make_sample("random", seed, (1, side, side))
            yield f"synthetic {seed}, clean", sample.clean[0]
            yield f"synthetic {seed}, noisy", sample.noisy[0]


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    places = "FILE:SLICE, file or folder"
    add("--images", nargs="+", default=[], metavar="IMAGE", help=f"{places}; default: synthetic")
    strengths = (
        "of the curtains, relative to the standard deviation of the image; none: no such test"
    )
    add("--strengths", nargs="*", type=float, default=_STRENGTHS, metavar="S", help=strengths)
    add("--seeds", nargs="+", type=int, default=_SEEDS, metavar="N", help="default 11 12")
    add("--side", type=int, default=_SIDE, help="px of the corner that is used (default 512)")
    add("--stripes-python", type=Path, help="also other programs: see peer_stripes.py")
    add("--real", nargs="+", default=[], metavar="IMAGE", help=f"with curtains: {places}")
    add("--clean", nargs="+", type=Path, default=[], metavar="DIR", help="without stripes")
    add_common_arguments(parser)
    return parser.parse_args()


def main() -> None:
    arguments = read_arguments()
    use_threads(arguments.threads)
    report: Row = {"machine": machine(), "seeds": arguments.seeds}
    if arguments.strengths:
        report["cases"] = measure(pictures(arguments), arguments)
        print()
        print_damage(report["cases"])
        print()
        report["summary"] = summarize(report["cases"])
    if arguments.real:
        print()
        report["real"] = measure_real(arguments.real)
    if arguments.clean:
        print()
        report["clean"] = measure_clean(arguments.clean)
    write_report(arguments.json, report)


if __name__ == "__main__":
    main()
