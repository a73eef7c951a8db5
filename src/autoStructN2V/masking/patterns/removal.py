"""The patterns of a run: found once, and removed in the same way wherever its images are read."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from autoStructN2V.masking.patterns.cleaned_source import CleanedStacks, Memory
from autoStructN2V.masking.patterns.fourier.choices import NO_EDITS, PatternEdits
from autoStructN2V.masking.patterns.fourier.editing import divided, toggled
from autoStructN2V.masking.patterns.pattern import (
    PERIODIC_SWITCH,
    STRIPES_SWITCH,
    LineOffsets,
    Sinusoid,
    Stripes,
)
from autoStructN2V.masking.patterns.pattern_limits import PATTERN_LIMITS, RemovalLimits
from autoStructN2V.sampling import never

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.masking.patterns.cleaned_source import Image, Shape
    from autoStructN2V.masking.patterns.pattern import Pattern
    from autoStructN2V.masking.patterns.spectrum import Spectrum
    from autoStructN2V.vocabulary import StripeRemoval


@dataclass(frozen=True)
class PatternRemoval:
    """What is removed from images before anything else is done with them.

    Measuring, training and denoising read the images through the same :meth:`applied_to`.

    Attributes
    ----------
    patterns : tuple of Pattern
        What is removed, in this order: sinusoids, offsets of lines, stripes.
    kept : tuple of Pattern
        What covers the images too, but stays in them because it was asked to. It is left out where
        the noise is measured, as the signal is.
    structure : tuple of Sinusoid
        Sinusoids that lie in some places only: periodic structure, which stays.
    remove_stripes : {'auto', 'rows', 'columns', 'off'}
        What was asked for.
    should_stop : callable
        Asked before stripes are separated, which takes long; True leaves them in.
    limits : RemovalLimits
        What the removal is limited by.
    spectrum : Spectrum or None
        In which waves were looked for; None of images that are too small.
    edits : PatternEdits
        What a person wants otherwise than it was found; see :meth:`edited`.
    series : sequence of sequences of ImageSource
        Single images in which what all of them share is measured together.
    """

    patterns: tuple[Pattern, ...] = ()
    kept: tuple[Pattern, ...] = ()
    structure: tuple[Sinusoid, ...] = ()
    remove_stripes: StripeRemoval = "auto"
    should_stop: Callable[[], bool] = field(default=lambda: False, repr=False, compare=False)
    limits: RemovalLimits = field(default=PATTERN_LIMITS.removal, repr=False, compare=False)
    spectrum: Spectrum | None = field(default=None, repr=False, compare=False)
    edits: PatternEdits = NO_EDITS
    series: Sequence[Sequence[ImageSource]] = field(default=(), repr=False, compare=False)
    _as_found: PatternRemoval | None = field(default=None, repr=False, compare=False)
    _profiles: Mapping[Shape, Mapping[int, Image]] = field(
        default_factory=dict, repr=False, compare=False
    )
    _searched: CleanedStacks | None = field(default=None, repr=False, compare=False)

    def edited(self, edits: PatternEdits) -> PatternRemoval:
        """Return what is removed when a person wants something otherwise than it was found.

        Parameters
        ----------
        edits : PatternEdits
            They take the place of earlier ones.

        Returns
        -------
        PatternRemoval
            As it was found where there are no edits; images that are too small for a spectrum know
            of none.
        """
        found = self._as_found or self
        if not edits or found.spectrum is None:
            return found
        parts = divided(found, edits, found.spectrum)
        return replace(
            found,
            patterns=parts.patterns,
            kept=parts.kept,
            structure=parts.structure,
            edits=edits,
            _as_found=replace(found, _searched=None),
            _profiles={},
            _searched=None,
        )

    def toggled(self, pattern: Pattern) -> PatternEdits:
        """Return the edits with which a pattern of these is removed if it stays, or stays."""
        return toggled(self, pattern)

    @property
    def all_patterns(self) -> tuple[Pattern, ...]:
        """All that was found or chosen: what is removed, what is kept, and structure."""
        return (*self.patterns, *self.kept, *self.structure)

    def is_chosen(self, pattern: Pattern) -> bool:
        """Tell whether a person, not the search, decided what becomes of a pattern."""
        was_removed = pattern in (self._as_found or self).patterns
        return was_removed != (pattern in self.patterns)

    def applied_to(self, source: ImageSource) -> ImageSource:
        """Return a stack that is read without the patterns.

        Parameters
        ----------
        source : ImageSource
            A stack, or what this method returned for it.

        Returns
        -------
        ImageSource
            The same object for the same stack; the stack itself if there is nothing to remove.
        """
        return self._cleaned.of(source) if self.patterns else source

    def forgetful(self) -> PatternRemoval:
        """Return the same without the images that it remembers, to be kept for long.

        What was measured in many of them stays.
        """
        found = None if self._as_found is None else self._as_found.forgetful()
        return replace(
            self,
            should_stop=never,
            series=(),
            _as_found=found,
            _profiles=self._cleaned.measured(),
            _searched=None,
        )

    def for_measuring(self, source: ImageSource) -> ImageSource:
        """Return a stack as :meth:`applied_to`, and without the patterns that are kept.

        Parameters
        ----------
        source : ImageSource
            A stack, or what :meth:`applied_to` returned for it.
        """
        cleaned = self.applied_to(source)
        return self._without_kept.of(cleaned) if self.kept else cleaned

    @cached_property
    def _cleaned(self) -> CleanedStacks:
        """Stacks without what is removed; those of the search, which has cleaned some slices."""
        how = (Memory(self.limits.most_kept), self.should_stop, self.limits)
        return self._searched or CleanedStacks(self.patterns, *how, self.series, self._profiles)

    @cached_property
    def _without_kept(self) -> CleanedStacks:
        """Stacks without what is removed and what is kept."""
        series = [[self.applied_to(source) for source in one] for one in self.series]
        how = (self._cleaned.memory, self.should_stop, self.limits)
        return CleanedStacks(self.kept, *how, series)

    @property
    def stripe_removal(self) -> StripeRemoval:
        """What is to be done to other images, so that they are treated in the same way."""
        lines = [pattern.lines for pattern in self.patterns if isinstance(pattern, Stripes)]
        return lines[0] if len(lines) == 1 else self.remove_stripes

    @property
    def sentence(self) -> str:
        """Say what is removed and how to keep it; empty if nothing is."""
        is_told = self.remove_stripes != "auto"
        told = [p for p in self.patterns if isinstance(p, Stripes) and is_told]
        chosen = [p for p in self.patterns if p not in told and self.is_chosen(p)]
        others = [p for p in self.patterns if p not in told and p not in chosen]
        sentences = [_removal_sentence(others)] if others else []
        sentences += [
            f"Stripes along the {p.lines} are removed first "
            f"(standard deviation {p.std:.3g}), as was chosen for the training."
            for p in told
        ]
        sentences += [_chosen_sentence(chosen, "removed first")] if chosen else []
        staying = [pattern for pattern in self.kept if self.is_chosen(pattern)]
        sentences += [_chosen_sentence(staying, "left in the images")] if staying else []
        return " ".join(sentences)


def _chosen_sentence(patterns: Sequence[Pattern], what: str) -> str:
    """Say what was done because a person wanted it."""
    named = "; ".join(pattern.sentence for pattern in patterns)
    return f"As was chosen, this is {what}: {named}."


def _removal_sentence(patterns: Sequence[Pattern]) -> str:
    named = "; ".join(pattern.sentence for pattern in patterns)
    found = [
        kind.kind
        for kind in (Sinusoid, LineOffsets, Stripes)
        if any(isinstance(pattern, kind) for pattern in patterns)
    ]
    what = " and ".join(found)
    is_one = found == [Sinusoid.kind]
    # the switch of periodic patterns turns the search for stripes off too
    switch = STRIPES_SWITCH if found == [Stripes.kind] else PERIODIC_SWITCH
    return (
        f"{what[0].upper()}{what[1:]} {'covers' if is_one else 'cover'} the images and "
        f"{'is' if is_one else 'are'} removed first ({named}); train with {switch} off to keep "
        f"{'it' if is_one else 'them'}."
    )
