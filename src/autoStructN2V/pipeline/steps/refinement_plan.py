"""Whether and how a stage goes on without hidden pixels, from what is known of the noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoStructN2V.masking.recorruption import NoiseSampler
from autoStructN2V.trainers.config import LastStageConfig
from autoStructN2V.trainers.data import RefinementPlan
from autoStructN2V.trainers.events import TrainingEvent, Warned

if TYPE_CHECKING:
    from collections.abc import Generator

    import torch

    from autoStructN2V.datasets.normalization import Normalization
    from autoStructN2V.masking.kernels.kernel import Kernel
    from autoStructN2V.masking.noise.autocorrelation import Autocorrelation
    from autoStructN2V.pipeline.steps.measuring import NoiseMeasurement
    from autoStructN2V.trainers.config import StageConfig


def plan_refinement(
    config: StageConfig,
    kernel: Kernel,
    measurement: NoiseMeasurement,
    normalization: Normalization,
    device: torch.device,
) -> Generator[TrainingEvent, None, RefinementPlan | None]:
    """Plan the refinement that is asked for, where the noise allows one.

    Parameters
    ----------
    config : StageConfig
        Only a last stage has a refinement.
    kernel : Kernel
        Pixels that share noise.
    measurement : NoiseMeasurement
        What is known of the noise.
    normalization : Normalization
        Of the network's input.
    device : torch.device
        Where noise is drawn.

    Yields
    ------
    Warned
        Why there is none.

    Returns
    -------
    RefinementPlan or None
    """
    share = config.refinement if isinstance(config, LastStageConfig) else 0.0
    evidence = measurement.reported() if share else None
    if evidence is None:
        return None
    noise = evidence.autocorrelation
    reason = _why_not(noise)
    if reason:
        yield Warned(f"{reason}, so the refinement was left out and pixels stay hidden.")
        return None
    scale = normalization.mean, normalization.std
    return RefinementPlan(NoiseSampler(noise, kernel, scale, config.patch_size, device), share)


def _why_not(noise: Autocorrelation) -> str | None:
    """Say why noise cannot be drawn like the measured one."""
    if not noise.is_uniform_gaussian:
        return "The noise is not bell-shaped and equally strong everywhere"
    if not noise.is_strength_known:
        return "Noise and structure could not be told apart"
    return None
