"""The limits of all detectors of patterns together, and of the removal."""

from dataclasses import dataclass, field

from autoStructN2V.masking.limits import limit
from autoStructN2V.masking.patterns.limits import (
    DemodulationLimits,
    HalfLimits,
    LineLimits,
    ProfileLimits,
    SinusoidLimits,
)
from autoStructN2V.masking.patterns.stripe_limits import StripeLimits, StripeRemovalLimits
from autoStructN2V.sampling import MOST_SLICES


@dataclass(frozen=True)
class RemovalLimits:
    """What the removal of each pattern is limited by."""

    sinusoids: DemodulationLimits = field(default_factory=DemodulationLimits)
    profiles: ProfileLimits = field(default_factory=ProfileLimits)
    stripes: StripeRemovalLimits = field(default_factory=StripeRemovalLimits)
    most_slices_of_mean: int = limit(
        64,
        unit="slices",
        separates="slices in which shared offsets are measured from the others",
        source="bounds the time; leaves an eighth of the noise of one slice",
        kind="budget",
    )
    most_kept: int = limit(
        64_000_000,
        unit="px",
        separates="cleaned slices that are kept from those that are cleaned again",
        source="256 MB",
        kind="budget",
    )


@dataclass(frozen=True)
class PatternLimits:
    """All limits of finding and removing patterns."""

    sinusoids: SinusoidLimits = field(default_factory=SinusoidLimits)
    lines: LineLimits = field(default_factory=LineLimits)
    halves: HalfLimits = field(default_factory=HalfLimits)
    stripes: StripeLimits = field(default_factory=StripeLimits)
    removal: RemovalLimits = field(default_factory=RemovalLimits)
    most_slices: int = limit(
        MOST_SLICES,
        unit="slices",
        separates="slices in which patterns are looked for from the others",
        source="bounds the time",
        kind="budget",
    )
    fewest_of_means: int = limit(
        8,
        unit="slices of each stack",
        separates="slices whose mean is searched for shared offsets from the others",
        source="halves the noise of a slice, in each of two means",
        kind="budget",
    )


PATTERN_LIMITS = PatternLimits()
"""The limits that are used unless others are given."""
