"""Kernels as .npy files."""

import os
from pathlib import Path

import numpy as np

from autoStructN2V.errors import KernelError
from autoStructN2V.files import atomic_write
from autoStructN2V.masking.kernels.kernel import Kernel, validate_kernel
from autoStructN2V.vocabulary import Mode

_MAX_FILE_BYTES = 1_000_000


def load_kernel(path: str | os.PathLike[str], mode: Mode | None = None) -> Kernel:
    """Read a kernel from a .npy file; the file cannot run code.

    Parameters
    ----------
    path : path-like
        The .npy file.
    mode : {'2D', '2.5D'}, optional
        Mode the kernel must fit; by default its number of dimensions decides.

    Returns
    -------
    (H, W) or (3, H, W) bool

    Raises
    ------
    KernelError
        If the file is missing, is not a .npy file of plain values, or holds no valid kernel.
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
            array = np.lib.format.read_array(file, allow_pickle=False)
    except Exception as error:
        # a damaged header is parsed as a Python expression, which fails in many ways
        raise KernelError(
            f"{path} is not a readable .npy file of True and False (damaged, truncated or of "
            "another format); save the kernel again."
        ) from error
    if mode is None:
        mode = "2.5D" if array.ndim == 3 else "2D"
    return validate_kernel(array, mode)


def save_kernel(path: str | os.PathLike[str], kernel: object) -> Path:
    """Write a kernel to a .npy file; under its final name the file is always complete.

    Parameters
    ----------
    path : path-like
        ``.npy`` is appended if missing. Missing folders are created.
    kernel : (H, W) or (3, H, W) array_like
        A valid kernel.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    KernelError
        If the kernel is not valid.
    OutputError
        If the file cannot be written.
    """
    path = Path(path)
    if path.suffix != ".npy":
        path = path.with_name(path.name + ".npy")
    mode: Mode = "2.5D" if np.ndim(np.asarray(kernel)) == 3 else "2D"
    valid = validate_kernel(kernel, mode)
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        np.lib.format.write_array(file, valid, allow_pickle=False)
    return path
