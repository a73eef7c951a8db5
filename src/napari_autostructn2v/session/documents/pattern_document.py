"""The patterns of the images in their spectrum, and what a person wants of them; knows no Qt.

It belongs to the session, so that closing the mask editor loses nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from psygnal import Signal

from autoStructN2V.masking import Sinusoid
from autoStructN2V.masking.patterns.fourier.choices import (
    NO_EDITS,
    PatternEdits,
    Wave,
    names,
)
from autoStructN2V.masking.patterns.fourier.picture import places_of
from autoStructN2V.masking.patterns.fourier.places import Places
from napari_autostructn2v.session.documents.history import History

if TYPE_CHECKING:
    from autoStructN2V.masking import Pattern, PatternRemoval
    from autoStructN2V.masking.patterns.fourier.choices import Choice
    from autoStructN2V.masking.patterns.fourier.places import Frequency
    from autoStructN2V.masking.patterns.spectrum import Spectrum
    from autoStructN2V.pipeline.steps.stage_spectra import StageSpectra

NOISY = "Noisy images"
CLEANED = "Noisy images without what is removed first"


class PatternDocument:
    """Spectra of images, the patterns in them, and edits of what is removed, with undo.

    Attributes
    ----------
    history : History of PatternEdits
        What a person wants otherwise than it is found.
    removal : PatternRemoval or None
        What was found, and is removed with these edits; None before anything was measured.
    source_name : str
        What it was found in.
    chosen_on : str
        What was looked at when a person edited last; empty if the edits came from elsewhere.
    spectra : dict of str to Spectrum
        By their name; the noisy images come first.
    """

    changed = Signal()
    """What is removed, its history, or a spectrum changed."""
    edited = Signal(object)
    """The new :class:`PatternEdits`."""

    def __init__(self) -> None:
        self.history: History[PatternEdits] = History(NO_EDITS)
        self.history.changed.connect(self._on_edits)
        self.removal: PatternRemoval | None = None
        self.source_name = self.chosen_on = ""
        self.spectra: dict[str, Spectrum] = {}

    @property
    def edits(self) -> PatternEdits:
        """What a person wants otherwise than it is found."""
        return self.history.value

    @property
    def patterns(self) -> tuple[Pattern, ...]:
        """All that was found or added, removed or not."""
        return () if self.removal is None else self.removal.all_patterns

    def is_removed(self, pattern: Pattern) -> bool:
        """Tell whether one of :attr:`patterns` is removed."""
        return self.removal is not None and pattern in self.removal.patterns

    def show(
        self, removal: PatternRemoval, source_name: str, cleaned: Spectrum | None = None
    ) -> None:
        """Take over what was found in images.

        Parameters
        ----------
        removal : PatternRemoval
            With or without edits.
        source_name : str
            What it was found in; spectra of the stages of others are dropped.
        cleaned : Spectrum, optional
            Of the images without what is removed.
        """
        kept = self.spectra if source_name == self.source_name else {}
        first = {NOISY: removal.spectrum, CLEANED: cleaned}
        self.spectra = {name: one for name, one in first.items() if one is not None}
        self.spectra |= {name: one for name, one in kept.items() if name not in first}
        self.source_name = source_name
        # the images that it remembers are of no use here
        self.removal = removal.edited(self.edits).forgetful()
        self.changed.emit()

    def forget_stages(self) -> None:
        """Drop the spectra of an earlier training."""
        self.spectra = {name: self.spectra[name] for name in (NOISY,) if name in self.spectra}
        self.changed.emit()

    def add_stage(self, name: str, spectra: StageSpectra) -> None:
        """Take over what came of a stage, which has a name."""
        self.spectra[f"Removed by {name}"] = spectra.removed
        self.spectra[f"Result of {name}"] = spectra.denoised
        self.changed.emit()

    def set_edits(self, edits: PatternEdits, name: str) -> None:
        """Replace the edits, as one step; ``name`` is what the undo button calls it."""
        self._apply(edits, name, chosen_on="")

    def toggle(self, pattern: Pattern) -> None:
        """Remove a pattern that stays, or let one stay that is removed."""
        if self.removal is not None:
            verb = "keep" if self.is_removed(pattern) else "remove"
            self._apply(self.removal.toggled(pattern), f"{verb} a pattern", self.source_name)

    def reset(self) -> None:
        """Do all as it is found."""
        self.set_edits(NO_EDITS, "all as found")

    def at(self, frequency: Frequency, reach: float, spectrum: Spectrum) -> Pattern | Choice | None:
        """Return what a person means who points at a place.

        Parameters
        ----------
        frequency : (float, float)
            Along y and along x, in cycles per pixel.
        reach : float
            How exact it is, in cycles per pixel.
        spectrum : Spectrum
            What is looked at.

        Returns
        -------
        Pattern, Wave, {'rows', 'columns'} or None
            One of :attr:`patterns` before one that is new; None at frequency 0.
        """
        waves = [p for p in self.patterns if isinstance(p, Sinusoid)]
        distances = [_distance(frequency, wave) for wave in waves]
        if distances and min(distances) <= reach:
            return waves[int(np.argmin(distances))]
        choice = Places(spectrum).pointed_at(frequency, reach)
        known = [p for p in self.patterns if choice and names(choice, p, spectrum.side)]
        return known[0] if known else choice

    def point(self, frequency: Frequency, reach: float, spectrum: Spectrum) -> None:
        """Take what is pointed at out of what is removed, or add it; see :meth:`at`."""
        found = self.at(frequency, reach, spectrum)
        if found is None:
            return
        if isinstance(found, Wave | str):
            edits = self.edits.with_removed(found)
            self._apply(edits, "remove a pattern", self.source_name)
        else:
            self.toggle(found)

    def _apply(self, edits: PatternEdits, name: str, chosen_on: str) -> None:
        if edits != self.edits:
            self.chosen_on = chosen_on
            self.history.apply(edits, name)

    def _on_edits(self, before: PatternEdits, now: PatternEdits) -> None:
        if self.removal is not None:
            self.removal = self.removal.edited(now)
        self.changed.emit()
        if now != before:
            self.edited.emit(now)


def _distance(frequency: Frequency, pattern: Pattern) -> float:
    """Return how far a place is from the nearer one of a wave, in cycles per pixel."""
    fy, fx = frequency
    return float(min(np.hypot(fy - y, fx - x) for y, x in places_of(pattern)))
