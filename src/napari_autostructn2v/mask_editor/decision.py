"""What becomes of the kernel: approve it, skip stage 2, or keep it for the next training."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QGridLayout, QLabel, QPushButton, QWidget

from autoStructN2V.errors import ConfigError, KernelError
from autoStructN2V.pipeline import validate_config
from napari_autostructn2v.lifetime import connect
from napari_autostructn2v.session.docks import DockName
from napari_autostructn2v.session.state import Phase

if TYPE_CHECKING:
    from pathlib import Path

    from napari_autostructn2v.session.session import Session

_WHY_NOT_YET = {
    Phase.PREPARING: "The training reads the images; it comes here after stage 1.",
    Phase.STAGE1: "Stage 1 is being trained; the kernel is reviewed after it.",
    Phase.EXTRACTION: "The training is measuring the noise for the kernel.",
    Phase.STAGE2: "Stage 2 is being trained with the kernel that was approved.",
}
_NO_RUN = "No training waits for a kernel."
_WAITING = "The training waits. Check the kernel, then approve it or skip stage 2."
_POINTLESS = "The training waits. No neighbor is hidden, so stage 2 can be skipped."


class DecisionPanel(QWidget):
    """Approve, skip, or use the kernel later; says why a button cannot be used.

    Parameters
    ----------
    session : Session
        Whose training waits.
    parent : QWidget, optional
    """

    use_requested = Signal()
    """The kernel is wanted for the next training."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.approve_button = QPushButton("Approve && continue to stage 2")
        self.skip_button = QPushButton("Skip stage 2")
        self.use_button = QPushButton("Use this kernel for the next training")
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.addWidget(self.text, 0, 0, 1, 2)
        grid.addWidget(self.approve_button, 1, 0)
        grid.addWidget(self.skip_button, 1, 1)
        grid.addWidget(self.use_button, 2, 0, 1, 2)
        grid.setColumnStretch(0, 1)
        self.approve_button.clicked.connect(self._approve)
        self.skip_button.clicked.connect(self._skip)
        self.use_button.clicked.connect(self.use_requested)
        connect(self, session.training.changed, self.refresh)
        connect(self, session.config_changed, self.refresh)
        connect(self, session.document.changed, self.refresh)
        self.refresh()

    def use_for_next_training(self, path: Path) -> str:
        """Make a kernel file part of the configuration; return why that failed, or nothing."""
        config = self._session.config.model_dump()
        config["stage2"] |= {"mask_source": "file", "mask_file_path": path}
        if self._session.document.kernel.is_coarse:
            config["recorded_resolution"] = True
        config |= {
            "method": "autostructn2v",
            "mode": self._session.document.mode,
            "run_stage2": True,
        }
        try:
            self._session.set_config(validate_config(config))
        except ConfigError as error:
            return str(error)
        return ""

    def _approve(self) -> None:
        self._session.approve()
        self._session.dock_requested.emit(DockName.TRAINING)  # where it goes on

    def _skip(self) -> None:
        self._session.training.skip_stage2()
        self._session.dock_requested.emit(DockName.TRAINING)

    def refresh(self, *_: object) -> None:
        """Show what can be done now."""
        run = self._session.training.state
        is_waiting = run.phase is Phase.REVIEW
        problem = self._kernel_problem() if is_waiting else ""
        reason = problem or ("" if is_waiting else _WHY_NOT_YET.get(run.phase, _NO_RUN))
        is_alone = self._session.document.kernel.n_hidden == 1
        self.text.setText(reason or (_POINTLESS if is_alone else _WAITING))
        self.approve_button.setEnabled(not reason)
        self.approve_button.setToolTip(reason or "Train stage 2 with the kernel as it is now.")
        self.skip_button.setEnabled(is_waiting)
        self.skip_button.setToolTip(
            "End the training with the result of stage 1." if is_waiting else reason
        )
        self.use_button.setVisible(not run.phase.is_running)
        self.use_button.setToolTip(
            "Save the kernel and set Configuration to train stage 2 with it "
            f"({self._session.document.mode} mode{self._resolution()})."
        )

    def _resolution(self) -> str:
        is_coarse = self._session.document.kernel.is_coarse
        return ", at the recorded resolution" if is_coarse else ""

    def _kernel_problem(self) -> str:
        """Return why the training that waits cannot go on with the kernel."""
        run, kernel = self._session.training.state, self._session.document.kernel
        if run.config is not None and run.config.mode != kernel.mode:
            return (
                f"The training runs in {run.config.mode} mode, but this kernel is for "
                f"{kernel.mode}; go back with Undo."
            )
        try:
            kernel.require_grid(run.grid_share)
        except KernelError as error:
            return str(error)
        return ""
