"""Progress bars of jobs in Python: in a terminal, and as widgets in Jupyter where these are."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, TypeVar

from tqdm import TqdmExperimentalWarning, TqdmWarning

from autoStructN2V.pipeline.events import PredictionProgress
from autoStructN2V.pipeline.live_losses import LiveLosses
from autoStructN2V.trainers.events import BatchFinished, EpochFinished, Warned

with warnings.catch_warnings():
    # Jupyter without widgets: it is drawn as text
    warnings.simplefilter("ignore", TqdmExperimentalWarning)
    warnings.simplefilter("ignore", TqdmWarning)
    from tqdm.auto import tqdm

if TYPE_CHECKING:
    from collections.abc import Generator

    from autoStructN2V.pipeline.decisions import Decision
    from autoStructN2V.pipeline.events import Event

ResultT = TypeVar("ResultT")


def with_progress(
    events: Generator[Event, Decision | None, ResultT],
    *,
    losses: bool = False,
) -> Generator[Event, Decision | None, ResultT]:
    """Hand on the events of a job, and draw how far it is.

    Parameters
    ----------
    events : generator
        From :func:`pipeline_events` or another function that returns a generator of events.
    losses : bool
        Whether to draw training and validation loss in Jupyter as well, as a diagram that grows.

    Yields
    ------
    Event
        Those of the job; decisions are handed back.

    Returns
    -------
    object
        What the job returns.

    Examples
    --------
    >>> result = finish(with_progress(pipeline_events(noisy, config)))  # doctest: +SKIP
    """
    bars = _Bars(LiveLosses() if losses else None)
    answer: Decision | None = None
    try:
        while True:
            event = events.send(answer)
            bars.show(event)
            answer = yield event
    except StopIteration as end:
        result: ResultT = end.value
        return result
    finally:
        events.close()
        bars.close()


class _Bars:
    """One bar for each training and each denoising, under each other."""

    def __init__(self, losses: LiveLosses | None) -> None:
        self._bars: dict[str, Any] = {}
        self._losses = losses

    def show(self, event: Event) -> None:
        match event:
            case BatchFinished():
                done = (event.epoch - 1) * event.n_steps + event.step
                self._bar(f"Train {event.stage}", event.n_steps * event.n_epochs, done)
            case EpochFinished():
                self._show_losses(event)
            case PredictionProgress():
                self._bar(f"Denoise {event.stage}", event.n_tiles, event.n_done)
            case Warned():
                tqdm.write(event.message)

    def _show_losses(self, event: EpochFinished) -> None:
        if bar := self._bars.get(f"Train {event.stage}"):
            losses = {"loss": event.train_loss, "validation": event.val_loss}
            shown = {name: f"{loss:.4f}" for name, loss in losses.items()}
            bar.set_postfix(shown, refresh=False)
        if self._losses is not None:
            self._losses.add(event)

    def close(self) -> None:
        for bar in self._bars.values():
            bar.close()
        if self._losses is not None:
            self._losses.draw()

    def _bar(self, name: str, total: int, done: int) -> None:
        if name not in self._bars:
            self._bars[name] = tqdm(total=total, desc=name)
        bar = self._bars[name]
        bar.update(done - bar.n)
