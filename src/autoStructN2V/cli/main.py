"""Entry point: the commands, and errors as one sentence."""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.markup import escape

from autoStructN2V.cli import commands
from autoStructN2V.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

_STOPPED = 130  # what shells report after Ctrl-C

app = typer.Typer(
    name="autostructn2v",
    help="Remove random and structured noise from microscopy images, without clean data.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.command("train")(commands.train)
app.command("denoise")(commands.denoise)
app.command("extract-mask")(commands.extract_mask)
app.command("inspect")(commands.inspect)
app.command("demo")(commands.demo)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 only if everything was written.

    Parameters
    ----------
    arguments : list of str, optional
        Words after the program's name; default: those of this process.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        with _stop_on_interrupt():
            app(arguments, standalone_mode=True)
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else 1
    except commands.StoppedError as stopped:
        _say(f"[yellow]Stopped:[/yellow] {escape(str(stopped))}")
        return _STOPPED
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


@contextmanager
def _stop_on_interrupt() -> Iterator[None]:
    """Let the first Ctrl-C end the run in order; a second one ends it at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    commands.stop_requested.clear()

    def request_stop(signum: int, frame: object) -> None:
        if commands.stop_requested.is_set():
            raise KeyboardInterrupt
        commands.stop_requested.set()

    previous = signal.signal(signal.SIGINT, request_stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
