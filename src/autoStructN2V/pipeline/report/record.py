"""What a report is made from, and the slices that it shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from autoStructN2V.sampling import evenly

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.masking.patterns.removal import PatternRemoval
    from autoStructN2V.pipeline.configuration.models import PipelineConfig
    from autoStructN2V.pipeline.results import PipelineResult, StageResult

    Image = NDArray[np.float32]

MOST_SHOWN = 3
"""Slices that are shown."""
LARGEST_SIDE = 512
"""Rows and columns that are shown, in pixels: of more, the middle."""


@dataclass(frozen=True)
class RunRecord:
    """A run that came to its end or was stopped.

    Attributes
    ----------
    config : PipelineConfig
    result : PipelineResult
    noisy : sequence of ImageSource
        The images that were used, as they were given.
    removal : PatternRemoval
        What was taken out of them first.
    denoised : mapping of int to sequence of ImageSource
        By stage, pairwise with the former; only stages that came to their end.
    training_id : str
        Date and time at which it started, ``YYYYMMDD-HHMMSS``.
    messages : sequence of str
        What a person was told while it ran.
    seconds : float
        How long it took.
    """

    config: PipelineConfig
    result: PipelineResult
    noisy: Sequence[ImageSource]
    removal: PatternRemoval
    denoised: Mapping[int, Sequence[ImageSource]]
    training_id: str
    messages: Sequence[str] = ()
    seconds: float = 0.0

    @property
    def stages(self) -> dict[int, StageResult]:
        """The stages that were trained or applied, by their number."""
        both = {1: self.result.stage1, 2: self.result.stage2}
        return {number: stage for number, stage in both.items() if stage is not None}

    @property
    def is_kernel_edited(self) -> bool:
        """Whether stage 2 was trained with another kernel than the proposed one."""
        kernel, proposal = self.result.kernel, self.result.proposal
        if kernel is None or proposal is None:  # skipped, stopped before, or from a file
            return False
        return 2 in self.stages and kernel != proposal.kernel

    def stage_name(self, stage: int) -> str:
        """Return what a stage is called: plain Noise2Void has a single one."""
        return "Noise2Void" if self.config.method == "n2v" else f"Stage {stage}"


@dataclass(frozen=True)
class ShownSlice:
    """A slice before and after, or its middle.

    Attributes
    ----------
    title : str
        Which one it is.
    noisy : (y, x) float32
        As it was given, input intensities.
    without_patterns : (y, x) float32
        Without what was taken out first; ``noisy`` itself if nothing was.
    denoised : (y, x) float32
        Of the last stage that came to its end.
    is_cut : bool
        Whether it is the middle of a larger image.
    """

    title: str
    noisy: Image
    without_patterns: Image
    denoised: Image
    is_cut: bool

    @property
    def removed(self) -> Image:
        """All that was removed, (y, x) float32, input intensities."""
        return self.noisy - self.denoised


def shown_slices(record: RunRecord) -> list[ShownSlice]:
    """Read the slices that a report shows, evenly chosen from all images.

    Parameters
    ----------
    record : RunRecord
        A run that is over.

    Returns
    -------
    list of ShownSlice
        Empty if nothing was denoised.
    """
    if not record.denoised:
        return []
    last = record.denoised[max(record.denoised)]
    pairs = list(zip(record.noisy, last, strict=True))
    places = [(i, z) for i, (noisy, _) in enumerate(pairs) for z in range(noisy.shape[0])]
    chosen = [places[n] for n in evenly(len(places), MOST_SHOWN)]
    return [_shown(record, *pairs[i], z) for i, z in chosen]


def _shown(record: RunRecord, noisy: ImageSource, denoised: ImageSource, z: int) -> ShownSlice:
    n_slices, height, width = noisy.shape
    window = _middle(height), _middle(width)
    cleaned = record.removal.applied_to(noisy)
    before = noisy.read_slice(z)[window]
    return ShownSlice(
        title=f"{noisy.name}, slice {z + 1} of {n_slices}" if n_slices > 1 else noisy.name,
        noisy=before,
        without_patterns=before if cleaned is noisy else cleaned.read_slice(z)[window],
        denoised=denoised.read_slice(z)[window],
        is_cut=max(height, width) > LARGEST_SIDE,
    )


def _middle(length: int) -> slice:
    start = max(0, (length - LARGEST_SIDE) // 2)
    return slice(start, start + LARGEST_SIDE)
