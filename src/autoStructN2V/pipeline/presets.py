"""Presets: starting values for common wishes.

Balanced is the table of documented defaults and needs no values here.
"""

from collections.abc import Mapping
from typing import Any, Literal

PresetName = Literal["fast", "balanced", "high_quality"]

_QUICK: dict[str, Any] = {
    "features": 32,
    "batch_size": 4,
    "optimizer": "muon",
    "learning_rate": 5e-3,
}

PRESETS: dict[str, dict[str, Any]] = {
    "fast": {
        "num_epochs": 10,
        "early_stopping": False,
        "split_ratio": (0.9, 0.05, 0.05),
        "n2v": {
            **_QUICK,
            "num_layers": 2,
            "steps_per_epoch": 60,
            "refinement": 0.7,
            "average_turns": True,
        },
        "stage1": {
            **_QUICK,
            "patch_size": 64,
            "steps_per_epoch": 15,
            "use_roi": False,
        },
        "stage2": {
            **_QUICK,
            "steps_per_epoch": 60,
            "mask_percentage": 15.0,
            "refinement": 0.7,
            "average_turns": True,
        },
    },
    "balanced": {},
    "high_quality": {
        "num_epochs": 60,
        "early_stopping": False,
        "split_ratio": (0.9, 0.05, 0.05),
        "n2v": {
            "num_layers": 3,
            "batch_size": 16,
            "learning_rate": 1e-3,
            "steps_per_epoch": 200,
            "refinement": 0.7,
            "average_turns": True,
        },
        "stage1": {
            "patch_size": 64,
            "batch_size": 16,
            "learning_rate": 1e-3,
            "steps_per_epoch": 50,
            "use_roi": False,
        },
        "stage2": {
            "num_layers": 3,
            "batch_size": 16,
            "learning_rate": 1e-3,
            "steps_per_epoch": 200,
            "refinement": 0.7,
            "average_turns": True,
            "mask_percentage": 15.0,
        },
    },
}


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``base`` updated with ``over``, nested sections field by field."""
    out = dict(base)
    for key, value in over.items():
        if isinstance(value, Mapping) and isinstance(out.get(key), Mapping):
            out[key] = merged(out[key], value)
        else:
            out[key] = value
    return out
