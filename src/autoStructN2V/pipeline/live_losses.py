"""The losses of a training as a diagram that grows, in Jupyter."""

from __future__ import annotations

import sys
import time
from importlib import import_module
from typing import TYPE_CHECKING, Any

from autoStructN2V.pipeline.report.plots import loss_plot

if TYPE_CHECKING:
    from autoStructN2V.trainers.events import EpochFinished

_PAUSE = 1.0  # seconds between two drawings: drawing must not cost what a small training takes
# text and lines of the page, light or dark, and two colors that can be told apart on both
_PAGE = (
    "--ink: currentColor; --muted: #888; --line: #8884; --noisy: #d9822b; --denoised: #2f8fd8; "
    "display: flex; flex-wrap: wrap; gap: 1em"
)
_STAGE = "margin: 0; width: 26em; max-width: 100%"


class LiveLosses:
    """Draws training and validation loss of each stage; nothing where there is no notebook."""

    def __init__(self) -> None:
        self._is_notebook = is_notebook()
        self._history: dict[int, list[EpochFinished]] = {}
        self._drawn = -_PAUSE
        self._has_news = False
        self._handle: Any = None

    def add(self, event: EpochFinished) -> None:
        """Take an epoch over, and draw unless that was done just now."""
        self._history.setdefault(event.stage, []).append(event)
        self._has_news = True
        if time.monotonic() - self._drawn >= _PAUSE:
            self.draw()

    def draw(self) -> None:
        """Draw all that is known; the diagram before is replaced."""
        if not self._has_news or not self._is_notebook:
            return
        jupyter: Any = import_module("IPython.display")  # there in every notebook, and has no types
        page = jupyter.HTML(self._page())
        if self._handle is None:
            self._handle = jupyter.display(page, display_id=True)
        else:
            self._handle.update(page)
        self._drawn, self._has_news = time.monotonic(), False

    def _page(self) -> str:
        stages = [
            f'<figure style="{_STAGE}"><figcaption>Train {stage}, epoch {history[-1].epoch} of '
            f"{history[-1].n_epochs}</figcaption>{loss_plot(history, f'live-{stage}')}</figure>"
            for stage, history in self._history.items()
        ]
        return f'<div style="{_PAGE}">{"".join(stages)}</div>'


def is_notebook() -> bool:
    """Tell whether this runs in a kernel of Jupyter."""
    ipython = sys.modules.get("IPython")  # loaded there; a script has no use for it
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None
