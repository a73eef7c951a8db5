"""The patterns that cover images and that no kernel can hide: what each says, and its removal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, TypeAlias

import numpy as np

from autoStructN2V.masking.patterns.demodulation import without_wave
from autoStructN2V.masking.patterns.lines.profile import (
    half_profiles,
    line_profile,
    subtract_profile,
)
from autoStructN2V.masking.patterns.pattern_limits import PATTERN_LIMITS, RemovalLimits
from autoStructN2V.masking.patterns.stripe_removal import without_stripes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from autoStructN2V.masking.patterns.limits import ProfileLimits
    from autoStructN2V.vocabulary import Lines

    Image = NDArray[np.float32]

PERIODIC_SWITCH = "Remove periodic patterns"
STRIPES_SWITCH = "Remove stripes"

_LIMITS = PATTERN_LIMITS.removal
_ANGLES: dict[Lines, float] = {"columns": 0.0, "rows": 90.0}
_DIRECTIONS: dict[Lines, str] = {"columns": "along x", "rows": "along y"}


@dataclass(frozen=True)
class Sinusoid:
    """A wave that repeats strictly; its amplitude and phase may drift slowly.

    Attributes
    ----------
    period_px : float
        Length of one cycle in pixels, across the stripes.
    angle_deg : float
        Direction across the stripes: 0 along x, 90 along y (downwards); 0..180.
    amplitude : float
        Amplitude in units of the images.
    variance_share : float
        Share of the images' variance, 0..1.
    """

    period_px: float
    angle_deg: float
    amplitude: float
    variance_share: float

    noun: ClassVar[str] = "strictly periodic pattern"
    kind: ClassVar[str] = "a strictly periodic pattern"
    switch: ClassVar[str] = PERIODIC_SWITCH
    is_slow: ClassVar[bool] = True  # to remove: a tenth of a second for each slice, or more
    lines: ClassVar[None] = None
    is_shared: ClassVar[bool] = False
    is_split: ClassVar[bool] = False
    is_local: ClassVar[bool] = False

    @property
    def frequency(self) -> tuple[float, float]:
        """Its place in the spectrum, along y and along x, in cycles per pixel."""
        return place_of(self.period_px, self.angle_deg)

    @property
    def parallel_lines(self) -> Lines | None:
        """What it is parallel to; None if it is oblique."""
        oblique = PATTERN_LIMITS.sinusoids.tilt.largest
        if min(self.angle_deg, 180.0 - self.angle_deg) < oblique:
            return "columns"
        return "rows" if abs(self.angle_deg - 90.0) < oblique else None

    @property
    def direction(self) -> str:
        """The direction across the stripes in words."""
        if self.parallel_lines is not None:
            return _DIRECTIONS[self.parallel_lines]
        return f"at {self.angle_deg:.0f} degrees from x towards y"

    @property
    def sentence(self) -> str:
        """The pattern in plain words."""
        return f"period {self.period_px:.1f} px {self.direction}, amplitude {self.amplitude:.3g}"

    def removed_from(
        self,
        plane: NDArray[np.floating],
        shared: Image | None = None,
        *,
        limits: RemovalLimits = _LIMITS,
    ) -> Image:
        """Return a new slice (Y, X) without it; see :meth:`LineOffsets.removed_from`."""
        return without_wave(plane, self, limits=limits.sinusoids)


class _AlongLines:
    """What offsets of lines and stripes have in common, in the words that all patterns use."""

    lines: Lines
    std: float
    variance_share: float

    period_px: ClassVar[float] = np.inf

    @property
    def angle_deg(self) -> float:
        """Direction across the lines: 0 along x, 90 along y."""
        return _ANGLES[self.lines]

    @property
    def amplitude(self) -> float:
        """Standard deviation in units of the images."""
        return self.std

    @property
    def parallel_lines(self) -> Lines:
        """What it is parallel to."""
        return self.lines

    @property
    def direction(self) -> str:
        """The direction across the lines in words."""
        return _DIRECTIONS[self.lines]


@dataclass(frozen=True)
class LineOffsets(_AlongLines):
    """Offsets of whole rows or columns, or of halves of them.

    Attributes
    ----------
    lines : {'rows', 'columns'}
        What is shifted up or down in intensity.
    std : float
        Standard deviation of the offsets in units of the images.
    variance_share : float
        Share of the images' variance, 0..1.
    is_shared : bool
        Whether all slices of a stack, or all frames of a movie, have the same.
    is_split : bool
        Whether they differ between the two halves of the lines.
    """

    lines: Lines
    std: float
    variance_share: float
    is_shared: bool = False
    is_split: bool = False

    noun: ClassVar[str] = "line pattern"
    kind: ClassVar[str] = "offsets of lines"
    switch: ClassVar[str] = PERIODIC_SWITCH
    is_slow: ClassVar[bool] = False
    is_local: ClassVar[bool] = False

    @property
    def sentence(self) -> str:
        """The pattern in plain words."""
        halves = "left and right" if self.lines == "rows" else "upper and lower"
        what = f"half {self.lines} ({halves})" if self.is_split else f"whole {self.lines}"
        where = ", the same in all slices or frames" if self.is_shared else ""
        return f"offsets of {what}, standard deviation {self.std:.3g}{where}"

    def profile_of(
        self, image: NDArray[np.floating], *, limits: ProfileLimits = _LIMITS.profiles
    ) -> Image:
        """Measure the offset of each line, or of both halves of it.

        Parameters
        ----------
        image : (Y, X) array
            A slice; where slices share the offsets, rather their mean.
        limits : ProfileLimits
            What a profile is limited by.

        Returns
        -------
        (N,) or (2, N) float32
            N lines, in the units of the image.
        """
        measure = half_profiles if self.is_split else line_profile
        return measure(image, self.lines, limits=limits)

    def removed_from(
        self,
        plane: NDArray[np.floating],
        shared: Image | None = None,
        *,
        limits: RemovalLimits = _LIMITS,
    ) -> Image:
        """Return a new slice without the pattern.

        Parameters
        ----------
        plane : (Y, X) array
            Finite values, any units.
        shared : (N,) or (2, N) float32, optional
            What all slices of the stack have, from :meth:`profile_of` of their mean; without it
            the slice itself is measured.
        limits : RemovalLimits
            What the removal is limited by.

        Returns
        -------
        (Y, X) float32
            In the same units.
        """
        profile = self.profile_of(plane, limits=limits.profiles) if shared is None else shared
        return subtract_profile(np.asarray(plane, np.float32), profile, self.lines)


@dataclass(frozen=True)
class Stripes(_AlongLines):
    """Stripes along rows or columns that fade and end within the image, as curtains do.

    Attributes
    ----------
    lines : {'rows', 'columns'}
        What they run along.
    std : float
        Standard deviation in units of the images.
    variance_share : float
        Share of the images' variance, 0..1.
    """

    lines: Lines
    std: float
    variance_share: float

    noun: ClassVar[str] = "stripe pattern"
    kind: ClassVar[str] = "stripes"
    switch: ClassVar[str] = STRIPES_SWITCH
    is_slow: ClassVar[bool] = True  # to remove: seconds for each slice
    is_shared: ClassVar[bool] = False
    is_split: ClassVar[bool] = False
    is_local: ClassVar[bool] = True

    @property
    def sentence(self) -> str:
        """The pattern in plain words."""
        return (
            f"stripes along the {self.lines}, as curtaining makes them, standard deviation "
            f"{self.std:.3g}"
        )

    def removed_from(
        self,
        plane: NDArray[np.floating],
        shared: Image | None = None,
        *,
        limits: RemovalLimits = _LIMITS,
    ) -> Image:
        """Return a new slice (Y, X) without it; see :meth:`LineOffsets.removed_from`."""
        return without_stripes(plane, self.lines, limits=limits.stripes)


Pattern: TypeAlias = Sinusoid | LineOffsets | Stripes
"""A pattern that no kernel can hide, because it can be predicted from far away."""

PeriodicPattern = Pattern
"""Name of :data:`Pattern` in the documentation of the Python interface."""


def place_of(period_px: float, angle_deg: float) -> tuple[float, float]:
    """Return the place of a wave in the spectrum, along y and along x, in cycles per pixel."""
    angle = np.radians(angle_deg)
    return float(np.sin(angle) / period_px), float(np.cos(angle) / period_px)


def order_of(pattern: Pattern) -> int:
    """Return the place of a pattern in the order of removal.

    Sinusoids come first, what ends within the images last; what slices share before their own.
    """
    if isinstance(pattern, LineOffsets):
        return 1 if pattern.is_shared else 2
    return 0 if isinstance(pattern, Sinusoid) else 3


def share_of(std: float, variance: float) -> float:
    """Return the share (0..1) of the images' variance of a pattern with this deviation."""
    return float(min(1.0, std**2 / max(variance, 1e-300)))
