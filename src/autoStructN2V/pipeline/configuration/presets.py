"""Presets: starting values for common wishes.

Balanced is fast with a training four times as long, high quality with one eight times as long,
where there are as many pixels (``most_passes``): more steps gained more than a larger network did
in the same time. Documented is the table of documented defaults and needs no values here.
"""

from collections.abc import Mapping
from typing import Any


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``base`` updated with ``over``, nested sections field by field."""
    out = dict(base)
    for key, value in over.items():
        if isinstance(value, Mapping) and isinstance(out.get(key), Mapping):
            out[key] = merged(out[key], value)
        else:
            out[key] = value
    return out


_QUICK: dict[str, Any] = {
    "features": 32,
    "batch_size": 4,
    "optimizer": "muon",
    "learning_rate": 5e-3,
    "most_passes": 50,
}

_BEST: dict[str, Any] = {"steps_per_epoch": 60, "refinement": 0.7, "average_turns": True}

_FAST: dict[str, Any] = {
    "num_epochs": 10,
    "early_stopping": False,
    "split_ratio": (0.9, 0.05, 0.05),
    "head_start": True,
    "n2v": {**_QUICK, **_BEST, "num_layers": 2},
    "stage1": {**_QUICK, "patch_size": 64, "steps_per_epoch": 15, "use_roi": False},
    "stage2": {**_QUICK, **_BEST, "mask_percentage": 15.0},
}

_LONGER: dict[str, Any] = {
    "num_epochs": 40,
    "n2v": {"steps_per_epoch": 120},
    "stage2": {"steps_per_epoch": 120},
}

PRESETS: dict[str, dict[str, Any]] = {
    "fast": _FAST,
    "balanced": merged(_FAST, {"num_epochs": 40}),
    "high_quality": merged(_FAST, _LONGER),
    "documented": {},
}
