"""Choice of a preset, and the way back to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QToolButton, QWidget
from superqt.utils import signals_blocked

from autoStructN2V.pipeline import PipelineConfig
from autoStructN2V.pipeline.configuration.of_preset import is_modified
from napari_autostructn2v.widgets.editors import ChoiceBox
from napari_autostructn2v.widgets.forms import choices_of, field_help
from napari_autostructn2v.widgets.sections import sentence, show_sentence

if TYPE_CHECKING:
    from autoStructN2V.pipeline import PresetName


class PresetRow(QWidget):
    """Box of the presets; says when a parameter differs from the one that is chosen."""

    chosen = Signal()
    """All parameters are to be set as the preset has them."""

    def __init__(self) -> None:
        super().__init__()
        described = field_help(PipelineConfig, "preset")
        self.setToolTip(described.tooltip)
        self.box = ChoiceBox(choices_of(PipelineConfig, "preset"))
        self.box.setToolTip(described.tooltip)
        self.box.setAccessibleName(described.title)
        self.modified = sentence()
        self.reset = QToolButton()
        self.reset.setText("↺")
        self.reset.setAccessibleName("Reset to preset")
        self.reset.setToolTip("Set all parameters to the preset again.")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.box, 1)
        row.addWidget(self.modified)
        row.addWidget(self.reset)
        self.setFocusProxy(self.box)
        self.box.valueChanged.connect(self.chosen)
        self.reset.clicked.connect(self._on_reset)

    def value(self) -> PresetName:
        """Return the preset."""
        preset: PresetName = self.box.value()
        return preset

    def show_config(self, config: PipelineConfig) -> None:
        """Show the preset of a configuration, and whether it differs from it."""
        with signals_blocked(self.box):
            self.box.setValue(config.preset)
        is_changed = is_modified(config)
        show_sentence(self.modified, "(modified)" if is_changed else "")
        self.reset.setVisible(is_changed)

    def _on_reset(self) -> None:
        self.chosen.emit()
