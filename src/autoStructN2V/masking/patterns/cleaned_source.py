"""A stack that is read without the patterns that cover it, and what all its slices share."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from autoStructN2V.datasets.images.sources import SourceView
from autoStructN2V.datasets.images.validity import invalid_pixels, missing_pixels, put_back, seen_as
from autoStructN2V.masking.patterns.pattern import LineOffsets, Stripes
from autoStructN2V.masking.patterns.pattern_limits import PATTERN_LIMITS, RemovalLimits
from autoStructN2V.sampling import affordable, evenly, never

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.masking.patterns.pattern import Pattern

    Image = NDArray[np.float32]
    Shape = tuple[int, ...]


@dataclass
class Memory:
    """Room for slices that are kept because they took long to compute.

    Attributes
    ----------
    n_pixels_left : int
        Pixels of the slices that may still be kept.
    """

    n_pixels_left: int

    def has_room_for(self, image: NDArray[np.floating]) -> bool:
        """Tell whether an image (Y, X) may be kept; its room is then taken."""
        if image.size > self.n_pixels_left:
            return False
        self.n_pixels_left -= image.size
        return True


class CleanedSource(SourceView):
    """A stack whose slices are read without patterns that cover them.

    A slice that is kept remembers how many of the patterns it is without, so that patterns may be
    found one after the other, each in slices without those before it, and nothing is removed twice.

    Parameters
    ----------
    source : ImageSource
        The stack as it is.
    patterns : sequence of Pattern
        In the order of their removal. If it grows, slices are read without the new ones too.
    memory : Memory
        Shared by the stacks of a run.
    should_stop : callable
        Asked before stripes are separated, which takes long; True leaves the slice as it is.
    limits : RemovalLimits
        What the removal is limited by.
    profiles : mapping of int to ndarray, optional
        What all slices share of patterns, (Y,) or (2, Y), by their number, where that is known.
    """

    def __init__(
        self,
        source: ImageSource,
        patterns: Sequence[Pattern],
        memory: Memory,
        should_stop: Callable[[], bool] = lambda: False,
        *,
        limits: RemovalLimits = PATTERN_LIMITS.removal,
        profiles: Mapping[int, Image] = MappingProxyType({}),
    ) -> None:
        super().__init__(source)
        self._patterns = patterns
        self._memory = memory
        self._should_stop = should_stop
        self._limits = limits
        self._kept: dict[int, tuple[int, Image]] = {}
        self._profiles: dict[int, Image] = dict(profiles)
        self._series: Sequence[CleanedSource] = (self,)

    def __getstate__(self) -> dict[str, object]:
        """Travel to another process with what all slices share, and without those kept here."""
        for i in range(len(self._patterns)):
            self._profile(i)
        forgotten = {"_kept": {}, "_memory": Memory(0), "_should_stop": never, "_series": ()}
        return {**self.__dict__, **forgotten}

    @property
    def n_kept(self) -> int:
        """Number of slices that are kept because it took long to clean them."""
        return len(self._kept)

    @property
    def profiles(self) -> dict[int, Image]:
        """What all slices share of patterns, (Y,) or (2, Y), as far as it was measured."""
        return dict(self._profiles)

    def join(self, series: Sequence[CleanedSource]) -> None:
        """Share with other stacks, this one among them, what is the same in all slices.

        They are frames of one movie in files of their own, or images of one detector.
        """
        self._series = series

    def read_slice(self, z: int) -> Image:
        """Read a slice (y, x) float32, intensities as stored, without the patterns."""
        return self._without(z, len(self._patterns)).copy()

    def invalid_pixels(self, z: int) -> NDArray[np.bool_] | None:
        """Return which pixels (y, x) of a slice are no signal; None if all are."""
        return invalid_pixels(self._source, z)

    def missing_pixels(self, z: int) -> NDArray[np.bool_] | None:
        """Return which of them are missing; None if no pixel is."""
        return missing_pixels(self._source, z)

    def put_back(self, z: int, image: Image) -> Image:
        """Return a result (y, x) of a slice with what is missing as it is stored."""
        return put_back(self._source, z, image)

    def seen_as(self, image: Image) -> Image:
        """Return stored intensities (y, x) as they would be read."""
        return seen_as(self._source, image)

    def _without(self, z: int, n: int) -> Image:
        """Return a slice (Y, X) without the first `n` patterns."""
        n_removed, image = self._kept[z] if z in self._kept else (0, self._source.read_slice(z))
        ahead = range(n_removed, n)
        if any(isinstance(self._patterns[i], Stripes) for i in ahead) and self._should_stop():
            return self._source.read_slice(z)  # nothing is made of it any more
        for i in ahead:
            pattern = self._patterns[i]
            image = pattern.removed_from(image, self._profile(i), limits=self._limits)
        is_slow = any(self._patterns[i].is_slow for i in ahead)
        if z in self._kept or (is_slow and self._memory.has_room_for(image)):
            self._kept[z] = (max(n, n_removed), image)
        return image

    def _profile(self, index: int) -> Image | None:
        """Return what all slices share of a pattern, (Y,) or (2, Y); measured at the first."""
        pattern = self._patterns[index]
        if not isinstance(pattern, LineOffsets) or not pattern.is_shared:
            return None
        if index not in self._profiles:
            self._measure_profiles()
        return self._profiles[index]

    def _measure_profiles(self) -> None:
        """Measure all shared offsets in one mean, of slices without what is removed before."""
        shared = [
            (i, p)
            for i, p in enumerate(self._patterns)
            if isinstance(p, LineOffsets) and p.is_shared
        ]
        total = np.zeros(self.shape[1:], np.float64)
        n_read = affordable(self._limits.most_slices_of_mean, self.shape)
        places = [(stack, z) for stack in self._series for z in range(stack.shape[0])]
        chosen = evenly(len(places), n_read)
        for stack, z in (places[i] for i in chosen):
            total += stack._without(z, shared[0][0])
        for i, pattern in shared:
            profile = pattern.profile_of(total / len(chosen), limits=self._limits.profiles)
            for stack in self._series:
                stack._profiles[i] = profile


@dataclass
class CleanedStacks:
    """Stacks without the patterns that cover them, each made once.

    Attributes
    ----------
    patterns : sequence of Pattern
    memory : Memory
    should_stop : callable
    limits : RemovalLimits
        As of a :class:`CleanedSource`.
    series : sequence of sequences of ImageSource
        Stacks that share what is the same in all their slices, see :meth:`CleanedSource.join`.
    profiles : mapping
        What was measured of series before, by the shape of their stacks.
    """

    patterns: Sequence[Pattern]
    memory: Memory
    should_stop: Callable[[], bool] = never
    limits: RemovalLimits = PATTERN_LIMITS.removal
    series: Sequence[Sequence[ImageSource]] = ()
    profiles: Mapping[Shape, Mapping[int, Image]] = field(default_factory=dict)
    _made: dict[int, tuple[ImageSource, CleanedSource]] = field(default_factory=dict)

    def of(self, source: ImageSource) -> CleanedSource:
        """Return a stack without the patterns; what this method returned is without them."""
        if id(source) not in self._made:
            together = [one for one in self.series if any(source is stack for stack in one)]
            self._make(together[0] if together else [source])
        return self._made[id(source)][1]

    def measured(self) -> dict[Shape, dict[int, Image]]:
        """Return what was measured of series, by the shape of their stacks."""
        known = {shape: dict(profiles) for shape, profiles in self.profiles.items()}
        made = [self._made[id(one[0])][1] for one in self.series if id(one[0]) in self._made]
        return known | {stack.shape: stack.profiles for stack in made}

    def _make(self, together: Sequence[ImageSource]) -> None:
        cleaned = [
            CleanedSource(
                source,
                self.patterns,
                self.memory,
                self.should_stop,
                limits=self.limits,
                profiles=self.profiles.get(source.shape, {}),
            )
            for source in together
        ]
        for source, stack in zip(together, cleaned, strict=True):
            stack.join(cleaned)
            # the source is held as well, because its identity is the key
            self._made[id(source)] = (source, stack)
            self._made[id(stack)] = (stack, stack)
