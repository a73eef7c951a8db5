"""Training patches, cut by one gather from all training pixels on the device.

Shapes: S slices of all stacks together, B patches, C slices of a patch (1, or 3 in 2.5D),
P patch size, R rectangles.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch

from autoStructN2V.datasets.images.matching import Scale, scale_of
from autoStructN2V.datasets.images.validity import invalid_pixels
from autoStructN2V.datasets.values import require_finite
from autoStructN2V.sampling import evenly
from autoStructN2V.symmetry import SYMMETRIES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Generator, Tensor

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.datasets.normalization import Normalization
    from autoStructN2V.vocabulary import Mode


@dataclass(frozen=True)
class PatchRegion:
    """Where patches may start.

    Attributes
    ----------
    rectangles : (R, 5) int64
        Slice, first and last row, first and last column (all inclusive) of allowed top left
        patch corners.
    """

    rectangles: NDArray[np.int64]
    _moved: dict[torch.device, tuple[Tensor, Tensor, Tensor, int]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @property
    def n_corners(self) -> int:
        """Number of allowed corners."""
        return int(self._areas().sum())

    def n_pixels(self, patch_size: int) -> int:
        """Return the number of pixels that lie in patches, where rectangles are far apart."""
        return int(self._areas(patch_size).sum())

    def _areas(self, side: int = 1) -> NDArray[np.int64]:
        """Return what squares of a side cover that start in each rectangle, (R,)."""
        r = self.rectangles
        areas: NDArray[np.int64] = (r[:, 2] - r[:, 1] + side) * (r[:, 4] - r[:, 3] + side)
        return areas

    def clipped(self, other: PatchRegion) -> PatchRegion:
        """Return the part of this region that lies in ``other``, whose rectangles do not overlap.

        Slices that ``other`` lacks are left out.
        """
        bounds: dict[int, list[NDArray[np.int64]]] = {}
        for row in other.rectangles:
            bounds.setdefault(int(row[0]), []).append(row)
        kept = [
            _intersection(row, bound)
            for row in self.rectangles
            for bound in bounds.get(int(row[0]), [])
        ]
        kept = [row for row in kept if row[1] <= row[2] and row[3] <= row[4]]
        return PatchRegion(np.array(kept, dtype=np.int64).reshape(-1, 5))

    def sample(self, n: int, generator: Generator, device: torch.device) -> Tensor:
        """Draw ``n`` corners (n, 3): slice, row, column; all corners are equally likely."""
        bounds, areas, ends, n_corners = self._on(device)
        corner = torch.randint(n_corners, (n,), generator=generator, device=device)
        chosen = torch.searchsorted(ends, corner, right=True)
        inside = corner - (ends - areas)[chosen]  # number of the corner in its rectangle
        z, first_y, _, first_x, last_x = bounds[chosen].unbind(1)
        width = last_x - first_x + 1
        return torch.stack([z, first_y + inside // width, first_x + inside % width], 1)

    def _on(self, device: torch.device) -> tuple[Tensor, Tensor, Tensor, int]:
        """Return rectangles, their numbers of corners, the sums of these, and that of all.

        They are moved once: a step on a GPU has no time to wait for what comes from the host.
        """
        if device not in self._moved:
            areas = self._areas()
            tables = (self.rectangles, areas, areas.cumsum())
            bounds, counts, ends = (torch.from_numpy(table).to(device) for table in tables)
            self._moved[device] = bounds, counts, ends, self.n_corners
        return self._moved[device]


def _intersection(a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.int64]:
    low, high = np.maximum(a[[1, 3]], b[[1, 3]]), np.minimum(a[[2, 4]], b[[2, 4]])
    return np.array([a[0], low[0], high[0], low[1], high[1]], dtype=np.int64)


class PatchBank:
    """All training pixels in one flat tensor, from which batches of patches are gathered.

    Parameters
    ----------
    pixels : Tensor, (n_pixels,) float32
        Normalized slices, row by row, one after the other.
    shapes : sequence of (height, width)
        Size of each slice in pixels.
    neighbors : Tensor, (S, C) int64
        For each slice the slices that the network sees with it.
    predictable : sequence of int
        Slices that patches may be cut from; the others are only neighbors of these.
    valid : Tensor, (n_pixels,) bool, optional
        Which pixels are signal; default: all.
    scales : Tensor, (S, 2) float32, optional
        Gain and shift of each slice on the scale in which its noise was measured, normalized;
        default: all slices are on that.
    """

    def __init__(
        self,
        pixels: Tensor,
        shapes: Sequence[tuple[int, int]],
        neighbors: Tensor,
        predictable: Sequence[int],
        valid: Tensor | None = None,
        scales: Tensor | None = None,
    ) -> None:
        areas = torch.tensor([height * width for height, width in shapes])
        self.pixels = pixels
        self.valid = valid
        self.scales = scales
        self.shapes = {i: shapes[i] for i in predictable}
        self.device = pixels.device
        self._shapes = list(shapes)
        self._starts = (areas.cumsum(0) - areas).to(self.device)
        self._widths = torch.tensor([width for _, width in shapes]).to(self.device)
        self._neighbors = neighbors.to(self.device)
        self._turned: dict[int, Tensor] = {}  # by patch size

    def image(self, i: int) -> NDArray[np.float32]:
        """Return slice ``i``, normalized, (y, x) float32."""
        height, width = self._shapes[i]
        start = int(self._starts[i])
        flat = self.pixels[start : start + height * width].cpu()
        return flat.view(height, width).numpy()

    def invalid(self, i: int) -> NDArray[np.bool_] | None:
        """Return which pixels (y, x) of slice ``i`` are no signal; None if all are."""
        if self.valid is None:
            return None
        height, width = self._shapes[i]
        start = int(self._starts[i])
        flat = ~self.valid[start : start + height * width].cpu()
        return flat.view(height, width).numpy() if bool(flat.any()) else None

    def cut(self, corners: Tensor, patch_size: int, turns: Tensor | None = None) -> Tensor:
        """Gather patches.

        Parameters
        ----------
        corners : Tensor, (B, 3) int64
            Slice, row and column of the top left pixel of each patch.
        patch_size : int
            Side P in pixels.
        turns : Tensor, (B,) int64, optional
            Which symmetry of the square turns each patch, an index into
            :data:`autoStructN2V.symmetry.SYMMETRIES`; default: none.

        Returns
        -------
        Tensor, (B, C, P, P) float32
        """
        places, start = self._places(corners, patch_size, turns)
        return self.pixels[start[..., None, None] + places[:, None]]

    def cut_valid(
        self, corners: Tensor, patch_size: int, turns: Tensor | None = None
    ) -> Tensor | None:
        """Tell which pixels of the central slices of patches are signal.

        Parameters
        ----------
        corners, patch_size, turns
            As of :meth:`cut`.

        Returns
        -------
        Tensor, (B, 1, P, P) bool, or None
            None if all pixels of all slices are.
        """
        if self.valid is None:
            return None
        places, start = self._places(corners, patch_size, turns)
        middle = start.shape[1] // 2
        return self.valid[start[:, middle : middle + 1, None, None] + places[:, None]]

    def scale_of(self, corners: Tensor) -> Scale | None:
        """Return how patches follow from those in which noise was measured; None if they are these.

        Parameters
        ----------
        corners : Tensor, (B, 3) int64
            As of :meth:`cut`.

        Returns
        -------
        Scale of Tensors (B, C, 1, 1) float32, or None
        """
        if self.scales is None:
            return None
        return Scale(*self.scales[self._neighbors[corners[:, 0]]][..., None, None].unbind(2))

    def _places(
        self, corners: Tensor, patch_size: int, turns: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return where pixels (B, P, P) of patches lie in their slices, and where these start."""
        inside = self._positions(patch_size)  # (8, 2, P, P)
        inside = inside[:1] if turns is None else inside[turns]
        rows = inside[:, 0] + corners[:, 1, None, None]  # (B, P, P)
        columns = inside[:, 1] + corners[:, 2, None, None]
        width = self._widths[corners[:, 0], None, None]
        start = self._starts[self._neighbors[corners[:, 0]]]  # (B, C)
        return rows * width + columns, start

    def _positions(self, patch_size: int) -> Tensor:
        """Return rows and columns of a patch under the 8 symmetries, (8, 2, P, P)."""
        if patch_size not in self._turned:
            grid = np.indices((patch_size, patch_size))
            turned = np.stack([symmetry(grid) for symmetry in SYMMETRIES])
            self._turned[patch_size] = torch.from_numpy(turned).to(self.device)
        return self._turned[patch_size]


def neighbor_slices(n_slices: int, mode: Mode) -> NDArray[np.int64]:
    """Return which slices the network sees for each slice of one stack.

    The boundary slices of a 2.5D stack get their existing neighbor twice (mirrored); a single
    slice is its own neighbor.

    Returns
    -------
    (n_slices, 1 or 3) int64
    """
    z = np.arange(n_slices)
    if mode == "2D":
        return z[:, None]
    around = z[:, None] + np.array([-1, 0, 1])
    last = n_slices - 1
    mirrored: NDArray[np.int64] = np.where(
        around < 0, -around, np.where(around > last, 2 * last - around, around)
    )
    return np.clip(mirrored, 0, last)


def load_patch_bank(
    sources: Sequence[ImageSource],
    normalization: Normalization,
    mode: Mode,
    device: torch.device,
    max_bytes: int,
) -> PatchBank:
    """Read, normalize and move all training pixels to the device.

    Images too large for ``max_bytes`` are thinned to evenly spaced slices (with their neighbors
    in 2.5D), and many small stacks to some of them, so that memory does not grow with the size
    of the data.

    Parameters
    ----------
    sources : sequence of ImageSource
        Noisy stacks.
    normalization : Normalization
        Maps intensities to about zero mean and unit variance.
    mode : {"2D", "2.5D"}
        Whether patches have one slice or three.
    device : torch.device
        Where the patches will be cut.
    max_bytes : int
        Most memory for the pixels.
    """
    n_bytes = sum(4 * int(np.prod(source.shape)) for source in sources)
    places: list[tuple[ImageSource, int]] = []
    neighbors: list[NDArray[np.int64]] = []
    predictable: list[int] = []
    n_channels = 3 if mode == "2.5D" else 1
    fraction = 1.0 if n_bytes <= max_bytes else max_bytes / n_bytes / n_channels
    for source, n_kept in zip(sources, _shares(sources, fraction), strict=True):
        if n_kept == 0:
            continue
        around = neighbor_slices(source.shape[0], mode)  # (Z, C)
        centers = np.array(evenly(source.shape[0], n_kept), np.int64)
        read = np.unique(around[centers])
        # slices that were read for their neighbors' sake are never the center of a triplet
        local = np.repeat(np.arange(len(read))[:, None], around.shape[1], axis=1)
        local[np.searchsorted(read, centers)] = np.searchsorted(read, around[centers])
        neighbors.append(local + len(places))
        predictable += (np.searchsorted(read, centers) + len(places)).tolist()
        places += [(source, int(z)) for z in read]
    pixels, valid = _read(places, normalization)
    around_all = torch.from_numpy(np.concatenate(neighbors))
    with_signal = [i for i in predictable if bool(valid[i].any())] or predictable
    is_all_valid = all(bool(of_slice.all()) for of_slice in valid)
    of_pixels = None if is_all_valid else torch.cat(valid).to(device)
    shapes = [source.shape[1:] for source, _ in places]
    scales = slice_scales(places, normalization)
    on_device = None if scales is None else scales.to(device)
    return PatchBank(pixels.to(device), shapes, around_all, with_signal, of_pixels, on_device)


def slice_scales(
    places: Sequence[tuple[ImageSource, int]], normalization: Normalization
) -> Tensor | None:
    """Return how slices follow from the images in which their noise was measured.

    Parameters
    ----------
    places : sequence of ImageSource and index
        The slices.
    normalization : Normalization
        Of both.

    Returns
    -------
    Tensor, (S, 2) float32, or None
        Gain and shift of each; None if they are these images.
    """
    found = [scale_of(*place).normalized(normalization.mean, normalization.std) for place in places]
    if all(scale == (1.0, 0.0) for scale in found):
        return None
    return torch.tensor([tuple(map(float, scale)) for scale in found])


def _read(
    places: Sequence[tuple[ImageSource, int]], normalization: Normalization
) -> tuple[Tensor, list[Tensor]]:
    """Read slices; return their pixels in one piece, and for each which of them are signal."""
    sizes = [source.shape[1] * source.shape[2] for source, _ in places]
    pixels = torch.empty(sum(sizes))  # joined afterwards they would take twice the memory
    valid: list[Tensor] = []
    for part, (source, z) in zip(torch.split(pixels, sizes), places, strict=True):
        part.copy_(_normalized_slice(source, z, normalization))
        valid.append(_valid_pixels(source, z))
    return pixels, valid


def _shares(sources: Sequence[ImageSource], fraction: float) -> list[int]:
    """Return how many slices of each source to keep; in total that ``fraction``, at least one."""
    ends = np.cumsum([source.shape[0] for source in sources]) * fraction
    # the small offset undoes rounding below a whole number
    kept = np.diff(np.floor(ends + 1e-6), prepend=0).astype(int).tolist()
    return kept if any(kept) else [1] + [0] * (len(sources) - 1)


def _valid_pixels(source: ImageSource, z: int) -> Tensor:
    """Return which pixels of a slice are signal, (n_pixels,) bool."""
    invalid = invalid_pixels(source, z)
    if invalid is None:
        return torch.ones(1, dtype=torch.bool).expand(source.shape[1] * source.shape[2])
    return torch.from_numpy(~invalid).flatten()


def _normalized_slice(source: ImageSource, z: int, normalization: Normalization) -> Tensor:
    stored = require_finite(source.read_slice(z), source.name, z)
    return torch.from_numpy(normalization.normalize(stored)).flatten()
