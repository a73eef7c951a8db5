"""Kernels: small boolean arrays that say which pixel offsets share noise with the center."""

import numpy as np
from numpy.typing import NDArray

from autoStructN2V.errors import KernelError
from autoStructN2V.vocabulary import Mode

Kernel = NDArray[np.bool_]
MAX_KERNEL_SIZE = 31


def center_of(kernel: NDArray[np.generic]) -> tuple[int, ...]:
    """Index of the center of an array of odd size."""
    return tuple(side // 2 for side in kernel.shape)


def center_only(mode: Mode = "2D", size: int = 1) -> Kernel:
    """Return the kernel that hides the predicted pixel alone: plain Noise2Void.

    Parameters
    ----------
    mode : {'2D', '2.5D'}
        In 2.5D the kernel has three slices.
    size : int
        Side of the blind spot, odd; larger than 1 hides a square around the pixel.

    Returns
    -------
    (size, size) bool in 2D, (3, size, size) bool in 2.5D, where only the middle slice is hidden
    """
    kernel = np.ones((size, size), bool)
    if mode == "2D":
        return kernel
    empty = np.zeros_like(kernel)
    return np.stack([empty, kernel, empty])


def validate_kernel(array: object, mode: Mode = "2D") -> Kernel:
    """Return a kernel as a boolean array, or say in one sentence what is wrong with it.

    Parameters
    ----------
    array : array_like
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
    kernel = _as_boolean(array)
    if kernel.ndim != (2 if mode == "2D" else 3):
        wanted = "(height, width)" if mode == "2D" else "(3, height, width)"
        raise KernelError(
            f"The kernel has shape {kernel.shape}; in {mode} mode it must be {wanted}."
        )
    if mode == "2.5D" and kernel.shape[0] != 3:
        raise KernelError(
            f"The kernel has {kernel.shape[0]} slices; in 2.5D mode it must have 3 (z-1, z, z+1)."
        )
    height, width = kernel.shape[-2:]
    if height % 2 == 0 or width % 2 == 0:
        raise KernelError(
            f"The kernel is {height} x {width} pixels; height and width must be odd, so that "
            "it has a center."
        )
    if max(height, width) > MAX_KERNEL_SIZE:
        raise KernelError(
            f"The kernel is {height} x {width} pixels; at most {MAX_KERNEL_SIZE} x "
            f"{MAX_KERNEL_SIZE} are allowed."
        )
    if not kernel[center_of(kernel)]:
        raise KernelError(
            "The center of the kernel is False; it must be True, because the predicted pixel "
            "is always hidden."
        )
    return kernel


def _as_boolean(array: object) -> Kernel:
    values = np.asarray(array)
    if values.dtype == np.bool_:
        return values.copy()
    if values.dtype.kind not in "iuf" or not np.isin(values, (0, 1)).all():
        raise KernelError(
            f"The kernel holds values of type {values.dtype} that are not only 0 and 1; it must "
            "hold True and False, or 0 and 1."
        )
    kernel: Kernel = values.astype(bool)
    return kernel


def trimmed(kernel: Kernel) -> Kernel:
    """Cut away the empty border of a kernel; the center stays in the center."""
    reach = [
        int(np.abs(offsets).max(initial=0))
        for offsets in (index - side // 2 for index, side in _in_plane_indices(kernel))
    ]
    middle = [side // 2 for side in kernel.shape[-2:]]
    rows, columns = (slice(m - r, m + r + 1) for m, r in zip(middle, reach, strict=True))
    return kernel[..., rows, columns].copy()


def _in_plane_indices(kernel: Kernel) -> list[tuple[NDArray[np.intp], int]]:
    return list(zip(np.nonzero(kernel)[-2:], kernel.shape[-2:], strict=True))
