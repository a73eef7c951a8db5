"""A stack that is read without the patterns that cover it, and what all its slices share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from autoStructN2V.datasets.images.sources import SourceView
from autoStructN2V.datasets.images.validity import invalid_pixels, missing_pixels, put_back, seen_as
from autoStructN2V.masking.patterns.pattern import LineOffsets, Stripes
from autoStructN2V.masking.patterns.pattern_limits import PATTERN_LIMITS, RemovalLimits
from autoStructN2V.sampling import affordable, evenly, never

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.masking.patterns.pattern import Pattern

    Image = NDArray[np.float32]


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
    """

    def __init__(
        self,
        source: ImageSource,
        patterns: Sequence[Pattern],
        memory: Memory,
        should_stop: Callable[[], bool] = lambda: False,
        *,
        limits: RemovalLimits = PATTERN_LIMITS.removal,
    ) -> None:
        super().__init__(source)
        self._patterns = patterns
        self._memory = memory
        self._should_stop = should_stop
        self._limits = limits
        self._kept: dict[int, tuple[int, Image]] = {}
        self._profiles: dict[int, Image] = {}
        self._series: Sequence[CleanedSource] = (self,)

    def __getstate__(self) -> dict[str, object]:
        """Travel to another process with what all slices share, and without those kept here."""
        if any(isinstance(p, LineOffsets) and p.is_shared for p in self._patterns):
            self._measure_profiles()
        forgotten = {"_kept": {}, "_memory": Memory(0), "_should_stop": never}
        return {**self.__dict__, **forgotten}

    @property
    def n_kept(self) -> int:
        """Number of slices that are kept because it took long to clean them."""
        return len(self._kept)

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
