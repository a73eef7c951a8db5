"""Runs scripts in processes of their own: other programs, in their environments, or this one."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    Figures = dict[str, Any]
    Declare = Callable[[argparse.ArgumentParser], None]

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_LAST_LINES = 20


def run_script(
    name: str, arguments: Iterable[object], python: Path | None = None, threads: int | None = None
) -> None:
    """Run a script of this folder; end the program when it fails.

    Parameters
    ----------
    name : str
        File name of the script.
    arguments : iterable
        Its arguments.
    python : Path, optional
        Interpreter; default: the one that runs now.
    threads : int, optional
        CPU threads of its libraries; None leaves them their own choice.
    """
    command = [str(python or sys.executable), str(Path(__file__).with_name(name))]
    command += [str(argument) for argument in arguments]
    environment = dict(os.environ)
    if threads is not None:
        environment.update(dict.fromkeys(_THREAD_VARIABLES, str(threads)))
    done = subprocess.run(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        said = "\n".join(done.stdout.splitlines()[-_LAST_LINES:])
        raise SystemExit(f"{' '.join(command)}\nended with {done.returncode}:\n{said}")


def run_commands(description: str | None, compare: Declare, denoise: Declare, name: str) -> None:
    """Run a script that scores another program and is what denoises in that one's environment.

    Parameters
    ----------
    description : str
        Of the script.
    compare, denoise : callable
        Declare the arguments of both commands, and what is to be ``run``.
    name : str
        Of what is in the other environment.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True)
    for command, declare, text in (
        ("compare", compare, f"denoise and score, with {name} in an environment of its own"),
        ("denoise", denoise, f"denoise a file in this environment, which has {name}"),
    ):
        added = commands.add_parser(command, help=text)
        added.add_argument("--threads", type=int, metavar="N", help="default: all that it takes")
        declare(added)
    arguments = parser.parse_args()
    arguments.run(arguments)


def add_files(parser: argparse.ArgumentParser, images: str, figures: str) -> None:
    """Declare the files of the command that denoises; say what images and figures are."""
    parser.add_argument("noisy", type=Path, help=f".npy of {images}")
    parser.add_argument("denoised", type=Path, help=".npy to write")
    parser.add_argument("figures", type=Path, help=f".json to write: {figures}")


def write_files(
    denoised: NDArray[np.floating], figures: Figures, arguments: argparse.Namespace
) -> None:
    """Write what the command that denoises came to."""
    np.save(arguments.denoised, denoised)
    arguments.figures.write_text(json.dumps(figures), encoding="utf-8")


def denoised_by(
    script: str,
    noisy: NDArray[np.floating],
    options: Iterable[object],
    python: Path,
    threads: int | None,
    *,
    command: str | None = "denoise",
) -> tuple[NDArray[np.floating], Figures]:
    """Have images denoised by a script of this folder in another environment.

    Parameters
    ----------
    script : str
        Path of the script.
    noisy : ndarray
        Images.
    options : iterable
        But for the files and the threads.
    python : Path
        Interpreter of the environment.
    threads : int, optional
        As of :func:`run_script`.
    command : str, optional
        Of the script; None if it has no others.
    """
    limit = ["--threads", threads] if threads else []
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / file for file in ("noisy.npy", "denoised.npy", "figures.json")]
        np.save(files[0], noisy)
        words = [*([command] if command else []), *files, *options, *limit]
        run_script(Path(script).name, words, python, threads)
        return np.load(files[1]), json.loads(files[2].read_text(encoding="utf-8"))


def print_rows(
    columns: Sequence[str],
    rows: Iterable[Figures],
    cells_of: Callable[[Figures], list[str]],
    file: Path | None,
) -> None:
    """Print rows as they come, and write them to a file if one is named."""
    from tables import Table, machine, write_report

    table = Table(list(columns))
    for row in rows:
        table.add(cells_of(row), row)
    write_report(file, {"machine": machine(), "rows": table.rows})
