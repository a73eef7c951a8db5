"""Whether a fine-tuned model reaches the quality of a new training, and in what share of its time.

Trains on some images, then on other images of the same kind: anew, and going on from the first
model, with its kernel and with a kernel that is measured anew. The images are task T2 with other
seeds and, with --data, fields of view of a real pair NAME_noisy.tif and NAME_gt.tif: the first half
of the fields for the first model, the others for the rest. Says PSNR in dB against the truth (of
real pairs as quality.py) of the first model applied as it is, of the new training and of both
fine-tuned ones, and seconds of each whole run, from the images to the denoised result and its
verdict; in parentheses those until the model is there.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoStructN2V.datasets import ArraySource, make_sample
from autoStructN2V.pipeline import (
    denoise_array_events,
    find_models,
    finish,
    go_on,
    recorded_events,
)
from autoStructN2V.trainers import StageTrained, load_model
from quality import add_pair_arguments, masked_psnr, read_pair
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
from tasks import KINDS, score

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from tables import Clock

    Images = NDArray[np.float32]

_TASK = "T2_hline"
_RUNS = {"kernel kept": True, "kernel measured": False}
_COLUMNS = ["images", "input", "first model", "new training", *_RUNS]
_COLUMNS += ["new s", *(f"{name} s" for name in _RUNS), *(f"{name}, share" for name in _RUNS)]


@dataclass
class Case:
    """Images of one kind.

    Attributes
    ----------
    name : str
    first, noisy : (z, y, x) float32
        What the first model is trained on, and what is to be denoised.
    quality : callable
        PSNR in dB of a result of ``noisy``.
    """

    name: str
    first: Images
    noisy: Images
    quality: Callable[[Images], float]


def cases(arguments: argparse.Namespace) -> Iterator[Case]:
    shape: Any = arguments.shape and tuple(arguments.shape)
    first = make_sample(KINDS[_TASK], arguments.first_seed, shape).noisy
    for seed in arguments.seeds:
        sample = make_sample(KINDS[_TASK], seed, shape)

        def quality(image: Images, clean: Images = sample.clean) -> float:
            return score(image, clean)["psnr"]

        yield Case(f"{_TASK}, seed {seed}", first, sample.noisy, quality)
    for name in arguments.image if arguments.data is not None else ():
        noisy, truth = read_pair(arguments.data, name)
        half = len(noisy) // 2

        def masked(image: Images, clean: Images = truth[half:]) -> float:
            return masked_psnr(image, clean, arguments.limits, arguments.peak)

        yield Case(f"{name}, other fields", noisy[:half], noisy[half:], masked)


def train(
    images: Images, config: dict[str, Any], folder: Path, clock: Clock
) -> tuple[Images, Path, dict[str, float]]:
    """Train; return the result, the model folder, and seconds of the whole and until the model."""
    seconds: dict[str, float] = {}
    start = clock()

    def note(event: object) -> None:
        if isinstance(event, StageTrained):
            seconds["model"] = clock() - start

    config = {**config, "output_dir": folder}
    events = recorded_events([ArraySource(images, name="images")], config, keep_arrays=True)
    output = finish(events, note)
    seconds["whole"] = clock() - start
    last = output.result.last_stage
    assert last is not None
    assert last.denoised is not None
    return last.denoised[0], output.folders.model, seconds


def applied(model: Path, images: Images) -> Images:
    """Denoise with the last model of a folder."""
    files = find_models(model)
    events = denoise_array_events([ArraySource(images)], load_model(files[max(files)]))
    denoised = finish(events)
    assert denoised is not None
    return denoised[0]


def compare(case: Case, models: dict[int, Path], arguments: argparse.Namespace) -> dict[str, Any]:
    """Run all ways for one kind of images."""
    clock, settings = clock_of(arguments.clock), chosen_fields(arguments)
    row: dict[str, Any] = {"images": case.name, "input": case.quality(case.noisy)}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        key = id(case.first)
        if key not in models:
            models[key] = train(case.first, settings, arguments.folder / str(key), clock)[1]
        row["first model"] = case.quality(applied(models[key], case.noisy))
        image, _, row["new s"] = train(case.noisy, settings, folder, clock)
        row["new training"] = case.quality(image)
        for run, is_kept in _RUNS.items():
            tuned = go_on(models[key], "fine_tune") | {"keep_kernel": is_kept}
            if arguments.epochs is not None:
                tuned["num_epochs"] = arguments.epochs
            image, _, row[f"{run} s"] = train(case.noisy, tuned, folder, clock)
            row[run] = case.quality(image)
    return row


def cells_of(row: dict[str, Any]) -> list[str]:
    scores = [f"{row[name]:.2f}" for name in ("input", "first model", "new training", *_RUNS)]
    times = [row[f"{name} s"] for name in ("new", *_RUNS)]
    shares = [f"{time['whole'] / times[0]['whole']:.2f}" for time in times[1:]]
    seconds = [f"{time['whole']:.1f} ({time['model']:.1f})" for time in times]
    return [row["images"], *scores, *seconds, *shares]


def read_arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--first-seed", type=int, default=0, metavar="N", help="of the first model; default 0")
    add("--seeds", nargs="*", type=int, default=[1, 2], metavar="N", help="default 1 2")
    add("--shape", nargs=3, type=int, metavar=("Z", "Y", "X"), help="of T2; default: the task's")
    add("--epochs", type=int, metavar="N", help="of the fine-tuning; default: the program's")
    add_settings_arguments(parser)
    add_pair_arguments(parser)
    add_clock_argument(parser)
    add_common_arguments(parser)
    return parser.parse_args(words)


def main() -> None:
    arguments = read_arguments()
    use_threads(arguments.threads)
    table = Table(_COLUMNS)
    models: dict[int, Path] = {}
    with tempfile.TemporaryDirectory() as folder:
        arguments.folder = Path(folder)
        for case in cases(arguments):
            row = compare(case, models, arguments)
            table.add(cells_of(row), row)
    write_report(arguments.json, {"machine": machine(), "rows": table.rows})


if __name__ == "__main__":
    main()
