"""Settings, versions and times of a run, as rows of tables."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from autoStructN2V.quantities import duration_text
from autoStructN2V.vocabulary import meaning_of_lowest, stage_in_words

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from autoStructN2V.pipeline.report.record import RunRecord

_PACKAGES = ("napari-autostructn2v", "torch", "numpy", "scipy")
_OF_NO_INTEREST = {"input_dir", "output_dir", "experiment_name", "verbose", "image_extension"}


def stage_table(record: RunRecord) -> dict[str, Any]:
    """Return the settings of the trained stages side by side.

    Returns
    -------
    dict
        ``columns``: names of the stages; ``rows``: title, values and whether one of them is not
        the default of the program.
    """
    config = record.config
    used = {
        record.stage_name(number): config.stage2 if number == 2 else config.first_stage
        for number in sorted(record.stages)
    }
    names = list(
        dict.fromkeys(name for stage in used.values() for name in type(stage).model_fields)
    )
    rows = [_row(name, list(used.values())) for name in names]
    return {"columns": list(used), "rows": [row for row in rows if row is not None]}


def _row(name: str, stages: list[Any]) -> dict[str, Any] | None:
    fields = [type(stage).model_fields.get(name) for stage in stages]
    known = next(field for field in fields if field is not None)
    values = [getattr(stage, name, None) for stage in stages]
    if all(value is None or isinstance(value, BaseModel) for value in values):
        return None
    is_changed = any(
        field is not None and value != field.get_default(call_default_factory=True)
        for field, value in zip(fields, values, strict=True)
    )
    return {
        "title": known.title or name,
        "help": known.description or "",
        "values": [_setting(value, known) for value in values],
        "is_changed": is_changed,
    }


def general_rows(record: RunRecord) -> list[tuple[str, str]]:
    """Return the settings of the whole run: title and value."""
    config = record.config
    rows = []
    for name, field in type(config).model_fields.items():
        value = getattr(config, name)
        if name not in _OF_NO_INTEREST and not isinstance(value, BaseModel) and value is not None:
            rows.append((field.title or name, _setting(value, field)))
    return rows


def _setting(value: object, field: FieldInfo) -> str:
    """Say the value of a field, where zero is none by what it stands for."""
    words = meaning_of_lowest(field)
    return words.casefold() if words and value == 0 else _text(value)


def _text(value: object) -> str:
    """Say a value as a person would."""
    if value is None:
        return "\N{EN DASH}"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, Path):
        return value.name  # where it lies is nobody else's business
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple | list):
        return ", ".join(_text(one) for one in value)
    return str(value).replace("_", " ")


def versions(record: RunRecord) -> list[tuple[str, str]]:
    """Return what computed, with which programs, and for how long."""
    found = [(name, _version(name)) for name in _PACKAGES]
    made = [stage.model.provenance for _, stage in sorted(record.stages.items())]
    device = next((str(one["device"]) for one in reversed(made) if one.get("device")), "")
    times = [
        (
            f"Training of {stage_in_words(record.config.method, number)}",
            _training_time(stage.history),
        )
        for number, stage in sorted(record.stages.items())
        if stage.history
    ]
    return [
        *found,
        ("Python", platform.python_version()),
        ("System", f"{platform.system()} {platform.machine()}"),
        *([("Device", device)] if device else []),
        *times,
        ("Whole run", duration_text(record.seconds)),
    ]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown"


def _training_time(history: list[Any]) -> str:
    return duration_text(sum(epoch.seconds for epoch in history))
