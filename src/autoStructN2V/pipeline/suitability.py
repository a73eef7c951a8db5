"""Whether a trained model suits other images: what differs from those it was trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from autoStructN2V.datasets.normalization import estimate_normalization
from autoStructN2V.errors import InputError
from autoStructN2V.masking.config import ExtractorConfig
from autoStructN2V.masking.kernel import center_of
from autoStructN2V.pipeline.grid import Grid

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from autoStructN2V.datasets.sources import ImageSource
    from autoStructN2V.masking.kernel import Kernel
    from autoStructN2V.trainers.checkpoint import TrainedModel

_MOST_UNCOVERED = 0.5  # of the correlated noise


def differences(
    sources: Sequence[ImageSource],
    model: TrainedModel,
    should_stop: Callable[[], bool] = lambda: False,
) -> list[str]:
    """Say in plain language where images differ from those that a model was trained on.

    Parameters
    ----------
    sources : sequence of ImageSource
        Images to be denoised.
    model : TrainedModel
        Model to be applied.
    should_stop : callable
        True ends the measurement of the noise.

    Returns
    -------
    list of str
        One sentence per strong difference of the intensities, of the strength of the noise or, for
        a model of stage 2, of the pixels that share noise; empty if the images are alike.
    """
    worked_on = Grid(model.grid_share).of(sources)
    found = model.normalization.compare(estimate_normalization(worked_on))
    if model.stage == 2:
        found += _other_kernel(sources, model, should_stop)
    return found


def _other_kernel(
    sources: Sequence[ImageSource], model: TrainedModel, should_stop: Callable[[], bool]
) -> list[str]:
    config = ExtractorConfig()
    try:
        evidence = Grid(model.grid_share).measured(sources, config, model.mode, should_stop)
    except InputError:  # too little noise to say anything
        return []
    if evidence is None:
        return []
    proposal = evidence.propose(config)
    share = uncovered_share(model.kernel, proposal.kernel, proposal.autocorrelation.values)
    if share <= _MOST_UNCOVERED:
        return []
    return [
        f"The noise has another pattern than in the training images ({proposal.statistics.sentence}"
        "), so that this model will keep most of it; train on these images."
    ]


def uncovered_share(kernel: Kernel, needed: Kernel, autocorrelation: NDArray[np.floating]) -> float:
    """Return which part of correlated noise a kernel leaves uncovered.

    Parameters
    ----------
    kernel : (h, w) or (3, h, w) bool
        Pixels that are hidden.
    needed : (h', w') or (3, h', w') bool
        Pixels that share noise.
    autocorrelation : (1 or 3, H, W) float
        Strength of what they share; zero lag in the center, as large as ``needed`` or larger.

    Returns
    -------
    float
        0 (all covered, or nothing to cover) to 1, weighted by the correlation.
    """
    hidden = {tuple(offset) for offset in _offsets(kernel)}
    offsets = [tuple(offset) for offset in _offsets(needed) if offset.any()]
    middle = np.array(center_of(autocorrelation))
    weights = [abs(float(autocorrelation[tuple(middle + offset)])) for offset in offsets]
    total = sum(weights)
    missing = (w for w, offset in zip(weights, offsets, strict=True) if offset not in hidden)
    return sum(missing) / total if total > 0 else 0.0


def _offsets(kernel: Kernel) -> NDArray[np.intp]:
    """Return the offsets (n, 3) of the hidden pixels from the center."""
    planes = kernel if kernel.ndim == 3 else kernel[None]
    offsets: NDArray[np.intp] = np.argwhere(planes) - np.array(center_of(planes))
    return offsets
