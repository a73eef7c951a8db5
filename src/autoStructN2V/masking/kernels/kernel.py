"""The kernel: which neighbors share noise with a pixel and are hidden together with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from autoStructN2V.masking.kernels.cells import (
    as_boolean,
    center_of,
    documented_to_cells,
    neighbors_of_center,
    require_kernel,
)
from autoStructN2V.masking.kernels.description import KernelStatistics, describe_cells
from autoStructN2V.masking.kernels.files import read_array, write_array
from autoStructN2V.masking.kernels.symmetry import symmetries_of_cells

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from numpy.typing import DTypeLike, NDArray

    from autoStructN2V.symmetry import Symmetry
    from autoStructN2V.vocabulary import Mode


@dataclass(frozen=True, eq=False, repr=False)
class Kernel:
    """A small table of pixels that are hidden together with the one in the center.

    It always has slices, rows and columns, and cannot be changed. Two kernels are equal if their
    cells are. NumPy takes it for an array in its documented form, see :meth:`to_array`.

    Parameters
    ----------
    cells : (1 or 3, H, W) array_like
        True, or 1, where a pixel is hidden: one slice in 2D; z-1, z, z+1 in 2.5D. H and W are odd
        and at most 31, and the center is True.

    Attributes
    ----------
    cells : (1 or 3, H, W) bool
        A copy that is read-only.

    Raises
    ------
    KernelError
        If the cells do not make a kernel: one sentence that says why.

    Examples
    --------
    >>> Kernel([[[1, 1, 1]]])
    <Kernel 2D, 1 x 3 pixels, 3 hidden>
    """

    cells: NDArray[np.bool_]

    def __post_init__(self) -> None:
        cells = as_boolean(self.cells)
        require_kernel(cells)
        cells.flags.writeable = False
        object.__setattr__(self, "cells", cells)

    @classmethod
    def from_array(cls, array: object, mode: Mode | None = None) -> Self:
        """Take over a kernel in its documented form.

        Parameters
        ----------
        array : array_like or Kernel
            (H, W) in 2D, (3, H, W) in 2.5D; boolean, or numbers that are all 0 or 1.
        mode : {'2D', '2.5D'}, optional
            Mode that the kernel must fit; by default its number of axes decides.

        Raises
        ------
        KernelError
            If shape, size or values do not make a kernel of this mode, or the center is False.
        """
        return cls(documented_to_cells(array, mode))

    @classmethod
    def center_only(cls, mode: Mode = "2D", size: int = 1) -> Self:
        """Return the kernel that hides the predicted pixel alone: plain Noise2Void.

        Parameters
        ----------
        mode : {'2D', '2.5D'}
            In 2.5D the kernel has three slices, of which only the middle one hides anything.
        size : int
            Side of the blind spot, odd; larger than 1 hides a square around the pixel.
        """
        cells = np.zeros((1 if mode == "2D" else 3, size, size), bool)
        cells[len(cells) // 2] = True
        return cls(cells)

    @classmethod
    def load(cls, path: str | os.PathLike[str], mode: Mode | None = None) -> Self:
        """Read a kernel from a .npy file; the file cannot run code.

        Parameters
        ----------
        path : path-like
            The .npy file.
        mode : {'2D', '2.5D'}, optional
            Mode that the kernel must fit; by default its number of axes decides.

        Raises
        ------
        KernelError
            If the file is missing, is not a .npy file of plain values, or holds no valid kernel.
        """
        return cls.from_array(read_array(path), mode)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the kernel in its documented form to a .npy file, and return the file's path.

        Parameters
        ----------
        path : path-like
            ``.npy`` is appended if missing. Missing folders are created.

        Raises
        ------
        OutputError
            If the file cannot be written.
        """
        return write_array(path, self.to_array())

    def to_array(self) -> NDArray[np.bool_]:
        """Return a copy in the documented form: (H, W) bool in 2D, (3, H, W) bool in 2.5D."""
        return (self.middle if self.mode == "2D" else self.cells).copy()

    def __array__(
        self, dtype: DTypeLike | None = None, copy: bool | None = None
    ) -> NDArray[np.generic]:
        """Let NumPy take the kernel for an array in its documented form, always a copy."""
        if copy is False:
            raise ValueError("A kernel cannot be changed, so an array of it is always a copy.")
        return self.to_array().astype(bool if dtype is None else dtype, copy=False)

    @property
    def mode(self) -> Mode:
        """Whether the kernel has one slice ('2D') or three ('2.5D')."""
        return "2D" if self.n_slices == 1 else "2.5D"

    @property
    def n_slices(self) -> int:
        """Number of slices, 1 or 3."""
        return len(self.cells)

    @property
    def middle(self) -> NDArray[np.bool_]:
        """The slice of the predicted pixel, (H, W) bool, read-only."""
        middle: NDArray[np.bool_] = self.cells[self.n_slices // 2]
        return middle

    @property
    def offsets(self) -> NDArray[np.intp]:
        """Offsets (N, 3) of the hidden pixels from the center (z, y, x); the center is left out."""
        return neighbors_of_center(self.cells)

    @property
    def reach(self) -> tuple[int, int]:
        """Largest offset of a hidden pixel, along y and along x, in pixels."""
        _, y, x = np.abs(self.offsets).max(axis=0, initial=0)
        return int(y), int(x)

    @property
    def n_hidden(self) -> int:
        """Number of hidden pixels in all slices, the center included."""
        return int(self.cells.sum())

    @property
    def symmetries(self) -> tuple[Symmetry, ...]:
        """Turns and flips that leave the kernel unchanged, the identity first; 1, 2, 4 or 8.

        By these, images may be turned and flipped during training without moving the noise
        pattern out from under the kernel.
        """
        return symmetries_of_cells(self.cells)

    @property
    def description(self) -> KernelStatistics:
        """What the kernel hides, in words and numbers."""
        return describe_cells(self.cells)

    def trimmed(self) -> Self:
        """Return the kernel without its empty border; the center stays in the center."""
        _, y, x = center_of(self.cells)
        reach_y, reach_x = self.reach
        rows, columns = slice(y - reach_y, y + reach_y + 1), slice(x - reach_x, x + reach_x + 1)
        return type(self)(self.cells[:, rows, columns])

    def __eq__(self, other: object) -> bool:
        """Whether the other is a kernel of the same size that hides the same pixels."""
        if not isinstance(other, Kernel):
            return NotImplemented
        return np.array_equal(self.cells, other.cells)

    def __hash__(self) -> int:
        return hash((self.cells.shape, self.cells.tobytes()))

    def __reduce__(self) -> tuple[type[Self], tuple[NDArray[np.bool_]]]:
        # copies and pickles are made anew: NumPy would restore the cells writable
        return type(self), (self.cells,)

    def __repr__(self) -> str:
        height, width = self.middle.shape
        return f"<Kernel {self.mode}, {height} x {width} pixels, {self.n_hidden} hidden>"

    def __str__(self) -> str:
        """Draw the slices side by side: + center, # hidden, . not hidden."""
        signs = np.where(self.cells, "#", ".")
        signs[center_of(signs)] = "+"
        return "\n".join(
            "   ".join("".join(row) for row in rows) for rows in zip(*signs, strict=True)
        )
