"""Scattering a kernel over patches: where pixels are hidden and which are predicted.

Every patch of every batch gets a new placement. Candidates are stratified, one in each cell of a
randomly shifted grid (as in the sampling of Noise2Void), and those that would touch a neighbor are
rejected; a few rounds fill the cells left empty. Candidates around the patch compete as well, so
that its border is no better a place than its middle. All steps are batched tensor operations
without a transfer between host and device.

Shapes: B patches, C slices, N targets in a patch, M hidden pixels of a kernel.

References
----------
Krull, Buchholz, Jug: Noise2Void. CVPR (2019). doi:10.1109/CVPR.2019.00223
Broaddus et al.: Removing structured noise with self-supervised blind-spot networks. ISBI (2020).
doi:10.1109/ISBI45749.2020.9098336
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name used throughout the PyTorch world
from numpy.typing import NDArray
from scipy import ndimage
from torch import Generator, Tensor

from autoStructN2V.masking.kernels.kernel import Kernel

_MOST_ROUNDS = 4  # each fills some of the cells left empty, and costs time
_N_TRIALS = 16  # patches, on which the rounds needed are counted
_CELLS_PER_KERNEL = 1.7  # per wanted kernel: some candidates are rejected; more cells cost time
_DENSE_CELL = 2  # px: with cells so small, a CPU looks at all pixels faster than at cells
_TIE = 2.0**-43  # less than any difference of two random numbers of 24 bits
_FAR = -10_000  # px: where candidates wait that have no place


@dataclass(frozen=True)
class Placement:
    """Kernels placed on a batch of patches.

    Attributes
    ----------
    targets : Tensor, (B, N) int64
        Flat positions ``y * width + x`` of the kernel centers in the central slice.
    valid : Tensor, (B, N) bool
        False where fewer than N kernels found a place.
    hidden : Tensor, (B, C, H, W) bool
        True where a pixel is hidden from the network.
    """

    targets: Tensor
    valid: Tensor
    hidden: Tensor

    def at_targets(self, prediction: Tensor) -> Tensor:
        """Return the values (B, N) of a ``prediction`` (B, 1, H, W) at the targets."""
        return prediction.flatten(1).gather(1, self.targets)

    def within(self, allowed: Tensor | None) -> "Placement":
        """Return this placement with targets only where ``allowed`` (B, 1, H, W) is True.

        None allows all.
        """
        if allowed is None:
            return self
        return Placement(self.targets, self.valid & self.at_targets(allowed), self.hidden)


def conflicts(kernel: Kernel) -> NDArray[np.bool_]:
    """Find the displacements at which two copies of a kernel overlap or touch.

    Parameters
    ----------
    kernel : Kernel
        Of h rows and w columns.

    Returns
    -------
    (2 h + 1, 2 w + 1) bool
        True where a second copy, displaced from the center by that much, would have a pixel in the
        8-neighborhood of a pixel of the first, in any slice.
    """
    height, width = kernel.middle.shape
    touching = np.zeros((2 * height + 1, 2 * width + 1), dtype=bool)
    for plane in kernel.cells:
        grown = ndimage.binary_dilation(np.pad(plane, 1), np.ones((3, 3), dtype=bool))
        around = np.pad(grown, [(side // 2, side // 2) for side in plane.shape])
        touching |= ndimage.binary_dilation(around, plane[::-1, ::-1])
    return touching | touching[::-1, ::-1]


def _mean_cover(plane: NDArray[np.bool_], patch_size: int) -> float:
    """Return how many pixels of a patch a (h, w) kernel hides on average; some lie outside."""
    offsets = np.abs(np.argwhere(plane) - np.array(plane.shape) // 2)
    inside = np.maximum(patch_size - offsets, 0) / patch_size
    return float(inside.prod(axis=1).sum())


class KernelPlacer:
    """Place copies of a kernel on patches so that no two touch.

    Parameters
    ----------
    kernel : Kernel
        Of one slice (2D) or three (2.5D), as many as the patches have.
    patch_size : int
        Side of the patches in pixels.
    mask_percentage : float, 0 < p <= 50
        Wanted share of hidden pixels in the central slice. Kernels never touch, so a high value
        may not be reached.
    device : torch.device
        Where placements are computed.
    """

    def __init__(
        self,
        kernel: Kernel,
        patch_size: int,
        mask_percentage: float,
        device: torch.device,
    ) -> None:
        self.n_slices, height, width = kernel.cells.shape
        self.patch_size = patch_size
        self.device = device
        self._half = (height // 2, width // 2)
        self._offsets = torch.from_numpy(np.argwhere(kernel.cells)).to(
            device
        )  # (M, 3): slice, y, x
        n_hidden = _mean_cover(kernel.middle, patch_size)
        self.n_targets = max(1, round(patch_size**2 * mask_percentage / 100 / n_hidden))
        self._prepare_cells(conflicts(kernel))
        self._n_rounds = self._rounds_needed()

    def _prepare_cells(self, touching: NDArray[np.bool_]) -> None:
        """Cut a patch into cells; `touching` (2 H - 1, 2 W - 1) tells which offsets touch."""
        reach = [
            int(np.abs(axis - n // 2).max())
            for axis, n in zip(np.nonzero(touching), touching.shape, strict=True)
        ]
        area = self.patch_size**2 / (self.n_targets * _CELLS_PER_KERNEL)
        aspect = (reach[0] + 1) / (reach[1] + 1)
        cell_height = min(self.patch_size, max(1, round(math.sqrt(area * aspect))))
        self._cell = (cell_height, min(self.patch_size, max(1, round(area / cell_height))))
        self._reach = reach
        cut = [
            slice(n // 2 - r, n // 2 + r + 1) for n, r in zip(touching.shape, reach, strict=True)
        ]
        self._touching = torch.from_numpy(touching[cut[0], cut[1]].copy()).to(self.device)
        self._cell_sides = torch.tensor(self._cell, device=self.device)
        self._is_solid = bool(self._touching.all())
        is_dense = self._is_solid and max(self._cell) <= _DENSE_CELL
        self._looks_at_pixels = is_dense and self.device.type == "cpu"
        self._margin = torch.tensor(reach, device=self.device)
        # a shifted grid needs one more cell in each direction to cover the patch and its margin
        self._grid = tuple(
            -(-(self.patch_size + 2 * r) // c) + 1 for r, c in zip(reach, self._cell, strict=True)
        )
        self._cells_around = tuple(-(-r // c) for r, c in zip(reach, self._cell, strict=True))

    def _rounds_needed(self) -> int:
        """Return after how many rounds patches hold enough kernels; each costs time."""
        generator = torch.Generator(self.device).manual_seed(0)
        for n_rounds in range(1, _MOST_ROUNDS):
            self._n_rounds = n_rounds
            _, placed = self._scatter_centers(_N_TRIALS, generator)
            if float(placed.sum(1).float().mean()) >= self.n_targets:
                return n_rounds
        return _MOST_ROUNDS

    def __call__(self, n_patches: int, generator: Generator) -> Placement:
        """Draw a new placement for each of ``n_patches`` patches."""
        centers, placed = self._scatter_centers(n_patches, generator)
        order = torch.rand(placed.shape, generator=generator, device=self.device) - (~placed) * 2.0
        n_kept = min(self.n_targets, order.shape[1])
        kept = order.topk(n_kept, dim=1, sorted=False).indices  # (B, N)
        valid = placed.gather(1, kept)
        centers = centers.gather(1, kept[..., None].expand(-1, -1, 2)).long()  # (B, N, 2)
        centers = centers * valid[..., None]
        targets = centers[..., 0] * self.patch_size + centers[..., 1]
        return Placement(targets, valid, self._hide(centers, valid))

    def _scatter_centers(self, n_patches: int, generator: Generator) -> tuple[Tensor, Tensor]:
        """Return candidate centers (B, cells, 2) and which of them stay."""
        shape = (n_patches, *self._grid)
        cell = self._cell_sides
        shift = torch.rand((n_patches, 1, 1, 2), generator=generator, device=self.device) * cell
        rows, columns = (torch.arange(n, device=self.device) for n in self._grid)
        corner = torch.stack(torch.meshgrid(rows, columns, indexing="ij"), -1) * cell
        corner = corner - self._margin - shift.int()
        centers = torch.full((*shape, 2), _FAR, dtype=torch.int32, device=self.device)
        placed = torch.zeros(shape, dtype=torch.bool, device=self.device)
        for _ in range(self._n_rounds):
            draw = torch.rand((*shape, 3), generator=generator, device=self.device)
            trial = (corner + (draw[..., :2] * cell).int()).int()
            centers = torch.where(placed[..., None], centers, trial)
            rank = torch.where(placed, 2.0, draw[..., 2])
            placed = placed | ~self._is_outranked(centers, rank)
            centers = torch.where(placed[..., None], centers, _FAR)
        placed &= ((centers >= 0) & (centers < self.patch_size)).all(-1)
        centers, placed = centers.flatten(1, 2), placed.flatten(1)
        self._fill_empty(centers, placed, generator)
        return centers, placed

    def _fill_empty(self, centers: Tensor, placed: Tensor, generator: Generator) -> None:
        """Place one kernel on each patch without any, so that every patch teaches something.

        Changes ``centers`` (B, cells, 2) and ``placed`` (B, cells).
        """
        spare = torch.rand((len(centers), 2), generator=generator, device=self.device)
        is_empty = ~placed.any(1)
        spare = (spare * self.patch_size).int()
        centers[:, 0] = torch.where(is_empty[:, None], spare, centers[:, 0])
        placed[:, 0] |= is_empty

    def _is_outranked(self, centers: Tensor, rank: Tensor) -> Tensor:
        """Tell which candidates touch one of higher or equal rank around them, (B, gy, gx)."""
        if self._looks_at_pixels:
            return self._is_outranked_in_window(centers, rank)
        dy, dx = (self._around(centers[..., i], _FAR) - centers[..., i, None, None] for i in (0, 1))
        # of two equals neither stays, else the rare tie would leave two kernels that touch
        higher = self._around(rank, -1.0) >= rank[..., None, None]
        higher[..., self._cells_around[0], self._cells_around[1]] = False
        return (higher & self._touch(dy, dx)).flatten(3).any(3)

    def _is_outranked_in_window(self, centers: Tensor, rank: Tensor) -> Tensor:
        """Do the same, (B, gy, gx), for kernels that touch anywhere in a window.

        Of two equals one stays.
        """
        n_patches, n_rows, n_columns = rank.shape
        (reach_y, reach_x), (cell_y, cell_x) = self._reach, self._cell
        height, width = (n_rows + 1) * cell_y + 2 * reach_y, (n_columns + 1) * cell_x + 2 * reach_x
        # the lowest candidate lies a cell and the margin before the patch, and all of its window
        # has to be on the canvas
        y, x = (centers + (self._cell_sides + 2 * self._margin)).long().flatten(1, 2).unbind(-1)
        place = y * width + x
        order = torch.arange(n_rows * n_columns, device=self.device) * _TIE
        distinct = rank.flatten(1).double() + order
        canvas = torch.full((n_patches, height * width), -1.0, device=self.device).double()
        canvas = canvas.scatter_(1, place, distinct).view(n_patches, height, width)
        highest = canvas.unfold(1, 2 * reach_y + 1, 1).amax(-1)
        highest = highest.unfold(2, 2 * reach_x + 1, 1).amax(-1).flatten(1)
        window = (y - reach_y) * (width - 2 * reach_x) + x - reach_x
        return (highest.gather(1, window) > distinct).view_as(rank)

    def _around(self, cells: Tensor, outside: float) -> Tensor:
        """View ``cells`` (B, gy, gx) with their neighbors as (B, gy, gx, around y, around x)."""
        around_y, around_x = self._cells_around
        padded = F.pad(cells, (around_x, around_x, around_y, around_y), value=outside)
        return padded.unfold(1, 2 * around_y + 1, 1).unfold(2, 2 * around_x + 1, 1)

    def _touch(self, dy: Tensor, dx: Tensor) -> Tensor:
        """Tell at which displacements (...), of any one shape, two kernels touch."""
        reach_y, reach_x = self._reach
        near = (dy.abs() <= reach_y) & (dx.abs() <= reach_x)
        if self._is_solid:
            return near
        row, column = dy.clamp(-reach_y, reach_y) + reach_y, dx.clamp(-reach_x, reach_x) + reach_x
        return near & self._touching.flatten()[row * (2 * reach_x + 1) + column]

    def _hide(self, centers: Tensor, valid: Tensor) -> Tensor:
        """Return the pixels (B, C, H, W) covered by the kernels at ``centers`` (B, N, 2)."""
        n_patches = centers.shape[0]
        half_y, half_x = self._half
        height, width = self.patch_size + 2 * half_y, self.patch_size + 2 * half_x
        plane, dy, dx = self._offsets.unbind(1)
        # a margin as wide as the kernel takes what falls outside; the last cell takes the invalid
        flat = plane * height * width + dy * width + dx  # (M,)
        start = centers[..., 0] * width + centers[..., 1]  # (B, N)
        n_cells = self.n_slices * height * width
        index = torch.where(valid[..., None], start[..., None] + flat, n_cells).flatten(1)
        canvas = torch.zeros((n_patches, n_cells + 1), dtype=torch.bool, device=self.device)
        canvas.scatter_(1, index, True)
        hidden = canvas[:, :-1].view(n_patches, self.n_slices, height, width)
        return hidden[..., half_y : half_y + self.patch_size, half_x : half_x + self.patch_size]
