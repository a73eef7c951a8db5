"""How much triplets along time gain in a movie whose clean truth is known.

Movies like calcium imaging (cells that move with their tissue and on their own, and blink; shot
noise, read noise, and noise that neighbors in a row share) are denoised frame by frame (2D) and
with triplets, a frame with the ones before and after (2.5D along time). Peak signal-to-noise
ratio in dB against the truth, peak 1; "shown by the frame before" is what the program measures of
the structure of a frame, and "truth" the same of the clean movie. Seconds are those of a run.

With --real a movie without truth is denoised as well, and the middle of a frame written as PNG: as
it is, 2D, 2.5D along time.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from autoStructN2V.datasets import ArraySource, ImageMetadata, open_images, read_stack
from autoStructN2V.datasets.samples.movie import MOVIE_SHAPE, make_movie
from autoStructN2V.masking import measure_noise_autocorrelation
from autoStructN2V.masking.frames.prediction import predicted_share
from autoStructN2V.pipeline import finish, pipeline_events
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

    Movie = NDArray[np.float32]

_WAYS: dict[str, dict[str, Any]] = {
    "2D": {"mode": "2D"},
    "2.5D along time": {"mode": "2.5D", "triplets_along": "time"},
}
_COLUMNS = ["seed", "px per frame", "input", *_WAYS, "gain", "shown by the frame before", "truth"]
_COLUMNS += [f"{way} s" for way in _WAYS]
_SPEEDS = (0.3, 4.0)  # px from frame to frame
_CROP = 256  # px


def denoised(movie: Movie, arguments: argparse.Namespace, way: str) -> tuple[Movie, float]:
    """Denoise a movie (t, y, x); return it and the seconds that it took."""
    clock = clock_of(arguments.clock)
    source = ArraySource(movie, "movie", ImageMetadata(axes="TYX", shape=movie.shape))
    start = clock()
    result = finish(pipeline_events(source, chosen_fields(arguments, **_WAYS[way])))
    assert result.last_stage is not None and result.last_stage.denoised is not None
    return result.last_stage.denoised[0], clock() - start


def true_share(clean: Movie) -> float:
    """Return how much of the structure of clean frames (t, y, x) the ones before show."""
    a, b = clean[:-1], clean[1:]
    a, b = (frames - frames.mean(axis=(1, 2), keepdims=True) for frames in (a, b))
    return float((a * b).mean() / ((a * a).mean() + (b * b).mean()) * 2.0)


def run_movie(seed: int, speed: float, arguments: argparse.Namespace) -> dict[str, Any]:
    """Denoise one movie in both ways and compare with the truth."""
    sample = make_movie(seed, tuple(arguments.shape), speed=speed)
    row: dict[str, Any] = {"seed": seed, "speed": speed, "input": psnr(sample.noisy, sample.clean)}
    noise = measure_noise_autocorrelation([sample.noisy])
    row["shown"] = predicted_share([ArraySource(sample.noisy)], noise)
    row["truth"] = true_share(sample.clean)
    for way in _WAYS:
        image, row[f"{way} s"] = denoised(sample.noisy, arguments, way)
        row[way] = psnr(image, sample.clean)
    return row


def cells_of(row: dict[str, Any]) -> list[str]:
    first, second = (row[way] for way in _WAYS)
    shown = "-" if row["shown"] is None else f"{100 * row['shown']:.0f} %"
    return [
        str(row["seed"]),
        f"{row['speed']:g}",
        f"{row['input']:.2f}",
        f"{first:.2f}",
        f"{second:.2f}",
        f"{second - first:+.2f}",
        shown,
        f"{100 * row['truth']:.0f} %",
        *(f"{row[f'{way} s']:.0f}" for way in _WAYS),
    ]


def show_real(path: Path, arguments: argparse.Namespace) -> None:
    """Denoise a movie of a file in both ways, and write the middle of a frame side by side."""
    movie = read_stack(open_images(path, mode="2.5D", triplets_along="time")[0])
    images = [movie, *(denoised(movie, arguments, way)[0] for way in _WAYS)]
    t, (height, width) = len(movie) // 2, movie.shape[1:]
    y, x = max(0, (height - _CROP) // 2), max(0, (width - _CROP) // 2)
    crops = [image[t, y : y + _CROP, x : x + _CROP] for image in images]
    low, high = np.percentile(crops[-1], [0.5, 99.8])
    row = np.concatenate(crops, axis=1)
    gray = np.clip((row - low) / max(high - low, 1e-9) * 255.0, 0, 255).astype(np.uint8)
    Image.fromarray(gray).save(arguments.png)
    print(arguments.png)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--speeds", type=float, nargs="+", default=list(_SPEEDS))
    parser.add_argument("--shape", type=int, nargs=3, default=list(MOVIE_SHAPE))
    parser.add_argument("--real", type=Path, help="a movie without truth, to be looked at")
    parser.add_argument("--png", type=Path, default=Path("movie.png"), help="where it is shown")
    add_settings_arguments(parser)
    add_clock_argument(parser)
    add_common_arguments(parser)
    arguments = parser.parse_args()
    use_threads(arguments.threads)
    if arguments.real is not None:
        return show_real(arguments.real, arguments)
    table = Table(_COLUMNS)
    for speed in arguments.speeds:
        for seed in arguments.seeds:
            row = run_movie(seed, speed, arguments)
            table.add(cells_of(row), row)
    return write_report(arguments.json, {"machine": machine(), "rows": table.rows})


if __name__ == "__main__":
    main()
