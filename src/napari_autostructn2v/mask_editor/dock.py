"""Mask editor: the kernel beside its evidence, to be checked, changed and approved."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QTabBar,
    QVBoxLayout,
    QWidget,
)

from autoStructN2V.quantities import percent_text
from napari_autostructn2v.lifetime import connect
from napari_autostructn2v.mask_editor.decision import DecisionPanel
from napari_autostructn2v.mask_editor.extractor import ExtractorPanel
from napari_autostructn2v.mask_editor.grid import KernelGrid
from napari_autostructn2v.mask_editor.measurement import MeasurementPanel
from napari_autostructn2v.mask_editor.overlay import KernelOverlay
from napari_autostructn2v.mask_editor.remeasuring import Remeasuring
from napari_autostructn2v.mask_editor.spectrum_panel import SpectrumPanel
from napari_autostructn2v.mask_editor.tools import KernelTools, add_history_shortcuts
from napari_autostructn2v.session.session import session_for
from napari_autostructn2v.session.state import Phase
from napari_autostructn2v.widgets.correlation import CorrelationLegend, CorrelationScale
from napari_autostructn2v.widgets.dock_content import DockContent
from napari_autostructn2v.widgets.editors import SegmentedChoice
from napari_autostructn2v.widgets.sections import VerticalScrollArea

if TYPE_CHECKING:
    import napari
    from qtpy.QtGui import QHideEvent, QShowEvent

    from autoStructN2V.masking import Autocorrelation, KernelStatistics
    from napari_autostructn2v.session.documents.history import History
    from napari_autostructn2v.session.session import Session

_SLICES = ("Z-1 (above)", "Z (center)", "Z+1 (below)")
_FRAMES = ("T-1 (before)", "T (center)", "T+1 (after)")
_WELCOME = (
    "The kernel marks the pixels that share noise with the pixel in the center. Inspect the "
    "noise of a layer, start a training, or draw it here: click or drag in the grid."
)
_SETTLED = "What is changed here is for the next training; the one that runs has begun."
_N_LINES = 3  # of texts that change while sliders move
_HINT = "Click or drag to hide or show pixels."


class MaskEditor(DockContent):
    """Dock widget that shows and edits the kernel of a session.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        Viewer that the dock belongs to.
    session : Session, optional
        Shared state; by default that of the viewer.
    """

    def __init__(self, napari_viewer: napari.Viewer, session: Session | None = None) -> None:
        super().__init__()
        self._session = session or session_for(napari_viewer)
        self._document = self._session.document
        self._measured: Autocorrelation | None = None
        self._overlay = KernelOverlay(napari_viewer, self._document)
        self.measurement = MeasurementPanel(self._session)
        self.advice = _SteadyText("Advice", _N_LINES)
        self.evidence = SegmentedChoice(
            [("Autocorrelation", "autocorrelation"), ("Spectrum", "spectrum")]
        )
        self.spectrum = SpectrumPanel(self._session.patterns)
        self.remeasuring = Remeasuring(self._session, self.measurement)
        self.kernel_part = QWidget()
        self.tabs = QTabBar()
        self.grid = KernelGrid(self._document)
        self.cell_text = QLabel(_HINT)
        self.overlay_button = QPushButton("Show on image")
        self.legend = CorrelationLegend()
        self.statistics = _SteadyText("Statistics of the kernel", _N_LINES)
        self.tools = KernelTools(self._document)
        self.file_error = _SteadyText("Problem with a file")
        self.extractor = ExtractorPanel(self._document)
        self.decision = DecisionPanel(self._session)
        self._explain()
        self._arrange()
        self._connect()
        self._on_kernel()
        self._on_evidence()
        self._on_run()
        self._on_file("")
        self._on_choice()

    def hideEvent(self, event: QHideEvent | None) -> None:  # noqa: N802 - name given by Qt
        """Take the kernel off the image while the dock cannot be seen."""
        self._overlay.stop()
        super().hideEvent(event)

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802 - name given by Qt
        """Bring the kernel back onto the image."""
        super().showEvent(event)
        if self.overlay_button.isChecked():
            self._overlay.start()

    def on_seen(self, is_seen: bool) -> None:
        """Let the kernel on the image come and go with the dock."""
        if is_seen and self.overlay_button.isChecked():
            self._overlay.start()
        elif not is_seen:
            self._overlay.stop()

    def _explain(self) -> None:
        self.tabs.setExpanding(True)
        self.tabs.setDrawBase(False)
        self.tabs.setUsesScrollButtons(False)
        # three titles with their counts have to fit into a narrow dock
        self.tabs.setStyleSheet("QTabBar::tab { padding-left: 4px; padding-right: 4px; }")
        self.tabs.setAccessibleName("Slice of the kernel")
        for name in _SLICES:
            self.tabs.addTab(name)
        self.overlay_button.setCheckable(True)
        self.overlay_button.setToolTip(
            "Draw the kernel at true size around the mouse, over the image (in the 2D view); the "
            "image stays as it is."
        )
        self.evidence.setAccessibleName("Evidence")
        self.evidence.setToolTip(
            "Autocorrelation: which pixels share noise, for the kernel. Spectrum: patterns that "
            "cover the images, which no kernel can hide and which are removed first."
        )
        # long texts about a cell must not widen the dock
        self.cell_text.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def _arrange(self) -> None:
        part: QWidget
        beneath = QHBoxLayout()
        beneath.addWidget(self.legend, 1)
        beneath.addWidget(self.overlay_button)
        kernel = QVBoxLayout(self.kernel_part)
        kernel.setContentsMargins(0, 0, 0, 0)
        for part in (self.tabs, self.grid, self.cell_text):
            kernel.addWidget(part)
        kernel.addLayout(beneath)
        for part in (self.statistics, self.tools, self.file_error, _rule(), self.extractor):
            kernel.addWidget(part)
        content = QWidget()
        column = QVBoxLayout(content)
        above = (self.measurement, self.evidence, self.advice)
        for part in (*above, self.kernel_part, self.spectrum):
            column.addWidget(part)
        column.addStretch()
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(VerticalScrollArea(content), 1)
        bottom = QVBoxLayout()
        bottom.setContentsMargins(9, 0, 9, 9)
        bottom.addWidget(self.decision)
        outer.addLayout(bottom)

    def _connect(self) -> None:
        self.evidence.valueChanged.connect(self._on_choice)
        self.tabs.currentChanged.connect(self._on_tab)
        self.grid.slice_requested.connect(self.tabs.setCurrentIndex)
        self.grid.cell_described.connect(self._on_cell)
        self.overlay_button.toggled.connect(self._on_overlay)
        self.tools.failed.connect(self._on_file)
        self.decision.use_requested.connect(self._on_use)
        add_history_shortcuts(self, self._undo, self._redo)
        connect(self, self._document.changed, self._on_kernel)
        connect(self, self._document.evidence_changed, self._on_evidence)
        connect(self, self._session.training.changed, self._on_run)
        connect(self, self._session.config_changed, self._on_config)
        connect(self, self._overlay.ended, self._on_overlay_ended)

    def _history(self) -> History[Any]:
        """Return the history of what is seen."""
        is_spectrum = self.evidence.value() == "spectrum"
        return self._session.patterns.history if is_spectrum else self._document.history

    def _undo(self) -> None:
        self._history().undo()

    def _redo(self) -> None:
        self._history().redo()

    def _on_choice(self) -> None:
        is_spectrum = self.evidence.value() == "spectrum"
        self.kernel_part.setVisible(not is_spectrum)
        self.spectrum.setVisible(is_spectrum)
        self.advice.setVisible(not is_spectrum)

    def _on_tab(self, z: int) -> None:
        if z < len(self._document.planes):
            self.grid.set_z(z)
            self.tools.set_z(z)

    def _on_cell(self, text: str) -> None:
        self.cell_text.setText(text or _HINT)
        self.cell_text.setToolTip(text)

    def _on_overlay(self, is_on: bool) -> None:
        if is_on:
            self._overlay.start()
        else:
            self._overlay.stop()

    def _on_overlay_ended(self) -> None:
        self.overlay_button.setChecked(False)

    def _on_kernel(self) -> None:
        self._show_statistics(self._document.statistics)
        planes = self._document.planes
        self.tabs.setVisible(len(planes) == 3)
        if len(planes) == 3:
            names = _FRAMES if self._session.config.is_along_time else _SLICES
            for z, name in enumerate(names):
                n_hidden = int(planes[z].sum())
                self.tabs.setTabText(z, f"{name} · {n_hidden} px" if n_hidden else name)
            if self.tabs.currentIndex() != self.grid.z:
                self.tabs.setCurrentIndex(self.grid.z)
        self._on_tab(self.grid.z)

    def _on_config(self, config: object) -> None:
        """Name slices or frames."""
        self._on_kernel()

    def _show_statistics(self, statistics: KernelStatistics) -> None:
        facts = [
            " x ".join(map(str, statistics.size)),
            f"{statistics.n_active} hidden",
            percent_text(statistics.coverage_percent / 100, 1),
            "no pattern" if statistics.pattern_type == "none" else statistics.pattern_type,
        ]
        edited = ", edited" if self._document.is_edited else ""
        sentences = html.escape(self._document.kernel.sentences)
        self.statistics.setText(f"<b>{' · '.join(facts)}</b>{edited}<br>{sentences}")

    def _on_evidence(self) -> None:
        self.legend.set_scale(CorrelationScale.of(self._document))
        advice = self._document.advice
        if self._document.autocorrelation is not self._measured:
            self._measured = self._document.autocorrelation
            self.advice.forget()
        self.advice.setText(advice.message if advice is not None else _WELCOME)

    def _on_run(self, run: object = None) -> None:
        # while a training waits, the kernel must not be replaced by that of another layer
        phase = self._session.training.state.phase
        self.measurement.setVisible(phase is not Phase.REVIEW)
        self.spectrum.set_note(_SETTLED if phase.is_running else "")

    def _on_file(self, problem: str) -> None:
        self.file_error.forget()
        self.file_error.setText(problem)
        self.file_error.setVisible(bool(problem))
        self.decision.refresh()

    def _on_use(self) -> None:
        path = self.tools.saved_path() or self.tools.save()
        if path is not None:
            self._on_file(self.decision.use_for_next_training(path))


class _SteadyText(QLabel):
    """Wrapped text that keeps the height of the longest one, so that what is below stays."""

    def __init__(self, name: str, n_lines: int = 1) -> None:
        super().__init__()
        self._n_lines = n_lines
        self._tallest: dict[int, int] = {}
        self.setWordWrap(True)
        self.setAccessibleName(name)
        self.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)

    def heightForWidth(self, width: int) -> int:  # noqa: N802 - name given by Qt
        """Return the height of the longest text since :meth:`forget`, at this width."""
        kept = self._tallest.get(width, self._n_lines * self.fontMetrics().lineSpacing())
        self._tallest[width] = max(super().heightForWidth(width), kept)
        return self._tallest[width]

    def forget(self) -> None:
        """Give room back that only earlier texts needed."""
        self._tallest.clear()
        self.updateGeometry()


def _rule() -> QFrame:
    rule = QFrame()
    rule.setFrameShape(QFrame.Shape.HLine)
    rule.setFrameShadow(QFrame.Shadow.Sunken)
    return rule
