"""Whether a trained model suits other images: what differs from those it was trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from autoStructN2V.datasets.normalization import estimate_normalization
from autoStructN2V.errors import InputError
from autoStructN2V.masking.kernels.cells import center_of
from autoStructN2V.masking.kernels.config import ExtractorConfig
from autoStructN2V.masking.kernels.evidence import measure_evidence
from autoStructN2V.pipeline.steps.grid import Grid

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.inference.trained_model import TrainedModel
    from autoStructN2V.masking.kernels.kernel import Kernel
    from autoStructN2V.masking.patterns.removal import PatternRemoval

_MOST_UNCOVERED = 0.5  # of the correlated noise


def differences(
    sources: Sequence[ImageSource],
    model: TrainedModel,
    should_stop: Callable[[], bool] = lambda: False,
    *,
    removal: PatternRemoval | None = None,
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
    removal : PatternRemoval, optional
        What was found in the images, and is left out; without it patterns are looked for.

    Returns
    -------
    list of str
        One sentence per strong difference of the intensities, of the strength of the noise or, for
        a model of stage 2, of the pixels that share noise; empty if the images are alike.
    """
    grid = Grid(model.grid_share)
    found = model.normalization.compare(estimate_normalization(grid.of(sources)))
    if model.stage == 2:
        found += _other_kernel(sources, model, should_stop, removal)
    return found


def _other_kernel(
    sources: Sequence[ImageSource],
    model: TrainedModel,
    should_stop: Callable[[], bool],
    removal: PatternRemoval | None,
) -> list[str]:
    config = ExtractorConfig()
    try:
        evidence = measure_evidence(
            sources, config, model.mode, should_stop, remove_stripes="off", removal=removal
        )
    except InputError:  # too little noise to say anything
        return []
    if evidence is None:
        return []
    proposal = Grid(model.grid_share).seen_on(evidence).propose(config)
    share = uncovered_share(model.kernel, proposal.kernel, proposal.autocorrelation.values)
    if share <= _MOST_UNCOVERED:
        return []
    return [
        f"The noise has another pattern than in the training images ({proposal.statistics.sentence}"
        "), so that this model will keep most of it; train on these images."
    ]


def uncovered_share(kernel: Kernel, needed: Kernel, autocorrelation: NDArray[np.floating]) -> float:
    """Return what share of the correlated noise a kernel leaves uncovered.

    Parameters
    ----------
    kernel : Kernel
        Pixels that are hidden.
    needed : Kernel
        Pixels that share noise.
    autocorrelation : (1 or 3, H, W) float
        Strength of what they share; zero lag in the center, as large as ``needed`` or larger.

    Returns
    -------
    float
        0 (all covered, or nothing to cover) to 1, weighted by the correlation.
    """
    hidden = {tuple(offset) for offset in kernel.offsets}
    offsets = [tuple(offset) for offset in needed.offsets]
    middle = np.array(center_of(autocorrelation))
    weights = [abs(float(autocorrelation[tuple(middle + offset)])) for offset in offsets]
    total = sum(weights)
    missing = (w for w, offset in zip(weights, offsets, strict=True) if offset not in hidden)
    return sum(missing) / total if total > 0 else 0.0
