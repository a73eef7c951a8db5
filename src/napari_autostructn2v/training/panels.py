"""What can be done with a run now: watch it, decide about its kernel, use its results."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QGridLayout, QPushButton, QWidget

from napari_autostructn2v.session.state import Phase, Status
from napari_autostructn2v.widgets.progress import ProgressLine
from napari_autostructn2v.widgets.run_text import (
    REPORT_HELP,
    REVIEW,
    channel_text,
    interrupted_text,
    is_bad_outcome,
    outcome_text,
    progress_text,
)
from napari_autostructn2v.widgets.sections import sentence, show_sentence
from napari_autostructn2v.widgets.status import Notice

if TYPE_CHECKING:
    from napari_autostructn2v.session.interruptions import Interrupted
    from napari_autostructn2v.session.state import RunState

_OF_UNKNOWN_LENGTH = (Phase.PREPARING, Phase.EXTRACTION)


class ProgressPanel(ProgressLine):
    """What a run is doing, and how far it is."""

    def __init__(self) -> None:
        super().__init__("Progress")

    def show_run(self, run: RunState) -> None:
        """Show the progress of a run; nothing if it does nothing."""
        fraction = run.progress.fraction if run.progress is not None else 0.0
        is_known = fraction > 0 or run.phase not in _OF_UNKNOWN_LENGTH
        self.show_progress(run.progress, progress_text(run), is_known=is_known)


class ReviewPanel(QWidget):
    """Decision about the kernel that a run waits for."""

    review_requested = Signal()
    approve_requested = Signal()
    skip_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.notice = Notice(Status.AWAITING)
        self.review_button = QPushButton("Review the kernel")
        self.review_button.setToolTip("Open the Mask editor")
        self.approve_button = QPushButton("Approve")
        self.approve_button.setToolTip("Train stage 2 with the kernel as the Mask editor shows it")
        self.skip_button = QPushButton("Skip stage 2")
        self.skip_button.setToolTip("End here with the result of stage 1")
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.addWidget(self.notice, 0, 0, 1, 2)
        grid.addWidget(self.review_button, 1, 0, 1, 2)
        grid.addWidget(self.approve_button, 2, 0)
        grid.addWidget(self.skip_button, 2, 1)
        self.review_button.clicked.connect(self.review_requested)
        self.approve_button.clicked.connect(self.approve_requested)
        self.skip_button.clicked.connect(self.skip_requested)
        self.notice.show_text(REVIEW)

    def show_run(self, run: RunState) -> None:
        """Appear while a run waits."""
        channel = channel_text(run)
        self.notice.show_text(f"{channel}: {REVIEW}" if channel else REVIEW)
        self.setVisible(run.phase is Phase.REVIEW)
        self.setEnabled(not run.is_stopping)


class InterruptedPanel(QWidget):
    """A training that was killed or cancelled, and what can be done with it."""

    continue_requested = Signal()
    discard_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.notice = Notice(Status.AWAITING)
        self.continue_button = QPushButton("Continue")
        self.discard_button = QPushButton("Discard")
        self.discard_button.setToolTip(
            "Give up what it could go on from; finished models and images stay"
        )
        self.reason = sentence()
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.addWidget(self.notice, 0, 0, 1, 2)
        grid.addWidget(self.continue_button, 1, 0)
        grid.addWidget(self.discard_button, 1, 1)
        grid.addWidget(self.reason, 2, 0, 1, 2)
        self.continue_button.clicked.connect(self.continue_requested)
        self.discard_button.clicked.connect(self.discard_requested)

    def show_found(self, found: Interrupted | None, reason: str | None) -> None:
        """Show what was found and why it cannot go on now; nothing if nothing was found."""
        self.setVisible(found is not None)
        if found is None:
            return
        self.notice.show_text(interrupted_text(found))
        self.continue_button.setEnabled(reason is None)
        self.continue_button.setToolTip(reason or "Go on where it ended, with its settings")
        show_sentence(self.reason, reason or "")


class OutcomePanel(QWidget):
    """What can be done with the results of a run."""

    compare_requested = Signal()
    use_requested = Signal()
    report_requested = Signal()
    folder_requested = Signal()
    new_requested = Signal()
    longer_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.done = Notice(Status.COMPLETE)
        self.cancelled = Notice(Status.CANCELLED)
        self.compare_button = QPushButton("Compare")
        self.compare_button.setToolTip("Show the noisy and the denoised images side by side")
        self.use_button = QPushButton("Use model: Inference")
        self.use_button.setToolTip("Denoise other images with the trained model")
        self.report_button = QPushButton("Open report")
        self.report_button.setToolTip(REPORT_HELP)
        self.folder_button = QPushButton("Open folder")
        self.longer_button = QPushButton("Train longer")
        self.longer_button.setToolTip(
            "Train the last stage for as many epochs again, with its kernel; the model stays, and "
            "the new one is kept beside it"
        )
        self.new_button = QPushButton("Start new")
        self.new_button.setToolTip("Make ready for another training; layers and files stay")
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.addWidget(self.done, 0, 0, 1, 2)
        self._grid.addWidget(self.cancelled, 1, 0, 1, 2)
        self.compare_button.clicked.connect(self.compare_requested)
        self.use_button.clicked.connect(self.use_requested)
        self.report_button.clicked.connect(self.report_requested)
        self.folder_button.clicked.connect(self.folder_requested)
        self.longer_button.clicked.connect(self.longer_requested)
        self.new_button.clicked.connect(self.new_requested)

    def show_run(self, run: RunState) -> None:
        """Appear when a run is over, with what it left."""
        is_done = run.phase is Phase.DONE
        is_over = is_done or run.phase in (Phase.CANCELLED, Phase.FAILED)
        # the color of what a person should look at, where a result is not what it should be
        status = Status.AWAITING if is_bad_outcome(run) else Status.COMPLETE
        self.done.show_text(outcome_text(run) if is_done else "", status)
        self.cancelled.show_text("" if is_done else outcome_text(run))
        self.folder_button.setToolTip(f"Open {run.folder}")
        self._offer(
            {
                self.compare_button: bool(run.reports),
                self.use_button: bool(run.reports or run.history),
                self.report_button: run.report is not None,
                self.folder_button: run.folder is not None,
                self.longer_button: is_done and run.model_folder is not None,
                self.new_button: True,
            }
        )
        self.setVisible(is_over)

    def _offer(self, buttons: dict[QPushButton, bool]) -> None:
        """Show some of the buttons, two in a row."""
        offered = [button for button, is_offered in buttons.items() if is_offered]
        for button in buttons:
            self._grid.removeWidget(button)
            button.setVisible(button in offered)
        for i, button in enumerate(offered):
            span = 2 if i % 2 == 0 and button is offered[-1] else 1
            self._grid.addWidget(button, 2 + i // 2, i % 2, 1, span)
