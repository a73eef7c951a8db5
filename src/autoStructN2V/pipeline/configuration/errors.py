"""What is wrong with a configuration, in words: what was found, and what to choose instead."""

from __future__ import annotations

import difflib
import reprlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args, get_origin

from pydantic import BaseModel

from autoStructN2V.errors import in_own_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

_KINDS: dict[object, str] = {
    bool: "true or false",
    str: "a text",
    Path: "the path of a file or folder",
}


def explain(errors: Sequence[ErrorDetails], model: type[BaseModel], given: object) -> str:
    """Say what pydantic found, one sentence for each field.

    Parameters
    ----------
    errors : sequence of dict
        From a ``ValidationError``.
    model : type
        Model of the whole configuration.
    given : object
        What was validated.
    """
    sentences = dict.fromkeys(_sentence(error, model, given) for error in errors)
    return " ".join(sentences)


def _sentence(error: ErrorDetails, model: type[BaseModel], given: object) -> str:
    path, section, field = _place(error["loc"], model)
    where = ".".join(path)
    if error["type"] == "extra_forbidden" or error["type"] == "invalid_key":
        return _unknown(path, section, model)
    if error["type"] == "value_error":
        return f"{_own_words(error, where, section)}."
    found = reprlib.repr(_value(given, path, error["input"]))
    if field is None:
        return f"{where} is {found}; give a section of fields, such as {_example(section)}."
    return f"{where} is {found}; choose {_allowed(field)}."


def _place(
    loc: Sequence[int | str], model: type[BaseModel]
) -> tuple[list[str], type[BaseModel], FieldInfo | None]:
    """Follow an error to its field: names, innermost section, and field, None for a section."""
    path: list[str] = []
    section, field = model, None
    for part in loc:
        path.append(str(part))
        field = section.model_fields.get(str(part))
        inner = None if field is None else field.annotation
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            break
        section, field = inner, None
    return path, section, field


def _own_words(error: ErrorDetails, where: str, section: type[BaseModel]) -> str:
    """Put the name of the section before what a validator of ours says."""
    message = in_own_words(error["msg"])
    first = message.partition(" ")[0]
    if where.rpartition(".")[2] == first:
        where = where.rpartition(".")[0]
    if not where:
        return message
    return f"{where}.{message}" if first in section.model_fields else f"{where}: {message}"


def _unknown(path: list[str], section: type[BaseModel], model: type[BaseModel]) -> str:
    name, where = path[-1], ".".join(path)
    close = difflib.get_close_matches(name, list(section.model_fields), n=1)
    others = [".".join(other) for other in _fields(model) if other[-1] == name]
    if close or others:
        return f"{where} is not a known field; did you mean {_either(others or close)}?"
    return f"{where} is not a known field; correct its name or leave it out."


def _fields(model: type[BaseModel]) -> Iterator[list[str]]:
    """Yield the path of every field of a model and of its sections."""
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from ([name, *path] for path in _fields(inner))
        else:
            yield [name]


def _value(given: object, path: Sequence[str], otherwise: object) -> object:
    for part in path:
        if not isinstance(given, Mapping) or part not in given:
            return otherwise
        given = given[part]
    return given


def _example(section: type[BaseModel]) -> str:
    name, field = next(iter(section.model_fields.items()))
    return f"{{{name!r}: {field.get_default(call_default_factory=True)!r}}}"


def _allowed(field: FieldInfo) -> str:
    """Say which values a field may have."""
    if any(getattr(rule, "pattern", None) for rule in field.metadata):
        return "a plain name without path separators"
    kinds = [k for k in get_args(field.annotation) or [field.annotation] if k is not type(None)]
    if get_origin(field.annotation) is Literal:
        return _either(get_args(field.annotation))
    if get_origin(field.annotation) is tuple:
        example = list(field.get_default(call_default_factory=True))
        return f"{len(kinds)} numbers, such as {example}"
    if kinds[0] in (int, float):
        return _number(kinds[0], field.metadata)
    return _KINDS[kinds[0]]


def _number(kind: object, metadata: Sequence[object]) -> str:
    number = "a whole number" if kind is int else "a number"
    found = {
        s: _plain(getattr(m, s)) for m in metadata for s in ("ge", "gt", "le") if hasattr(m, s)
    }
    if "ge" in found and "le" in found:
        return f"{number} from {found['ge']} to {found['le']}"
    words = {"ge": "of at least", "gt": "above", "le": "and at most"}
    return " ".join([number, *(f"{words[sign]} {bound}" for sign, bound in found.items())])


def _plain(bound: float) -> str:
    return f"{bound:g}" if isinstance(bound, float) else str(bound)


def _either(choices: Sequence[object]) -> str:
    named = [repr(choice) for choice in choices]
    return " or ".join([", ".join(named[:-1]), named[-1]] if len(named) > 1 else named)
