"""Entry point: the commands, and errors as one sentence."""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.markup import escape

from autoStructN2V.cli import applying, exporting, measuring, shelf, training
from autoStructN2V.cli.help import Command, Program
from autoStructN2V.cli.stopping import StoppedError, stop_requested
from autoStructN2V.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

_SIGNALED = 128  # plus the number of the signal: what shells report, 130 after Ctrl-C
_received = int(signal.SIGINT)

app = typer.Typer(
    name="autostructn2v",
    cls=Program,
    help="Remove random and structured noise from microscopy images, without clean data.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.command("train", cls=Command)(training.train)
app.command("denoise", cls=Command)(applying.denoise)
app.command("extract-mask", cls=Command)(measuring.extract_mask)
app.command("inspect", cls=Command)(measuring.inspect)
app.command("models", cls=Command)(shelf.models)
app.command("label", cls=Command)(shelf.label)
app.command("delete", cls=Command)(shelf.delete)
app.command("restore", cls=Command)(shelf.restore)
app.command("export", cls=Command)(exporting.export)
app.command("demo", cls=Command)(training.demo)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 only if everything was written.

    Parameters
    ----------
    arguments : list of str, optional
        Words after the program's name; default: those of this process.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    _escape_what_cannot_be_shown()
    try:
        with _stop_on_signals():
            app(arguments, standalone_mode=True)
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else 1
    except StoppedError as stopped:
        _say(f"[yellow]Stopped:[/yellow] {escape(str(stopped))}")
        return _SIGNALED + _received
    except (UserError, OSError, MemoryError) as error:
        if "--verbose" in arguments:
            Console(stderr=True).print_exception()
        _say(f"[red]Error:[/red] {escape(_sentence(error))}")
        return 1
    return 0


def _say(text: str) -> None:
    # soft wrapping leaves paths whole, so that they can be copied
    Console(stderr=True, highlight=False, soft_wrap=True).print(text)


def _sentence(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return "The computer ran out of memory; close other programs or lower the batch size."
    return str(error)


def _escape_what_cannot_be_shown() -> None:
    """Let no character of a file name end a run: where it cannot be encoded, it is escaped."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def _stop_on_signals() -> Iterator[None]:
    """Let the first Ctrl-C end the run in order; a second one ends it at once.

    So do SIGTERM, which clusters, containers and time limits send, and SIGHUP of a closed terminal.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    stop_requested.clear()
    previous = {number: signal.signal(number, _request_stop) for number in _signals()}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _signals() -> list[signal.Signals]:
    names = ("SIGINT", "SIGTERM", "SIGHUP")
    there = [getattr(signal, name) for name in names if hasattr(signal, name)]
    # nohup: a closed terminal shall not end the run
    return [
        number
        for number in there
        if number == signal.SIGINT or signal.getsignal(number) is not signal.SIG_IGN
    ]


def _request_stop(signum: int, frame: object) -> None:
    global _received
    _received = signum
    if signum == getattr(signal, "SIGHUP", None):
        _leave_terminal()
    if stop_requested.is_set():
        raise KeyboardInterrupt
    stop_requested.set()


def _leave_terminal() -> None:
    """Write to nowhere instead of to a terminal that has gone, where writing is an error."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        with suppress(OSError):
            if os.isatty(descriptor):
                os.dup2(nowhere, descriptor)
