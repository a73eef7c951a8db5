"""Kernels as bare arrays, for Python users: one line each around :class:`Kernel`.

In its documented form a kernel is (H, W) bool in 2D and (3, H, W) bool in 2.5D, as in a .npy file.
These functions take arrays of that form and kernels alike, and return arrays. The program itself
has only :class:`~autoStructN2V.masking.Kernel`.
"""

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from autoStructN2V.masking.kernels.description import KernelStatistics
from autoStructN2V.masking.kernels.kernel import Kernel
from autoStructN2V.symmetry import Symmetry
from autoStructN2V.vocabulary import Mode


def validate_kernel(array: object, mode: Mode = "2D") -> NDArray[np.bool_]:
    """Return a kernel as a boolean array, or say in one sentence what is wrong with it.

    Parameters
    ----------
    array : array_like or Kernel
        Boolean, or numbers that are all 0 or 1; (H, W) in 2D, (3, H, W) in 2.5D, H and W odd
        and at most 31.
    mode : {'2D', '2.5D'}
        Number of dimensions wanted: two, or three.

    Returns
    -------
    (H, W) or (3, H, W) bool
        A copy.

    Raises
    ------
    KernelError
        If shape, size or values do not make a kernel, or the center is False.
    """
    return Kernel.from_array(array, mode).to_array()


def load_kernel(path: str | os.PathLike[str], mode: Mode | None = None) -> NDArray[np.bool_]:
    """Read a kernel from a .npy file, see :meth:`Kernel.load`.

    Returns
    -------
    (H, W) or (3, H, W) bool

    Raises
    ------
    KernelError
        If the file is missing, is not a .npy file of plain values, or holds no valid kernel.
    """
    return Kernel.load(path, mode).to_array()


def save_kernel(path: str | os.PathLike[str], kernel: object) -> Path:
    """Write a kernel to a .npy file, see :meth:`Kernel.save`.

    Parameters
    ----------
    path : path-like
        ``.npy`` is appended if missing. Missing folders are created.
    kernel : (H, W) or (3, H, W) array_like, or Kernel
        A valid kernel.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    KernelError
        If the kernel is not valid; an older file stays as it was.
    OutputError
        If the file cannot be written.
    """
    return Kernel.from_array(kernel).save(path)


def describe_kernel(kernel: object) -> KernelStatistics:
    """Count and name what a valid kernel, (H, W) or (3, H, W) array_like, hides."""
    return Kernel.from_array(kernel).description


def kernel_symmetries(kernel: object) -> tuple[Symmetry, ...]:
    """Return the turns and flips that leave a kernel, (H, W) or (3, H, W), unchanged."""
    return Kernel.from_array(kernel).symmetries


def center_only(mode: Mode = "2D", size: int = 1) -> NDArray[np.bool_]:
    """Return the kernel of plain Noise2Void, (size, size) in 2D and (3, size, size) in 2.5D."""
    return Kernel.center_only(mode, size).to_array()


def trimmed(kernel: object) -> NDArray[np.bool_]:
    """Cut away the empty border of a kernel, (H, W) or (3, H, W); the center stays there."""
    return Kernel.from_array(kernel).trimmed().to_array()
