"""What the network sees at hidden pixels.

Shapes: B patches, C slices, H x W pixels.
"""

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the name used throughout the PyTorch world
from scipy import ndimage
from torch import Generator, Tensor

from autoStructN2V.masking.kernels.kernel import Kernel

LOCAL_MEAN, ZERO, RANDOM_VALUE = 0, 1, 2


def fill_radius(kernel: Kernel) -> int:
    """Return how far (pixels) the unmasked pixels are from the innermost pixel of a kernel.

    A square window of this radius around any pixel of the kernel holds unmasked pixels.
    """
    padded = np.pad(kernel.cells, ((0, 0), (1, 1), (1, 1)))
    return max(int(ndimage.distance_transform_cdt(plane, "chessboard").max()) for plane in padded)


def replace_hidden(
    patches: Tensor,
    hidden: Tensor,
    strategy: int,
    radius: int,
    generator: Generator,
) -> Tensor:
    """Replace hidden pixels so that they say nothing about themselves.

    Parameters
    ----------
    patches : Tensor, (B, C, H, W) float32
        Normalized patches; not modified.
    hidden : Tensor, (B, C, H, W) bool
        True at the pixels to replace.
    strategy : {0, 1, 2}
        0 local mean of unmasked neighbors, 1 zero (the mean intensity after normalization),
        2 value of a random unmasked pixel of the same slice.
    radius : int
        Half side in pixels of the window of the local mean, see :func:`fill_radius`.
    generator : torch.Generator
        Source of randomness, on the device of ``patches``.

    Returns
    -------
    Tensor, (B, C, H, W) float32
        Patches with the hidden pixels replaced.
    """
    if strategy == ZERO:
        return patches.masked_fill(hidden, 0.0)
    if strategy == RANDOM_VALUE:
        return torch.where(hidden, _random_values(patches, hidden, generator), patches)
    return torch.where(hidden, _local_means(patches, hidden, radius), patches)


def _local_means(patches: Tensor, hidden: Tensor, radius: int) -> Tensor:
    """Return the mean (B, C, H, W) over the unmasked pixels of the window around each pixel."""
    visible = (~hidden).to(patches.dtype)
    both = F.pad(torch.cat([patches * visible, visible]), [radius] * 4)
    side = 2 * radius + 1
    # on a CPU four times as fast as average pooling
    total, n_visible = both.unfold(3, side, 1).sum(-1).unfold(2, side, 1).sum(-1).chunk(2)
    return total / n_visible.clamp_min(1e-6)


def _random_values(patches: Tensor, hidden: Tensor, generator: Generator) -> Tensor:
    """Return (B, C, H, W) values of random unmasked pixels of each slice, 0 if it has none."""
    flat = patches.flatten(2)  # (B, C, H W)
    n_visible_before = (~hidden).flatten(2).cumsum(2)  # (B, C, H W)
    draw = torch.rand(flat.shape, generator=generator, device=flat.device, dtype=flat.dtype)
    nth = (draw * n_visible_before[..., -1:]).long() + 1
    # the first position with n visible pixels up to it is the n-th visible pixel
    source = torch.searchsorted(n_visible_before, nth).clamp_max(flat.shape[2] - 1)
    values = flat.gather(2, source).masked_fill(n_visible_before[..., -1:] == 0, 0.0)
    return values.view_as(patches)
