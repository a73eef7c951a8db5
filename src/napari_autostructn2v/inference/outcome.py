"""What came of denoising, saving, opening and exporting, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_autostructn2v.session.state import Status
from napari_autostructn2v.widgets.status import Notice

if TYPE_CHECKING:
    from napari_autostructn2v.session.state import TaskState


class OutcomeNotices(QWidget):
    """Why something failed, what to look at, and what was done."""

    def __init__(self) -> None:
        super().__init__()
        self.error = Notice(Status.FAILED)
        self.warnings = Notice(Status.AWAITING)
        self.done = Notice(Status.COMPLETE)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for notice in (self.error, self.warnings, self.done):
            column.addWidget(notice)

    @property
    def told(self) -> Notice | None:
        """The notice that says how it ended; None while there is nothing to say."""
        return next((notice for notice in (self.done, self.error) if notice.text()), None)

    def show_task(self, task: TaskState) -> None:
        """Say what there is to say of a task; the last message of one that ended is the outcome."""
        has_outcome = not task.is_running and task.error is None
        outcome = task.messages[-1:] if has_outcome else ()
        warnings = task.messages[: len(task.messages) - len(outcome)]
        self.error.show_text(task.error or "")
        self.warnings.show_text("\n".join(warnings))
        self.done.show_text("".join(outcome))

    def add_task(self, task: TaskState) -> None:
        """Say as well how a task ended that did something with what came of the one before."""
        self.error.show_text(task.error or "")
        self.done.show_text(" ".join([self.done.text(), *task.messages[-1:]]).strip())
        self.warnings.show_text("\n".join(task.messages[:-1]) or self.warnings.text())

    def clear(self) -> None:
        """Say nothing."""
        for notice in (self.error, self.warnings, self.done):
            notice.show_text("")
