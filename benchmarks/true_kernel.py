"""The kernels that the noise of the tasks really has, and how well a kernel agrees with one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from autoStructN2V.datasets.samples.synthetic import NOISE_MODELS
from autoStructN2V.masking import center_only, trimmed
from autoStructN2V.masking.kernels.kernel import center_of
from tasks import KINDS, true_autocorr

if TYPE_CHECKING:
    from autoStructN2V.datasets import Mode
    from autoStructN2V.masking import Kernel

_LEAST = 0.1
_BETWEEN_NEIGHBORS = 2 / 3  # of (0.5, 1, 0.5), the noise of the stack along z, at lag 1


def true_kernel(task: str, mode: Mode) -> Kernel:
    """Return the offsets whose true autocorrelation exceeds 0.1.

    Parameters
    ----------
    task : str
        One of :data:`tasks.TASKS`. Periodic noise has no kernel that could hide it; its true
        kernel is the center alone.
    mode : {"2D", "2.5D"}
        2.5D also for the slices above and below; only the stack has noise in common with them.

    Returns
    -------
    (h, w) bool, or (3, h, w) bool in 2.5D
    """
    kind = KINDS[task]
    if kind == "periodic":
        return center_only(mode)
    in_plane = true_autocorr(task)
    middle = in_plane > _LEAST
    if mode == "2D":
        return trimmed(middle)
    model = NOISE_MODELS[kind]
    structured = in_plane.copy()
    structured[center_of(structured)] = model.structured_std**2 / (
        model.structured_std**2 + model.white_std**2
    )
    share = _BETWEEN_NEIGHBORS if kind == "stack" else 0.0
    neighbor = share * structured > _LEAST
    return trimmed(np.stack([neighbor, middle, neighbor]))


def agreement(kernel: Kernel, truth: Kernel) -> dict[str, float | None]:
    """Return recall and precision of the offsets of a kernel, the center left out.

    None where there is nothing to count: no true offsets, or none in the kernel.
    """
    found, true = _offsets(kernel), _offsets(truth)
    hits = len(found & true)
    return {
        "recall": hits / len(true) if true else None,
        "precision": hits / len(found) if found else None,
    }


def _offsets(kernel: Kernel) -> set[tuple[int, ...]]:
    offsets = np.argwhere(kernel) - np.array(center_of(kernel))
    return {tuple(map(int, offset)) for offset in offsets if offset.any()}


def picture(kernel: Kernel) -> str:
    """Return a kernel as text, its slices side by side: + center, # hidden, . not hidden."""
    planes = kernel if kernel.ndim == 3 else kernel[None]
    middle = (len(planes) // 2, planes.shape[1] // 2, planes.shape[2] // 2)
    signs = np.where(planes, "#", ".")
    signs[middle] = "+"
    rows = ("   ".join("".join(plane[y]) for plane in signs) for y in range(planes.shape[1]))
    return "\n".join(rows)
