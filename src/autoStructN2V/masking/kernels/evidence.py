"""Evidence for the kernel, measured on as much of the images as is needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

import numpy as np

from autoStructN2V.masking.kernels.extraction import propose_kernel
from autoStructN2V.masking.noise.measuring import measure_noise_of_sources
from autoStructN2V.masking.patterns.finding import find_patterns
from autoStructN2V.masking.patterns.fourier.choices import NO_EDITS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.masking.kernels.config import ExtractorConfig
    from autoStructN2V.masking.kernels.extraction import KernelProposal
    from autoStructN2V.masking.noise.autocorrelation import Autocorrelation
    from autoStructN2V.masking.patterns.fourier.choices import PatternEdits
    from autoStructN2V.masking.patterns.removal import PatternRemoval
    from autoStructN2V.vocabulary import Mode, StripeRemoval

MOST_PIXELS = 32_000_000


@dataclass(frozen=True)
class Evidence:
    """What the images say about their noise; the slow part of the extraction.

    Attributes
    ----------
    autocorrelation : Autocorrelation
        Of the noise, and the periodic patterns that were found.
    """

    autocorrelation: Autocorrelation

    def propose(self, config: ExtractorConfig) -> KernelProposal:
        """Return the kernel for these extractor parameters; takes milliseconds."""
        return propose_kernel(self.autocorrelation, config)


@overload
def measure_evidence(
    noisy: Sequence[ImageSource],
    config: ExtractorConfig,
    mode: Mode,
    *,
    remove_stripes: StripeRemoval = ...,
    edits: PatternEdits = ...,
    removal: PatternRemoval | None = ...,
) -> Evidence: ...


@overload
def measure_evidence(
    noisy: Sequence[ImageSource],
    config: ExtractorConfig,
    mode: Mode,
    should_stop: Callable[[], bool],
    *,
    remove_stripes: StripeRemoval = ...,
    edits: PatternEdits = ...,
    removal: PatternRemoval | None = ...,
) -> Evidence | None: ...


def measure_evidence(
    noisy: Sequence[ImageSource],
    config: ExtractorConfig,
    mode: Mode,
    should_stop: Callable[[], bool] = lambda: False,
    *,
    remove_stripes: StripeRemoval = "auto",
    edits: PatternEdits = NO_EDITS,
    removal: PatternRemoval | None = None,
) -> Evidence | None:
    """Measure the noise autocorrelation of noisy images.

    Parameters
    ----------
    noisy : sequence of ImageSource
        Noisy images.
    config : ExtractorConfig
        Parameters of the measurement.
    mode : {"2D", "2.5D"}
        2.5D measures the correlation between neighboring slices too.
    should_stop : callable
        Asked before every slice that is read; True ends the measurement.
    remove_stripes : {'auto', 'rows', 'columns', 'off'}, default 'auto'
        Direction of stripes to leave out; 'auto' looks for them.
    edits : PatternEdits
        What is left out although it is not found.
    removal : PatternRemoval, optional
        What was found in these images, which may be those that it was applied to; without it
        patterns are looked for.

    Returns
    -------
    Evidence or None
        None if stopped.

    Raises
    ------
    InputError
        If the images show no noise that can be measured.
    """
    if should_stop():
        return None
    found = (
        removal
        if removal is not None
        else find_patterns(
            noisy, remove_stripes=remove_stripes, edits=edits, should_stop=should_stop
        )
    )
    measured = measure_noise_of_sources(
        noisy,
        _measured_slices(noisy),
        found,
        mode=mode,
        equalize=config.norm_autocorr,
        should_stop=should_stop,
    )
    return None if measured is None else Evidence(measured)


def _measured_slices(sources: Sequence[ImageSource]) -> list[range]:
    """Choose as many consecutive slices of each stack, from its middle, as the limit allows."""
    n_pixels = sum(int(np.prod(source.shape)) for source in sources)
    share = min(1.0, MOST_PIXELS / n_pixels)
    return [_middle(s.shape[0], max(2, round(share * s.shape[0]))) for s in sources]


def _middle(n_slices: int, n: int) -> range:
    first = max(0, (n_slices - n) // 2)
    return range(n_slices)[first : first + n]
