"""JSON that comes from anywhere: believed in nothing but its values."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

_MOST_BYTES = 10_000_000


def read_json(path: Path) -> dict[str, Any]:
    """Read an object from a JSON file.

    Parameters
    ----------
    path : Path
        Any file, or none.

    Returns
    -------
    dict
        Empty if there is no such file, or it is damaged or far too long.
    """
    try:
        with path.open("rb") as file:
            content = json.loads(file.read(_MOST_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}
