"""Throw generated inputs at the program: no traceback, no half file, no hang, no gigabytes.

Every input is made from its kind and its number, so that one finding can be repeated alone::

    python benchmarks/fuzz.py --n 2000 --seed 0 --json fuzz.json
    python benchmarks/fuzz.py --only tiff --first 17 --n 1 --verbose

Inputs are tried in a process of their own, one after the other; it is started anew after a hang.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import logging
import multiprocessing
import shutil
import tempfile
import time
import traceback
import warnings
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile

import fuzz_inputs as inputs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from multiprocessing.connection import Connection

    from numpy.typing import NDArray

MOST_SECONDS = 60.0
MOST_BYTES = 2 * 2**30
TINY = {"features": 8, "num_layers": 1, "patch_size": 16, "batch_size": 2, "steps_per_epoch": 1}
WORDS = ["--method", "n2v", "--device", "cpu", "--set", "num_epochs=1"]
WORDS += [word for name, value in TINY.items() for word in ("--set", f"n2v.{name}={value}")]


@dataclass(frozen=True)
class Outcome:
    """What became of one input.

    Attributes
    ----------
    kind, number : str, int
        Which input it was.
    outcome : str
        ``done``, ``refused`` (in one sentence), or what is wrong.
    detail : str
        Last line that was said, or the traceback.
    seconds : float
    peak_bytes : int
        Most memory that the process has had so far.
    """

    kind: str
    number: int
    outcome: str
    detail: str
    seconds: float = 0.0
    peak_bytes: int = 0

    @property
    def is_finding(self) -> bool:
        """Whether the program did what it must not."""
        return self.outcome not in ("done", "refused")


class FindingError(Exception):
    """The program did what it must not."""


def run(words: Sequence[object], said: list[str]) -> int:
    """Run the command line in this process; keep what it says."""
    from autoStructN2V.cli import main

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([str(word) for word in words])
    text = out.getvalue() + err.getvalue()
    lines = [line for line in err.getvalue().splitlines() if line.strip()]
    said.append(lines[-1] if lines else "")
    if "Traceback" in text:
        raise FindingError(f"traceback: {text[-2000:]}")
    if code not in (0, 1):
        raise FindingError(f"exit code {code} of {words[0]}: {text[-500:]}")
    if code == 1 and not said[-1].startswith("Error: "):
        raise FindingError(f"no sentence: {text[-500:]}")
    return code


def require_whole_files(folder: Path) -> None:
    """Refuse temporary files, and results that cannot be read."""
    for path in folder.rglob("*"):
        if path.name.startswith("."):
            raise FindingError(f"half file {path.name}")
        if path.suffix == ".tif":
            told = io.StringIO()
            handler = logging.StreamHandler(told)
            logging.getLogger("tifffile").addHandler(handler)
            tifffile.imread(path)
            logging.getLogger("tifffile").removeHandler(handler)
            if told.getvalue():
                raise FindingError(f"flawed result: {told.getvalue()}")


def try_tiff(folder: Path, rng: np.random.Generator, model: Path) -> tuple[bool, str]:
    """Read, measure, train on and denoise a TIFF, mostly a damaged one, or a folder of some."""
    source = folder / "in"
    source.mkdir()
    for number in range(int(rng.choice([1, 1, 1, 3]))):
        path = source / f"{number}.tif"
        inputs.write_random_tiff(path, rng)
        if rng.random() < 0.5:
            path.write_bytes(inputs.damaged(path.read_bytes(), rng))
    given = source if rng.random() < 0.5 else source / "0.tif"
    output, options = folder / "out", inputs.choices(rng)
    said: list[str] = []
    command = rng.choice(["inspect", "train", "denoise", "denoise", "denoise"])
    if command == "inspect":
        code = run(["inspect", given, *options], said)
    elif command == "train":
        more = ["--mode", "2.5D"] if rng.random() < 0.1 else []
        dtype = rng.choice(["input", "float32"])
        words = ["train", given, "--output", output, *WORDS, *options, *more]
        code = run([*words, "--output-dtype", dtype], said)
    else:
        words = ["denoise", given, "--model", model, "--output", output, *options]
        code = run([*words, "--output-dtype", rng.choice(["input", "float32"])], said)
    require_whole_files(folder / "out")
    return code == 0, said[-1]


def filled(image: Any) -> NDArray[np.float64]:
    """Return an array of any kind, not a number where it is masked."""
    return np.ma.filled(np.ma.masked_array(image, dtype=float), np.nan)


def try_array(folder: Path, rng: np.random.Generator, model: Path) -> tuple[bool, str]:
    """Train on an array of any kind in Python."""
    from autoStructN2V.errors import UserError
    from autoStructN2V.pipeline import finish, pipeline_events

    image: Any = inputs.random_image(rng)
    form = rng.choice(["array", "list", "masked", "several", "reversed"])
    if form == "list":
        image = image.tolist()
    elif form == "masked":
        image = np.ma.masked_array(image, mask=rng.random(image.shape) < rng.choice([0, 0.1]))
    elif form == "several":
        image = [image, inputs.random_image(rng)]
    elif form == "reversed":
        image = image[..., ::-1]
    config = {"method": "n2v", "num_epochs": 1, "device": "cpu", "n2v": TINY}
    try:
        result = finish(pipeline_events(image, config))
    except UserError as error:
        return False, str(error)
    denoised = result.stage1.denoised if result.stage1 else None
    images = image if form == "several" else [image]
    known = np.concatenate([np.isfinite(filled(one)).ravel() for one in images])
    # what is missing comes back as not a number
    if not denoised or not np.isfinite(np.concatenate(denoised, None)[known]).all():
        raise FindingError("a result that is not finite")
    return True, ""


def try_configuration(folder: Path, rng: np.random.Generator, model: Path) -> tuple[bool, str]:
    """Check a configuration with changed fields, or a damaged file of one."""
    from autoStructN2V.errors import UserError
    from autoStructN2V.pipeline.configuration.file import read_config, read_settings, write_config
    from autoStructN2V.pipeline.configuration.models import validate_config

    nested = validate_config({}).model_dump(mode="json")
    for _ in range(int(rng.integers(1, 3))):
        section = nested
        while True:
            name = str(rng.choice([*section, "unknown"]))
            if isinstance(section.get(name), dict) and rng.random() < 0.8:
                section = section[name]
                continue
            section[name] = inputs.changed_value(section.get(name), rng)
            break
    path = folder / "c.json"
    path.write_bytes(json.dumps(nested).encode())
    if rng.random() < 0.3:
        path.write_bytes(inputs.damaged(path.read_bytes(), rng))
    elif rng.random() < 0.05:
        path.write_text("[" * 200_000)
    try:
        complete = validate_config(read_config(path))
        write_config(folder / "again.json", complete)
        if validate_config(read_config(folder / "again.json")) != complete:
            raise FindingError("a configuration that does not come back as it was")
        names = ["a", "b.c", *[""][: int(rng.random() < 0.1)]]
        read_settings([f"{name}={json.dumps(inputs.random_value(rng))}" for name in names])
    except UserError as error:
        return False, str(error)
    return True, ""


def try_kernel(folder: Path, rng: np.random.Generator, model: Path) -> tuple[bool, str]:
    """Load a kernel of any shape and type, or a damaged file of one."""
    from autoStructN2V.errors import UserError
    from autoStructN2V.masking import load_kernel

    path = folder / "k.npy"
    inputs.write_random_kernel(path, rng)
    if rng.random() < 0.6:
        path.write_bytes(inputs.damaged(path.read_bytes(), rng))
    try:
        load_kernel(path)
    except UserError as error:
        return False, str(error)
    return True, ""


def try_model(folder: Path, rng: np.random.Generator, model: Path) -> tuple[bool, str]:
    """Apply a model with changed bytes, changed content, or that unpacks to more than it is."""
    (good,) = model.rglob("*.pth")
    path = folder / "stage1_model.pth"
    way = rng.choice(["bytes", "content", "content", "bomb", "files"])
    if way == "bytes":
        path.write_bytes(inputs.damaged(good.read_bytes(), rng))
    elif way == "content":
        inputs.change_content(good, path, rng)
    elif way == "bomb":
        inputs.write_bomb(path, int(rng.choice([10**6, 3 * 10**8])))
    else:
        path.write_bytes(rng.bytes(int(rng.integers(0, 5000))))
    image = folder / "a.tif"
    tifffile.imwrite(image, rng.normal(100, 5, (24, 24)).astype("f4"))
    said: list[str] = []
    code = run(["denoise", image, "--model", path, "--output", folder / "out" / "o.tif"], said)
    require_whole_files(folder / "out")
    return code == 0, said[-1]


KINDS: dict[str, Callable[[Path, np.random.Generator, Path], tuple[bool, str]]] = {
    "tiff": try_tiff,
    "array": try_array,
    "configuration": try_configuration,
    "kernel": try_kernel,
    "model": try_model,
}
SHARES = {"tiff": 10, "array": 2, "configuration": 4, "kernel": 2, "model": 2}


def make_model(folder: Path) -> Path:
    """Train the model that is applied and damaged."""
    pixels = np.random.default_rng(0).normal(100, 5, (2, 32, 32)).astype("f4")
    tifffile.imwrite(folder / "noisy.tif", pixels, photometric="minisblack")
    words = ["train", folder / "noisy.tif", "--output", folder / "model", *WORDS]
    assert run(words, []) == 0
    return folder / "model"


def tried(kind: str, number: int, seed: int, model: Path) -> Outcome:
    """Make one input and try it."""
    rng = np.random.default_rng([seed, list(KINDS).index(kind), number])
    folder = Path(tempfile.mkdtemp(prefix="fuzz_"))
    started = time.monotonic()
    try:
        is_done, detail = KINDS[kind](folder, rng, model)
        outcome = "done" if is_done else "refused"
    except FindingError as error:
        outcome, detail = "finding", str(error)
    except BaseException:
        outcome, detail = "traceback", traceback.format_exc()[-3000:]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return Outcome(kind, number, outcome, detail, time.monotonic() - started, peak_bytes())


def peak_bytes() -> int:
    """Return the most memory that this process has had; 0 where that is not told."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0
    line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def serve(pipe: Connection, seed: int, model: Path) -> None:
    """Try what comes through the pipe; the process that is watched."""
    import torch

    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    while True:
        kind, number = pipe.recv()
        pipe.send(tried(kind, number, seed, model))


class Watched:
    """A process that tries inputs, and is started anew when it hangs, dies or grows."""

    def __init__(self, seed: int, model: Path) -> None:
        self._arguments = seed, model
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        arguments = (other, *self._arguments)
        self._process = context.Process(target=serve, args=arguments, daemon=True)
        self._process.start()
        other.close()
        self._is_warm = False

    def outcome(self, kind: str, number: int) -> Outcome:
        """Try one input within the limits."""
        self._pipe.send((kind, number))
        most = MOST_SECONDS if self._is_warm else 2 * MOST_SECONDS  # imports take their time
        self._is_warm = True
        try:
            if not self._pipe.poll(most):
                self.close()
                self._start()
                return Outcome(kind, number, "hang", f"longer than {most:.0f} s", most)
            found: Outcome = self._pipe.recv()
        except EOFError:
            self.close()
            self._start()
            return Outcome(kind, number, "died", f"exit code {self._process.exitcode}")
        if found.peak_bytes > MOST_BYTES:
            self.close()
            self._start()
            return Outcome(kind, number, "memory", found.detail, found.seconds, found.peak_bytes)
        return found

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.join()


def plan(n: int, first: int, only: str | None) -> list[tuple[str, int]]:
    """Return which inputs are tried, kinds in their shares."""
    cycle = [only] if only else [kind for kind, share in SHARES.items() for _ in range(share)]
    counts = Counter(dict.fromkeys(KINDS, first))
    planned = []
    for i in range(n):
        kind = cycle[i * 7 % len(cycle)]
        planned.append((kind, counts[kind]))
        counts[kind] += 1
    return planned


def table(outcomes: Sequence[Outcome]) -> str:
    """Sum up what happened, one line for each kind."""
    rows = ["| kind | inputs | done | refused | findings | slowest (s) | peak (MB) |"]
    rows.append("|---|---|---|---|---|---|---|")
    for kind in [kind for kind in KINDS if any(o.kind == kind for o in outcomes)]:
        own = [outcome for outcome in outcomes if outcome.kind == kind]
        counts = Counter(outcome.outcome for outcome in own)
        findings = sum(outcome.is_finding for outcome in own)
        slowest, peak = max(o.seconds for o in own), max(o.peak_bytes for o in own) / 1e6
        rows.append(
            f"| {kind} | {len(own)} | {counts['done']} | {counts['refused']} | {findings} | "
            f"{slowest:.1f} | {peak:.0f} |"
        )
    return "\n".join(rows)


def main() -> None:
    """Try inputs, print a line for each finding and a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=200, help="number of inputs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="number of the first of each kind")
    parser.add_argument("--only", choices=[*KINDS], help="one kind alone")
    parser.add_argument("--seconds", type=float, help="begin no other input after this time")
    parser.add_argument("--json", type=Path, help="file for all outcomes")
    parser.add_argument("--verbose", action="store_true", help="print every outcome")
    options = parser.parse_args()
    place = Path(tempfile.mkdtemp(prefix="fuzz_model_"))
    model = make_model(place)
    watched = Watched(options.seed, model)
    outcomes: list[Outcome] = []
    started = time.monotonic()
    for kind, number in plan(options.n, options.first, options.only):
        if options.seconds and time.monotonic() - started > options.seconds:
            break
        outcomes.append(watched.outcome(kind, number))
        if outcomes[-1].is_finding or options.verbose:
            found = outcomes[-1]
            print(f"{found.kind} {found.number}: {found.outcome}: {found.detail}", flush=True)
        if options.json and len(outcomes) % 50 == 0:
            options.json.write_text(json.dumps([asdict(outcome) for outcome in outcomes]))
    watched.close()
    shutil.rmtree(place, ignore_errors=True)
    if options.json:
        options.json.write_text(json.dumps([asdict(outcome) for outcome in outcomes]))
    print(table(outcomes))
    raise SystemExit(any(outcome.is_finding for outcome in outcomes))


if __name__ == "__main__":
    main()
