"""The pixels that both stages of a run train, validate and are judged on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch

from autoStructN2V.datasets.patches import PatchBank, load_patch_bank
from autoStructN2V.datasets.region_of_interest import region_of_interest
from autoStructN2V.datasets.splitting import Split, split_patches
from autoStructN2V.datasets.valid_patches import mostly_valid
from autoStructN2V.memory import free_bytes
from autoStructN2V.trainers.data import RefinementPlan, TrainingData
from autoStructN2V.trainers.validation import MaskedValidation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.datasets.normalization import Normalization
    from autoStructN2V.masking.kernels.kernel import Kernel
    from autoStructN2V.models.unet import FlexibleUNet
    from autoStructN2V.pipeline.configuration.models import PipelineConfig
    from autoStructN2V.trainers.config import StageConfig

_LARGEST_BANK = {"cpu": 2**30, "cuda": 8 * 2**30, "mps": 4 * 2**30}  # bytes
_SMALLEST_BANK = 2**26  # bytes: some slices, however little is free
_SHARE_OF_FREE = 0.25
N_TEST_PATCHES = 64


def bank_bytes(config: PipelineConfig, device: torch.device) -> int:
    """Return the memory for the pixels that patches are drawn from, in bytes.

    Parameters
    ----------
    config : PipelineConfig
        Says it, or leaves it to be a quarter of what is free: as a power of two, so that it is
        mostly the same from run to run.
    device : torch.device
        Where they are kept.
    """
    if config.pixel_memory:
        return int(config.pixel_memory * 2**30)
    free = free_bytes()
    if device.type == "cuda" and torch.cuda.is_available():
        free = torch.cuda.mem_get_info(device)[0]
    share = max(_SMALLEST_BANK, int(_SHARE_OF_FREE * free))
    largest = _LARGEST_BANK.get(device.type, _LARGEST_BANK["cpu"])
    return min(largest, 1 << (share.bit_length() - 1))


@dataclass(frozen=True)
class RunPixels:
    """Normalized pixels of a run and how they are divided.

    Attributes
    ----------
    sources : sequence of ImageSource
        Stacks without the patterns that are removed first.
    normalization : Normalization
        Of the network's input.
    config : PipelineConfig
        Mode, split and seed of the run.
    device : torch.device
        Where the pixels are kept.
    """

    sources: Sequence[ImageSource]
    normalization: Normalization
    config: PipelineConfig
    device: torch.device

    @cached_property
    def bank(self) -> PatchBank:
        """The pixels, read once for both stages."""
        return load_patch_bank(
            self.sources,
            self.normalization,
            self.config.mode,
            self.device,
            bank_bytes(self.config, self.device),
        )

    @property
    def holds_nothing_out(self) -> bool:
        """Whether the images are too small to keep pixels from a training."""
        return any(self._split(stage.patch_size).is_shared for stage in self.config.trained_stages)

    def training_data(
        self, config: StageConfig, kernel: Kernel, plan: RefinementPlan | None
    ) -> TrainingData:
        """Return what a stage trains on.

        Parameters
        ----------
        config : StageConfig
            Patch size and region of interest.
        kernel : Kernel
            Pixels hidden around each target.
        plan : RefinementPlan or None
            How to go on without hiding pixels, if at all.
        """
        split = self._restricted(self._split(config.patch_size), config)
        return TrainingData(self.bank, split, kernel, plan)

    def held_out_loss(self, network: FlexibleUNet, kernel: Kernel, config: StageConfig) -> float:
        """Return the loss at hidden pixels of the part that no stage was trained on.

        Parameters
        ----------
        network : FlexibleUNet
            On the device of the pixels.
        kernel : Kernel
            Pixels hidden around each target.
        config : StageConfig
            Of the stage whose patches and masks are used.

        Returns
        -------
        float
            Mean squared error in squared normalized units.
        """
        test = self._split(config.patch_size).test
        seed = self.config.random_seed
        return MaskedValidation(self.bank, test, kernel, config, seed, N_TEST_PATCHES).loss(network)

    def _split(self, patch_size: int) -> Split:
        return split_patches(
            self.bank.shapes,
            patch_size,
            self.config.split_ratio,
            np.random.default_rng(self.config.random_seed),
        ).limited_to(mostly_valid(self.bank, patch_size))

    def _restricted(self, split: Split, config: StageConfig) -> Split:
        """Keep the training patches of the region of interest, when one is asked for."""
        if not config.use_roi:
            return split
        region = region_of_interest(
            ((i, self.bank.image(i)) for i in self.bank.shapes),
            patch_size=config.patch_size,
            roi_threshold=config.roi_threshold,
            scale_factor=config.scale_factor,
            select_background=config.select_background,
        )
        return split.restricted(region)
