"""Configurations as .json files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoStructN2V.errors import ConfigError
from autoStructN2V.files import write_json

if TYPE_CHECKING:
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
