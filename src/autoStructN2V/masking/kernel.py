"""Kernels: small boolean arrays that say which pixel offsets share noise with the center."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from autoStructN2V.errors import KernelError
from autoStructN2V.files import atomic_write

Kernel = NDArray[np.bool_]
Mode = Literal["2D", "2.5D"]
PatternType = Literal["none", "horizontal", "vertical", "diagonal", "cross", "blob", "irregular"]
MAX_KERNEL_SIZE = 31
_MAX_FILE_BYTES = 1_000_000


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
    except (OSError, ValueError, EOFError, SyntaxError, MemoryError, TypeError) as error:
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


@dataclass(frozen=True)
class Symmetry:
    """One of the eight turns and flips of the square.

    Apply it to the last two axes of an array: first flip the X axis if ``flip``, then turn by
    ``quarter_turns`` times 90 degrees from Y towards X (``numpy.rot90`` with axes (-2, -1)).
    """

    quarter_turns: int
    flip: bool

    def __call__(self, array: NDArray[np.generic]) -> NDArray[np.generic]:
        """Return the turned and flipped view of an (..., Y, X) array."""
        flipped = array[..., ::-1] if self.flip else array
        return np.rot90(flipped, self.quarter_turns, axes=(-2, -1))

    def undo(self, array: NDArray[np.generic]) -> NDArray[np.generic]:
        """Return the view of an (..., Y, X) array that was turned and flipped as it was before."""
        turned = np.rot90(array, -self.quarter_turns, axes=(-2, -1))
        return turned[..., ::-1] if self.flip else turned


SYMMETRIES = tuple(Symmetry(turns, flip) for flip in (False, True) for turns in range(4))


def kernel_symmetries(kernel: object) -> tuple[Symmetry, ...]:
    """Return the turns and flips that leave a kernel unchanged; the identity comes first.

    Images may be turned and flipped by these during training without moving the noise pattern
    out from under the kernel. A kernel that is not square is embedded in a square.

    Parameters
    ----------
    kernel : (H, W) or (3, H, W) array_like
        A valid kernel.

    Returns
    -------
    tuple of Symmetry
        1, 2, 4 or 8 of them.
    """
    square = padded_to_square(np.asarray(kernel, bool))
    return tuple(s for s in SYMMETRIES if np.array_equal(s(square), square))


def padded_to_square(kernel: Kernel) -> Kernel:
    """Embed a kernel in the smallest square with the same center."""
    height, width = kernel.shape[-2:]
    side = max(height, width)
    margins = [(0, 0)] * (kernel.ndim - 2)
    margins += [((side - length) // 2, (side - length) // 2) for length in (height, width)]
    return np.pad(kernel, margins)


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


@dataclass(frozen=True)
class KernelStatistics:
    """What a person wants to know about a kernel.

    Attributes
    ----------
    size : tuple of int
        Shape of the kernel.
    n_active : int
        Number of hidden pixels, the center included.
    coverage_percent : float
        Share of the kernel's cells that are hidden, 0..100.
    pattern_type : str
        ``'none'`` (center alone), ``'horizontal'``, ``'vertical'``, ``'diagonal'``,
        ``'cross'``, ``'blob'`` or ``'irregular'``; of the middle slice, in 2.5D.
    sentence : str
        The kernel in plain words.
    """

    size: tuple[int, ...]
    n_active: int
    coverage_percent: float
    pattern_type: PatternType
    sentence: str


def describe_kernel(kernel: object) -> KernelStatistics:
    """Count and name what a kernel hides.

    Parameters
    ----------
    kernel : (H, W) or (3, H, W) array_like
        A valid kernel.

    Returns
    -------
    KernelStatistics
    """
    valid = np.asarray(kernel, bool)
    n_active = int(valid.sum())
    middle = valid if valid.ndim == 2 else valid[1]
    pattern = _pattern_type(middle)
    return KernelStatistics(
        size=valid.shape,
        n_active=n_active,
        coverage_percent=100.0 * n_active / valid.size,
        pattern_type=pattern,
        sentence=_sentence(valid, pattern),
    )


def _offsets(plane: Kernel) -> NDArray[np.intp]:
    """Return the (N, 2) offsets (y, x) of the hidden pixels other than the center."""
    offsets = np.argwhere(plane) - np.array(center_of(plane))
    others: NDArray[np.intp] = offsets[np.any(offsets != 0, axis=1)]
    return others


def _pattern_type(plane: Kernel) -> PatternType:
    offsets = _offsets(plane)
    if len(offsets) == 0:
        return "none"
    y, x = offsets.T
    if not y.any():
        return "horizontal"
    if not x.any():
        return "vertical"
    if np.array_equal(y, x) or np.array_equal(y, -x):
        return "diagonal"
    if np.all((y == 0) | (x == 0)) or np.all(np.abs(y) == np.abs(x)):
        return "cross"
    return "blob" if _is_compact(plane, offsets) else "irregular"


def _is_compact(plane: Kernel, offsets: NDArray[np.intp]) -> bool:
    """Whether a kernel fills most of a disk or box about its center."""
    reach_y, reach_x = np.abs(offsets).max(axis=0)
    if min(reach_y, reach_x) == 0 or max(reach_y, reach_x) > 3 * min(reach_y, reach_x):
        return False
    return bool(plane.sum() >= 0.6 * (2 * reach_y + 1) * (2 * reach_x + 1))


def _reach_text(plane: Kernel, pattern: PatternType) -> str:
    offsets = _offsets(plane)
    reach_y, reach_x = (int(r) for r in np.abs(offsets).max(axis=0))
    pixels = f"{max(reach_y, reach_x)} pixel" + ("s" if max(reach_y, reach_x) > 1 else "")
    if pattern == "horizontal":
        return (
            f"hides up to {pixels} left and right of each pixel: horizontal correlation of "
            f"{2 * reach_x + 1} px"
        )
    if pattern == "vertical":
        return (
            f"hides up to {pixels} above and below each pixel: vertical correlation of "
            f"{2 * reach_y + 1} px"
        )
    if pattern == "diagonal":
        falling = bool(offsets[0, 0] * offsets[0, 1] > 0)
        slope = "from top left to bottom right" if falling else "from bottom left to top right"
        return f"hides up to {pixels} to both sides along the diagonal {slope}"
    if pattern == "cross":
        return f"hides up to {pixels} along each arm of a cross"
    return (
        f"hides {len(offsets)} neighbors within {2 * reach_y + 1} x {2 * reach_x + 1} pixels: "
        + ("correlation on all sides" if pattern == "blob" else "an irregular pattern")
    )


def _sentence(kernel: Kernel, pattern: PatternType) -> str:
    middle = kernel if kernel.ndim == 2 else kernel[1]
    text = (
        "hides only the predicted pixel itself: no correlated neighbors"
        if pattern == "none"
        else _reach_text(middle, pattern)
    )
    if kernel.ndim == 3:
        above, below = int(kernel[0].sum()), int(kernel[2].sum())
        text += (
            f", and {above} in the slice above and {below} in the slice below"
            if above or below
            else ", and none in the slices above and below"
        )
    return text
