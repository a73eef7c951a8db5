"""Speed, memory and kills of what is larger than the memory of one machine.

Parts (all of them unless some are named):

* speed: blocks per second with 1 and 2 workers of one thread, and the cost of the engine beside the
  plain predictor, by the processor time of all processes, which other programs do not change;
* memory: peak memory of train and denoise against size, and the time to the first epoch;
* dying: time lost where a worker is killed every 20 seconds;
* kills: worker, scheduler or client of one run are ended by SIGKILL at random moments, and the
  result is compared with that of one machine, file by file.

Stores repeat a dozen slices (``virtual_store.py``): they take no room, and are read in full.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoStructN2V.datasets import open_images
from autoStructN2V.datasets.images.formats.ome_zarr import writing as ome_zarr
from autoStructN2V.pipeline import denoise_events, file_events
from autoStructN2V.pipeline.cluster import open_client
from autoStructN2V.pipeline.events import PredictionProgress
from autoStructN2V.trainers import EpochFinished, load_model
from command_line import COMMAND
from tables import Table, add_common_arguments, machine, use_threads, write_report
from virtual_store import make_model, make_store, slices_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

_PARTS = ("speed", "memory", "dying", "kills")
_SIDE = 1024
_JOBS = ("train", "denoise")
_KILLED_EVERY = 20.0  # seconds


def denoise(store: Path, model: Path, output: Path, client: Any = None) -> float | None:
    """Denoise a store and return the blocks in a second that a cluster said last."""
    trained = load_model(model)
    sources = open_images(store, mode=trained.mode)
    events = denoise_events(sources, trained, [output], device="cpu", threads=1, client=client)
    reports = [event for event in events if isinstance(event, PredictionProgress)]
    return reports[-1].blocks_per_second


def _processor_seconds(client: Any) -> float:
    """Return the processor time of this process and of all workers so far."""
    workers = 0.0 if client is None else sum(client.run(time.process_time).values())
    return time.process_time() + workers


def speed(folder: Path, table: Table, n_slices: int) -> None:
    """Compare the plain predictor with one and two workers."""
    store = make_store(folder / "speed.zarr", n_slices, _SIDE)
    model = make_model(folder / "model.pth", store, features=16, num_layers=2)
    warm = make_store(folder / "warm.zarr", 4, 256)
    one = 0.0
    for n_workers in (0, 1, 2):
        with ExitStack() as stack:
            client = stack.enter_context(open_client(workers=n_workers)) if n_workers else None
            denoise(warm, model, folder / f"warm{n_workers}.ome.zarr", client)
            busy = -_processor_seconds(client)
            began = time.perf_counter()
            blocks = denoise(store, model, folder / f"speed{n_workers}.ome.zarr", client)
            elapsed = time.perf_counter() - began
            busy += _processor_seconds(client)
        one = one or busy
        name = f"{n_workers or 'no'} worker{'s' if n_workers != 1 else ''}"
        cells = [
            f"{n_slices * _SIDE**2 / 2**20:.0f} Mpx",
            name,
            f"{busy:.1f}",
            f"{busy / one:.3f}",
            f"{elapsed:.1f}",
            "-" if blocks is None else f"{blocks:.4f}",
        ]
        row = {"workers": n_workers, "busy": busy, "elapsed": elapsed, "blocks": blocks}
        table.add(cells, row)


def _memory_of_child(store: Path, folder: Path, job: str) -> dict[str, float]:
    """Run a job in a process of its own and return what it says of itself."""
    words = [sys.executable, __file__, "--child", job, "--store", str(store)]
    said = subprocess.run(
        [*words, "--folder", str(folder)], check=True, capture_output=True, stdin=subprocess.DEVNULL
    )
    found: dict[str, float] = json.loads(said.stdout.splitlines()[-1])
    return found


def memory(folder: Path, table: Table, sizes: Sequence[float], jobs: Sequence[str]) -> None:
    """Compare stores of different size."""
    for size in sizes:
        store = make_store(folder / f"{size:g}.zarr", slices_of(size, 2048), 2048)
        make_model(folder / "memory.pth", store)
        for job in jobs:
            found = _memory_of_child(store, folder, job)
            cells = [f"{size:g} GB", job, f"{found['first']:.0f}", f"{found['peak']:.0f}"]
            table.add(cells, {"size": size, "job": job, **found})
        shutil.rmtree(store)


def _peak_mb() -> float:
    """Return the most memory that this process has had, in MB (Linux)."""
    status = Path("/proc/self/status").read_text().splitlines()
    return float(next(line.split()[1] for line in status if line.startswith("VmHWM"))) / 1024


def child(job: str, store: Path, folder: Path) -> None:
    """Train for two epochs, or denoise some slices; print figures of memory and time."""
    make_store(folder / f"small-{job}-{store.stem}.zarr", 2, 256)
    # a few slices are written; there may be no room for all of those that take none
    ome_zarr.require_space = lambda folder, n_bytes: None  # type: ignore[attr-defined]
    before = _peak_mb()  # with PyTorch and all that is imported
    began, first = time.process_time(), 0.0
    events: Generator[Any, Any, Any]
    if job == "train":
        stage = {"features": 8, "num_layers": 1, "patch_size": 64, "steps_per_epoch": 20}
        config = {"method": "n2v", "num_epochs": 1, "device": "cpu", "threads": 1, "n2v": stage}
        places = {"input_dir": store, "output_dir": folder, "experiment_name": f"e{store.stem}"}
        events = file_events({**config, **places})
    else:
        trained = load_model(folder / "memory.pth")
        output = folder / f"out{store.stem}.ome.zarr"
        sources = open_images(store, mode="2D")
        events = denoise_events(sources, trained, [output], device="cpu", threads=1)
    n_left = 30
    for event in events:
        if isinstance(event, EpochFinished | PredictionProgress) and not first:
            first = time.process_time() - began
        n_left -= isinstance(event, PredictionProgress)
        if n_left == 0:
            break
    events.close()
    print(json.dumps({"first": first, "peak": _peak_mb() - before, "imported": before}))


class Cluster:
    """A scheduler and two workers, each a process of its own; and a client, the command line.

    Parameters
    ----------
    words : list of str
        Of the command line, without those of the cluster.
    folder : Path
        For what Dask writes.
    """

    def __init__(self, words: list[str], folder: Path) -> None:
        self._words, self._folder = words, folder
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._port = 0

    def _start(self, name: str, words: list[str]) -> None:
        with (self._folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self._folder
            )

    def ensure(self) -> None:
        """Start what does not run, as a person or a batch system would."""
        ended = [name for name, process in self.processes.items() if process.poll() is not None]
        if "scheduler" in ended or not self.processes:
            self.end()
            self._port = _free_port()
            words = ["-m", "distributed.cli.dask_scheduler", "--port", str(self._port)]
            self._start("scheduler", [sys.executable, *words, "--no-dashboard"])
            ended = ["worker 1", "worker 2", "client"]
        address = f"tcp://127.0.0.1:{self._port}"
        for name in ended:
            if name.startswith("worker"):
                words = ["-m", "distributed.cli.dask_worker", address, "--nthreads", "1"]
                more = ["--no-nanny", "--no-dashboard", "--memory-limit", "0"]
                self._start(name, [sys.executable, *words, *more])
            elif name == "client":
                self._start(name, [*COMMAND, *self._words, "--scheduler", address])

    def kill(self, name: str) -> None:
        """End a process as nothing can be handled."""
        self.processes[name].kill()  # SIGKILL; nothing if it has ended already
        self.processes[name].wait()

    @property
    def exit_code(self) -> int | None:
        """Of the client."""
        return self.processes["client"].poll()

    def end(self) -> None:
        """End all processes."""
        for name in self.processes:
            self.kill(name)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def kills(folder: Path, table: Table, gigabytes: float, n_kills: int, seed: int) -> None:
    """Kill parts of a cluster while it denoises, and compare the result with that of one."""
    store = make_store(folder / "kills.zarr", slices_of(gigabytes, _SIDE), _SIDE)
    model = make_model(folder / "kills.pth", store)
    began = time.perf_counter()
    denoise(store, model, folder / "whole.ome.zarr")
    undisturbed = time.perf_counter() - began
    words = ["denoise", str(store), "--model", str(model), "--device", "cpu", "--threads", "1"]
    rng = random.Random(seed)
    killed: list[str] = []
    output = folder / "killed.ome.zarr"
    cluster = Cluster([*words, "--output", str(output)], folder)
    try:
        while not output.exists():
            cluster.ensure()
            pause = rng.uniform(0.1, 0.8) * undisturbed / n_kills  # two workers are faster
            deadline = time.perf_counter() + pause
            while time.perf_counter() < deadline and cluster.exit_code is None:
                time.sleep(0.2)
            if len(killed) < n_kills and cluster.exit_code is None:
                killed.append(rng.choice(["scheduler", "client", "worker 1", "worker 2"]))
                cluster.kill(killed[-1])
    finally:
        cluster.end()
    other = differences(folder / "whole.ome.zarr", output)
    left = [path.name for path in folder.iterdir() if path.name.startswith(".")]
    n_files = sum(path.is_file() for path in output.rglob("*"))
    cells = [f"{gigabytes:g} GB", ", ".join(killed), str(n_files), str(len(other) + len(left))]
    table.add(cells, {"killed": killed, "files": n_files, "other": other, "left": left})


def differences(one: Path, other: Path) -> list[str]:
    """Return the files of two stores that are not the same."""
    names = {path.relative_to(one) for path in one.rglob("*") if path.is_file()}
    names |= {path.relative_to(other) for path in other.rglob("*") if path.is_file()}
    return [
        str(name)
        for name in sorted(names)
        if not all((store / name).exists() for store in (one, other))
        or (one / name).read_bytes() != (other / name).read_bytes()
    ]


def dying(folder: Path, table: Table, n_slices: int) -> None:
    """Kill a worker again and again."""
    store = make_store(folder / "dying.zarr", n_slices, _SIDE)
    model = make_model(folder / "dying.pth", store, features=16, num_layers=2)
    for every in (None, _KILLED_EVERY):
        output = folder / f"dying{every}.ome.zarr"
        with open_client(workers=2) as client:
            done = threading.Event()
            count: list[int] = []
            killer = threading.Thread(target=_kill_workers, args=(client, every, done, count))
            killer.start()
            began = time.perf_counter()
            denoise(store, model, output, client)
            elapsed = time.perf_counter() - began
            done.set()
            killer.join()
        name = "none" if every is None else f"every {every:.0f} s"
        cells = [name, str(len(count)), f"{elapsed:.0f}"]
        table.add(cells, {"every": every, "killed": len(count), "elapsed": elapsed})


def _kill_workers(
    client: Any, every: float | None, done: threading.Event, count: list[int]
) -> None:
    while every is not None and not done.wait(every):
        pids = client.run(os.getpid)
        os.kill(pids[sorted(pids)[len(count) % len(pids)]], signal.SIGKILL)
        count.append(1)


def _tables() -> Iterator[tuple[str, list[str]]]:
    yield "speed", ["denoised", "by", "processor time (s)", "relative", "elapsed (s)", "blocks/s"]
    yield "memory", ["store", "job", "processor time to the first result (s)", "peak (MB)"]
    yield "dying", ["killed", "kills", "elapsed (s)"]
    yield "kills", ["store", "killed", "files compared", "different or left behind"]


def main() -> int:
    """Measure what is asked for, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=_PARTS, default=_PARTS)
    parser.add_argument("--slices", type=int, default=64, help="of 1024 x 1024: speed, dying")
    parser.add_argument("--sizes", nargs="+", type=float, default=(1, 10, 60), help="GB: memory")
    parser.add_argument("--jobs", nargs="+", choices=_JOBS, default=_JOBS, help="memory")
    parser.add_argument("--gigabytes", type=float, default=2.0, help="of the run that is killed")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    for name in ("--child", "--store", "--folder"):
        parser.add_argument(name, help=argparse.SUPPRESS)
    add_common_arguments(parser)
    options = parser.parse_args()
    use_threads(options.threads)
    if options.child:
        child(options.child, Path(options.store), Path(options.folder))
        return 0
    report: dict[str, Any] = {"machine": machine()}
    with tempfile.TemporaryDirectory() as name:
        parts: dict[str, Callable[[Path, Table], None]] = {
            "speed": lambda f, t: speed(f, t, options.slices),
            "memory": lambda f, t: memory(f, t, options.sizes, options.jobs),
            "dying": lambda f, t: dying(f, t, 4 * options.slices),
            "kills": lambda f, t: kills(f, t, options.gigabytes, options.kills, options.seed),
        }
        for title, columns in _tables():
            if title in options.only:
                table = Table(columns)
                folder = Path(name) / title
                folder.mkdir()
                parts[title](folder, table)
                report[title] = table.rows
    write_report(options.json, report)
    return int(any(row["other"] or row["left"] for row in report.get("kills", [])))


if __name__ == "__main__":
    sys.exit(main())
