"""Which turns and flips leave a kernel unchanged."""

import numpy as np

from autoStructN2V.masking.kernels.kernel import Kernel
from autoStructN2V.symmetry import SYMMETRIES, Symmetry


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
