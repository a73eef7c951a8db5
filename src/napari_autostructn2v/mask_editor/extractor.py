"""Sliders of the automatic kernel, which propose it anew while they move."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)
from superqt.utils import QSignalThrottler, signals_blocked

from autoStructN2V.masking import ExtractorConfig
from autoStructN2V.pipeline import Stage2Config
from napari_autostructn2v.lifetime import connect
from napari_autostructn2v.widgets.forms import field_help, make_editor

if TYPE_CHECKING:
    from qtpy.QtGui import QWheelEvent

    from napari_autostructn2v.session.documents.kernel_document import KernelDocument
    from napari_autostructn2v.widgets.editors import FloatBox, IntBox

_SWITCH = "adapt_autocorr"
_STEPS = {"base_percentile": 1.0, "percentile_decay": 0.01, "max_true_pixels": 1.0}
_SECTION = "stage2.extractor"
_LEAST_MS_BETWEEN_PROPOSALS = 60


class _CalmSlider(QSlider):
    """Leaves the wheel to the scroll area unless it was clicked before."""

    def wheelEvent(self, event: QWheelEvent | None) -> None:  # noqa: N802 - name given by Qt
        if event is not None and not self.hasFocus():
            event.ignore()
        else:
            super().wheelEvent(event)


class FieldSlider(QWidget):
    """Slider and number of one parameter; the number is exact, the slider moves in steps.

    Parameters
    ----------
    name : str
        Field of the extractor's configuration.
    parent : QWidget, optional
    """

    valueChanged = Signal()  # noqa: N815 - as the editors of forms

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._step = _STEPS[name]
        self.box = cast("FloatBox | IntBox", make_editor(ExtractorConfig, name))
        self.box.setSingleStep(1 if self._step == 1 else self._step)  # type: ignore[arg-type]
        self.slider = _CalmSlider(Qt.Orientation.Horizontal)
        self.slider.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.slider.setRange(self._to_steps(self.box.minimum()), self._to_steps(self.box.maximum()))
        described = field_help(ExtractorConfig, name, _SECTION)
        for widget in (self.box, self.slider):
            widget.setToolTip(described.tooltip)
            widget.setAccessibleName(described.title)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.slider, 3)
        row.addWidget(self.box, 2)
        self.slider.valueChanged.connect(self._on_slider)
        self.box.valueChanged.connect(self._on_box)

    def value(self) -> float | int:
        """Return the parameter."""
        return self.box.value() or 0

    def setValue(self, value: float) -> None:  # noqa: N802 - as the editors of forms
        """Show a value without announcing it."""
        with signals_blocked(self.box), signals_blocked(self.slider):
            self.box.setValue(value)  # type: ignore[arg-type]
            self.slider.setValue(self._to_steps(value))

    def _to_steps(self, value: float) -> int:
        return round(value / self._step)

    def _on_slider(self, steps: int) -> None:
        value = steps * self._step
        self.setValue(round(value, 6) if self._step < 1 else steps)
        self.valueChanged.emit()

    def _on_box(self) -> None:
        self.setValue(self.value())
        self.valueChanged.emit()


class ExtractorPanel(QWidget):
    """The parameters of the automatic kernel that are worth playing with.

    Parameters
    ----------
    document : KernelDocument
        Its proposal is made anew from the same evidence.
    parent : QWidget, optional
    """

    def __init__(self, document: KernelDocument, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._document = document
        self._changed: set[str] = set()
        self._moved = QSignalThrottler(QSignalThrottler.EmissionPolicy.Trailing, self)
        self._moved.setTimeout(_LEAST_MS_BETWEEN_PROPOSALS)
        self._moved.triggered.connect(self._propose)
        self.switch = QCheckBox()
        self.sliders = {name: FieldSlider(name) for name in _STEPS}
        self.regenerate_button = QPushButton("Regenerate")
        self.reset_button = QPushButton("Reset to defaults")
        self._arrange()
        self.switch.toggled.connect(self._on_switch)
        for slider in self.sliders.values():
            slider.valueChanged.connect(self._on_slider)
        self.regenerate_button.clicked.connect(self._on_regenerate)
        self.reset_button.clicked.connect(self._on_reset)
        connect(self, document.changed, self._refresh)
        connect(self, document.evidence_changed, self._refresh)
        self._refresh()

    def _arrange(self) -> None:
        described = field_help(ExtractorConfig, _SWITCH, _SECTION)
        self.switch.setText(described.title)
        self.switch.setToolTip(described.tooltip)
        grid = QGridLayout()
        grid.setColumnStretch(1, 1)
        for row, (name, slider) in enumerate(self.sliders.items()):
            label = QLabel(field_help(ExtractorConfig, name).title)
            label.setBuddy(slider.slider)
            label.setToolTip(slider.slider.toolTip())
            grid.addWidget(label, row, 0)
            grid.addWidget(slider, row, 1)
        self.regenerate_button.setToolTip(
            "Propose the kernel again from what was measured; edits by hand are taken back, and "
            "Undo brings them."
        )
        self.reset_button.setToolTip("Set these parameters to their defaults and propose again.")
        buttons = QHBoxLayout()
        buttons.addWidget(self.regenerate_button)
        buttons.addWidget(self.reset_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(QLabel(f"<b>{field_help(Stage2Config, 'extractor').title}</b>"))
        column.addWidget(self.switch)
        column.addLayout(grid)
        column.addLayout(buttons)

    def _on_switch(self, is_on: bool) -> None:
        self._changed.add(_SWITCH)
        self._propose()

    def _on_slider(self) -> None:
        self._changed |= {n for n, slider in self.sliders.items() if slider is self.sender()}
        self._moved.throttle()

    def _propose(self) -> None:
        """Propose with the parameters that were changed; the others stay exactly as they are."""
        self._moved.cancel()
        values: dict[str, Any] = {name: self.sliders[name].value() for name in self._sliders_moved}
        if _SWITCH in self._changed:
            values[_SWITCH] = self.switch.isChecked()
        self._changed = set()
        self._document.regenerate(self._document.extractor.model_copy(update=values))

    @property
    def _sliders_moved(self) -> set[str]:
        return self._changed & set(self.sliders)

    def _on_regenerate(self) -> None:
        self._document.regenerate(self._document.extractor)

    def _on_reset(self) -> None:
        self._moved.cancel()
        self._changed = set()
        extractor = self._document.extractor
        self._document.regenerate(extractor.model_copy(update=_defaults(extractor)))

    def _refresh(self) -> None:
        document, extractor = self._document, self._document.extractor
        with signals_blocked(self.switch):
            self.switch.setChecked(extractor.adapt_autocorr)
        for name, slider in self.sliders.items():
            if name not in self._changed:
                slider.setValue(extractor[name])
        self.sliders["percentile_decay"].setEnabled(extractor.adapt_autocorr)
        self.regenerate_button.setEnabled(document.is_edited)
        defaults = _defaults(extractor)
        self.reset_button.setEnabled(any(extractor[n] != value for n, value in defaults.items()))


def _defaults(extractor: Any) -> dict[str, Any]:
    """Return the defaults of the parameters that this panel shows."""
    fields = type(extractor).model_fields
    return {name: fields[name].default for name in (_SWITCH, *_STEPS)}
