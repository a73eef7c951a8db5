"""Limits of finding stripes, of telling them from structure, and of removing them."""

from dataclasses import dataclass, field

from autoStructN2V.masking.limits import limit
from autoStructN2V.masking.patterns.limits import (
    CoverageLimits,
    LineLimits,
    ShadingLimits,
    TiltLimits,
)

_CURTAINS = "benchmarks/curtains.py, 83e5a2b, 2026-11-22"
_LOOKALIKES = "layers and fibers of test_stripes.py, 3b3af5a, 2026-11-22"


@dataclass(frozen=True)
class StripeLimits:
    """What counts as stripes that end within the image."""

    lines: LineLimits = field(default_factory=LineLimits)
    coverage: CoverageLimits = field(default_factory=CoverageLimits)
    tilt: TiltLimits = field(default_factory=TiltLimits)
    place_width: int = limit(
        64,
        unit="px across; pieces of the lines are half as long, and all else follows from it",
        separates="stripes from noise that a kernel can hide, which is shorter, and from shading",
        source=_CURTAINS,
    )
    narrowest: int = limit(
        16,
        unit="px across",
        separates="images that are measured from those too narrow",
        source="guards the filters across the lines",
        kind="budget",
    )
    fewest_places: int = limit(
        16,
        unit="places",
        separates="images that are judged from those too small to tell",
        source="the standard error of a share of one half of them is 1/8",
        kind="budget",
    )
    stripe_width: int = limit(
        3,
        unit="px",
        separates="a stripe from what is beside it",
        source=_CURTAINS,
    )
    least_share: float = limit(
        0.5,
        unit="of very many places, in which neighboring pieces have the same stripes",
        separates="stripes, nearly everywhere, from structure along the lines, in some places",
        source=_CURTAINS,
    )
    error_of_share: float = limit(
        1.0,
        unit="over the root of the places of an image, added to the least share",
        separates="stripes from chance where there are few places",
        source="two standard errors of a share of one half",
        kind="theory",
    )
    likeness: float = limit(
        0.6,
        unit="of what neighboring pieces have in common",
        separates="stripes, as much alike with a piece between, from shorter structure; and "
        "curtains, less alike half an image apart, from layers, which do not end",
        source="crops, e7d267c; " + _LOOKALIKES,
    )
    most_of_structure: float = limit(
        1.0,
        unit="of the variance of all else but noise",
        separates="curtains over a sample from lines that are all there is, as kymographs have",
        source="tracks and fibers of test_stripes.py, 4fc6edd, 2026-11-22",
    )

    @property
    def piece_length(self) -> int:
        """Length of the pieces of the lines in px."""
        return self.place_width // 2

    @property
    def typical_width(self) -> int:
        """Steps, an odd number, over which it is measured what is usual around one of them."""
        return self.place_width // 2 * 2 + 1

    @property
    def smooth_width(self) -> int:
        """Steps, an odd number, over which shading is averaged."""
        return self.place_width // 8 * 2 - 1

    @property
    def farthest_shift(self) -> int:
        """Shift in px up to which structure is compared with itself; stripes agree unshifted."""
        return self.place_width // 8

    @property
    def least_share_of_each(self) -> float:
        """Share of the striped places in each quarter, and in most images: half of the least."""
        return self.least_share / 2.0


@dataclass(frozen=True)
class SeparationLimits:
    """How an image is separated into stripes and the rest."""

    length: float = limit(
        8.0,
        unit="times its width",
        separates="stripes, which are longer, from structure",
        source="anything between 6 and 10 fits as well (docs/decisions.md)",
    )
    n_iterations: int = limit(
        40,
        unit="iterations",
        separates="the minimum from what is near enough to it",
        source="bounds the time",
        kind="budget",
    )
    step: float = limit(
        0.6,
        unit="of the standard deviation of the steps",
        separates="scales at which the iterations converge fast from slower ones",
        source="pace: the minimum is the same; residuals after 40 iterations, 3b3af5a, 2026-11-22",
        kind="budget",
    )
    over_relaxation: float = limit(
        1.6,
        unit="weight of the new value",
        separates="fast convergence from slower",
        source="1.5 to 1.8: Boyd et al. (2011), section 3.4.3",
        kind="theory",
    )
    mean_weight: float = limit(
        1e-3,
        unit="weight of the stripes themselves",
        separates="the constant, which may be in either part, from the stripes",
        source="guards a division by 0",
        kind="budget",
    )
    band_width: int = limit(
        2048,
        unit="columns that are separated together",
        separates="images separated at once from those in bands",
        source="bounds the memory",
        kind="budget",
    )
    overlap: int = limit(
        128,
        unit="columns",
        separates="bands that join without a seam from those that do not",
        source="bounds the time",
        kind="budget",
    )


@dataclass(frozen=True)
class StripeRemovalLimits:
    """What of the separated stripes is subtracted."""

    separation: SeparationLimits = field(default_factory=SeparationLimits)
    shading: ShadingLimits = field(default_factory=ShadingLimits)
    padding_radius: int = limit(
        3,
        unit="px",
        separates="padding, of one value all around, from the image",
        source="49 neighbors of one value do not occur by chance where there is noise",
        kind="theory",
    )
    tilt: float = limit(
        12.0,
        unit="degrees from the lines, to both sides",
        separates="directions in which there is structure alone from that of the stripes",
        source=_CURTAINS,
    )
    bandwidth: float = limit(
        0.15,
        unit="relative width of a band of frequencies",
        separates="frequencies whose powers are compared together",
        source=_CURTAINS,
    )
