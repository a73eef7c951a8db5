"""Periodic patterns, offsets of lines and stripes, taken out before anything else is done."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from autoStructN2V.masking.patterns.demodulation import covers, remove_sinusoids
from autoStructN2V.masking.patterns.lines import (
    lines_of_slices,
    remove_lines,
    remove_stripes,
    shared_lines,
    shared_profiles,
    stripes_of_slices,
)
from autoStructN2V.masking.patterns.sinusoids import detect_sinusoids
from autoStructN2V.sampling import evenly

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.metadata import ImageMetadata
    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.masking.patterns.pattern import PeriodicPattern
    from autoStructN2V.vocabulary import Lines, StripeRemoval

_MOST_SLICES = 16
_FEWEST_OF_MEANS = 8  # slices of each stack, to look for offsets that all of them share
_MOST_SLICES_OF_MEAN = 64  # in which offsets that all slices share are measured
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
    remove_stripes : {'auto', 'rows', 'columns', 'off'}
        What was asked for.
    """

    sources: list[ImageSource]
    patterns: list[PeriodicPattern]
    remove_stripes: StripeRemoval = "auto"

    @property
    def stripe_removal(self) -> StripeRemoval:
        """What is to be done to other images, so that they are treated in the same way."""
        lines = [pattern.lines for pattern in self.patterns if pattern.is_local]
        only = lines[0] if len(lines) == 1 else None
        return only or self.remove_stripes

    @property
    def sentence(self) -> str:
        """Say what was removed and how to keep it."""
        is_told = self.remove_stripes != "auto"
        told = [pattern for pattern in self.patterns if pattern.is_local and is_told]
        others = [pattern for pattern in self.patterns if pattern not in told]
        sentences = [removal_sentence(others)] if others else []
        sentences += [
            f"Stripes along the {p.lines} are removed first "
            f"(standard deviation {p.amplitude:.3g}), as was chosen for the training."
            for p in told
        ]
        return " ".join(sentences)


def without_global_patterns(
    sources: Sequence[ImageSource],
    *,
    remove_periodic: bool = True,
    remove_stripes: StripeRemoval = "auto",
    should_stop: Callable[[], bool] = lambda: False,
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
    should_stop : callable
        Asked before stripes are separated, which takes long; True leaves them in.
    """
    found = CleanedStacks(list(sources), [], remove_stripes)
    if not remove_periodic and remove_stripes in ("auto", "off"):
        return found
    sample, waves = _sample(sources), []
    if remove_periodic:
        waves = detect_sinusoids(sample)
        covering = [wave for wave in waves if covers(sample, wave)]
        waves = [wave for wave in waves if wave not in covering]
        found = replace(
            _without_waves_and_lines(sources, sample, covering), remove_stripes=remove_stripes
        )
    if remove_stripes == "off":
        return found
    if found.patterns:
        sample = _sample(found.sources)
    stripes = stripes_of_slices([plane for (plane,) in sample], waves, remove_stripes)
    cleaned = _without(found.sources, stripes, should_stop)
    return CleanedStacks(cleaned, [*found.patterns, *stripes], remove_stripes)


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
    sources: Sequence[ImageSource],
    patterns: Sequence[PeriodicPattern],
    should_stop: Callable[[], bool] = lambda: False,
) -> list[ImageSource]:
    if not patterns:
        return list(sources)
    memory = _Memory(_MOST_KEPT)
    return [_WithoutPatterns(source, patterns, memory, should_stop) for source in sources]


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
        self,
        source: ImageSource,
        patterns: Sequence[PeriodicPattern],
        memory: _Memory,
        should_stop: Callable[[], bool],
    ) -> None:
        self._source = source
        self._patterns = tuple(patterns)
        self._has_stripes = any(pattern.is_local for pattern in patterns)
        self._is_slow = self._has_stripes or any(p.lines is None for p in patterns)
        self._memory = memory
        self._should_stop = should_stop
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
        if kept is None and self._has_stripes and self._should_stop():
            return self._source.read_slice(z)  # nothing is made of it any more
        if kept is None:
            kept = self._cleaned(z)
            if self._is_slow and self._memory.has_room_for(kept):
                self._kept[z] = kept
        return kept.copy()

    def _cleaned(self, z: int) -> NDArray[np.float32]:
        (image,) = remove_sinusoids(self._source.read_slice(z)[None], self._patterns)
        image = remove_lines(image, self._patterns, self._profiles)
        return remove_stripes(image, self._patterns)

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
