"""What a run knows of the noise: measured when it is asked for, and once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from autoStructN2V.errors import InputError
from autoStructN2V.inference.noise_report import InputNoise
from autoStructN2V.masking.kernels.evidence import Evidence, measure_evidence
from autoStructN2V.pipeline.steps.grid import Grid
from autoStructN2V.pipeline.steps.uneven_noise import noise_differs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.masking.kernels.config import ExtractorConfig
    from autoStructN2V.masking.noise.autocorrelation import Autocorrelation
    from autoStructN2V.masking.patterns.removal import PatternRemoval
    from autoStructN2V.vocabulary import Mode


@dataclass
class NoiseMeasurement:
    """The noise of the images of a run.

    Attributes
    ----------
    sources : sequence of ImageSource
        Stacks without the patterns that are removed first.
    removal : PatternRemoval
        What was found in them.
    mode : {'2D', '2.5D'}
        2.5D measures the correlation between neighboring slices too.
    configured : ExtractorConfig
        How reports measure it.
    grid : Grid
        The one that is worked on: noise is measured in the images as they are, and what it is on a
        coarser grid follows from that.
    """

    sources: Sequence[ImageSource]
    removal: PatternRemoval
    mode: Mode
    configured: ExtractorConfig
    grid: Grid = field(default_factory=Grid)
    _evidence: dict[bool, Evidence] = field(default_factory=dict)
    _differs: bool | None = None

    def measured_sources(self) -> list[ImageSource]:
        """Return the stacks as noise is measured in them: without patterns that are kept, too."""
        return [self.removal.for_measuring(source) for source in self.sources]

    def differs(self, should_stop: Callable[[], bool] = lambda: False) -> bool:
        """Whether noise is not equally strong in all images, where they are equally bright.

        Parameters
        ----------
        should_stop : callable, optional
            Asked before every slice that is read; True ends the comparison.
        """
        if self._differs is None:
            evidence = self.reported()
            differs = evidence is not None and noise_differs(
                self.measured_sources(), evidence.autocorrelation, should_stop
            )
            if should_stop():
                return differs
            self._differs = differs
        return self._differs

    def evidence(self, extractor: ExtractorConfig) -> Evidence:
        """Return the evidence for a kernel, measured once for each way of measuring.

        Raises
        ------
        InputError
            If the images show no noise that can be measured.
        """
        return self.grid.seen_on(self._measured(extractor))

    def as_recorded(self) -> Autocorrelation | None:
        """Return the noise on the grid of the images; None if it was not told from structure."""
        try:
            noise = self._measured(self.configured).autocorrelation
        except InputError:
            return None
        return noise if noise.is_strength_known else None

    def reported(self) -> Evidence | None:
        """Return what the configured way of measuring says; None of too little to be measured."""
        try:
            return self.evidence(self.configured)
        except InputError:
            return None

    def of_images(self) -> InputNoise | None:
        """Return the noise of the images on their own grid; None of too little to be measured.

        This is the figure that a person is told, wherever noise is spoken of.
        """
        try:
            return InputNoise.measured(self._measured(self.configured).autocorrelation)
        except InputError:
            return None

    def _measured(self, extractor: ExtractorConfig) -> Evidence:
        way = extractor.norm_autocorr
        if way not in self._evidence:
            self._evidence[way] = measure_evidence(
                self.sources, extractor, self.mode, removal=self.removal
            )
        return self._evidence[way]
