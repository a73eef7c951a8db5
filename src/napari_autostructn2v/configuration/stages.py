"""Which stages of autoStructN2V are trained, and where the kernel comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget
from superqt.utils import signals_blocked

from autoStructN2V.pipeline import Stage2Config
from napari_autostructn2v.session.config_edits import STAGE_CHOICES, stage_choice
from napari_autostructn2v.widgets.editors import ChoiceBox
from napari_autostructn2v.widgets.forms import FormGrid
from napari_autostructn2v.widgets.sections import labeled_rows

if TYPE_CHECKING:
    from autoStructN2V.pipeline import PipelineConfig


class StageForms(QWidget):
    """Choice of the execution mode; asks for a kernel where one is needed.

    Edits values only: nested as in the configuration.
    """

    valueChanged = Signal()  # noqa: N815 - as the editors

    def __init__(self) -> None:
        super().__init__()
        self.stages = ChoiceBox([(label, key) for key, (label, _) in STAGE_CHOICES.items()])
        self.stages.setAccessibleName("Stages")
        self.stages.setToolTip(
            "<p>Which stages to train. Stage 2 alone takes its kernel from a file, or extracts it "
            "directly from the noisy images.</p>"
        )
        self.kernel_source = FormGrid({"stage2": Stage2Config}, ["mask_source"])
        self.kernel_file = FormGrid({"stage2": Stage2Config}, ["mask_file_path"])
        self._last_choice = self.stages.value()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(labeled_rows(("Stages", self.stages)))
        column.addWidget(self.kernel_source)
        column.addWidget(self.kernel_file)
        self.stages.valueChanged.connect(self._on_stages_chosen)
        self.kernel_source.valueChanged.connect(self._on_edited)
        self.kernel_file.valueChanged.connect(self._on_edited)

    def value(self) -> dict[str, Any]:
        """Return the fields that the choice sets."""
        choice = self.stages.value()
        values: dict[str, Any] = dict(STAGE_CHOICES[choice][1])
        stage2 = self.kernel_file.value()["stage2"]
        if choice == "both":
            stage2 |= self.kernel_source.value()["stage2"]
        elif choice != "stage1":
            values["stage1_model"] = None
            stage2["mask_source"] = choice
        return values | {"stage2": stage2}

    def show_config(self, config: PipelineConfig) -> None:
        """Show the choice that a configuration is."""
        with signals_blocked(self.stages):
            self.stages.setValue(stage_choice(config))
        self._last_choice = self.stages.value()
        self.kernel_source.setValue({"stage2": config.stage2})
        self.kernel_file.setValue({"stage2": config.stage2})
        self._show_questions()

    def _on_stages_chosen(self) -> None:
        # a kernel of both stages is that of stage 1, unless the person asks for another
        if self.stages.value() == "both" and self._last_choice != "both":
            self.kernel_source.setValue({"stage2": {"mask_source": "stage1"}})
        self._last_choice = self.stages.value()
        self._on_edited()

    def _on_edited(self) -> None:
        self._show_questions()
        self.valueChanged.emit()

    def _show_questions(self) -> None:
        choice = self.stages.value()
        is_file = self.kernel_source.value()["stage2"]["mask_source"] == "file"
        self.kernel_source.setVisible(choice == "both")
        self.kernel_file.setVisible(choice == "file" or (choice == "both" and is_file))
