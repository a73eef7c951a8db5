"""Events of a running job as progress bars."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from autoStructN2V.pipeline.events import (
    Event,
    Judged,
    KernelProposed,
    PredictionProgress,
    StageFinished,
    StagesCompared,
    StageStarted,
)
from autoStructN2V.quantities import duration_text
from autoStructN2V.trainers.events import BatchFinished, EpochFinished, Warned

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType


_PAUSE = 30.0  # seconds between lines where there is no terminal to draw on


class ProgressView:
    """Draw the events of a job on the error stream; use it in a ``with`` block.

    Parameters
    ----------
    verbose : bool
        Also print one line per epoch; it is always printed where there is no terminal to draw on.
    """

    def __init__(self, *, verbose: bool = False) -> None:
        self.console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._prints_epochs = verbose or not self.console.is_terminal
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[detail]}"),
            TimeElapsedColumn(),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}
        self._introduction: Callable[[], str] | None = None
        self._said = -math.inf

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def introduce(self, text: Callable[[], str]) -> None:
        """Print a text before the first event, which comes after all checks of the input."""
        self._introduction = text

    def show(self, event: Event) -> None:
        """Draw one event."""
        if self._introduction is not None:
            introduction, self._introduction = self._introduction(), None
            self.console.print(escape(introduction))
        self._draw(event)

    def _draw(self, event: Event) -> None:
        match event:
            case Warned():
                self.console.print(f"[yellow]Note:[/yellow] {escape(event.message)}")
            case StageStarted():
                self.console.print(
                    f"Stage {event.stage}: {event.n_parameters / 1000:,.0f} thousand "
                    f"parameters, at most {event.n_epochs} epochs, on {event.device}"
                )
            case BatchFinished():
                done = (event.epoch - 1) * event.n_steps + event.step
                detail = f"epoch {event.epoch} of {event.n_epochs}, {_left(event.eta_seconds)}"
                self._update(f"Train {event.stage}", done, event.n_steps * event.n_epochs, detail)
            case EpochFinished():
                self._show_epoch(event)
            case PredictionProgress():
                self._show_prediction(event)
            case KernelProposed():
                for message in event.proposal.advice.messages:
                    self.console.print(escape(message))
            case StageFinished():
                self._show_result(event)
            case StagesCompared() | Judged():
                self._show_outcome(event)

    def _show_prediction(self, event: PredictionProgress) -> None:
        detail, speed = _left(event.eta_seconds), event.blocks_per_second
        if speed is not None:
            detail += f", {speed:.2g} blocks/s"
            self._say_sometimes(f"Slice {event.n_done} of {event.n_tiles}, {detail}")
        self._update(f"Denoise {event.stage}", event.n_done, event.n_tiles, detail)

    def _say_sometimes(self, text: str) -> None:
        """Print a line now and then, into the log of a cluster."""
        if not self.console.is_terminal and time.monotonic() - self._said > _PAUSE:
            self._said = time.monotonic()
            self.console.print(text)

    def _show_epoch(self, event: EpochFinished) -> None:
        if self._prints_epochs:
            self.console.print(
                f"Stage {event.stage}, epoch {event.epoch} of {event.n_epochs}: "
                f"training loss {event.train_loss:.4f}, validation {event.val_loss:.4f} "
                f"(best {event.best_val_loss:.4f}), {_left(event.eta_seconds)}"
            )

    def _show_result(self, event: StageFinished) -> None:
        report = event.report
        if report is None:
            self.console.print(f"Stage {event.stage} was stopped; its best model so far is kept.")
            return
        self.console.print(f"Stage {event.stage} done. {report.sentence}")

    def _show_outcome(self, event: StagesCompared | Judged) -> None:
        """Print what is good news; the other is a note of its own."""
        if isinstance(event, Judged):
            if not event.verdict.loses_to_gaussian:
                self.console.print(event.verdict.sentence)
        elif event.comparison.better_stage == 2:
            self.console.print(event.comparison.sentence)

    def _update(self, name: str, done: int, total: int, detail: str) -> None:
        if name not in self._tasks:
            self._tasks[name] = self._progress.add_task(name, total=total, detail="")
        self._progress.update(self._tasks[name], completed=done, total=total, detail=detail)


def _left(seconds: float) -> str:
    if math.isinf(seconds):
        return "time left not known yet"
    return f"{duration_text(seconds)} left"
