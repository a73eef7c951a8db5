"""Noise that is as strong at each pixel as what a network sees there."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Self

from autoStructN2V.models.predicting import predicted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Generator, Tensor, nn

    from autoStructN2V.datasets.images.matching import Scale
    from autoStructN2V.masking.recorruption import NoiseSampler
    from autoStructN2V.models.workers import Workers


class GuidedNoise:
    """Draw noise for patches that a network has seen.

    Where noise grows with brightness it is stronger on a thin bright line than a mean around the
    line says. A network that was trained with hidden pixels knows the line.

    Parameters
    ----------
    sampler : NoiseSampler
        What is drawn.
    network : Module or None
        Predicts the central slices of patches without noise; None if the strength does not follow
        the pixels.
    """

    def __init__(self, sampler: NoiseSampler, network: nn.Module | None) -> None:
        self._sampler = sampler
        self._network = network

    @classmethod
    def by(
        cls,
        sampler: NoiseSampler,
        network: nn.Module,
        weights: Mapping[str, Tensor] | None = None,
    ) -> Self:
        """Keep a copy of a network as it is now, or with other weights, where one is needed."""
        if not sampler.follows_pixels:
            return cls(sampler, None)
        guide = copy.deepcopy(network)
        if weights is not None:
            guide.load_state_dict(weights)
        return cls(sampler, guide.eval())

    def draw(
        self, patches: Tensor, generator: Generator, scale: Scale | None, workers: Workers
    ) -> Tensor:
        """Draw noise (B, C, P, P) for patches (B, C, P, P), as a `NoiseSampler` does."""
        clean = None
        if self._network is not None:
            clean = predicted(self._network, patches, workers)
        return self._sampler.draw(patches, generator, scale, clean)
