"""Fill the reference pages from the code, so that the two cannot disagree.

A page holds markers such as ``<!-- fields: stage1 -->``; MkDocs calls :func:`on_page_markdown`,
which puts a table in their place.
"""

from __future__ import annotations

import inspect
import json
import os
import re
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import AfterValidator, BaseModel, ValidationError

from autoStructN2V.cli.main import app
from autoStructN2V.masking.kernels.config import ExtractorConfig, require_odd
from autoStructN2V.masking.limits import all_limits
from autoStructN2V.pipeline import (
    PRESETS,
    N2VConfig,
    PipelineConfig,
    Stage1Config,
    Stage2Config,
    validate_config,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pydantic.fields import FieldInfo

SECTIONS: dict[str, type[BaseModel]] = {
    "general": PipelineConfig,
    "n2v": N2VConfig,
    "stage1": Stage1Config,
    "stage2": Stage2Config,
    "extractor": ExtractorConfig,
}
COMMANDS: dict[str, Callable[..., Any]] = {
    str(command.name): command.callback for command in app.registered_commands if command.callback
}

LIMITS_FILE = Path(__file__).parent / "data" / "limits.json"
"""What benchmarks/limits.py measured."""

_MARKER = re.compile(r"<!-- (fields|command|presets|limits)(?:: ([\w-]+))? -->")
_ROLE = re.compile(r":(?:func|class|meth|mod|attr|data|exc):(?=<code>)")


def on_startup(**_: Any) -> None:
    """Let bars in notebooks be drawn at their beginning and end: a page shows each drawing."""
    os.environ.setdefault("TQDM_MININTERVAL", "3600")


def on_page_markdown(markdown: str, **_: object) -> str:
    """Put tables in the place of the markers."""

    def table(match: re.Match[str]) -> str:
        kind, name = match.groups()
        if kind == "fields":
            return field_table(SECTIONS[name])
        if kind == "limits":
            return limits_table()
        return command_table(COMMANDS[name]) if kind == "command" else preset_table()

    return _MARKER.sub(table, markdown)


def on_page_content(html: str, **_: object) -> str:
    """Drop the names of cross-reference roles, which Markdown does not know."""
    return _ROLE.sub("", html)


def field_table(model: type[BaseModel]) -> str:
    """List the fields of a configuration model with default, range and meaning."""
    rows = [
        (f"`{name}`", _default(field), _range(model, name, field), str(field.description))
        for name, field in model.model_fields.items()
        if not _is_section(field)
    ]
    return _table(("Field", "Default", "Range", "Meaning"), rows)


def preset_table() -> str:
    """List the fields in which a preset differs from the default of the field."""
    values = {name: dict(_flat(validate_config({"preset": name}))) for name in PRESETS}
    plain = {name: SECTIONS[name]() for name in ("n2v", "stage1", "stage2")}
    defaults = dict(_flat(PipelineConfig.model_construct(**plain)))
    names = [
        name
        for name, default in defaults.items()
        if name != "preset" and any(preset[name] != default for preset in values.values())
    ]
    rows = [(f"`{name}`", *(f"`{values[p][name]!r}`" for p in PRESETS)) for name in names]
    return _table(("Field", *(f"`{preset}`" for preset in PRESETS)), rows)


def limits_table() -> str:
    """List the tuned limits, and what becomes of the measurement when they are changed."""
    tried = {(row["limits"], row["field"]): row for row in _tried_limits()}
    rows = []
    for limit in all_limits():
        row = tried.get((limit.owner.__name__, limit.name))
        if row is None:
            continue
        value = f"`{limit.name}` = {_rounded(limit.default)} {limit.unit}"
        ends = (_outcome(row["lower"]), _outcome(row["higher"]))
        rows.append((f"`{limit.owner.__name__}`", value, limit.separates, *ends, limit.source))
    return _table(("Detector", "Limit", "Separates", "x 0.7", "x 1.4", "Source"), rows)


def _tried_limits() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(LIMITS_FILE.read_text("utf-8"))["limits"]
    return rows


def _outcome(tried: dict[str, Any]) -> str:
    """Say what fails that the default passes."""
    return str(tried["text"]) if tried["first"] else "no failure"


def _rounded(value: object) -> str:
    if isinstance(value, tuple):
        return " to ".join(_rounded(each) for each in value)
    return f"{value:.4g}"


def command_table(command: Callable[..., Any]) -> str:
    """List the words and options of a command."""
    hints = get_type_hints(command, include_extras=True)
    rows = []
    for name, parameter in inspect.signature(command).parameters.items():
        annotation, info = get_args(hints[name])
        is_required = parameter.default is inspect.Parameter.empty
        default = "required" if is_required else _shown(parameter.default)
        value = _value(annotation, info)
        rows.append((_option(name, annotation, info), value, default, str(info.help)))
    return _table(("Option", "Value", "Default", "Meaning"), rows)


def _option(name: str, annotation: object, info: Any) -> str:
    if type(info).__name__ == "ArgumentInfo":
        return f"`{info.metavar or name.upper()}`"
    # typer keeps the first name where the default would be
    given = [word for word in (info.default, *(info.param_decls or ())) if isinstance(word, str)]
    if given:
        return " ".join(f"`{word}`" for word in given[0].split("/"))
    words = name.replace("_", "-")
    return f"`--{words}` `--no-{words}`" if annotation is bool else f"`--{words}`"


def _value(annotation: object, info: Any) -> str:
    """Say what kind of value a command line option takes."""
    kinds = [kind for kind in _alternatives(annotation) if kind is not type(None)]
    if get_origin(kinds[0]) is Literal:
        return " ".join(f"`{value}`" for value in get_args(kinds[0]))
    if get_origin(kinds[0]) is list:
        return f"`{info.metavar}`, may be repeated"
    if kinds[0] is int and info.max is not None:
        return f"{info.min} to {info.max}"
    return {bool: "", int: "number", str: "text", Path: "path"}[kinds[0]]


def _is_section(field: FieldInfo) -> bool:
    return isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)


def _flat(model: BaseModel, prefix: str = "") -> Iterator[tuple[str, object]]:
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _default(field: FieldInfo) -> str:
    return _shown(field.get_default(call_default_factory=True))


def _shown(value: object) -> str:
    if value is None or value is False:
        return "" if value is None else "`False`"
    return f"`{str(value)!r}`" if isinstance(value, Path) else f"`{value!r}`"


def _range(model: type[BaseModel], name: str, field: FieldInfo) -> str:
    """Say which values a field may have."""
    kinds = [kind for kind in _alternatives(field.annotation) if kind is not type(None)]
    if get_origin(kinds[0]) is Literal:
        return ", ".join(f"`{value!r}`" for value in get_args(kinds[0]))
    if kinds[0] is bool:
        return ", ".join(f"`{value}`" for value in (True, False) if _accepts(model, name, value))
    kind = get_origin(kinds[0]) or kinds[0]
    return ", ".join([*_KINDS.get(kind, ()), *_limits(field.metadata), *_rules(field.metadata)])


_KINDS: dict[object, list[str]] = {
    int: [],
    float: [],
    str: ["text"],
    Path: ["path"],
    tuple: ["three shares above 0"],
}


def _limits(metadata: list[Any]) -> list[str]:
    """Put lower and upper bound into words."""
    found = {s: getattr(m, s) for m in metadata for s in ("ge", "gt", "le") if hasattr(m, s)}
    if "ge" in found and "le" in found:
        return [f"{found['ge']} to {found['le']}"]
    words = {"ge": "at least", "gt": "above", "le": "at most"}
    return [f"{words[sign]} {bound}" for sign, bound in found.items()]


def _rules(metadata: list[Any]) -> list[str]:
    odd = [m for m in metadata if isinstance(m, AfterValidator) and m.func is require_odd]
    patterns = [m.pattern for m in metadata if getattr(m, "pattern", None)]
    return ["odd" for _ in odd] + [f"matches `{pattern}`" for pattern in patterns]


def _accepts(model: type[BaseModel], name: str, value: bool) -> bool:
    """Tell whether a section takes this value; general switches depend on each other."""
    if model is PipelineConfig:
        return True
    try:
        model.model_validate({name: value})
    except ValidationError:
        return False
    return True


def _alternatives(annotation: object) -> tuple[Any, ...]:
    is_union = get_origin(annotation) in (Union, UnionType)
    return get_args(annotation) if is_union else (annotation,)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    # a bar inside a cell would end it
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines
    )
