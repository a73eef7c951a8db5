"""Runs scripts in processes of their own: other programs, in their environments, or this one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

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
