"""Files written by other programs: trained on, denoised, and read again by other programs.

    pip install ngff-zarr ome-zarr mrcfile h5py ome-types pylibCZIrw bioio-czi
    python benchmarks/other_programs.py WORK --w2s ../shared/data/fluo/w2s

Every file holds the same widefield fluorescence (W2S, Zhou et al., arXiv:2003.05961; 10 fields of
view in three channels, one exposure each, and the mean of 400 as truth) or, without ``--w2s``,
generated images: channels are channels, and fields or parts of them are slices and frames. Each is
inspected, trained on and denoised by the command line, each channel for itself. "dB" is the PSNR
of the input and of the result that the *other* program read, for the range of the truth; each
slice is brought to the scale of its truth by the best affine fit, as every one was stretched to
8 bits for itself. "differs" names what the other program found changed: axes, sizes, scale, names
of channels, time between frames, and slices that resemble another slice of the truth more than
their own. Exit code 1 if anything differs, or a result is not better than its input.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import foreign_files as foreign
from autoStructN2V.datasets import open_images, read_stack
from autoStructN2V.datasets.samples.synthetic import make_sample
from command_line import COMMAND
from foreign_files import Facts, facts_of
from settings import add_settings_arguments
from tables import Table, add_common_arguments, machine, use_threads, write_report
from tasks import affine_fit, psnr

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_COLUMNS = ["file", "written by", "axes", "input dB", "result dB", "result", "differs"]
_NAMES = ("DAPI", "GFP", "RFP")
_SCALE = {"z": 0.5, "y": 0.108, "x": 0.108}  # micrometers
_SIDE = 128  # px
_READ = (".zarr", ".mrc", ".tif")  # by foreign_files.facts_of
_SECONDS = 2.0  # from frame to frame


@dataclass(frozen=True)
class Case:
    """A file: its name, who writes it, its axes, and the ending of its result."""

    name: str
    by: str
    write: Callable[[Path, NDArray[Any], Facts], None]
    axes: str
    sizes: tuple[int, ...]
    result: str
    dtype: str = "uint16"
    unit: str = "micrometer"
    has_names: bool = True


_CASES = [
    Case("v04.ome.zarr", "ome-zarr", foreign.write_by_ome_zarr, "tczyx", (2, 3, 8), ".ome.zarr"),
    Case("v05.ome.zarr", "ngff-zarr", foreign.write_by_ngff_zarr, "czyx", (3, 10), ".ome.zarr",
         unit="nanometer"),
    Case("tomogram.mrc", "mrcfile", foreign.write_by_mrcfile, "zyx", (20,), ".mrc", "int16",
         "angstrom", has_names=False),
    Case("cells.czi", "pylibCZIrw", foreign.write_by_pylibczirw, "czyx", (3, 10), ".tif"),
    Case("cells.ome.tif", "tifffile", foreign.write_ome_tiff, "tczyx", (4, 3, 20), ".tif"),
    Case("hyperstack.tif", "tifffile", foreign.write_imagej, "tzcyx", (4, 20, 3), ".tif",
         has_names=False),
    Case("cells.h5", "h5py", foreign.write_by_h5py, "zyx", (20,), ".ome.zarr", has_names=False),
]  # fmt: skip


def pieces(folder: Path | None, n: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return noisy images and the truth, (channel, piece, y, x) each."""
    if folder is None:
        return generated(n)
    sets = []
    for kind in ("noisy", "gt"):
        channels = [
            read_stack(open_images(folder / f"w2s_ch{c}_{kind}.tif", mode="2D")[0])
            for c in range(len(_NAMES))
        ]
        sets.append(np.stack([cut(channel, n) for channel in channels]))
    return sets[0], sets[1]


def cut(images: NDArray[np.float32], n: int) -> NDArray[np.float32]:
    """Cut images (z, y, x) into squares and return the first ``n``."""
    rows = range(0, images.shape[1] - _SIDE + 1, _SIDE)
    squares = np.stack(
        [z[y : y + _SIDE, x : x + _SIDE] for z in images for y in rows for x in rows]
    )
    return squares[:n]


def generated(n: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return generated images whose noise runs along rows, in each channel others."""
    samples = [make_sample("horizontal_lines", c, (n, _SIDE, _SIDE)) for c in range(len(_NAMES))]
    noisy, clean = (
        np.stack([getattr(sample, which) for sample in samples]) for which in ("noisy", "clean")
    )
    return 100.0 * (noisy - clean.min() + 1.0), clean


def arranged(pieces_: NDArray[np.float32], case: Case) -> NDArray[np.float32]:
    """Arrange (channel, piece, y, x) as the axes of a case; without channels, the first one."""
    sizes = dict(zip(case.axes, case.sizes, strict=False))
    frames, slices = sizes.get("t", 1), sizes.get("z", 1)
    image = pieces_[: sizes.get("c", 1), : frames * slices]
    image = image.reshape(-1, frames, slices, *image.shape[-2:])
    kept = [axis for axis in "ctzyx" if axis in case.axes]
    image = image.squeeze(tuple(i for i, axis in enumerate("ctzyx") if axis not in case.axes))
    return image.transpose([kept.index(axis) for axis in case.axes])


def facts_for(case: Case, shape: tuple[int, ...]) -> Facts:
    """Return what the file of a case is to say."""
    names = _NAMES if case.has_names and "c" in case.axes else ()
    scale = {axis: size for axis, size in _SCALE.items() if axis in case.axes}
    return Facts(case.axes, shape, scale, case.unit, names, _SECONDS if "t" in case.axes else None)


def call(*words: object) -> str:
    """Run the command line and return what it says; an error ends the benchmark."""
    command = [*COMMAND, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, words))}: exit {done.returncode}\n{done.stderr}")
    return done.stdout + done.stderr


def run(case: Case, arguments: argparse.Namespace) -> dict[str, Any]:
    """Write the file of a case, train, denoise, and read the result by another program."""
    n = int(np.prod([n for axis, n in zip(case.axes, case.sizes, strict=False) if axis != "c"]))
    noisy, truth = (arranged(images, case) for images in pieces(arguments.w2s, n))
    stored = np.round(noisy * 16.0).astype(case.dtype)
    facts = facts_for(case, stored.shape)
    folder = arguments.work / case.name
    folder.mkdir(parents=True)
    source, result = folder / case.name, folder / f"result{case.result}"
    case.write(source, stored, facts)
    has_channels = "c" in case.axes
    said = [call("inspect", source, *(["--channel", 1] if has_channels else []))]
    models = folder / "models"
    words = ["--preset", arguments.preset, *(f"--set={text}" for text in arguments.set)]
    each = ["--channels", "each"] if has_channels else []
    said += [call("train", source, "--output", models, *each, *words)]
    said += [call("denoise", source, "--model", models, "--output", result)]
    (folder / "said.txt").write_text("\n".join(said), encoding="utf-8")
    pixels, found = facts_of(result)
    wrong = found.long_axes().differences(facts.long_axes())
    if source.suffix in _READ:  # what was asked for is what the other program made
        wrong += facts_of(source)[1].long_axes().differences(facts.long_axes())
    pixels = pixels.squeeze()
    if pixels.shape != truth.squeeze().shape:
        raise SystemExit(f"{result} is {pixels.shape}, and should be {truth.squeeze().shape}")
    slices = [image.reshape(-1, _SIDE, _SIDE) for image in (stored, pixels, truth)]
    wrong += misplaced(slices[1], slices[2])
    scores = [score(image, slices[2]) for image in slices[:2]]
    if scores[1] <= scores[0]:
        wrong.append("result not better than the input")
    return {"file": case.name, "by": case.by, "axes": case.axes, "input": scores[0],
            "result": scores[1], "written": str(result), "wrong": wrong}  # fmt: skip


def score(images: NDArray[Any], truth: NDArray[np.float32]) -> float:
    """Return the PSNR of images (n, y, x), each on the scale of its truth."""
    fitted = np.stack([affine_fit(*pair) for pair in zip(images, truth, strict=True)])
    return psnr(fitted / np.ptp(truth), truth / np.ptp(truth))


def misplaced(images: NDArray[Any], truth: NDArray[np.float32]) -> list[str]:
    """Say if most images (n, y, x) resemble the truth of another place more than their own."""
    centered = [
        (stack - stack.mean((1, 2), keepdims=True)).reshape(len(stack), -1).astype(np.float64)
        for stack in (images, truth)
    ]
    unit = [rows / (np.linalg.norm(rows, axis=1, keepdims=True) + 1e-9) for rows in centered]
    likest = (unit[0] @ unit[1].T).argmax(1)
    n_wrong = int((likest != np.arange(len(images))).sum())
    return [f"{n_wrong} of {len(images)} slices out of place"] if 2 * n_wrong > len(images) else []


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("work", type=Path, help="new folder for files, models, results")
    parser.add_argument(
        "--w2s", type=Path, metavar="DIR", help="real images, as in the table above"
    )
    parser.add_argument("--only", nargs="+", metavar="FILE", help="only these files")
    add_settings_arguments(parser)
    add_common_arguments(parser)
    arguments = parser.parse_args()
    if arguments.work.exists():
        parser.error(f"{arguments.work} exists; choose a new folder")
    use_threads(arguments.threads)
    table = Table(_COLUMNS)
    for case in _CASES:
        if arguments.only and case.name not in arguments.only:
            continue
        row = run(case, arguments)
        scores = [f"{row[key]:.2f}" for key in ("input", "result")]
        differs = "; ".join(row["wrong"]) or "nothing"
        table.add([case.name, case.by, case.axes, *scores, case.result, differs], row)
    write_report(arguments.json, {"machine": machine(), "rows": table.rows})
    return int(any(row["wrong"] for row in table.rows))


if __name__ == "__main__":
    sys.exit(main())
