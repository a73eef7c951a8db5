"""Files of tensors and plain values that are written whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from autoStructN2V.files import atomic_write

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def save_tensors(path: Path, content: Mapping[str, object]) -> None:
    """Write tensors and plain values, to be read by :func:`~.hostile_files.read_plain`.

    Parameters
    ----------
    path : Path
        File to write; replaced only by a complete one.
    content : mapping of str to object
        Tensors, numbers, text, and lists and mappings of them.

    Raises
    ------
    OutputError
        When the file cannot be written.
    """
    # given a path, torch tells of no full disk at all
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        try:
            torch.save(content, file)
        except RuntimeError as error:
            raise _cause(error) from error


def _cause(error: RuntimeError) -> BaseException:
    """Return what the system said before torch failed to close its archive, if it said something.

    The archive notices that less was written than it handed on, and that hides the reason.
    """
    known: BaseException | None = error
    while known is not None and not isinstance(known, OSError):
        known = known.__context__
    return known or error
