"""The grid that is worked on: that of the images, or the coarser one that they were recorded on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from autoStructN2V.datasets.images.resampling import on_coarse_grid, resampled
from autoStructN2V.inference.model_files import load_stage1
from autoStructN2V.masking.kernels.evidence import Evidence
from autoStructN2V.masking.limits import limit
from autoStructN2V.masking.noise.limits import NOISE_LIMITS
from autoStructN2V.masking.noise.resolution import noise_on_grid, recorded_share

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.masking.kernels.kernel import Kernel
    from autoStructN2V.pipeline.configuration.models import PipelineConfig
    from autoStructN2V.pipeline.steps.measuring import NoiseMeasurement


@dataclass(frozen=True)
class GridLimits:
    """Which coarser grids are worked on."""

    fewest_patches: int = limit(
        2,
        unit="patches along the shorter side",
        separates="grids with enough to learn from, and different crops, from coarser ones",
        source="with one, all patches of an image would be the same",
        kind="budget",
    )


_LIMITS = GridLimits()


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
    sources: Sequence[ImageSource],
    noise: NoiseMeasurement,
    config: PipelineConfig,
    given: Kernel | None = None,
) -> Grid:
    """Find the grid to train on.

    A kernel from a file is for the grid that it was drawn or found on, and an imported model has a
    grid of its own, so both decide.

    Parameters
    ----------
    sources : sequence of ImageSource
        Noisy images without patterns that cover them.
    noise : NoiseMeasurement
        What is known of their noise, on their own grid.
    config : PipelineConfig
        Complete configuration.
    given : Kernel, optional
        The kernel from a file that stage 2 is trained with.

    Raises
    ------
    KernelError
        If the kernel is for another grid than the model, or than the images were recorded on.
    """
    if config.stage1_model is not None and config.method != "n2v":
        grid = Grid(load_stage1(config.stage1_model, config.mode, config.triplets_along).grid_share)
    elif given is None or given.is_coarse:
        grid = _recorded(sources, noise, config)
    else:
        grid = Grid()
    if given is None:
        return grid
    given.require_grid(grid.share)
    return Grid(given.grid_share)


def _recorded(
    sources: Sequence[ImageSource], noise: NoiseMeasurement, config: PipelineConfig
) -> Grid:
    """Find the grid that images were recorded on, if it is to be worked on."""
    if not config.recorded_resolution:
        return Grid()
    evidence = noise.reported()
    if evidence is None:  # too little noise to say anything
        return Grid()
    share = recorded_share(evidence.autocorrelation)
    largest_patch = max(stage.patch_size for stage in config.used_stages)
    shortest = min(min(source.shape[1:]) for source in sources)
    share = max(share, _LIMITS.fewest_patches * largest_patch / shortest)
    return Grid(share) if share <= NOISE_LIMITS.resolution.finest else Grid()
