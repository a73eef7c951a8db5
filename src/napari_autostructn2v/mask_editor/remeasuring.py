"""The noise is measured again when other patterns are removed, so that the kernel follows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer

from napari_autostructn2v.lifetime import connect

if TYPE_CHECKING:
    from napari_autostructn2v.mask_editor.measurement import MeasurementPanel
    from napari_autostructn2v.session.session import Session

_PAUSE_MS = 600  # after a click: more clicks may follow


class Remeasuring(QObject):
    """Measures a layer again after patterns were taken out of what is removed, or added.

    A kernel that was edited by hand stays as it is, and nothing is measured beside a training.

    Parameters
    ----------
    session : Session
        Whose patterns are edited.
    panel : MeasurementPanel
        Measures; is its parent.
    """

    def __init__(self, session: Session, panel: MeasurementPanel) -> None:
        super().__init__(panel)
        self._session = session
        self._panel = panel
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE_MS)
        self._pause.timeout.connect(self._measure)
        connect(self, session.patterns.edited, self._on_edited)
        connect(self, session.tasks.changed, self._on_task)
        self.is_due = False

    def _on_edited(self, edits: object) -> None:
        self.is_due = True
        self._pause.start()

    def _on_task(self, task: object) -> None:
        if self.is_due and not self._session.tasks.state.is_running:
            self._pause.start()

    def _measure(self) -> None:
        session = self._session
        if session.tasks.state.is_measuring:
            session.tasks.cancel()  # it began with other patterns
            return
        if session.tasks.state.is_running:
            return
        self.is_due = False
        if self._is_wanted():
            self._panel.measure()

    def _is_wanted(self) -> bool:
        session = self._session
        if session.training.state.phase.is_running or session.document.is_edited:
            return False
        measurement = session.noise.measurement
        return measurement is not None and measurement.is_of(self._panel.chooser.stacks())
