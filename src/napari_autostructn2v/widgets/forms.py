"""Forms made from the configuration models: titles, help, bounds and defaults come from there."""

from __future__ import annotations

import html
import types
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QGridLayout, QLabel, QWidget
from superqt.utils import signals_blocked

from autoStructN2V.errors import in_own_words
from autoStructN2V.masking.kernels.config import require_odd
from autoStructN2V.vocabulary import meaning_of_lowest
from napari_autostructn2v.widgets.editors import (
    CheckBox,
    ChoiceBox,
    FloatBox,
    IntBox,
    NumbersEdit,
    PathEdit,
    TextEdit,
)
from napari_autostructn2v.widgets.sections import label_width

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic.fields import FieldInfo

    Editor = CheckBox | ChoiceBox | FloatBox | IntBox | NumbersEdit | PathEdit | TextEdit

_CHOICE_LABELS: dict[tuple[str, Any], str] = {
    ("masking_strategy", 0): "Mean",
    ("masking_strategy", 1): "Zero",
    ("masking_strategy", 2): "Random",
    ("method", "n2v"): "N2V",
    ("method", "autostructn2v"): "autoStructN2V",
    ("start_as", "fine_tune"): "Fine-tune",
    ("mask_source", "stage1"): "Stage 1",
    ("mask_source", "extractor"): "Noisy images",
    ("channels", "one"): "One model",
    ("channels", "each"): "Each for itself",
    ("triplets_along", "z"): "Along z",
    ("triplets_along", "time"): "Along time",
    ("device", "cpu"): "CPU",
    ("device", "cuda"): "NVIDIA GPU (cuda)",
    ("device", "mps"): "Apple GPU (mps)",
    ("output_dtype", "float32"): "float32",
    ("output_dtype", "input"): "As the input",
}
_FILE_PATTERNS = {"mask_file_path": "Kernel (*.npy)", "stage1_model": "Model (*.pth)"}

# an editor has an effect only while another one is on (or off)
_NEEDS = {
    "upsampling_mode": ("use_resize_conv", True),
    "roi_threshold": ("use_roi", True),
    "scale_factor": ("use_roi", True),
    "select_background": ("use_roi", True),
    "early_stopping_patience": ("early_stopping", True),
    "percentile_decay": ("adapt_autocorr", True),
    "center_ratio_threshold": ("adapt_autocorr", False),
    "center_proximity_threshold": ("use_center_proximity", True),
}


@dataclass(frozen=True)
class FieldHelp:
    """What a form says about a field."""

    title: str
    tooltip: str


def field_help(model: type[BaseModel], name: str, section: str = "") -> FieldHelp:
    """Return title and tooltip of a field; ``section`` is where the configuration holds it."""
    field = model.model_fields[name]
    path = f"{section}.{name}" if section else name
    text = f"<p>{html.escape(field.description or '')}</p><p><i>{path}</i></p>"
    return FieldHelp(field.title or name, text)


def choices_of(model: type[BaseModel], name: str) -> list[tuple[str, Any]]:
    """Return label and value of everything that may be chosen for a field."""
    values = get_args(model.model_fields[name].annotation)
    return [(choice_label(name, value), value) for value in values]


def describe(widget: QWidget, model: type[BaseModel], name: str) -> None:
    """Give a widget that edits a field the help and the name of the field."""
    described = field_help(model, name)
    widget.setToolTip(described.tooltip)
    widget.setAccessibleName(described.title)


def choice_label(name: str, value: Any) -> str:
    """Return a readable name of one choice of a field."""
    plain = str(value).replace("_", " ")
    return _CHOICE_LABELS.get((name, value), plain[:1].upper() + plain[1:])


def make_editor(model: type[BaseModel], name: str) -> Editor:
    """Return an editor that shows the default of a field and keeps to its bounds."""
    field = model.model_fields[name]
    kind, is_optional = _without_none(field.annotation)
    editor = _editor(kind, name, field, is_optional)
    default = field.get_default(call_default_factory=True)
    editor.setValue(default)
    return editor


def simple_fields(model: type[BaseModel]) -> list[str]:
    """Return the names of the fields that are not sections of their own."""
    return [
        name
        for name, field in model.model_fields.items()
        if not (isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel))
    ]


class FormGrid(QWidget):
    """Editors of several sections side by side: a row for each field, a column for each section.

    With one section it is a plain form. It edits values only and knows nothing of a session.

    Parameters
    ----------
    sections : mapping of str to model class
        Path of the section in the configuration ("" for the top level), and its model.
    names : sequence of str
        Fields, in order; a section that lacks one leaves its place empty.
    headings : sequence of str, optional
        Headings of the columns.
    """

    valueChanged = Signal()  # noqa: N815 - as the editors

    def __init__(
        self,
        sections: Mapping[str, type[BaseModel]],
        names: Sequence[str],
        headings: Sequence[str] = (),
    ) -> None:
        super().__init__()
        self.editors: dict[tuple[str, str], Editor] = {}
        self._locked: set[tuple[str, str]] = set()
        self._idle: set[str] = set()
        self._sections = dict(sections)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setColumnMinimumWidth(0, label_width(self))
        for column in range(len(sections)):
            self._grid.setColumnStretch(column + 1, 1)
        for column, heading in enumerate(headings, start=1):
            label = QLabel(f"<b>{html.escape(heading)}</b>")
            self._grid.addWidget(label, 0, column, Qt.AlignmentFlag.AlignHCenter)
        for row, name in enumerate(names, start=1):
            self._add_row(row, name, headings)
        self._after_change()

    def editor(self, section: str, name: str) -> Editor:
        """Return the editor of a field."""
        return self.editors[section, name]

    def value(self) -> dict[str, dict[str, Any]]:
        """Return the values of all fields by section."""
        values: dict[str, dict[str, Any]] = {section: {} for section in self._sections}
        for (section, name), editor in self.editors.items():
            values[section][name] = editor.value()
        return values

    def setValue(self, values: Mapping[str, Any]) -> None:  # noqa: N802 - as the editors
        """Show values, a model or a mapping for each section, without announcing them."""
        for (section, name), editor in self.editors.items():
            with signals_blocked(editor):
                editor.setValue(values[section][name])
        self._after_change()

    def set_section_enabled(self, section: str, is_enabled: bool) -> None:
        """Gray out a column that is not used, or bring it back."""
        self._idle.discard(section)
        if not is_enabled:
            self._idle.add(section)
        self._after_change()

    def _add_row(self, row: int, name: str, headings: Sequence[str]) -> None:
        owners = [s for s, model in self._sections.items() if name in model.model_fields]
        first = field_help(self._sections[owners[0]], name, owners[0])
        label = QLabel(first.title)
        label.setToolTip(first.tooltip)
        self._grid.addWidget(label, row, 0)
        for column, (section, model) in enumerate(self._sections.items(), start=1):
            if section not in owners:
                continue
            editor = make_editor(model, name)
            described = field_help(model, name, section)
            editor.setToolTip(described.tooltip)
            heading = headings[column - 1] if headings else ""
            editor.setAccessibleName(f"{described.title}, {heading}" if heading else first.title)
            reason = _refusal_of_opposite(model, name)
            if reason:
                self._locked.add((section, name))
                editor.setToolTip(f"{described.tooltip}<p>{html.escape(reason)}</p>")
            editor.valueChanged.connect(self._on_changed)
            self.editors[section, name] = editor
            is_box = isinstance(editor, CheckBox) and len(self._sections) > 1
            align = Qt.AlignmentFlag.AlignHCenter if is_box else Qt.AlignmentFlag(0)
            self._grid.addWidget(editor, row, column, align)
            if section == owners[0]:
                label.setBuddy(editor)

    def _on_changed(self, *_: object) -> None:
        self._after_change()
        self.valueChanged.emit()

    def _after_change(self) -> None:
        """Gray out what has no effect, and let patch sizes step by what the network needs."""
        for (section, name), editor in self.editors.items():
            is_locked = (section, name) in self._locked or section in self._idle
            editor.setEnabled(not is_locked and self._has_effect(section, name))
            layers = self.editors.get((section, "num_layers"))
            if name == "patch_size" and isinstance(editor, IntBox) and isinstance(layers, IntBox):
                editor.setSingleStep(2 ** (layers.value() or 0))

    def _has_effect(self, section: str, name: str) -> bool:
        other, wanted = _NEEDS.get(name, ("", True))
        switch = self.editors.get((section, other))
        return switch is None or switch.value() == wanted


def _editor(kind: Any, name: str, field: FieldInfo, is_optional: bool) -> Editor:
    low, high = _bounds(field, kind)
    if get_origin(kind) is Literal:
        return ChoiceBox([(choice_label(name, value), value) for value in get_args(kind)])
    if get_origin(kind) is tuple:
        return NumbersEdit(len(get_args(kind)), 0.0, 1.0)
    if kind is bool:
        return CheckBox()
    if kind is float:
        return FloatBox(low, high, lowest=meaning_of_lowest(field))
    if kind is int:
        box = IntBox(int(low), int(high), is_optional=is_optional)
        box.setSingleStep(2 if _is_odd(field) else 1)
        if lowest := meaning_of_lowest(field):
            box.setSpecialValueText(lowest)
        return box
    if kind is Path:
        pattern = _FILE_PATTERNS.get(name, "")
        is_folder = name.endswith("_dir")
        return PathEdit("folder" if is_folder else "file", is_optional=is_optional, pattern=pattern)
    if kind is str:
        return TextEdit(is_optional=is_optional)
    raise TypeError(f"No editor for {name} of type {kind}.")


def _without_none(annotation: Any) -> tuple[Any, bool]:
    """Return the type of ``X | None`` and True, or any other type and False."""
    if get_origin(annotation) in (Union, types.UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
        return kinds[0], True
    return annotation, False


def _bounds(field: FieldInfo, kind: Any) -> tuple[float, float]:
    """Return the smallest and the largest allowed value."""
    low, high = -(2.0**31) + 2, 2.0**31 - 1
    just = 1e-8 if kind is float else 1
    for bound in field.metadata:
        low = getattr(bound, "ge", low)
        high = getattr(bound, "le", high)
        if hasattr(bound, "gt"):
            low = bound.gt + just
        if hasattr(bound, "lt"):
            high = bound.lt - just
    return low, high


def _is_odd(field: FieldInfo) -> bool:
    return any(getattr(rule, "func", None) is require_odd for rule in field.metadata)


@cache
def _refusal_of_opposite(model: type[BaseModel], name: str) -> str:
    """Return why a switch must stay as it is; empty if it may be used."""
    default = model.model_fields[name].default
    if not isinstance(default, bool):
        return ""
    try:
        model.model_validate({name: not default})
    except ValidationError as error:
        return in_own_words(str(error.errors()[0]["msg"]))
    return ""
