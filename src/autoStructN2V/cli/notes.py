"""What is said beside the results, on the error stream."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape


def note(message: str) -> None:
    """Say what a person should know and nothing has to be done about."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(f"[yellow]Note:[/yellow] {escape(message)}")
