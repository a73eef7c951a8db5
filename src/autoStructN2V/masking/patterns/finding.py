"""Find what no kernel can hide: sinusoids, endless lines and long stripes.

All of them can be predicted from outside any kernel, so a blind-spot network keeps them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from autoStructN2V.masking.patterns.cleaned_source import CleanedStacks, Memory
from autoStructN2V.masking.patterns.demodulation import covers
from autoStructN2V.masking.patterns.fourier.choices import NO_EDITS
from autoStructN2V.masking.patterns.lines.offsets import find_offsets
from autoStructN2V.masking.patterns.lines.shared import shared_offsets
from autoStructN2V.masking.patterns.pattern_limits import PATTERN_LIMITS, PatternLimits
from autoStructN2V.masking.patterns.removal import PatternRemoval
from autoStructN2V.masking.patterns.sinusoids import sinusoids_in
from autoStructN2V.masking.patterns.spectrum import Spectrum, spectrum_of
from autoStructN2V.masking.patterns.stripes import detect_stripes
from autoStructN2V.sampling import evenly

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.masking.patterns.cleaned_source import CleanedSource
    from autoStructN2V.masking.patterns.fourier.choices import PatternEdits
    from autoStructN2V.masking.patterns.pattern import Pattern, Sinusoid
    from autoStructN2V.vocabulary import StripeRemoval

    Image = NDArray[np.float32]


def find_patterns(
    sources: Sequence[ImageSource],
    *,
    remove_periodic: bool = True,
    remove_stripes: StripeRemoval = "auto",
    edits: PatternEdits = NO_EDITS,
    should_stop: Callable[[], bool] = lambda: False,
    limits: PatternLimits = PATTERN_LIMITS,
) -> PatternRemoval:
    """Find sinusoids, offsets of rows or columns, and stripes that cover images.

    Each kind is looked for in slices without those before it. A sinusoid that lies in some places
    only is structure of the sample, and stays wherever the images are read.

    Parameters
    ----------
    sources : sequence of ImageSource
        Stacks; a few slices of them are read.
    remove_periodic : bool, default True
        Whether to remove what is found; False keeps it, and does not look for stripes.
    remove_stripes : {'auto', 'rows', 'columns', 'off'}, default 'auto'
        Where there are stripes that end within the images; 'auto' looks for them.
    edits : PatternEdits
        What is removed although it is not found, and what stays although it is.
    should_stop : callable
        Asked before every slice that is read; True ends the search, and nothing is found.
    limits : PatternLimits
        What counts as a pattern.

    Returns
    -------
    PatternRemoval
        Without patterns if there are none, or the images are too small to tell (below 64 pixels,
        for sinusoids 32, for stripes 220).
    """
    try:
        return _found(
            sources,
            remove_periodic=remove_periodic,
            remove_stripes=remove_stripes,
            should_stop=should_stop,
            limits=limits,
        ).edited(edits)
    except _SearchStoppedError:
        return PatternRemoval((), (), (), remove_stripes, should_stop, limits.removal)


class _SearchStoppedError(Exception):
    """Nobody waits for the patterns any more."""


def _found(
    sources: Sequence[ImageSource],
    *,
    remove_periodic: bool,
    remove_stripes: StripeRemoval,
    should_stop: Callable[[], bool],
    limits: PatternLimits,
) -> PatternRemoval:
    found: list[Pattern] = []
    memory = Memory(limits.removal.most_kept)
    series = _series(sources, limits.fewest_of_means)
    # read without what has been found so far
    cleaned = CleanedStacks(found, memory, should_stop, limits.removal, series)
    stacks = [cleaned.of(source) for source in sources]
    frames = [[cleaned.of(frame) for frame in one] for one in series]
    slices = _Slices(stacks, frames, limits, should_stop)
    planes, structure, spectrum = _look_for_periodic(slices, found, limits)
    periodic = tuple(found)
    is_looked_for = remove_periodic or remove_stripes != "auto"
    stripes = detect_stripes(
        planes, structure, remove_stripes if is_looked_for else "off", limits=limits.stripes
    )
    found += stripes
    how = (structure, remove_stripes, should_stop, limits.removal, spectrum)
    if not remove_periodic:
        return PatternRemoval(tuple(stripes), periodic, *how, series=series)
    return PatternRemoval(tuple(found), (), *how, series=series, _searched=cleaned)


def _look_for_periodic(
    slices: _Slices, found: list[Pattern], limits: PatternLimits
) -> tuple[list[Image], tuple[Sinusoid, ...], Spectrum | None]:
    """Add sinusoids and offsets to what was found.

    Returns slices (Y, X) without them, the other sinusoids, and the spectrum they were seen in.
    """
    planes = slices.sample()
    images = [plane[None] for plane in planes]
    spectrum = spectrum_of(images, limits=limits.sinusoids)
    waves = [] if spectrum is None else sinusoids_in(spectrum, limits=limits.sinusoids)
    covering = [w for w in waves if covers(images, w, limits=limits.removal.sinusoids)]
    found += covering
    shared = shared_offsets(slices.half_means(), limits=limits.halves)
    found += shared
    if covering or shared:
        planes = slices.sample()
    lines = find_offsets(planes, limits=limits.lines)
    found += lines
    if lines:
        planes = slices.sample()
    return planes, tuple(wave for wave in waves if wave not in covering), spectrum


@dataclass(frozen=True)
class _Slices:
    """Some slices of stacks, read until nobody waits for them."""

    stacks: Sequence[CleanedSource]
    series: Sequence[Sequence[CleanedSource]]
    limits: PatternLimits
    should_stop: Callable[[], bool]

    def sample(self) -> list[Image]:
        """Read a few slices (Y, X) from all over the stacks."""
        places = [(stack, z) for stack in self.stacks for z in range(stack.shape[0])]
        chosen = [places[i] for i in evenly(len(places), self.limits.most_slices)]
        return [self._read(stack, z) for stack, z in chosen]

    def half_means(self) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Average in a few stacks every other one of a few slices (Y, X), and the rest."""
        deep = [[(stack, z) for z in range(stack.shape[0])] for stack in self.stacks]
        deep = [places for places in deep if len(places) > 1]
        deep += [[(frame, 0) for frame in frames] for frames in self.series]
        chosen = [deep[i] for i in evenly(len(deep), self.limits.most_slices // 2)]
        n_slices = max(self.limits.fewest_of_means, self.limits.most_slices // max(1, len(chosen)))
        few = [[places[i] for i in evenly(len(places), n_slices)] for places in chosen]
        return [(self._mean(places[::2]), self._mean(places[1::2])) for places in few]

    def _mean(self, places: Sequence[tuple[CleanedSource, int]]) -> NDArray[np.float64]:
        """Average slices (Y, X)."""
        total = np.zeros(places[0][0].shape[1:], np.float64)
        for stack, z in places:
            total += self._read(stack, z)
        return total / len(places)

    def _read(self, stack: CleanedSource, z: int) -> Image:
        """Read a slice (Y, X), if somebody still waits for it."""
        if self.should_stop():
            raise _SearchStoppedError
        return stack.read_slice(z)


def _series(sources: Sequence[ImageSource], fewest: int) -> list[list[ImageSource]]:
    """Return single images of equal shape, as frames of a movie that are files, if they are many.

    What all of them share is measured in all of them together, as in the slices of a stack.
    """
    by_shape: dict[tuple[int, ...], list[ImageSource]] = {}
    for source in sources:
        if source.shape[0] == 1:
            by_shape.setdefault(source.shape, []).append(source)
    return [frames for frames in by_shape.values() if len(frames) >= fewest]
