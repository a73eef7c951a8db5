"""Choose the pixels that noise is measured in, and sum up what they say."""

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from autoStructN2V.errors import InputError
from autoStructN2V.masking.noise.background import NoiseField
from autoStructN2V.masking.noise.lags import LagSums, joined, lag_sums
from autoStructN2V.masking.noise.limits import NoiseLimits
from autoStructN2V.masking.noise.simulation import as_noise_field, noise_like

FRACTIONS = (0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3)
"""Of the usable pixels, that are tried."""


def background_threshold(fields: Sequence[NoiseField], limits: NoiseLimits) -> float:
    """Structure score below which pixels count as background.

    The scores of noise alone have a known, narrow distribution. The largest share of the pixels
    is taken whose scores are hardly more spread than that; if there is none, the flattest pixels.
    """
    scores = np.concatenate([field.structure[np.isfinite(field.structure)] for field in fields])
    if scores.size < limits.selection.fewest_pixels:
        raise InputError(
            f"Fewer than {limits.selection.fewest_pixels} pixels can be used to measure the "
            "noise: the images are too small, constant, clipped, or counts that are mostly zero; "
            "use larger or unclipped images, or add up frames."
        )
    spread = _spread(scores)
    homogeneous = [
        fraction
        for fraction, of_noise in zip(FRACTIONS, _spread_of_noise(limits), strict=True)
        if spread[fraction] <= (1.0 + limits.selection.more_spread) * of_noise
    ]
    fewest = limits.selection.fewest_of(scores.size)
    return float(np.quantile(scores, max([fewest, *homogeneous])))


def _spread(scores: NDArray[np.float32]) -> dict[float, float]:
    """Quantile of scores (N,) at each of ``FRACTIONS``, relative to that at half of it."""
    return {f: float(np.divide(*np.quantile(scores, [f, f / 2.0]))) for f in FRACTIONS}


@cache
def _spread_of_noise(limits: NoiseLimits) -> tuple[float, ...]:
    white = np.zeros((3, 3))
    white[1, 1] = 1.0
    return tuple(_spread(as_noise_field(noise_like(white), limits).structure).values())


def sums_below(
    fields: Sequence[NoiseField], threshold: float, max_lag: int, slice_offset: int = 0
) -> tuple[LagSums, float]:
    """Lag sums over the pixels whose structure score is below a threshold, and their share."""
    masks = [field.structure < threshold for field in fields]
    sums = joined(
        [
            lag_sums(field.residual, mask, max_lag, slice_offset)
            for field, mask in zip(fields, masks, strict=True)
        ]
    )
    usable = sum(int(np.isfinite(field.structure).sum()) for field in fields)
    return sums, sum(int(mask.sum()) for mask in masks) / max(usable, 1)
