"""The grid that is worked on: that of the images, or the coarser one that they were recorded on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from autoStructN2V.datasets.images.resampling import on_coarse_grid, resampled
from autoStructN2V.inference.model_files import load_stage1
from autoStructN2V.masking.kernels.evidence import Evidence
from autoStructN2V.masking.noise.resolution import MOST_SHARE, noise_on_grid, recorded_share

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.pipeline.configuration.models import PipelineConfig
    from autoStructN2V.pipeline.steps.measuring import NoiseMeasurement

_FEWEST_PATCHES = 2  # along the shorter side: on a coarser grid there is too little to learn from


@dataclass(frozen=True)
class Grid:
    """The grid that is worked on.

    Attributes
    ----------
    share : float
        Its rows and columns relative to those of the images; 1 for that of the images.
    """

    share: float = 1.0

    @property
    def is_coarse(self) -> bool:
        """Whether it is coarser than that of the images."""
        return self.share < 1.0

    @property
    def sentence(self) -> str:
        """Say what is done and how to prevent it."""
        return (
            "The noise ends well below the fastest change that the pixels can show: the images "
            "were enlarged or filtered after they were recorded. They are denoised on a grid of "
            f"{self.share:.0%} of their rows and columns and brought back to their size; train "
            "with Work at the recorded resolution off to keep their own grid."
        )

    def of(self, sources: Sequence[ImageSource]) -> list[ImageSource]:
        """Return stacks that are read on this grid."""
        return on_coarse_grid(sources, self.share)

    def back(self, image: NDArray[np.float32], source: ImageSource) -> NDArray[np.float32]:
        """Bring an image (y, x) from this grid to that of a stack."""
        return resampled(image, source.shape[1:]) if self.is_coarse else image

    def seen_on(self, evidence: Evidence) -> Evidence:
        """Return what was measured in images on their own grid as it is on this one."""
        if not self.is_coarse:
            return evidence
        return Evidence(noise_on_grid(evidence.autocorrelation, self.share))


def grid_of_training(
    sources: Sequence[ImageSource], noise: NoiseMeasurement, config: PipelineConfig
) -> Grid:
    """Find the grid to train on.

    A kernel from a file is drawn on the grid of the images, and an imported model has a grid of its
    own, so both decide.

    Parameters
    ----------
    sources : sequence of ImageSource
        Noisy images without patterns that cover them.
    noise : NoiseMeasurement
        What is known of their noise, on their own grid.
    config : PipelineConfig
        Complete configuration.
    """
    if config.stage1_model is not None and config.method != "n2v":
        return Grid(load_stage1(config.stage1_model, config.mode).grid_share)
    is_file = config.last_stage == 2 and config.stage2.mask_source == "file"
    if not config.recorded_resolution or is_file:
        return Grid()
    evidence = noise.reported()
    if evidence is None:  # too little noise to say anything
        return Grid()
    share = recorded_share(evidence.autocorrelation)
    largest_patch = max(stage.patch_size for stage in config.used_stages)
    shortest = min(min(source.shape[1:]) for source in sources)
    share = max(share, _FEWEST_PATCHES * largest_patch / shortest)
    return Grid(share) if share <= MOST_SHARE else Grid()
