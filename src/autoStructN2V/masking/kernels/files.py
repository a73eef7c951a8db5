"""Small arrays as .npy files, with notes behind the array that other programs do not look at."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autoStructN2V.errors import KernelError
from autoStructN2V.files import atomic_write

_MAX_FILE_BYTES = 1_000_000
_MARK = b"\nautoStructN2V "  # what follows the array and begins otherwise is not ours
_MOST_NOTES = 1_000  # bytes


def read_array(path: str | os.PathLike[str]) -> tuple[NDArray[np.generic], dict[str, Any]]:
    """Read a kernel's .npy file: the array, of any shape, and notes; the file cannot run code.

    Returns
    -------
    array : array
        What NumPy reads.
    notes : dict
        Plain values by name; empty if there are none.

    Raises
    ------
    KernelError
        If the file is missing, too large, or not a .npy file of plain values.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
    except OSError as error:
        raise KernelError(f"The kernel file {path} cannot be read: {error.strerror}.") from error
    if size > _MAX_FILE_BYTES:
        raise KernelError(f"{path} has {size} bytes, far more than a kernel file can have.")
    try:
        with path.open("rb") as file:
            array: NDArray[np.generic] = np.lib.format.read_array(file, allow_pickle=False)
            notes = _notes(file.read(_MOST_NOTES))
    except Exception as error:
        # a damaged header is parsed as a Python expression, which fails in many ways
        raise KernelError(
            f"{path} is not a readable .npy file of True and False (damaged, truncated or of "
            "another format); save the kernel again."
        ) from error
    return array, notes


def write_array(
    path: str | os.PathLike[str], array: NDArray[np.bool_], notes: Mapping[str, float]
) -> Path:
    """Write an array to a .npy file; under its final name the file is always complete.

    Parameters
    ----------
    path : path-like
        ``.npy`` is appended if missing. Missing folders are created.
    array : bool array
        Of any shape.
    notes : mapping of str to float
        What :func:`read_array` shall find beside the array.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    path = Path(path)
    if path.suffix != ".npy":
        path = path.with_name(path.name + ".npy")
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        np.lib.format.write_array(file, array, allow_pickle=False)
        if notes:
            file.write(_MARK + json.dumps(dict(notes)).encode())
    return path


def _notes(text: bytes) -> dict[str, Any]:
    if not text.startswith(_MARK):
        return {}
    notes = json.loads(text[len(_MARK) :])
    if not isinstance(notes, dict):
        raise TypeError("notes have names")
    return notes
