"""The kernel: which neighbors share noise with a pixel and are hidden together with it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import numpy as np

from autoStructN2V.errors import KernelError
from autoStructN2V.masking.kernels.cells import (
    as_boolean,
    center_of,
    documented_to_cells,
    neighbors_of_center,
    require_kernel,
    require_share,
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

_SHARE_NOTE = "grid_share"
_SAME_GRID = 0.1  # relative difference of two grids that are found in images of one kind


@dataclass(frozen=True, eq=False, repr=False)
class Kernel:
    """A small table of pixels that are hidden together with the one in the center.

    It always has slices, rows and columns, and cannot be changed. Two kernels are equal if their
    cells and their grids are. NumPy takes it for an array in its documented form, see
    :meth:`to_array`.

    Parameters
    ----------
    cells : (1 or 3, H, W) array_like
        True, or 1, where a pixel is hidden: one slice in 2D; z-1, z, z+1 in 2.5D. H and W are odd
        and at most 31, and the center is True.
    grid_share : float, default 1
        Rows and columns of the grid that the cells are pixels of, relative to those of the images:
        below 1 for a kernel that was found on a coarser grid than theirs.

    Attributes
    ----------
    cells : (1 or 3, H, W) bool
        A copy that is read-only.
    grid_share : float
        As given.

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
    grid_share: float = 1.0

    def __post_init__(self) -> None:
        cells = as_boolean(self.cells)
        require_kernel(cells)
        require_share(self.grid_share)
        cells.flags.writeable = False
        object.__setattr__(self, "cells", cells)

    @classmethod
    def from_array(cls, array: object, mode: Mode | None = None) -> Self:
        """Take over a kernel in its documented form.

        Parameters
        ----------
        array : array_like or Kernel
            (H, W) in 2D, (3, H, W) in 2.5D; boolean, or numbers that are all 0 or 1. An array is
            taken for one on the grid of the images, a kernel keeps its grid.
        mode : {'2D', '2.5D'}, optional
            Mode that the kernel must fit; by default its number of axes decides.

        Raises
        ------
        KernelError
            If shape, size or values do not make a kernel of this mode, or the center is False.
        """
        share = array.grid_share if isinstance(array, Kernel) else 1.0
        return cls(documented_to_cells(array, mode), share)

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
        array, notes = read_array(path)
        share = notes.get(_SHARE_NOTE, 1.0)
        return replace(cls.from_array(array, mode), grid_share=share)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the kernel in its documented form to a .npy file, and return the file's path.

        The grid of a kernel that is not for that of the images is noted behind the array, where
        other programs do not look.

        Parameters
        ----------
        path : path-like
            ``.npy`` is appended if missing. Missing folders are created.

        Raises
        ------
        OutputError
            If the file cannot be written.
        """
        notes = {_SHARE_NOTE: self.grid_share} if self.is_coarse else {}
        return write_array(path, self.to_array(), notes)

    def to_array(self) -> NDArray[np.bool_]:
        """Return a copy in the documented form: (H, W) bool in 2D, (3, H, W) bool in 2.5D."""
        return (self.middle if self.mode == "2D" else self.cells).copy()

    def __array__(
        self, dtype: DTypeLike | None = None, copy: bool | None = None
    ) -> NDArray[np.generic]:
        """Let NumPy take a kernel as (H, W) or (3, H, W), its documented form, always a copy."""
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
    def is_coarse(self) -> bool:
        """Whether its cells are larger than the pixels of the images."""
        return self.grid_share < 1.0

    @property
    def grid_sentence(self) -> str:
        """Say how large its cells are; empty for a kernel on the grid of the images."""
        if not self.is_coarse:
            return ""
        return (
            f"1 pixel of the kernel is {1.0 / self.grid_share:.3g} pixels of the image: the kernel "
            "is for the coarser grid that the images were recorded on."
        )

    @property
    def sentences(self) -> str:
        """Say what it hides and, if they are not pixels of the images, how large its cells are."""
        return f"The kernel {self.description.sentence}. {self.grid_sentence}".strip()

    def require_grid(self, share: float) -> None:
        """Make sure that the cells are pixels of the grid that is worked on.

        Parameters
        ----------
        share : float
            Rows and columns of that grid relative to those of the images.

        Raises
        ------
        KernelError
            If they are of another size.
        """
        if abs(self.grid_share / share - 1.0) > _SAME_GRID:
            raise KernelError(
                f"The kernel is for {_grid_text(self.grid_share)}, but the training works on "
                f"{_grid_text(share)}; use a kernel that was found on the same grid."
            )

    @property
    def description(self) -> KernelStatistics:
        """What the kernel hides, in words and numbers."""
        return describe_cells(self.cells)

    def trimmed(self) -> Self:
        """Return the kernel without its empty border; the center stays in the center."""
        _, y, x = center_of(self.cells)
        reach_y, reach_x = self.reach
        rows, columns = slice(y - reach_y, y + reach_y + 1), slice(x - reach_x, x + reach_x + 1)
        return replace(self, cells=self.cells[:, rows, columns])

    def __eq__(self, other: object) -> bool:
        """Whether the other is a kernel of the same size and grid that hides the same pixels."""
        if not isinstance(other, Kernel):
            return NotImplemented
        is_same_grid = self.grid_share == other.grid_share
        return is_same_grid and np.array_equal(self.cells, other.cells)

    def __hash__(self) -> int:
        return hash((self.cells.shape, self.cells.tobytes(), self.grid_share))

    def __reduce__(self) -> tuple[type[Self], tuple[NDArray[np.bool_], float]]:
        # copies and pickles are made anew: NumPy would restore the cells writable
        return type(self), (self.cells, self.grid_share)

    def __repr__(self) -> str:
        height, width = self.middle.shape
        grid = f", grid of {self.grid_share:.0%}" if self.is_coarse else ""
        return f"<Kernel {self.mode}, {height} x {width} pixels, {self.n_hidden} hidden{grid}>"

    def __str__(self) -> str:
        """Draw the slices side by side: + center, # hidden, . not hidden."""
        signs = np.where(self.cells, "#", ".")
        signs[center_of(signs)] = "+"
        return "\n".join(
            "   ".join("".join(row) for row in rows) for rows in zip(*signs, strict=True)
        )


def _grid_text(share: float) -> str:
    if share == 1.0:
        return "the grid of the images"
    return f"a grid of {share:.0%} of their rows and columns"
