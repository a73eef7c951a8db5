"""Denoising of photographs with known noise, beside BM3D, which is told how strong the noise is.

Adds Gaussian noise to the clean 8-bit images (*.png) of a folder; it is never clipped. Trains on
the noisy images themselves, or with --train on another stack with the same noise, and denoises
them. Scores are the peak signal-to-noise ratio in dB for a peak of 255, of the result as it is and
clipped to 0 to 255; "gap" is denoised minus BM3D. The noise of an image depends on the seed and on
its place in the folder alone.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from autoStructN2V.datasets import ArraySource, open_images, read_stack
from autoStructN2V.pipeline import (
    denoise_array_events,
    finish,
    pipeline_events,
    validate_config,
)
from autoStructN2V.trainers import StageFinished, StageTrained
from peers import run_script
from quality import Stopwatch
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
from tasks import psnr

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from autoStructN2V.pipeline import PipelineConfig
    from autoStructN2V.pipeline.events import Event
    from autoStructN2V.trainers import TrainedModel

    Images = dict[str, NDArray[np.float32]]

_PEAK = 255.0
_METHODS = ("n2v", "autostructn2v")
_COLUMNS = ["image", "input", "denoised", "clipped", "BM3D", "BM3D clipped", "gap"]
_PROGRAMS = ("denoised", "bm3d")


@dataclass
class TrainingStopwatch(Stopwatch):
    """Seconds of training and of denoising of each stage."""

    def __call__(self, event: Event) -> None:
        """Note the time when a part ends."""
        if isinstance(event, StageTrained):
            self._lap(f"training {event.stage}")
        elif isinstance(event, StageFinished):
            self._lap(f"denoising {event.stage}")
        else:
            super().__call__(event)


def read_images(folder: Path, most: int | None) -> Images:
    files = sorted(folder.glob("*.png"))[:most]
    if not files:
        raise SystemExit(f"{folder} holds no .png files")
    return {file.stem: np.asarray(Image.open(file).convert("L"), np.float32) for file in files}


def noisy_images(clean: Images, sigma: float, seed: int) -> Images:
    return {
        name: with_noise(image, sigma, [seed, 0, number])
        for number, (name, image) in enumerate(clean.items())
    }


def with_noise(image: NDArray[np.float32], sigma: float, seed: list[int]) -> NDArray[np.float32]:
    noise = np.random.default_rng(seed).standard_normal(image.shape, np.float32)
    return image + np.float32(sigma) * noise


def training_images(noisy: Images, arguments: argparse.Namespace) -> list[NDArray[np.float32]]:
    """Return what is trained on: the images themselves, or another stack with noise of its own."""
    if arguments.train is None:
        return list(noisy.values())
    (source,) = open_images(arguments.train, mode="2D")
    return [with_noise(read_stack(source), arguments.sigma, [arguments.seed, 1])]


def configuration(arguments: argparse.Namespace) -> PipelineConfig:
    seed = 42 + arguments.seed
    return validate_config(chosen_fields(arguments, method=arguments.method, random_seed=seed))


def trained_model(
    images: list[NDArray[np.float32]], config: PipelineConfig, stopwatch: Stopwatch
) -> TrainedModel:
    """Train until the last stage is ready to be applied; it need not denoise what it trained on."""
    last = 2 if config.method == "autostructn2v" and config.run_stage2 else 1
    events = pipeline_events(images, config)
    model = None
    for event in events:
        stopwatch(event)
        if isinstance(event, StageTrained):
            model = event.model
            if event.stage == last:
                break
    events.close()
    assert model is not None
    return model


def denoised_images(
    noisy: Images, arguments: argparse.Namespace
) -> tuple[Images, dict[str, float]]:
    """Train and denoise; return the images and the seconds of each part."""
    config, clock = configuration(arguments), clock_of(arguments.clock)
    stopwatch = TrainingStopwatch(clock)
    model = trained_model(training_images(noisy, arguments), config, stopwatch)
    start = clock()
    sources = [ArraySource(image, name) for name, image in noisy.items()]
    stacks = finish(denoise_array_events(sources, model, device=config.device))
    assert stacks is not None
    spent = {**stopwatch.seconds, "denoising": clock() - start}
    return {name: stack[0] for name, stack in zip(noisy, stacks, strict=True)}, spent


def bm3d_images(noisy: Images, python: Path, sigma: float, threads: int | None) -> Images:
    """Return what BM3D makes of the images, and its seconds of each as ``NAME.seconds``."""
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / name for name in ("noisy.npz", "denoised.npz")]
        np.savez(files[0], **noisy)  # type: ignore[arg-type]
        run_script("peer_bm3d.py", [*files, "--sigma", sigma], python, threads)
        with np.load(files[1]) as file:
            return {name: file[name] for name in file.files}


def peak_psnr(image: NDArray[np.floating], clean: NDArray[np.float32]) -> float:
    return psnr(image / _PEAK, clean / _PEAK)


def scores(images: Images, clean: Images) -> dict[str, dict[str, float]]:
    """Return the PSNR of each image, as it is and clipped."""
    return {
        name: {
            "psnr": peak_psnr(images[name], truth),
            "clipped": peak_psnr(np.clip(images[name], 0, _PEAK), truth),
        }
        for name, truth in clean.items()
    }


def bm3d_scores(noisy: Images, clean: Images, arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the scores of BM3D: those of an earlier run, or of a new one, which are kept."""
    noise = {"sigma": arguments.sigma, "seed": arguments.seed}
    kept = arguments.bm3d_json
    if kept is not None and kept.exists():
        figures: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
        found = {name: figures[name] for name in noise}
        if found != noise or not clean.keys() <= figures["images"].keys():
            raise SystemExit(f"{kept} is of other images or other noise: {found}, not {noise}")
        return dict(figures["images"])
    python, threads = arguments.bm3d_python, arguments.threads
    images = bm3d_images(noisy, python, arguments.sigma, threads)
    found_scores = scores(images, clean)
    for name in clean:
        found_scores[name]["seconds"] = float(images[f"{name}.seconds"])
    write_report(kept, {**noise, "threads": threads, "images": found_scores})
    return found_scores


def rows_of(all_scores: dict[str, dict[str, Any]], names: list[str]) -> list[dict[str, Any]]:
    """Return one row for each image, and their mean."""
    rows = []
    for name in names:
        row: dict[str, Any] = {"image": name}
        for program, images in all_scores.items():
            row |= {f"{program}_{kind}": value for kind, value in images[name].items()}
        rows.append(row)
    kinds = [kind for kind in rows[0] if kind != "image"]
    mean = {kind: float(np.mean([row[kind] for row in rows])) for kind in kinds}
    return [*rows, {"image": f"mean of {len(rows)}", **mean}]


def cells_of(row: dict[str, Any]) -> list[str]:
    kinds = ["input_psnr", *(f"{p}_{kind}" for p in _PROGRAMS for kind in ("psnr", "clipped"))]
    cells = [f"{row[kind]:.2f}" if kind in row else "-" for kind in kinds]
    has_both = all(f"{program}_psnr" in row for program in _PROGRAMS)
    gap = f"{row['denoised_psnr'] - row['bm3d_psnr']:+.2f}" if has_both else "-"
    return [row["image"], *cells, gap]


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--data", type=Path, required=True, metavar="DIR", help="folder of clean 8-bit .png images")
    add("--train", type=Path, metavar="FILE", help="clean stack; default: train on the images")
    add("--sigma", type=float, default=25.0, help="of the noise (default 25)")
    add("--seed", type=int, default=0, metavar="N", help="of noise and training (default 0)")
    add("--most", type=int, metavar="N", help="take only the first N images")
    add("--no-training", action="store_true", help="BM3D alone")
    add("--method", choices=_METHODS, default=_METHODS[0], help=f"default {_METHODS[0]}")
    add_settings_arguments(parser)
    add("--bm3d-python", type=Path, metavar="FILE", help="interpreter that has bm3d")
    add(
        "--bm3d-json",
        type=Path,
        metavar="FILE",
        help="scores of BM3D: read if the file exists, else written",
    )
    add_clock_argument(parser)
    add_common_arguments(parser)
    return parser.parse_args()


def main() -> None:
    arguments = read_arguments()
    use_threads(arguments.threads)
    clean = read_images(arguments.data, arguments.most)
    noisy = noisy_images(clean, arguments.sigma, arguments.seed)
    report: dict[str, Any] = {"machine": machine(), "settings": vars(arguments)}
    all_scores: dict[str, dict[str, Any]] = {"input": scores(noisy, clean)}
    if arguments.bm3d_python or (arguments.bm3d_json and arguments.bm3d_json.exists()):
        all_scores["bm3d"] = bm3d_scores(noisy, clean, arguments)
    if not arguments.no_training:
        denoised, report["seconds"] = denoised_images(noisy, arguments)
        all_scores["denoised"] = scores(denoised, clean)
    table = Table(_COLUMNS)
    for row in rows_of(all_scores, list(clean)):
        table.add(cells_of(row), row)
    report["rows"] = table.rows
    if "seconds" in report:
        parts = ", ".join(f"{name} {spent:.1f}" for name, spent in report["seconds"].items())
        print(f"\nSeconds: {parts}")
    write_report(arguments.json, report)


if __name__ == "__main__":
    main()
