"""The kernels that the noise of the tasks really has, and how well a kernel agrees with one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from autoStructN2V.datasets.samples.synthetic import NOISE_MODELS
from autoStructN2V.masking import Kernel
from tasks import COLORINGS, KINDS, true_autocorr

if TYPE_CHECKING:
    from autoStructN2V.datasets import Mode

_LEAST = 0.1
_BETWEEN_NEIGHBORS = 2 / 3  # of (0.5, 1, 0.5), the noise of the stack along z, at lag 1


def true_kernel(task: str, mode: Mode) -> Kernel:
    """Return the offsets whose true autocorrelation exceeds 0.1.

    Parameters
    ----------
    task : str
        One of :data:`tasks.ALL_TASKS`. Periodic noise has no kernel that could hide it; its true
        kernel is the center alone.
    mode : {"2D", "2.5D"}
        2.5D also for the slices above and below; only the stack has noise in common with them.

    Returns
    -------
    Kernel
        Without an empty border.
    """
    if task not in COLORINGS and KINDS[task] == "periodic":
        return Kernel.center_only(mode)
    in_plane = true_autocorr(task)
    middle = in_plane > _LEAST
    if mode == "2D":
        return Kernel(middle[None]).trimmed()
    model, kind = NOISE_MODELS[KINDS[task]], KINDS[task]
    structured = in_plane.copy()
    structured[tuple(side // 2 for side in structured.shape)] = model.structured_std**2 / (
        model.structured_std**2 + model.white_std**2
    )
    share = _BETWEEN_NEIGHBORS if kind == "stack" else 0.0
    neighbor = share * structured > _LEAST
    return Kernel(np.stack([neighbor, middle, neighbor])).trimmed()


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
    return {tuple(map(int, offset)) for offset in kernel.offsets}
