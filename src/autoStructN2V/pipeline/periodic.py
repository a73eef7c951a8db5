"""Periodic patterns, offsets of lines and stripes, taken out before anything else is done."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from autoStructN2V.masking.demodulation import coverage, remove_sinusoids
from autoStructN2V.masking.line_patterns import (
    MOST_SLICES_OF_GAIN,
    lines_of_slices,
    remove_lines,
    remove_stripes,
    shared_lines,
    shared_profiles,
    stripe_gains,
    stripes_of_slices,
)
from autoStructN2V.masking.periodicity import detect_sinusoids
from autoStructN2V.masking.spectrum import evenly

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from autoStructN2V.datasets.metadata import ImageMetadata
    from autoStructN2V.datasets.sources import ImageSource
    from autoStructN2V.masking.config import StripeRemoval
    from autoStructN2V.masking.line_profile import Lines, Profile
    from autoStructN2V.masking.periodic_pattern import PeriodicPattern

_MOST_SLICES = 16
_FEWEST_OF_MEANS = 8  # slices of each stack, to look for offsets that all of them share
_MOST_SLICES_OF_MEAN = 64  # in which offsets that all slices share are measured
_LEAST_COVERAGE = 0.75
_MOST_KEPT = 64_000_000  # px


@dataclass(frozen=True)
class CleanedStacks:
    """Stacks without the patterns that cover them.

    Attributes
    ----------
    sources : list of ImageSource
        The stacks, read without the patterns; those that were given if nothing was found.
    patterns : list of PeriodicPattern
        What was found: sinusoids, the strongest first, offsets of lines, then stripes.
    """

    sources: list[ImageSource]
    patterns: list[PeriodicPattern]


def without_global_patterns(
    sources: Sequence[ImageSource],
    *,
    remove_periodic: bool = True,
    remove_stripes: StripeRemoval = "auto",
) -> CleanedStacks:
    """Find sinusoids, offsets of rows or columns, and stripes that cover the images; remove them.

    Periodic structure lies in some places only and stays.

    Parameters
    ----------
    sources : sequence of ImageSource
        Stacks.
    remove_periodic : bool, default True
        Whether to look for anything of its own accord.
    remove_stripes : {'auto', 'rows', 'columns', 'off'}, default 'auto'
        Where to remove stripes that end within the images: 'auto' where they cover them.
    """
    sample = _sample(sources)
    waves = detect_sinusoids(sample) if remove_periodic else []
    covering = [wave for wave in waves if _mean_coverage(sample, wave) >= _LEAST_COVERAGE]
    found = CleanedStacks(list(sources), [])
    if remove_periodic:
        found = _without_waves_and_lines(sources, sample, covering)
    known: Lines | None = remove_stripes if remove_stripes in ("rows", "columns") else None
    if remove_stripes == "off" or not (remove_periodic or known):
        return found
    left = [wave for wave in waves if wave not in covering]
    stripes = stripes_of_slices([plane for (plane,) in _sample(found.sources)], left, known)
    return CleanedStacks(_without(found.sources, stripes), [*found.patterns, *stripes])


def _without_waves_and_lines(
    sources: Sequence[ImageSource],
    sample: list[NDArray[np.float32]],
    waves: list[PeriodicPattern],
) -> CleanedStacks:
    """Remove sinusoids, and offsets of lines if there are some."""
    cleaned = _without(sources, waves)
    shared = shared_lines(_half_means(cleaned))
    cleaned = _without(cleaned, shared)
    if waves or shared:
        sample = _sample(cleaned)
    lines = lines_of_slices([plane for (plane,) in sample])
    return CleanedStacks(_without(cleaned, lines), [*waves, *shared, *lines])


def _without(
    sources: Sequence[ImageSource], patterns: Sequence[PeriodicPattern]
) -> list[ImageSource]:
    if not patterns:
        return list(sources)
    memory = _Memory(_MOST_KEPT)
    return [_WithoutPatterns(source, patterns, memory) for source in sources]


@dataclass
class _Memory:
    """Room for slices that are kept because they took long to compute."""

    n_pixels_left: int

    def has_room_for(self, image: NDArray[np.float32]) -> bool:
        """Tell whether an image may be kept; its room is then taken."""
        if image.size > self.n_pixels_left:
            return False
        self.n_pixels_left -= image.size
        return True


class _WithoutPatterns:
    """A stack whose slices are read without patterns that cover them."""

    def __init__(
        self, source: ImageSource, patterns: Sequence[PeriodicPattern], memory: _Memory
    ) -> None:
        self._source = source
        self._patterns = tuple(patterns)
        self._is_slow = any(p.lines is None or p.is_local for p in patterns)
        self._memory = memory
        self._kept: dict[int, NDArray[np.float32]] = {}

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
        kept = self._kept.get(z)
        if kept is None:
            kept = self._cleaned(z)
            if self._is_slow and self._memory.has_room_for(kept):
                self._kept[z] = kept
        return kept.copy()

    def _cleaned(self, z: int) -> NDArray[np.float32]:
        (image,) = remove_sinusoids(self._source.read_slice(z)[None], self._patterns)
        return remove_stripes(remove_lines(image, self._patterns, self._profiles), self._gains)

    @cached_property
    def _profiles(self) -> dict[Lines, NDArray[np.float32]]:
        """Offsets that all slices share, measured when the first slice is read."""
        if not any(pattern.is_shared for pattern in self._patterns):
            return {}
        total = np.zeros(self.shape[1:], np.float64)
        chosen = evenly(self.shape[0], _MOST_SLICES_OF_MEAN)
        for z in chosen:
            total += self._source.read_slice(z)
        return shared_profiles(total / len(chosen), self._patterns)

    @cached_property
    def _gains(self) -> dict[Lines, Profile]:
        """How stripes stand out from structure, measured when the first slice is read."""
        if not any(pattern.is_local for pattern in self._patterns):
            return {}
        chosen = evenly(self.shape[0], MOST_SLICES_OF_GAIN)
        return stripe_gains([self._source.read_slice(z) for z in chosen], self._patterns)


def removal_sentence(patterns: Sequence[PeriodicPattern]) -> str:
    """Say what was removed and how to keep it."""
    named = "; ".join(pattern.sentence for pattern in patterns)
    kinds = {
        "a strictly periodic pattern": any(p.lines is None for p in patterns),
        "offsets of lines": any(p.lines is not None and not p.is_local for p in patterns),
        "stripes": any(p.is_local for p in patterns),
    }
    found = [kind for kind, is_there in kinds.items() if is_there]
    what = " and ".join(found)
    is_one = found == ["a strictly periodic pattern"]
    switch = "Remove stripes" if found == ["stripes"] else "Remove periodic patterns"
    return (
        f"{what[0].upper()}{what[1:]} {'covers' if is_one else 'cover'} the images and "
        f"{'is' if is_one else 'are'} removed first ({named}); train with {switch} off to keep "
        f"{'it' if is_one else 'them'}."
    )


def _sample(sources: Sequence[ImageSource]) -> list[NDArray[np.float32]]:
    """Read a few slices from all over the stacks."""
    places = [(source, z) for source in sources for z in range(source.shape[0])]
    chosen = [places[i] for i in evenly(len(places), _MOST_SLICES)]
    return [source.read_slice(z)[None] for source, z in chosen]


def _half_means(
    sources: Sequence[ImageSource],
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Average in a few stacks every other one of a few slices, and the rest."""
    stacks = [source for source in sources if source.shape[0] > 1]
    chosen = [stacks[i] for i in evenly(len(stacks), _MOST_SLICES // 2)]
    n_slices = max(_FEWEST_OF_MEANS, _MOST_SLICES // max(1, len(chosen)))
    return [(_mean(s, 0, n_slices), _mean(s, 1, n_slices)) for s in chosen]


def _mean(source: ImageSource, start: int, n_slices: int) -> NDArray[np.float64]:
    places = evenly(source.shape[0], n_slices)[start::2]
    total = np.zeros(source.shape[1:], np.float64)
    for z in places:
        total += source.read_slice(z)
    return total / len(places)


def _mean_coverage(sample: Sequence[NDArray[np.float32]], pattern: PeriodicPattern) -> float:
    return float(np.mean([coverage(stack, pattern) for stack in sample]))
