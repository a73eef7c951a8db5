"""What lies at a place of a spectrum that a person points at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from autoStructN2V.masking.patterns.fourier.choices import Wave
from autoStructN2V.masking.patterns.pattern import LineOffsets, Sinusoid, share_of
from autoStructN2V.masking.patterns.pattern_limits import PATTERN_LIMITS, PatternLimits
from autoStructN2V.masking.patterns.spectrum import ratio_by_chance

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from autoStructN2V.masking.patterns.fourier.choices import Choice
    from autoStructN2V.masking.patterns.spectrum import Spectrum
    from autoStructN2V.vocabulary import Lines

Frequency = tuple[float, float]
"""Along y and along x, in cycles per pixel, -0.5..0.5."""


@dataclass(frozen=True)
class Places:
    """The places of a spectrum.

    Attributes
    ----------
    spectrum : Spectrum
    limits : PatternLimits
        How wide peaks are, and what they are compared with.
    """

    spectrum: Spectrum
    limits: PatternLimits = PATTERN_LIMITS

    @property
    def side(self) -> int:
        """Bins along the spectrum, as many as there are to a cycle per pixel."""
        return self.spectrum.side

    def excess(self, frequency: Frequency) -> float:
        """Return how many times the power at a place is that around it."""
        bins = self._bins(frequency)
        return float(self.spectrum.whole[self._wrapped(bins)] / self._background(bins))

    def pointed_at(self, frequency: Frequency, reach: float) -> Choice | None:
        """Return what a person means who points at a place.

        Parameters
        ----------
        frequency : (float, float)
            The place.
        reach : float
            How exact it is, in cycles per pixel.

        Returns
        -------
        Wave, {'rows', 'columns'} or None
            The strongest wave within reach, if it stands out of what is around it; else the lines
            whose offsets lie there, or the wave at this very place. None at frequency 0, which is
            the brightness of the images.
        """
        if np.hypot(*frequency) <= max(reach, self.limits.sinusoids.peak_radius / self.side):
            return None
        peak = self._strongest(frequency, reach)
        is_middle = np.hypot(*peak) <= self.limits.sinusoids.peak_radius
        if self._stands_out(peak) and not is_middle:
            return Wave.at(*self._center(peak))
        return self._lines(frequency, reach) or Wave.at(*frequency)

    def sinusoid(self, wave: Wave) -> Sinusoid:
        """Measure a wave, whether or not it stands out of what is around it."""
        total = float(self._above(self._bins(wave.frequency)).sum())
        amplitude = 2.0 * np.sqrt(total)
        share = share_of(amplitude / np.sqrt(2.0), self.spectrum.variance)
        return Sinusoid(wave.period_px, wave.angle_deg, float(amplitude), share)

    def offsets(self, lines: Lines) -> LineOffsets:
        """Measure the offsets of rows or columns, whether or not they stand out."""
        limits = self.limits
        side, middle = self.side, self.side // 2
        # lines along y are constant along it: they lie where y frequency is 0
        power = self.spectrum.whole if lines == "columns" else self.spectrum.whole.T
        along = np.abs(np.arange(side) - middle)
        near = along <= limits.sinusoids.peak_radius
        first = limits.lines.first_background
        beside = (along >= first) & (along < first + limits.lines.n_background)
        is_fast = along >= side // 4  # where optics leave no structure
        excess = power[near].sum(axis=0) - near.sum() * power[beside].mean(axis=0)
        std = float(np.sqrt(max(0.0, float(excess[is_fast].mean())) * side))
        return LineOffsets(lines, std, share_of(std, self.spectrum.variance))

    def _bins(self, frequency: Frequency) -> tuple[int, int]:
        """Return the bin of a place, relative to frequency 0."""
        fy, fx = frequency
        return round(fy * self.side), round(fx * self.side)

    def _wrapped(self, bins: tuple[int, int]) -> tuple[int, int]:
        """Return the indices of a bin in the whole spectrum."""
        side = self.side
        y, x = ((one + side // 2) % side for one in bins)
        return y, x

    def _around(self, bins: tuple[int, int], radius: int) -> NDArray[np.float64]:
        """Return the power (2 radius + 1, 2 radius + 1) around a bin."""
        side, steps = self.side, np.arange(-radius, radius + 1)
        rows, columns = ((one + side // 2 + steps) % side for one in bins)
        return self.spectrum.whole[np.ix_(rows, columns)]

    def _background(self, bins: tuple[int, int]) -> float:
        """Return the largest of the medians around a bin, and along its row and column."""
        near, far = self.limits.sinusoids.peak_radius, self.limits.sinusoids.background_radius
        power = self._around(bins, far)
        is_far = np.abs(np.arange(-far, far + 1)) > near
        around = power[::2, ::2][is_far[::2, None] | is_far[::2]]
        medians = [np.median(part) for part in (around, power[far, is_far], power[is_far, far])]
        return max(float(np.max(medians)), 1e-30)

    def _above(self, bins: tuple[int, int]) -> NDArray[np.float64]:
        """Return the power of the bins of a peak above its surroundings."""
        near = self.limits.sinusoids.peak_radius
        return np.maximum(self._around(bins, near) - self._background(bins), 0.0)

    def _strongest(self, frequency: Frequency, reach: float) -> tuple[int, int]:
        """Return the strongest bin within reach of a place."""
        bins, radius = self._bins(frequency), max(1, round(reach * self.side))
        power = self._around(bins, radius)
        y, x = np.unravel_index(int(power.argmax()), power.shape)
        return bins[0] + int(y) - radius, bins[1] + int(x) - radius

    def _lines(self, frequency: Frequency, reach: float) -> Lines | None:
        """Return the lines whose offsets lie at a place; None if it is not on their axis."""
        near = max(reach / 2.0, self.limits.sinusoids.peak_radius / self.side)
        y, x = map(abs, frequency)
        if min(y, x) > near:
            return None
        return "columns" if y < x else "rows"

    def _stands_out(self, bins: tuple[int, int]) -> bool:
        """Tell whether a bin is stronger than chance makes it."""
        chance = self.limits.sinusoids.spectrum.false_alarm
        by_chance = ratio_by_chance(self.spectrum.n_blocks, chance)
        power = self.spectrum.whole[self._wrapped(bins)]
        return bool(power > by_chance * self._background(bins))

    def _center(self, bins: tuple[int, int]) -> Frequency:
        """Return the center of mass of a peak, in cycles per pixel."""
        peak, side = self._above(bins), self.side
        if not peak.any():
            return bins[0] / side, bins[1] / side
        near = self.limits.sinusoids.peak_radius
        steps = np.arange(-near, near + 1)
        y, x = ((peak.sum(axis=1 - axis) * steps).sum() / peak.sum() for axis in (0, 1))
        return (bins[0] + float(y)) / side, (bins[1] + float(x)) / side
