"""What is removed when a person has chosen otherwise than it was found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from autoStructN2V.masking.patterns.fourier.choices import (
    PatternEdits,
    Wave,
    choice_of,
    names,
)
from autoStructN2V.masking.patterns.fourier.places import Places
from autoStructN2V.masking.patterns.pattern import order_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autoStructN2V.masking.patterns.fourier.choices import Choice
    from autoStructN2V.masking.patterns.pattern import Pattern, Sinusoid
    from autoStructN2V.masking.patterns.removal import PatternRemoval
    from autoStructN2V.masking.patterns.spectrum import Spectrum


@dataclass(frozen=True)
class Divided:
    """Patterns by what becomes of them, see :class:`.PatternRemoval`."""

    patterns: tuple[Pattern, ...]
    kept: tuple[Pattern, ...]
    structure: tuple[Sinusoid, ...]


def divided(found: PatternRemoval, edits: PatternEdits, spectrum: Spectrum) -> Divided:
    """Divide patterns into those to remove and others.

    Parameters
    ----------
    found : PatternRemoval
        As the search left it.
    edits : PatternEdits
        What is wanted otherwise. What is to be removed and was not found is measured.
    spectrum : Spectrum
        Of the images.
    """

    def is_in(pattern: Pattern, choices: Sequence[Choice]) -> bool:
        return any(names(choice, pattern, spectrum.side) for choice in choices)

    known = (*found.patterns, *found.kept, *found.structure)
    wanted = [p for p in (*found.kept, *found.structure) if is_in(p, edits.removed)]
    staying = [p for p in found.patterns if is_in(p, edits.kept)]
    new = [
        _measured(choice, spectrum)
        for choice in edits.removed
        if not any(names(choice, pattern, spectrum.side) for pattern in known)
    ]
    removed = [p for p in found.patterns if p not in staying] + wanted + new
    return Divided(
        tuple(sorted(removed, key=order_of)),
        (*(p for p in found.kept if p not in wanted), *staying),
        tuple(wave for wave in found.structure if wave not in wanted),
    )


def toggled(removal: PatternRemoval, pattern: Pattern) -> PatternEdits:
    """Return the edits with which a pattern is removed that stays, or stays that is removed.

    Parameters
    ----------
    removal : PatternRemoval
        As it is now.
    pattern : Pattern
        One of its patterns.
    """
    assert removal.spectrum is not None  # else nothing was found in it
    is_removed = pattern in removal.patterns
    plain = removal.edits.without(pattern, removal.spectrum.side)
    if is_removed != (pattern in removal.edited(plain).patterns):
        return plain
    choice = choice_of(pattern)
    return plain.with_kept(choice) if is_removed else plain.with_removed(choice)


def _measured(choice: Choice, spectrum: Spectrum) -> Pattern:
    places = Places(spectrum)
    return places.sinusoid(choice) if isinstance(choice, Wave) else places.offsets(choice)
