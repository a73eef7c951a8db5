"""Dock widget Training: start a training, watch it, decide about its kernel, use its results."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from npe2 import PluginManager
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_autostructn2v.lifetime import connect
from napari_autostructn2v.session.docks import COMPARE_COMMAND, DockName
from napari_autostructn2v.session.run_reducer import started
from napari_autostructn2v.session.session import session_for
from napari_autostructn2v.session.state import PART_OF_STAGE, Part, Phase, RunState, Status
from napari_autostructn2v.training.loss_plot import LossPlot
from napari_autostructn2v.training.panels import (
    InterruptedPanel,
    OutcomePanel,
    ProgressPanel,
    ReviewPanel,
)
from napari_autostructn2v.training.phases import PhaseSection, StageSection
from napari_autostructn2v.widgets.dock_content import DockContent, open_outside
from napari_autostructn2v.widgets.question import is_confirmed
from napari_autostructn2v.widgets.run_text import (
    has_details,
    notes_text,
    part_title,
    shown_parts,
    stage_text,
    what_is_trained,
)
from napari_autostructn2v.widgets.sections import VerticalScrollArea, sentence, show_sentence
from napari_autostructn2v.widgets.status import Notice

if TYPE_CHECKING:
    import napari

    from napari_autostructn2v.session.session import Session

_AUTO_APPROVE_HELP = (
    "Train stage 2 with the kernel that is found, without asking. Otherwise the training waits for "
    "your approval."
)
_DISCARD = (
    "Discard the interrupted training? It cannot go on after that. Finished models and images stay."
)
_KERNEL_KNOWN = (Status.AWAITING, Status.COMPLETE)


class Training(DockContent):
    """Start, cancel and watch the training of a session.

    Parameters
    ----------
    napari_viewer : napari.Viewer
    session : Session, optional
        Default: that of the viewer.
    """

    def __init__(self, napari_viewer: napari.Viewer, session: Session | None = None) -> None:
        super().__init__()
        self._viewer = napari_viewer
        self._session = session or session_for(napari_viewer)
        self._shown: RunState | None = None
        self._make_widgets()
        self._arrange()
        self._connect_widgets()
        self._connect_session()
        self._on_auto_approve(self._session.training.auto_approve)
        self._on_run(self._session.training.state)

    # building

    def _make_widgets(self) -> None:
        self.about = sentence()
        self.about.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.about.setMinimumWidth(1)  # a long layer name must not widen the dock
        self.change_button = QPushButton("Change")
        self.change_button.setStyleSheet(
            "border: none; background-color: transparent; text-decoration: underline;"
        )
        self.change_button.setCursor(Qt.CursorShape.PointingHandCursor)
        self.change_button.setToolTip("Open Configuration")
        self.start_button = QPushButton("Start training")
        self.cancel_button = QPushButton("Cancel")
        self.reason = sentence()
        self.auto_approve = QCheckBox("Auto-approve the kernel")
        self.auto_approve.setToolTip(_AUTO_APPROVE_HELP)
        self.interrupted = InterruptedPanel()
        self.progress = ProgressPanel()
        self.review = ReviewPanel()
        self.outcome = OutcomePanel()
        self.error = Notice(Status.FAILED)
        self.phases: dict[Part, PhaseSection] = {
            Part.STAGE1: StageSection(Part.STAGE1),
            Part.KERNEL: PhaseSection(Part.KERNEL),
            Part.STAGE2: StageSection(Part.STAGE2),
        }
        self.plot = LossPlot()
        self.notes = Notice(Status.PENDING)
        self.notes.setAccessibleName("Notes")

    def _arrange(self) -> None:
        content = QWidget()
        column = QVBoxLayout(content)
        header = QHBoxLayout()
        header.addWidget(self.about, 1)
        header.addWidget(self.change_button, 0, Qt.AlignmentFlag.AlignTop)
        column.addLayout(header)
        widgets: list[QWidget] = [self.interrupted, self.start_button, self.cancel_button]
        widgets += [self.reason, self.error]
        widgets += [self.auto_approve, self.progress, self.review, self.outcome]
        for widget in [*widgets, *self.phases.values(), self.plot, self.notes]:
            column.addWidget(widget)
        column.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(VerticalScrollArea(content))

    def _connect_widgets(self) -> None:
        self.change_button.clicked.connect(self._on_change)
        self.start_button.clicked.connect(self._on_start)
        self.cancel_button.clicked.connect(self._on_cancel)
        self.interrupted.continue_requested.connect(self._on_continue)
        self.interrupted.discard_requested.connect(self._on_discard)
        self.auto_approve.toggled.connect(self._session.training.set_auto_approve)
        self.review.review_requested.connect(self._on_review)
        self.review.approve_requested.connect(self._on_approve)
        self.review.skip_requested.connect(self._on_skip)
        self.outcome.compare_requested.connect(self._on_compare)
        self.outcome.use_requested.connect(self._on_use)
        self.outcome.report_requested.connect(self._on_report)
        self.outcome.folder_requested.connect(self._on_folder)
        self.outcome.longer_requested.connect(self._session.train_longer)
        self.outcome.new_requested.connect(self._on_new)

    def _connect_session(self) -> None:
        session = self._session
        connect(self, session.training.changed, self._on_run)
        connect(self, session.config_changed, self._on_plan)
        connect(self, session.config_problem_changed, self._on_plan)
        connect(self, session.source_changed, self._on_plan)
        connect(self, session.interruptions.changed, self._on_plan)
        connect(self, session.training.auto_approve_changed, self._on_auto_approve)
        connect(self, session.document.changed, self._on_kernel)

    # what a person does

    def _on_change(self) -> None:
        self._session.dock_requested.emit(DockName.CONFIGURATION)

    def _on_start(self) -> None:
        self._session.start_training()

    def _on_continue(self) -> None:
        self._session.continue_training()

    def _on_discard(self) -> None:
        if is_confirmed(self, "Discard the interrupted training", _DISCARD):
            self._session.discard_interrupted()

    def _on_cancel(self) -> None:
        self._session.training.cancel()

    def _on_review(self) -> None:
        self._session.dock_requested.emit(DockName.MASK_EDITOR)

    def _on_approve(self) -> None:
        self._session.approve()

    def _on_skip(self) -> None:
        self._session.training.skip_stage2()

    def _on_compare(self) -> None:
        PluginManager.instance().commands.execute(COMPARE_COMMAND, (self._viewer,))

    def _on_use(self) -> None:
        self._session.dock_requested.emit(DockName.INFERENCE)

    def _on_folder(self) -> None:
        open_outside(self._session.training.state.folder)

    def _on_report(self) -> None:
        open_outside(self._session.training.state.report)

    def _on_new(self) -> None:
        self._session.training.forget()

    # what the session reports

    def _on_run(self, run: RunState) -> None:
        """Show a run; of most events, which come often, only the progress."""
        shown, self._shown = self._shown, run
        self.progress.show_run(run)
        if shown is not None and not _changed_beyond_progress(shown, run):
            return
        if shown is None or run.history is not shown.history or run.config is not shown.config:
            self._show_losses(run)
        self._show_controls(run)
        self._show_phases(run)
        self._on_kernel()
        self.review.show_run(run)
        self.outcome.show_run(run)
        self.error.show_text(run.error or "")
        self.notes.show_text(notes_text(run))
        self._on_plan()

    def _on_plan(self, changed: object = None) -> None:
        """Show what is trained, or would be, and whether that can be started."""
        session, run = self._session, self._session.training.state
        if run.config is not None and (run.phase.is_running or run.phase is Phase.DONE):
            n = run.channel.n_channels if run.channel is not None else 1
            text = what_is_trained(run.config, run.source_name, run.device, n)
        else:
            source = session.source
            layer, n = (source.name, session.n_models) if source is not None else ("", 1)
            text = what_is_trained(session.config, layer, n_channels=n)
        show_sentence(self.about, text)
        self.about.setToolTip(text)
        if run.phase is Phase.IDLE:
            self._show_phases(run)
        is_offered = not run.phase.is_running and run.phase is not Phase.DONE
        found = session.interruptions.found if is_offered else None
        self.interrupted.show_found(found, session.cannot_continue() if found else None)
        if not is_offered:
            return show_sentence(self.reason, "")
        reason = session.cannot_start() or ""
        show_sentence(self.reason, reason)
        self.start_button.setEnabled(not reason)
        self.start_button.setToolTip(reason or "Train on this computer with these settings")
        return None

    def _on_auto_approve(self, is_on: bool) -> None:
        self.auto_approve.setChecked(is_on)

    def _on_kernel(self) -> None:
        """Say what the kernel hides."""
        run, kernel = self._session.training.state, None
        if run.kernel is not None:  # later edits are for another training
            kernel = run.kernel
        elif run.statuses[Part.KERNEL] in _KERNEL_KNOWN:
            kernel = self._session.document.kernel
        self.phases[Part.KERNEL].set_text(kernel.sentences if kernel is not None else "")

    def _show_controls(self, run: RunState) -> None:
        is_running = run.phase.is_running
        self.start_button.setVisible(not is_running and run.phase is not Phase.DONE)
        self.start_button.setText("Start training" if run.phase is Phase.IDLE else "Train again")
        self.cancel_button.setVisible(is_running)
        self.cancel_button.setEnabled(not run.is_stopping)
        self.cancel_button.setText("Stopping..." if run.is_stopping else "Cancel")
        self.cancel_button.setToolTip("End the training; what is finished is kept")
        self.change_button.setVisible(not is_running)

    def _show_phases(self, run: RunState) -> None:
        if run.phase is Phase.IDLE:
            run = started(self._session.config, "")  # which parts there will be
        method = (run.config or self._session.config).method
        is_undecided = run.statuses[Part.KERNEL] in (Status.PENDING, Status.EXTRACTING)
        self.auto_approve.setVisible(is_undecided and run.phase.is_running)
        for part, phase in self.phases.items():
            phase.set_title(part_title(part, method))
            phase.set_status(run.statuses[part], has_details=has_details(run, part))
            phase.setVisible(part in shown_parts(method))
        for stage, part in PART_OF_STAGE.items():
            self.phases[part].set_text(stage_text(run, stage))

    def _show_losses(self, run: RunState) -> None:
        method = (run.config or self._session.config).method
        self.plot.show_history(run.history, [part_title(p, method) for p in PART_OF_STAGE.values()])
        last = {event.stage: event for event in run.history}
        for stage, part in PART_OF_STAGE.items():
            section = self.phases[part]
            if isinstance(section, StageSection):
                section.show_epoch(last.get(stage))


def _changed_beyond_progress(before: RunState, after: RunState) -> bool:
    names = (field.name for field in fields(RunState) if field.name != "progress")
    return any(getattr(before, name) is not getattr(after, name) for name in names)
