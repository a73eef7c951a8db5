"""Whether and how a stage goes on without hidden pixels, from what is known of the noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from autoStructN2V.masking.fading import noise_after_evening
from autoStructN2V.masking.limits import limit
from autoStructN2V.masking.recorruption import NoiseSampler
from autoStructN2V.pipeline.steps.judging import noise_is_cut_off
from autoStructN2V.trainers.config import LastStageConfig
from autoStructN2V.trainers.data import RefinementPlan
from autoStructN2V.trainers.events import TrainingEvent, Warned
from autoStructN2V.trainers.loss import STRENGTH
from autoStructN2V.trainers.refinement import WITHOUT_REFINEMENT

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    import torch

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.datasets.normalization import Normalization
    from autoStructN2V.masking.kernels.kernel import Kernel
    from autoStructN2V.masking.noise.autocorrelation import Autocorrelation
    from autoStructN2V.pipeline.steps.measuring import NoiseMeasurement
    from autoStructN2V.trainers.config import StageConfig


@dataclass(frozen=True)
class RefinementLimits:
    """How much worse than before a refinement may seem."""

    tolerance: float = limit(
        0.05,
        unit="of the error at hidden pixels",
        separates="refinements that do harm from chance: the error of single images varies by 3 %",
        source="one of 20 varies by more",
        kind="theory",
    )
    tolerance_after_head_start: float = limit(
        0.15,
        unit="of the error at hidden pixels",
        separates="as above, where a network has seen all pixels before some were hidden",
        source="far beyond chance: refinements that were right (T7_blob, seeds 21 and 22) seemed 5 "
        "and 6 % worse, and weights that copy noise were kept instead, 4 dB below",
        kind="theory",
    )


_LIMITS = RefinementLimits()


def plan_refinement(
    config: StageConfig,
    kernel: Kernel,
    measurement: NoiseMeasurement,
    normalization: Normalization,
    device: torch.device,
    *,
    sources: Sequence[ImageSource] = (),
    is_refined: bool = False,
    has_head_start: bool = False,
    should_stop: Callable[[], bool] = lambda: False,
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
    sources : sequence of ImageSource
        Stacks as the network sees them.
    is_refined : bool
        Whether the training goes on from a model that is refined: it begins at once then.
    has_head_start : bool
        Whether the network begins with weights that were trained without hidden pixels: a few
        epochs that hide some teach it to predict those, not to do without the others.
    should_stop : callable
        Asked while images are compared; what is planned then is of no use.

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
    noise, is_coarse = evidence.autocorrelation, measurement.grid.is_coarse
    by_levels = noise.is_drawn_by_levels(is_coarse=is_coarse)
    reason = _why_not(noise, by_levels=by_levels)
    if by_levels and not reason:
        reason = _why_not_by_levels(measurement, sources, normalization, should_stop)
    if reason:
        yield Warned(f"{reason}, so {WITHOUT_REFINEMENT}.")
        return None
    proposal = evidence.propose(measurement.configured)
    is_found = proposal.advice.found
    is_drawn_whole = is_coarse or (_holds(kernel, proposal.kernel) if is_found else by_levels)
    sampler = NoiseSampler(
        noise,
        None if is_drawn_whole else kernel,
        (normalization.mean, normalization.std),
        config.patch_size,
        device,
        by_levels=by_levels,
        added=STRENGTH,
    )
    # hidden pixels cannot tell noise that their kernel lets through from signal
    is_leaky = is_drawn_whole and proposal.n_cut > 0
    # a network that is refined predicts hidden pixels no better by being refined further
    is_lenient = by_levels or is_leaky or is_refined
    tolerance = _LIMITS.tolerance if is_lenient else 0.0
    if has_head_start:
        tolerance = _LIMITS.tolerance_after_head_start
    evening = noise_after_evening(sources, noise, normalization.mean)
    return RefinementPlan(sampler, share, tolerance, is_refined, evening)


def _why_not_by_levels(
    measurement: NoiseMeasurement,
    sources: Sequence[ImageSource],
    normalization: Normalization,
    should_stop: Callable[[], bool],
) -> str | None:
    """Say why noise is not what its levels say in all of the images."""
    if noise_is_cut_off(sources, measurement.mode, normalization):
        return "Noise is cut off at the lowest or highest value nearly everywhere"
    if measurement.differs(should_stop):
        return "The noise is not equally strong in all images, where they are equally bright"
    return None


def _holds(kernel: Kernel, proposed: Kernel) -> bool:
    """Whether a kernel hides all that was proposed; what a person took out counts as signal.

    What a kernel of structured noise leaves, because it is too weak or too much, is noise.
    """
    hidden, wanted = (set(map(tuple, k.offsets.tolist())) for k in (kernel, proposed))
    return wanted <= hidden


def _why_not(noise: Autocorrelation, *, by_levels: bool) -> str | None:
    """Say why noise cannot be drawn like the measured one."""
    is_scaled = by_levels and not noise.is_rare
    if not (noise.is_uniform_gaussian or is_scaled):
        return "Much of the noise is rare strong values, as of less than a photon for each pixel"
    if not noise.is_strength_known:
        return "Noise and structure could not be told apart"
    if by_levels and not noise.is_of_photons:
        return "What seems noise has strong values of either sign, as fine structure has"
    return None
