"""Configurations as .json files, and single fields as text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from autoStructN2V.datasets.images.formats.location import Location
from autoStructN2V.errors import ConfigError
from autoStructN2V.files import write_json
from autoStructN2V.frozen_config import FrozenConfig
from autoStructN2V.pipeline.configuration.presets import merged

if TYPE_CHECKING:
    from collections.abc import Iterable

    from autoStructN2V.pipeline.configuration.models import PipelineConfig

ConfigT = TypeVar("ConfigT", bound=FrozenConfig)

_WANTED = "choose a .json file of nested fields, such as the config.json of a training"


def read_config(path: Path | str) -> dict[str, Any]:
    """Read the nested fields of a configuration; they are not checked yet.

    Raises
    ------
    ConfigError
        If the file cannot be read, or holds something else.
    """
    try:
        # editors on Windows begin files with a mark of their encoding
        content = json.loads(Path(path).read_text(encoding="utf-8-sig"))
    except RecursionError as error:
        raise ConfigError(f"{path} is nested too deeply; {_WANTED}.") from error
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} {_problem(error)}; {_WANTED}.") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path} holds no fields in braces; {_WANTED}.")
    return content


def _problem(error: OSError | ValueError) -> str:
    match error:
        case FileNotFoundError():
            return "does not exist"
        case IsADirectoryError():
            return "is a folder"
        case OSError():
            return f"cannot be read ({error.strerror or error})"
        case json.JSONDecodeError():
            reason = error.msg[:1].lower() + error.msg[1:]
            return f"is not valid JSON (line {error.lineno}, column {error.colno}: {reason})"
    return "is not a text file"


def write_config(path: Path | str, config: PipelineConfig) -> None:
    """Write a configuration, atomically.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    # what was not given means files of all formats, and shall do so when it is read again
    unset = {"image_extension"} - config.model_fields_set
    write_json(path, config.model_dump(mode="json", exclude=unset))


def with_absolute_paths(config: PipelineConfig) -> PipelineConfig:
    """Return a configuration whose files and folders are found from anywhere."""
    return _absolute(config)


def without_places(config: PipelineConfig) -> dict[str, Any]:
    """Return the nested fields of a configuration but those that say where files lie.

    Names of folders tell who a person is, and are of no use on another computer.
    """
    return _placeless(config)


def _placeless(section: FrozenConfig) -> dict[str, Any]:
    values = section.model_dump(mode="json")
    for name in type(section).model_fields:
        if isinstance(section[name], Path):
            del values[name]
        elif isinstance(section[name], FrozenConfig):
            values[name] = _placeless(section[name])
    return values


def _absolute(section: ConfigT) -> ConfigT:
    changes: dict[str, Any] = {}
    for name in type(section).model_fields:
        value = section[name]
        if isinstance(value, Path) and Location.of(value).address is None:
            changes[name] = value.absolute()
        elif isinstance(value, FrozenConfig):
            changes[name] = _absolute(value)
    return section.model_copy(update=changes)


def read_settings(texts: Iterable[str]) -> dict[str, Any]:
    """Turn texts like ``stage2.batch_size=4`` into nested fields; they are not checked yet.

    Parameters
    ----------
    texts : iterable of str
        ``FIELD=VALUE`` each; values are JSON or plain words, and later ones win.

    Raises
    ------
    ConfigError
        If a text has no field or no value.
    """
    nested: dict[str, Any] = {}
    for text in texts:
        nested = merged(nested, _setting(text))
    return nested


def _setting(text: str) -> dict[str, Any]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ConfigError(f"--set {text!r} is not FIELD=VALUE, as in stage2.batch_size=4.")
    try:
        nested: Any = json.loads(value)
    except (ValueError, RecursionError):
        nested = value
    for part in reversed(name.split(".")):
        nested = {part: nested}
    result: dict[str, Any] = nested
    return result
