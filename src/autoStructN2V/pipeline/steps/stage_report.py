"""What a finished stage says about itself, measured without clean images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from autoStructN2V.inference.noise_report import (
    TOO_MUCH,
    InputNoise,
    StageComparison,
    StageReport,
    at_lags,
    removed_covariance,
    share_left,
    shared_noise_sentence,
)
from autoStructN2V.masking.noise.autocorrelation import MAX_LAG

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.masking.kernels.evidence import Evidence
    from autoStructN2V.masking.kernels.kernel import Kernel
    from autoStructN2V.models.unet import FlexibleUNet
    from autoStructN2V.pipeline.results import StageResult
    from autoStructN2V.pipeline.steps.training_data import RunPixels
    from autoStructN2V.trainers.config import StageConfig


def report_on_stage(
    noisy: Sequence[ImageSource],
    denoised: Sequence[ImageSource],
    evidence: Evidence | None,
    expected: Kernel | None,
    *,
    kernel: Kernel,
    masked_loss: float,
    doubtful_area: float | None,
    is_last: bool,
    input_noise: InputNoise | None,
    removed_std: float | None = None,
) -> StageReport:
    """Measure what a stage removed and what it left.

    Parameters
    ----------
    noisy, denoised : sequence of ImageSource
        The same stacks before and after.
    evidence : Evidence or None
        What is known of the noise of the former.
    expected : Kernel or None
        The kernel that the evidence proposes.
    kernel : Kernel
        The one that the stage was trained with.
    masked_loss : float
        At hidden pixels of the part that was held out, squared normalized units.
    doubtful_area : float or None
        Share of the area that is in doubt, 0..1, if it is known.
    is_last : bool
        Whether no further stage removes what this one left.
    input_noise : InputNoise or None
        Noise of the images on their own grid; None where it could not be measured.
    removed_std : float, optional
        Standard deviation of what was removed on their own grid, input intensities; by default
        that of ``noisy`` minus ``denoised``.

    Returns
    -------
    StageReport
    """
    removed = removed_covariance(noisy, denoised, MAX_LAG)
    variance = max(float(removed[MAX_LAG, MAX_LAG]), 1e-30)
    removed_at_lags = at_lags(removed / variance)
    return StageReport(
        input_noise=input_noise,
        removed_std=float(np.sqrt(variance)) if removed_std is None else removed_std,
        removed_autocorrelation=removed_at_lags,
        masked_loss=masked_loss,
        masked_under=kernel.n_hidden,
        structured_noise_left=_structured_noise_left(removed, evidence, expected),
        shared_noise=shared_noise_sentence(removed_at_lags, kernel) if is_last else None,
        doubtful_area=doubtful_area,
    )


def _structured_noise_left(
    removed: NDArray[np.float64], evidence: Evidence | None, expected: Kernel | None
) -> float | None:
    """Return the share of the shared noise that is left, 0..1; None if it is not known.

    ``removed`` : (L, L) float64, the covariance of what was removed, zero lag in the middle.
    """
    if evidence is None or expected is None or not evidence.autocorrelation.is_strength_known:
        return None
    values = evidence.autocorrelation.values
    noise = values[len(values) // 2] * evidence.autocorrelation.noise_variance
    if removed[MAX_LAG, MAX_LAG] > TOO_MUCH**2 * evidence.autocorrelation.noise_variance:
        return None  # structure was removed as well, and hides what is left
    return share_left(removed, noise, expected)


def compare_stages(
    first: StageResult | None,
    second: StageResult | None,
    networks: Mapping[int, FlexibleUNet],
    pixels: RunPixels,
    config: StageConfig,
) -> StageComparison | None:
    """Let both networks predict the same hidden pixels, when both stages came to their end.

    Parameters
    ----------
    first, second : StageResult or None
        Outcome of each stage.
    networks : mapping of int to FlexibleUNet
        Of each stage, on the device of the pixels.
    pixels : RunPixels
        Where the held-out part comes from.
    config : StageConfig
        Of stage 2, whose kernel is used for both.
    """
    if first is None or second is None or first.report is None or second.report is None:
        return None
    kernel = second.model.kernel
    one, two = (pixels.held_out_loss(networks[stage], kernel, config) for stage in (1, 2))
    return StageComparison(one, two, kernel.n_hidden, second.report.is_noise_known)
