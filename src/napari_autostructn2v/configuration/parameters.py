"""Everything about training that has a number: the parameters of the stages, and more options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from autoStructN2V.masking import ExtractorConfig
from autoStructN2V.pipeline import N2VConfig, PipelineConfig, Stage1Config, Stage2Config
from autoStructN2V.trainers import ScheduleConfig
from napari_autostructn2v.widgets.forms import FormGrid, simple_fields
from napari_autostructn2v.widgets.sections import Collapsible, heading

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel


_MAIN = (
    "patch_size",
    "patches_per_image",
    "batch_size",
    "mask_percentage",
    "features",
    "num_layers",
    "learning_rate",
)
_CHOSEN_ELSEWHERE = ("mask_source", "mask_file_path")
_SCHEDULE = ("num_epochs",)
_MORE_GENERAL = (
    "head_start",
    "remove_periodic",
    "remove_stripes",
    "also_remove",
    "keep_patterns",
    "repair_outliers",
    "align_rows",
    "match_intensities",
    "recorded_resolution",
    "random_seed",
    "threads",
    "pixel_memory",
    "output_dtype",
)


class ParameterForms(QWidget):
    """Parameters of training: one column for N2V, stage 1 beside stage 2 for autoStructN2V.

    Edits values only: nested as in the configuration, and only those that are shown.
    """

    valueChanged = Signal()  # noqa: N815 - as the editors

    def __init__(self) -> None:
        super().__init__()
        n2v = {"n2v": N2VConfig}
        stages: dict[str, type[BaseModel]] = {"stage1": Stage1Config, "stage2": Stage2Config}
        headings = [str(PipelineConfig.model_fields[name].title) for name in stages]
        more = _further([*simple_fields(Stage1Config), *simple_fields(Stage2Config)])
        schedule = [n for n in simple_fields(ScheduleConfig) if n not in _SCHEDULE]
        self._general = [
            FormGrid({"": PipelineConfig}, _SCHEDULE),
            FormGrid({"": PipelineConfig}, [*schedule, *_MORE_GENERAL]),
        ]
        self.n2v = [FormGrid(n2v, _MAIN), FormGrid(n2v, _further(simple_fields(N2VConfig)))]
        self.stages = [FormGrid(stages, _MAIN, headings), FormGrid(stages, more, headings)]
        self._extractor = FormGrid(
            {"stage2.extractor": ExtractorConfig}, simple_fields(ExtractorConfig)
        )
        self._method = "autostructn2v"
        self.advanced = Collapsible("Advanced options")
        self.extractor = Collapsible(str(Stage2Config.model_fields["extractor"].title))
        self._arrange()
        for form in self.forms:
            form.valueChanged.connect(self.valueChanged)

    def value(self) -> dict[str, Any]:
        """Return the values that are shown, nested as in the configuration."""
        shown = self.n2v if self._method == "n2v" else [*self.stages, self._extractor]
        values: dict[str, Any] = {}
        for form in [*self._general, *shown]:
            for path, fields in form.value().items():
                inner = values
                for part in path.split(".") if path else []:
                    inner = inner.setdefault(part, {})
                inner.update(fields)
        return values

    def show_config(self, config: PipelineConfig) -> None:
        """Show the values of a configuration, and gray out what it does not use."""
        sections: Mapping[str, Any] = {
            "": config,
            "n2v": config.n2v,
            "stage1": config.stage1,
            "stage2": config.stage2,
            "stage2.extractor": config.stage2.extractor,
        }
        for form in self.forms:
            form.setValue(sections)
        self._method = config.method
        is_n2v = config.method == "n2v"
        trains_first = config.run_stage1 and config.stage1_model is None
        for form in self.n2v:
            form.setVisible(is_n2v)
        for form in self.stages:
            form.setVisible(not is_n2v)
            form.set_section_enabled("stage1", trains_first)
            form.set_section_enabled("stage2", config.run_stage2)
        is_given = config.keeps_kernel or config.stage2.mask_source == "file"
        extracts = config.run_stage2 and not is_given
        self.extractor.setVisible(not is_n2v and extracts)

    @property
    def forms(self) -> list[FormGrid]:
        """All forms, those that are hidden as well."""
        return [*self._general, *self.n2v, *self.stages, self._extractor]

    def _arrange(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(heading("Parameters"))
        for form in (self._general[0], self.n2v[0], self.stages[0]):
            column.addWidget(form)
        for form in (self.n2v[1], self.stages[1], self._general[1]):
            self.advanced.add(form)
        self.extractor.add(self._extractor)
        column.addWidget(self.advanced)
        column.addWidget(self.extractor)


def _further(names: list[str]) -> list[str]:
    """Return the names, each once, that belong under advanced options."""
    taken = {*_MAIN, *_CHOSEN_ELSEWHERE}
    return [name for name in dict.fromkeys(names) if name not in taken]
