"""What a person wants removed, or wants to stay, beside what is found: written as short text.

``8@90, rows`` names the wave with a period of 8 px along y, and the offsets of rows. The same text
stands in configurations, on the command line and in model files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, TypeAlias

import numpy as np
from pydantic import AfterValidator

from autoStructN2V.masking.patterns.limits import WINDOW_REACH
from autoStructN2V.masking.patterns.pattern import Sinusoid, place_of
from autoStructN2V.vocabulary import LINES, Lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autoStructN2V.masking.patterns.pattern import Pattern

_SHORTEST, _LONGEST = 1.41, 1000.0  # px: the fastest wave that pixels show, along their diagonal
_MOST = 20
_ALLOWED = (
    f"write rows, columns, or PERIOD@ANGLE with a period of {_SHORTEST:g} to {_LONGEST:g} px and "
    "an angle in degrees from x towards y, such as 8@90"
)


@dataclass(frozen=True)
class Wave:
    """A place in the spectrum.

    Attributes
    ----------
    period_px : float
        Length of one cycle in pixels, across the stripes.
    angle_deg : float
        Direction across the stripes: 0 along x, 90 along y (downwards); 0..180.
    """

    period_px: float
    angle_deg: float

    @classmethod
    def at(cls, fy: float, fx: float) -> Wave:
        """Return the wave at a place, in cycles per pixel, as exactly as its text says it."""
        period = 1.0 / np.hypot(fy, fx)
        angle = np.degrees(np.arctan2(fy, fx))
        return cls(float(f"{period:.4g}"), round(float(angle) % 180.0, 1) % 180.0)

    @property
    def frequency(self) -> tuple[float, float]:
        """Its place, along y and along x, in cycles per pixel."""
        return place_of(self.period_px, self.angle_deg)

    @property
    def direction(self) -> str:
        """The direction across the stripes in words."""
        return Sinusoid(self.period_px, self.angle_deg, 0.0, 0.0).direction

    @property
    def text(self) -> str:
        """Period and angle, as in ``8@90``."""
        return f"{self.period_px:.4g}@{self.angle_deg:.4g}"


Choice: TypeAlias = Wave | Lines
"""A wave, or the offsets and stripes along rows or columns."""


def choice_of(pattern: Pattern) -> Choice:
    """Return what names a pattern."""
    return Wave.at(*pattern.frequency) if isinstance(pattern, Sinusoid) else pattern.lines


def names(choice: Choice, pattern: Pattern, side: int) -> bool:
    """Tell whether a choice names a pattern.

    Parameters
    ----------
    choice : Wave or {'rows', 'columns'}
        Waves name all whose peaks overlap with theirs.
    pattern : Pattern
        What was found.
    side : int
        Pixels along the blocks that it was found in: the larger, the sharper are peaks.

    Returns
    -------
    bool
    """
    if not isinstance(choice, Wave) or not isinstance(pattern, Sinusoid):
        return not isinstance(choice, Wave) and choice == getattr(pattern, "lines", None)
    ours, other = np.array(choice.frequency), np.array(pattern.frequency)
    # opposite places are the same wave, and so are places a whole cycle per pixel apart
    apart = [(ours - sign * other + 0.5) % 1.0 - 0.5 for sign in (1, -1)]
    return min(float(np.hypot(*both)) for both in apart) <= WINDOW_REACH / side


@dataclass(frozen=True)
class PatternEdits:
    """What a person wants otherwise than it is found.

    Attributes
    ----------
    removed : tuple of Wave or {'rows', 'columns'}
        Removed, whether or not it is found.
    kept : tuple of Wave or {'rows', 'columns'}
        Left in, although it is found.
    """

    removed: tuple[Choice, ...] = ()
    kept: tuple[Choice, ...] = ()

    @classmethod
    def read(cls, also_remove: str = "", keep_patterns: str = "") -> PatternEdits:
        """Read the two fields of a configuration, or of the notes in a model file.

        Raises
        ------
        ValueError
            If one names something else; says what is allowed.
        """
        return cls(read_choices(also_remove), read_choices(keep_patterns))

    @property
    def fields(self) -> dict[str, str]:
        """The two fields of a configuration that say the same."""
        return {"also_remove": _text(self.removed), "keep_patterns": _text(self.kept)}

    def with_removed(self, choice: Choice) -> PatternEdits:
        """Return the same, and a choice to be removed as well."""
        others = tuple(kept for kept in self.kept if kept != choice)
        return PatternEdits((*self.removed, choice), others)

    def with_kept(self, choice: Choice) -> PatternEdits:
        """Return the same, and a choice to stay as well."""
        others = tuple(removed for removed in self.removed if removed != choice)
        return PatternEdits(others, (*self.kept, choice))

    def without(self, pattern: Pattern, side: int) -> PatternEdits:
        """Return the same without what names a pattern, see :func:`names`."""
        return PatternEdits(
            tuple(choice for choice in self.removed if not names(choice, pattern, side)),
            tuple(choice for choice in self.kept if not names(choice, pattern, side)),
        )

    def __bool__(self) -> bool:
        return bool(self.removed or self.kept)


NO_EDITS = PatternEdits()
"""All is done as it is found."""


def read_choices(text: str) -> tuple[Choice, ...]:
    """Read choices with commas between them; empty text holds none.

    Raises
    ------
    ValueError
        If one is none; says what is allowed.
    """
    items = [item for item in (part.strip() for part in text.split(",")) if item]
    if len(items) > _MOST:
        raise ValueError(f"{len(items)} patterns are named; name {_MOST} at most")
    return tuple(dict.fromkeys(_choice(item) for item in items))


def _choice(item: str) -> Choice:
    for lines in LINES:
        if item == lines:
            return lines
    period, _, angle = item.partition("@")
    try:
        wave = Wave(float(f"{float(period):.4g}"), round(float(angle) % 180.0, 1) % 180.0)
    except ValueError:
        raise ValueError(f"{item!r:.50} is not a pattern; {_ALLOWED}") from None
    if not _SHORTEST <= wave.period_px <= _LONGEST or not np.isfinite(wave.angle_deg):
        raise ValueError(f"{item!r:.50} is more than images can show; {_ALLOWED}")
    return wave


def _text(choices: Sequence[Choice]) -> str:
    return ", ".join(c.text if isinstance(c, Wave) else c for c in choices)


def _in_canonical_form(text: str) -> str:
    return _text(read_choices(text))


PatternList = Annotated[str, AfterValidator(_in_canonical_form)]
"""Field of a configuration that names patterns; see :func:`read_choices`."""
