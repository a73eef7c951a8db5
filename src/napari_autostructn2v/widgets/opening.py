"""Docks that are there at once, and get their content when PyTorch has been loaded.

Loading takes seconds, in which napari would stand still if a dock did it while it is made.
"""

from __future__ import annotations

import atexit
import sys
import weakref
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QSizePolicy, QVBoxLayout

from napari_autostructn2v.lifetime import at_end, unwrapped, viewer_of
from napari_autostructn2v.session.work.jobs import Job, error_text
from napari_autostructn2v.widgets.dock_content import DockContent

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from types import ModuleType

    import napari

_SLOW = ("torch", "autoStructN2V.pipeline.run")
"""What takes long to load and needs no window."""
_USUAL_WIDTH = 370  # px, of the content
_SECONDS_TO_LOAD = 30.0
"""Until the end of the program no longer waits."""


def is_loaded() -> bool:
    """Tell whether a dock can be made without delay; what is half loaded would be waited for."""
    modules = [sys.modules.get(name) for name in _SLOW]
    return all(module and not _is_half_loaded(module) for module in modules)


def _is_half_loaded(module: ModuleType) -> bool:
    # as the import system itself tells, and as it tells nobody else
    return bool(getattr(module.__spec__, "_initializing", False))


def load(should_stop: Callable[[], bool]) -> Generator[str, Any, None]:
    """Load what takes long, one after the other; yields what has been loaded."""
    for name in _SLOW:
        if not should_stop():
            import_module(name)
            yield name


class OpeningDock(DockContent):
    """A dock that says what it is for until its content can be made.

    Parameters
    ----------
    napari_viewer : napari.Viewer

    Attributes
    ----------
    content : DockContent or None
        What a person came for; None while it is loaded.
    """

    room: ClassVar[str]
    """Package of the dock; its module ``dock`` makes the content, a class of the same name."""
    purpose: ClassVar[str]
    """What the dock is for, to be read meanwhile."""

    def __init__(self, napari_viewer: napari.Viewer) -> None:
        super().__init__()
        self._viewer = weakref.ref(unwrapped(napari_viewer))
        self.content: DockContent | None = None
        self._job: Job | None = None
        # napari fills half of a dock with nothing unless what is in it wants all of the height
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self.words = QLabel(f"{self.purpose}\n\nLoading PyTorch takes a few seconds…")
        self.words.setWordWrap(True)
        self.words.setMargin(12)
        # the dock becomes as wide as its content will want to be
        self.words.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.setMinimumWidth(_USUAL_WIDTH)
        self.words.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._column.addWidget(self.words)
        if is_loaded():
            self._fill()
        else:
            self._load()

    def on_closed(self) -> None:
        """Wait for nothing any more, or let the content do what is left to do."""
        if self._job is not None:
            self._job.abandon()
        if self.content is not None:
            self.content.on_closed()

    def on_seen(self, is_seen: bool) -> None:
        """Tell the content."""
        if self.content is not None:
            self.content.on_seen(is_seen)

    def _load(self) -> None:
        job = self._job = Job(load, lambda _: None, self._fill, self._tell)
        # Python is not to end while a library is half loaded
        atexit.register(job.wait, _SECONDS_TO_LOAD)
        at_end(self, job.abandon)
        job.start()

    def _fill(self, _: object = None) -> None:
        make = getattr(import_module(f"{self.room}.dock"), type(self).__name__)
        self.content = make(viewer_of(self._viewer))
        self.words.hide()
        self.setMinimumWidth(0)
        self._column.addWidget(self.content, 1)
        self.content.on_seen(self.isVisible())

    def _tell(self, error: Exception) -> None:
        self.words.setText(
            f"{self.purpose}\n\nPyTorch cannot be loaded. {error_text(error)} Install it again as "
            "pytorch.org says, and restart napari."
        )
