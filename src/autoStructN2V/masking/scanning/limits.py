"""The limits of finding rows that lie beside the others."""

from dataclasses import dataclass

from autoStructN2V.masking.limits import limit


@dataclass(frozen=True)
class ScanLimits:
    """When odd rows count as shifted against even ones."""

    least_shift: float = limit(
        0.2,
        unit="px",
        separates="shifts that are corrected from those that change nothing",
        source="shifting by less costs a band-limited signal under a hundredth of its variance",
        kind="theory",
    )
    clear_errors: float = limit(
        8.0,
        unit="standard errors, and of the difference of two halves",
        separates="shifts from chance",
        source="far beyond chance: the error assumes rows that vary independently",
        kind="theory",
    )
    most_error: float = limit(
        0.2,
        unit="px, standard error",
        separates="rows that have enough in common from those that agree by chance",
        source="noise alone agrees at single frequencies, which leaves at least 0.3",
        kind="theory",
    )
    least_side: float = limit(
        0.5,
        unit="of what a shift would give",
        separates="shifts from noise along a diagonal, which lies as far to the other side",
        source="half way between a shift, 1, and no side, 0",
        kind="theory",
    )
    most_shift: float = limit(
        12.0,
        unit="px",
        separates="shifts that are looked for from those that are not",
        source="bounds the search; scanners are off by several pixels",
        kind="budget",
    )
    most_slices: int = limit(
        8,
        unit="slices of each stack",
        separates="slices that are searched from the others",
        source="bounds the time",
        kind="budget",
    )
    smallest_side: int = limit(
        32,
        unit="px",
        separates="images that are searched from those too small to tell",
        source="a shift of several pixels has to be seen within a row",
        kind="budget",
    )


SCAN_LIMITS = ScanLimits()
"""The limits that are used unless others are given."""
