"""The limits of telling a sample that moves fast."""

from dataclasses import dataclass

from autoStructN2V.masking.limits import limit


@dataclass(frozen=True)
class FrameLimits:
    """When a frame of a movie says little about the next one."""

    side: int = limit(
        16,
        unit="px, side of the squares in which frames are compared",
        separates="structure, whose movement counts, from shading, which hardly changes",
        source="holds a few cells of structure, and enough pixels to tell it from noise",
        kind="budget",
    )
    clear_errors: float = limit(
        4.0,
        unit="standard errors of the variance of noise in a square",
        separates="squares with structure from those with noise alone",
        source="one square in 30,000 without structure counts by chance",
        kind="theory",
    )
    least_predicted: float = limit(
        0.5,
        unit="of the variance of structure",
        separates="movies of which neighboring frames help from those of which they hardly do",
        source="of less than half, a frame differs from the next by more than both have in common",
        kind="theory",
    )
    fewest_squares: int = limit(
        8,
        unit="squares with structure",
        separates="movies of which something can be told from the others",
        source="leaves a third of the scatter of one square",
        kind="budget",
    )
    most_pairs: int = limit(
        16,
        unit="pairs of frames of each movie",
        separates="frames that are compared from the others",
        source="bounds the time",
        kind="budget",
    )


FRAME_LIMITS = FrameLimits()
"""The limits that are used unless others are given."""
