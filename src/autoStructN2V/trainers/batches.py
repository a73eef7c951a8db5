"""Batches of patches with hidden pixels or with added noise, drawn anew each time.

Shapes: B patches, C slices (1, or 3 in 2.5D), P patch size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from autoStructN2V.masking.placement import KernelPlacer, Placement
from autoStructN2V.masking.replacement import fill_radius, replace_hidden
from autoStructN2V.symmetry import SYMMETRIES
from autoStructN2V.trainers.loss import STRENGTH, masked_squared_error, recorrupted_error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Generator, Tensor

    from autoStructN2V.datasets.images.matching import Scale
    from autoStructN2V.datasets.patches import PatchBank, PatchRegion
    from autoStructN2V.masking.kernels.kernel import Kernel
    from autoStructN2V.masking.recorruption import NoiseSampler
    from autoStructN2V.trainers.config import StageConfig


@dataclass(frozen=True)
class MaskedBatch:
    """What the network sees and what it should predict.

    Attributes
    ----------
    seen : Tensor, (B, C, P, P) float32
        Normalized patches with hidden pixels replaced.
    noisy : Tensor, (B, 1, P, P) float32
        Central slices as measured.
    placement : Placement
        Where the kernels lie.
    """

    seen: Tensor
    noisy: Tensor
    placement: Placement

    @property
    def n_compared(self) -> Tensor:
        """Number of pixels over which the loss is the mean, scalar."""
        return self.placement.valid.sum()

    def loss(self, prediction: Tensor) -> Tensor:
        """Return the error at hidden pixels; ``prediction`` is (B, 1, P, P)."""
        return masked_squared_error(prediction, self)

    def parts(self, n_patches: int) -> Iterator[MaskedBatch]:
        """Cut into batches of at most ``n_patches`` patches."""
        for start in range(0, len(self.seen), n_patches):
            part = slice(start, start + n_patches)
            placement = Placement(
                self.placement.targets[part],
                self.placement.valid[part],
                self.placement.hidden[part],
            )
            yield MaskedBatch(self.seen[part], self.noisy[part], placement)


@dataclass(frozen=True)
class RecorruptedBatch:
    """Patches to which noise was added, each once with either sign.

    Attributes
    ----------
    seen : Tensor, (2 B, C, P, P) float32
        Normalized patches with :data:`autoStructN2V.trainers.loss.STRENGTH` times the drawn noise.
    noisy : Tensor, (2 B, 1, P, P) float32
        Central slices as measured.
    drawn : Tensor, (2 B, 1, P, P) float32
        The drawn noise of the central slices.
    valid : Tensor, (2 B, 1, P, P) bool, or None
        Which pixels are signal; None if all are.
    """

    seen: Tensor
    noisy: Tensor
    drawn: Tensor
    valid: Tensor | None = None

    @property
    def n_compared(self) -> Tensor:
        """Number of pixels over which the loss is the mean, scalar."""
        # made on the device: a step that waits for the host could not be recorded
        return torch.full((), self.noisy.numel(), device=self.noisy.device)

    def loss(self, prediction: Tensor) -> Tensor:
        """Return the error at all pixels; ``prediction`` is (2 B, 1, P, P)."""
        return recorrupted_error(prediction, self)

    def parts(self, n_patches: int) -> Iterator[RecorruptedBatch]:
        """Cut into batches of at most ``n_patches`` patches."""
        for start in range(0, len(self.seen), n_patches):
            part = slice(start, start + n_patches)
            valid = None if self.valid is None else self.valid[part]
            yield RecorruptedBatch(self.seen[part], self.noisy[part], self.drawn[part], valid)


class BatchSource:
    """Draw batches from a region, with new blind spots each time.

    Parameters
    ----------
    bank : PatchBank
        Normalized pixels on the training device.
    region : PatchRegion
        Where patches may start.
    kernel : Kernel
        Pixels hidden around each target.
    config : StageConfig
        Patch size, mask percentage, masking strategy and augmentation.
    generator : torch.Generator
        Source of randomness, on the device of ``bank``.
    """

    def __init__(
        self,
        bank: PatchBank,
        region: PatchRegion,
        kernel: Kernel,
        config: StageConfig,
        generator: Generator,
    ) -> None:
        self._bank = bank
        self._region = region
        self._config = config
        self._generator = generator
        self._placer = KernelPlacer(kernel, config.patch_size, config.mask_percentage, bank.device)
        self._fill_radius = fill_radius(kernel)
        # other turns would move the noise pattern out from under the kernel
        allowed = kernel.symmetries if config.use_augmentation else SYMMETRIES[:1]
        indices = [SYMMETRIES.index(symmetry) for symmetry in allowed]
        self._turns = torch.tensor(indices, device=bank.device)

    def draw(self, n_patches: int) -> MaskedBatch:
        """Draw a batch with blind spots."""
        patches, is_signal, _ = self._cut(n_patches)
        placement = self._placer(n_patches, self._generator).within(is_signal)
        seen = replace_hidden(
            patches,
            placement.hidden,
            self._config.masking_strategy,
            self._fill_radius,
            self._generator,
        )
        center = patches.shape[1] // 2
        return MaskedBatch(
            seen.contiguous(memory_format=torch.channels_last),
            patches[:, center : center + 1],
            placement,
        )

    def draw_recorrupted(self, n_patches: int, noise: NoiseSampler) -> RecorruptedBatch:
        """Draw a batch without blind spots, with noise added; ``n_patches`` is made even."""
        n_pairs = max(1, n_patches // 2)
        patches, is_signal, scale = self._cut(n_pairs)
        drawn = noise.draw(patches, self._generator, scale)
        seen = torch.cat([patches + STRENGTH * drawn, patches - STRENGTH * drawn])
        center = patches.shape[1] // 2
        middle = slice(center, center + 1)
        return RecorruptedBatch(
            seen.contiguous(memory_format=torch.channels_last),
            torch.cat([patches[:, middle]] * 2),
            torch.cat([drawn[:, middle], -drawn[:, middle]]),
            None if is_signal is None else torch.cat([is_signal] * 2),
        )

    def _cut(self, n_patches: int) -> tuple[Tensor, Tensor | None, Scale | None]:
        """Cut patches (B, C, P, P) at random places, turned by random symmetries.

        Also return which pixels (B, 1, P, P) of their central slices are signal, None if all are,
        and the scale that they are on, None if it is that of the noise.
        """
        device = self._bank.device
        corners = self._region.sample(n_patches, self._generator, device)
        chosen = torch.randint(
            len(self._turns), (n_patches,), generator=self._generator, device=device
        )
        place = corners, self._config.patch_size, self._turns[chosen]
        scale = self._bank.scale_of(corners)
        return self._bank.cut(*place), self._bank.cut_valid(*place), scale
