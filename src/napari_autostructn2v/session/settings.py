"""What a person set for this plugin in napari's preferences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import napari.settings

from autoStructN2V.errors import ConfigError
from autoStructN2V.pipeline.configuration.models import validate_config
from napari_autostructn2v.session.docks import PLUGIN


def first_config() -> dict[str, Any]:
    """Return the fields of the configuration that a new session starts with.

    The values come from napari's preferences where it reads the settings of plugins; what was set
    to something that is not allowed any more is left at its default.
    """
    wanted = _preferences()
    folder = str(wanted.get("output_folder") or "").strip()
    config: dict[str, Any] = {"output_dir": Path(folder or "~/autoStructN2V").expanduser()}
    for name in ("preset", "device"):
        try:
            validate_config({name: wanted.get(name)})
        except ConfigError:
            continue
        config[name] = wanted[name]
    return {"preset": "fast", **config}


def _preferences() -> dict[str, Any]:
    settings_of = getattr(napari.settings, "get_plugin_settings", None)  # since napari 0.9
    if settings_of is None:
        return {}
    try:
        training = settings_of(PLUGIN).training
    except (KeyError, AttributeError):  # not installed as a plugin, or an older version of it
        return {}
    return {name: getattr(training, name, None) for name in ("preset", "device", "output_folder")}
