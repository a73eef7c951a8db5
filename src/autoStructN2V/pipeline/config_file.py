"""Configurations as .json files, and single fields as text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoStructN2V.errors import ConfigError
from autoStructN2V.files import write_json
from autoStructN2V.pipeline.presets import merged

if TYPE_CHECKING:
    from collections.abc import Iterable

    from autoStructN2V.pipeline.config import PipelineConfig


def read_config(path: Path | str) -> dict[str, Any]:
    """Read the nested fields of a configuration; they are not checked yet.

    Raises
    ------
    ConfigError
        If the file cannot be read, or holds something else.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{path} cannot be read as a configuration ({error}); a .json file of nested fields "
            "is needed, such as the config.json of a training."
        ) from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path} holds no configuration; a .json object of fields is needed.")
    return content


def write_config(path: Path | str, config: PipelineConfig) -> None:
    """Write a configuration, atomically.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    write_json(path, config.model_dump(mode="json"))


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
    except ValueError:
        nested = value
    for part in reversed(name.split(".")):
        nested = {part: nested}
    result: dict[str, Any] = nested
    return result
