"""The averages of an optimizer in a file beside its model, so that a training can be continued."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autoStructN2V.inference.hostile_files import read_plain
from autoStructN2V.inference.tensor_files import save_tensors

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_FORMAT = "autoStructN2V optimizer"
_VERSION = 1


def optimizer_file(model: Path) -> Path:
    """Return where the state of the optimizer of a model file lies, if it is there."""
    return model.with_name(model.name.replace("_model.pth", "_optimizer.state"))


def save_optimizer(path: Path, averages: Sequence[Any]) -> None:
    """Write the averages of gradients of an optimization, atomically.

    Raises
    ------
    OutputError
        When the file cannot be written.
    """
    content = {"format": _FORMAT, "version": _VERSION, "averages": list(averages)}
    save_tensors(path, content)


def load_optimizer(path: Path) -> list[Any] | None:
    """Read what :func:`save_optimizer` wrote; None if it is not there, or not to be believed."""
    try:
        content = read_plain(path)
        if (content["format"], content["version"]) != (_FORMAT, _VERSION):
            return None
        return list(content["averages"])
    except Exception:  # damaged bytes make torch raise nearly anything
        return None
