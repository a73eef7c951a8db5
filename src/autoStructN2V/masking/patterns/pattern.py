"""What is said of a pattern that covers the images: a sinusoid, or offsets of lines or pieces."""

from dataclasses import dataclass

import numpy as np

from autoStructN2V.vocabulary import Lines

_OBLIQUE = 3.0  # degrees


@dataclass(frozen=True)
class PeriodicPattern:
    """A sinusoid, or offsets of rows or columns or of pieces of them, that cover the images.

    Attributes
    ----------
    period_px : float
        Length of one cycle in pixels, across the stripes; infinite for offsets of rows or
        columns.
    angle_deg : float
        Direction across the stripes: 0 along x, 90 along y (downwards); 0..180.
    amplitude : float
        Amplitude in units of the images; for offsets, their standard deviation.
    variance_share : float
        Share of the images' variance, 0..1.
    is_shared : bool
        For offsets: whether all slices of a stack have the same.
    is_split : bool
        For offsets: whether they differ between the two halves of the rows or columns.
    is_local : bool
        For offsets: whether they fade and end along the rows or columns, as curtains do.
    """

    period_px: float
    angle_deg: float
    amplitude: float
    variance_share: float
    is_shared: bool = False
    is_split: bool = False
    is_local: bool = False

    @property
    def lines(self) -> Lines | None:
        """What has offsets; None for a sinusoid."""
        return None if np.isfinite(self.period_px) else self.parallel_lines

    @property
    def parallel_lines(self) -> Lines | None:
        """What it is parallel to; None if it is oblique."""
        if min(self.angle_deg, 180.0 - self.angle_deg) < _OBLIQUE:
            return "columns"
        return "rows" if abs(self.angle_deg - 90.0) < _OBLIQUE else None

    @property
    def direction(self) -> str:
        """The direction across the stripes in words."""
        if self.parallel_lines is not None:
            return "along x" if self.parallel_lines == "columns" else "along y"
        return f"at {self.angle_deg:.0f} degrees from x towards y"

    @property
    def _halves(self) -> str:
        return "left and right" if self.lines == "rows" else "upper and lower"

    @property
    def sentence(self) -> str:
        """The pattern in plain words."""
        if self.is_local:
            return (
                f"stripes along the {self.lines}, as curtaining makes them, standard deviation "
                f"{self.amplitude:.3g}"
            )
        if self.lines is not None:
            what = f"half {self.lines} ({self._halves})" if self.is_split else f"whole {self.lines}"
            where = ", the same in all slices" if self.is_shared else ""
            return f"offsets of {what}, standard deviation {self.amplitude:.3g}{where}"
        return f"period {self.period_px:.1f} px {self.direction}, amplitude {self.amplitude:.3g}"
