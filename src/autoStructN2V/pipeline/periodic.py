"""Strictly periodic patterns, taken out of the images before anything else is done with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from autoStructN2V.masking.periodicity import (
    coverage,
    detect_periodic_patterns,
    remove_sinusoids,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from autoStructN2V.datasets.metadata import ImageMetadata
    from autoStructN2V.datasets.sources import ImageSource
    from autoStructN2V.masking.periodicity import PeriodicPattern

_MOST_SLICES = 16
_LEAST_COVERAGE = 0.75


class WithoutPatterns:
    """A stack whose slices are read without their periodic patterns.

    Parameters
    ----------
    source : ImageSource
        Stack as it is stored.
    patterns : sequence of PeriodicPattern
        Of finite period.
    """

    def __init__(self, source: ImageSource, patterns: Sequence[PeriodicPattern]) -> None:
        self._source = source
        self._patterns = tuple(patterns)

    @property
    def name(self) -> str:
        """Short name."""
        return self._source.name

    @property
    def shape(self) -> tuple[int, int, int]:
        """Numbers of slices, rows and columns."""
        return self._source.shape

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Data type as stored."""
        return self._source.dtype

    @property
    def metadata(self) -> ImageMetadata:
        """Axes, scale and origin as stored."""
        return self._source.metadata

    @property
    def original_axes_shape(self) -> tuple[str, tuple[int, ...]]:
        """Axes and sizes in the file."""
        return self._source.original_axes_shape

    def read_slice(self, z: int) -> NDArray[np.float32]:
        """Read a slice (y, x) float32, intensities as stored, without the patterns."""
        (cleaned,) = remove_sinusoids(self._source.read_slice(z)[None], self._patterns)
        return np.asarray(cleaned, np.float32)


def global_patterns(sources: Sequence[ImageSource]) -> list[PeriodicPattern]:
    """Find sinusoids that cover the images; periodic structure lies in some places only.

    Parameters
    ----------
    sources : sequence of ImageSource
        Stacks.

    Returns
    -------
    list of PeriodicPattern
        The strongest first.
    """
    sample = _sample(sources)
    found = [p for p in detect_periodic_patterns(sample) if np.isfinite(p.period_px)]
    return [p for p in found if _mean_coverage(sample, p) >= _LEAST_COVERAGE]


def without_patterns(
    sources: Sequence[ImageSource], patterns: Sequence[PeriodicPattern]
) -> list[ImageSource]:
    """Return stacks that are read without these patterns."""
    return [WithoutPatterns(source, patterns) if patterns else source for source in sources]


def removal_sentence(patterns: Sequence[PeriodicPattern]) -> str:
    """Say what was removed and how to keep it."""
    named = "; ".join(pattern.sentence for pattern in patterns)
    return (
        f"A strictly periodic pattern covers the images and is removed first ({named}); train with "
        "Remove periodic patterns off to keep it."
    )


def _sample(sources: Sequence[ImageSource]) -> list[NDArray[np.float32]]:
    """Read a few slices from all over the stacks."""
    places = [(source, z) for source in sources for z in range(source.shape[0])]
    chosen = np.unique(np.linspace(0, len(places) - 1, min(_MOST_SLICES, len(places))).astype(int))
    return [places[i][0].read_slice(places[i][1])[None] for i in chosen]


def _mean_coverage(sample: Sequence[NDArray[np.float32]], pattern: PeriodicPattern) -> float:
    return float(np.mean([coverage(stack, pattern) for stack in sample]))
