"""What is left of a training and of a folder being denoised that are killed again and again.

A process trains a small network (both stages, with a decision to wait for and a refinement) or
denoises a folder of images, and is ended by SIGKILL at a random moment. Another one goes on, and is
killed as well. After each kill every file that has its final name is opened, and nothing that was
finished before may be missing or changed. Whoever comes to the end is compared with a run that was
not disturbed: weights, pixels, kernel, losses and report have to be the same bit for bit.

Needs processes that can be forked, so Linux or macOS.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile
import torch

from autoStructN2V.datasets import as_source, make_sample, open_images, write_stack
from autoStructN2V.masking.kernels.kernel import Kernel
from autoStructN2V.pipeline import Approve, denoise_events, file_events, find_models, output_files
from autoStructN2V.pipeline.events import (
    AwaitingDecision,
    KernelProposed,
    PredictionProgress,
    StageFinished,
    StageStarted,
)
from autoStructN2V.pipeline.files import run_pipeline
from autoStructN2V.trainers import BatchFinished, load_model
from tables import Table, add_common_arguments, machine, write_report

if TYPE_CHECKING:
    from collections.abc import Callable

_STAGE = {"features": 16, "num_layers": 2, "patch_size": 32, "batch_size": 4, "steps_per_epoch": 12}
_CONFIG: dict[str, Any] = {
    "preset": "documented",
    "device": "cpu",
    "num_epochs": 8,
    "n2v": _STAGE,
    "stage1": {**_STAGE, "use_roi": False},
    "stage2": {**_STAGE, "refinement": 0.5, "average_turns": True},
}
_KERNEL = Kernel.from_array(np.ones((1, 5), bool))
_SECONDS_OF_WAITING = 1.0
_N_IMAGES = 30
_MOMENTS = ("starting", "stage 1", "applying it", "waiting", "stage 2", "applying it (2)", "ending")


def train(images: Path, output: Path, moment: Any) -> None:
    """Train or go on training; ``moment`` is set to what is being done."""
    config = {**_CONFIG, "input_dir": images, "output_dir": output, "experiment_name": "exp"}
    torch.set_num_threads(1)
    events = file_events(config, review=True, resume=True)
    answer, asked = None, 0.0
    while True:
        try:
            event = events.send(answer)
        except StopIteration:
            return
        answer = None
        moment.value = _moment(event, moment.value)
        if isinstance(event, KernelProposed):
            asked = time.perf_counter()
        is_asked = isinstance(event, KernelProposed | AwaitingDecision)
        if is_asked and time.perf_counter() - asked > _SECONDS_OF_WAITING:
            answer = Approve(_KERNEL)


def _moment(event: object, before: int) -> int:
    match event:
        case StageStarted() | BatchFinished():
            return 1 if event.stage == 1 else 4
        case PredictionProgress():
            return 2 if event.stage == 1 else 5
        case KernelProposed():
            return 3
        case StageFinished():
            return before if event.stage == 1 else 6
    return before


def denoise(images: Path, output: Path, moment: Any) -> None:
    """Denoise a folder, or what is left of it."""
    torch.set_num_threads(1)
    model = load_model(find_models(images.parent / "model")[1])
    sources = open_images(images, mode=model.mode)
    files = output_files(sources, images, output, resume=True)
    for event in denoise_events(sources, model, files, device="cpu", resume=True):
        moment.value = 2 if isinstance(event, PredictionProgress) else moment.value


@dataclass
class Tally:
    """What happened to a job.

    Attributes
    ----------
    n_kills, n_files, n_ends : int
        Kills, files opened after them, runs that came to their end.
    moments : Counter
        What was being done when the kill came.
    problems : list of str
        What should not be.
    """

    n_kills: int = 0
    n_files: int = 0
    n_ends: int = 0
    moments: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


def content(path: Path) -> object:
    """Open a file and return what it says, without the clock; raises if it is not whole."""
    match path.suffix:
        case ".tif":
            return hashlib.sha256(tifffile.imread(path).tobytes()).hexdigest()
        case ".pth":
            weights = sorted(load_model(path).weights.items())
            return hashlib.sha256(b"".join(w.numpy().tobytes() for _, w in weights)).hexdigest()
        case ".npy":
            return Kernel.load(path).to_array().tolist()
        case ".json":
            found = json.loads(path.read_text())
            return {} if path.name == "config.json" else found
        case ".csv":
            return [row[:-1] for row in csv.reader(path.open())]
        case _:
            return bool(path.read_bytes())


def finished_files(folder: Path) -> dict[str, Path]:
    """Return the files with final names, by a name without the date of the training."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    shown = [p for p in paths if not p.name.startswith(".") and p.parent.name != "checkpoint"]
    return {path.name: path for path in sorted(shown)}


def outcome(folder: Path) -> dict[str, object]:
    """Return what a job came to."""
    return {name: content(path) for name, path in finished_files(folder).items()}


def check(folder: Path, before: dict[str, str], tally: Tally) -> dict[str, str]:
    """Open all files; images that were finished before have to be there as they were."""
    after: dict[str, str] = {}
    for name, path in finished_files(folder).items():
        tally.n_files += 1
        try:
            found = content(path)
        except Exception as error:
            tally.problems.append(f"{name}: {type(error).__name__}: {error}")
            continue
        if path.suffix == ".tif":
            after[name] = str(found)
    tally.problems += [f"{n}: lost" for n, value in before.items() if after.get(n) != value]
    return after


class Killed:
    """Runs a job in processes of its own and kills them.

    Parameters
    ----------
    job : callable
        Gets the images, the folder for results and a shared number.
    images, output : Path
    rng : numpy Generator
        Chooses the moments.
    """

    def __init__(
        self,
        job: Callable[[Path, Path, Any], None],
        images: Path,
        output: Path,
        rng: np.random.Generator,
    ) -> None:
        self._job, self._images, self._output, self._rng = job, images, output, rng
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["autoStructN2V.pipeline.files.drivers", "tables"])
        self._moment = self._context.RawValue("i", 0)

    def run(self, seconds: float | None = None) -> int | None:
        """Run for some seconds, or to the end; return the exit code, None if it was killed."""
        self._moment.value = 0
        words = (self._images, self._output, self._moment)
        process = self._context.Process(target=self._job, args=words)
        process.start()
        process.join(seconds)
        if process.exitcode is None:
            assert process.pid is not None
            os.kill(process.pid, signal.SIGKILL)
            process.join()
            return None
        return process.exitcode

    def undisturbed(self) -> tuple[dict[str, object], float]:
        """Return what the job comes to, and the seconds that it takes."""
        self.run(0.01)  # starts the server that processes are forked from
        start = time.perf_counter()
        if self.run() != 0:
            raise SystemExit("The undisturbed run failed.")
        seconds = time.perf_counter() - start
        wanted = outcome(self._output)
        shutil.rmtree(self._output)
        return wanted, seconds

    def kill(self, n: int) -> Tally:
        """Kill until there were ``n`` kills, and let the last one come to its end."""
        wanted, seconds = self.undisturbed()
        tally, before = Tally(), dict[str, str]()
        while True:
            is_last = tally.n_kills >= n
            code = self.run(None if is_last else float(self._rng.uniform(0, seconds)))
            before = check(self._output, before, tally)
            if code is None:
                tally.n_kills += 1
                tally.moments[_MOMENTS[self._moment.value]] += 1
                continue
            tally.n_ends += 1
            if code != 0:
                tally.problems.append(f"exit code {code}")
            found = outcome(self._output)
            tally.problems += [f"{k}: other" for k in wanted if found.get(k) != wanted[k]]
            left = [
                p for p in self._output.rglob("*") if p.name[0] == "." or p.name == "checkpoint"
            ]
            tally.problems += [f"{path.name}: left behind" for path in left]
            shutil.rmtree(self._output, ignore_errors=True)
            before = {}
            if is_last:
                return tally


def make_inputs(folder: Path) -> None:
    """Write a stack to train on, a folder to denoise, and a model for it."""
    for name, n in (("stack", 1), ("many", _N_IMAGES)):
        (folder / name).mkdir()
        for number in range(n):
            noisy = make_sample("horizontal_lines", shape=(3, 96, 96), seed=number).noisy
            write_stack(folder / name / f"{number:02d}.tif", noisy, as_source(noisy))
    run_pipeline(
        {
            **_CONFIG,
            "method": "n2v",
            "num_epochs": 1,
            "input_dir": folder / "stack",
            "output_dir": folder,
            "experiment_name": "model",
        }
    )


def main() -> int:
    """Kill, print the table, and return whether something was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=50, help="kills of each job")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=["train", "denoise"])
    add_common_arguments(parser)
    options = parser.parse_args()
    table = Table(["job", "kills", "where", "files opened", "ends", "problems"])
    jobs = {"train": (train, "stack"), "denoise": (denoise, "many")}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_inputs(folder)
        for title, (job, images) in jobs.items():
            if options.only not in (None, title):
                continue
            rng = np.random.default_rng(options.seed)
            tally = Killed(job, folder / images, folder / "out", rng).kill(options.n)
            where = ", ".join(f"{moment} {n}" for moment, n in tally.moments.most_common())
            cells = [title, tally.n_kills, where, tally.n_files, tally.n_ends, len(tally.problems)]
            table.add([str(cell) for cell in cells], {"job": title, **vars(tally)})
            for problem in tally.problems:
                print(problem, file=sys.stderr)
    write_report(options.json, {"machine": machine(), "rows": table.rows})
    return int(any(row["problems"] for row in table.rows))


if __name__ == "__main__":
    sys.exit(main())
