"""The bare cells of a kernel: what an array must be to be one, and where its True cells lie."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from autoStructN2V.errors import KernelError
from autoStructN2V.vocabulary import Mode

MAX_KERNEL_SIZE = 31
"""Height and width that a kernel may have at most, in pixels."""

_Value = TypeVar("_Value", bound=np.generic)


def documented_to_cells(array: object, mode: Mode | None) -> NDArray[np.bool_]:
    """Return the cells of a kernel in its documented form; sides and center are not checked.

    Parameters
    ----------
    array : array_like
        (H, W) in 2D, (3, H, W) in 2.5D; boolean, or numbers that are all 0 or 1.
    mode : {'2D', '2.5D'} or None
        Mode that the kernel must fit; None: three axes are 2.5D, else it must be 2D.

    Returns
    -------
    (1 or 3, H, W) bool

    Raises
    ------
    KernelError
        If values, number of axes or number of slices do not fit.
    """
    values = as_boolean(array)
    if mode is None:
        mode = "2.5D" if len(values.shape) == 3 else "2D"
    if len(values.shape) != (2 if mode == "2D" else 3):
        wanted = "(height, width)" if mode == "2D" else "(3, height, width)"
        raise KernelError(
            f"The kernel has shape {values.shape}; in {mode} mode it must be {wanted}."
        )
    if mode == "2D":
        return values[None]
    if len(values) != 3:
        raise KernelError(
            f"The kernel has {len(values)} slices; in 2.5D mode it must have 3 (z-1, z, z+1)."
        )
    return values


def as_boolean(array: object) -> NDArray[np.bool_]:
    """Return a boolean copy of an array (...) of True and False, or of 0 and 1.

    Raises
    ------
    KernelError
        If it holds anything else.
    """
    values = np.asarray(array)
    if values.dtype == np.bool_:
        return values.copy()
    if values.dtype.kind not in "iuf" or not np.isin(values, (0, 1)).all():
        raise KernelError(
            f"The kernel holds values of type {values.dtype} that are not only 0 and 1; it must "
            "hold True and False, or 0 and 1."
        )
    cells: NDArray[np.bool_] = values.astype(bool)
    return cells


def require_kernel(cells: NDArray[np.bool_]) -> None:
    """Refuse cells that make no kernel.

    Parameters
    ----------
    cells : bool array
        Must be (1 or 3, H, W) with odd sides of at most :data:`MAX_KERNEL_SIZE`, True in the
        center.

    Raises
    ------
    KernelError
        One sentence: what was found, and what is allowed.
    """
    if len(cells.shape) != 3 or len(cells) not in (1, 3):
        raise KernelError(
            f"The cells of the kernel have shape {cells.shape}; it must be (1, height, width) in "
            "2D and (3, height, width) in 2.5D."
        )
    height, width = cells.shape[1:]
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
    if not cells[center_of(cells)]:
        raise KernelError(
            "The center of the kernel is False; it must be True, because the predicted pixel "
            "is always hidden."
        )


def require_share(share: object) -> None:
    """Refuse what is no size of a grid relative to that of the images.

    Raises
    ------
    KernelError
        Unless it is a number above 0 and at most 1.
    """
    if isinstance(share, int | float) and not isinstance(share, bool) and 0.0 < share <= 1.0:
        return
    raise KernelError(
        f"The grid of the kernel has {share!s:.20} of the rows and columns of the images; it must "
        "be a number above 0 and at most 1."
    )


def center_of(array: NDArray[_Value]) -> tuple[int, ...]:
    """Return the index of the center of an array (...) of odd sides."""
    return tuple(side // 2 for side in array.shape)


def neighbors_of_center(array: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return the offsets (N, number of axes) from the center of all other True cells."""
    offsets = np.argwhere(array) - np.array(center_of(array))
    others: NDArray[np.intp] = offsets[np.any(offsets != 0, axis=1)]
    return others
