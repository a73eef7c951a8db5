"""Where a training begins: with new networks, or with what a model has learned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_autostructn2v.configuration.model_import import ModelImport, import_problem
from napari_autostructn2v.widgets.editors import SegmentedChoice
from napari_autostructn2v.widgets.sections import labeled_rows

if TYPE_CHECKING:
    from autoStructN2V.pipeline import PipelineConfig
    from napari_autostructn2v.session.imported_model import ImportedModel
    from napari_autostructn2v.session.state import TaskState


class StartChoice(QWidget):
    """From scratch, or from a model, which can be chosen below then.

    Attributes
    ----------
    choice : SegmentedChoice
        Which of the two.
    model : ModelImport
        The model, and what becomes of it.
    """

    valueChanged = Signal()  # noqa: N815 - as the editors

    def __init__(self) -> None:
        super().__init__()
        self.choice = SegmentedChoice(
            [("Train from scratch", "scratch"), ("Import model", "import")]
        )
        self.model = ModelImport()
        self._had_model = False
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(labeled_rows(("Start", self.choice)))
        column.addWidget(self.model)
        self.choice.valueChanged.connect(self._on_chosen)

    @property
    def is_from_scratch(self) -> bool:
        """Whether no model is to be gone on from."""
        return bool(self.choice.value() == "scratch")

    def value(self) -> dict[str, Any]:
        """Return the fields of a configuration that the choice sets."""
        return {"stage1_model": None, "start_model": None} if self.is_from_scratch else {}

    def trains_on(self, config: PipelineConfig) -> bool:
        """Tell whether the networks of a model are trained on, which say what is trained."""
        return not self.is_from_scratch and config.start_model is not None

    def problem(self, config: PipelineConfig) -> str | None:
        """Return why a model is missing, if one is to be imported."""
        if self.is_from_scratch:
            return None
        return import_problem(config, is_complete=self.model.is_complete)

    def show_config(self, config: PipelineConfig) -> None:
        """Show what a configuration begins with; one without a model forgets that there was one."""
        has_model = (config.stage1_model or config.start_model) is not None
        if has_model:
            self.choice.setValue("import")
        elif self._had_model:
            self.forget()
        self._had_model = has_model
        self.model.show_config(config)
        self.model.setVisible(not self.is_from_scratch)

    def show_imported(self, found: ImportedModel) -> None:
        """Show a model that was read."""
        self.choice.setValue("import")
        self.model.show_found(
            found.description, is_complete=found.is_complete, has_kernel=2 in found.models
        )
        self._had_model = False  # a complete one leaves nothing in the configuration

    def show_task(self, task: TaskState) -> None:
        """Show that a model is being read, or why it cannot be used."""
        self.model.show_task(task)
        if task.is_importing:
            self.choice.setValue("import")
            self.model.show()

    def forget(self) -> None:
        """Begin from scratch."""
        self.choice.setValue("scratch")
        self.model.show_found("")

    def _on_chosen(self) -> None:
        self.model.setVisible(not self.is_from_scratch)
        if self.is_from_scratch:
            self.model.show_found("")
        self.valueChanged.emit()
