"""Limits of finding stripes, of telling them from structure, and of removing them."""

from dataclasses import dataclass, field

from autoStructN2V.masking.limits import limit
from autoStructN2V.masking.patterns.limits import LineLimits

_CURTAINS = "benchmarks/curtains.py, 83e5a2b, 2026-11-22"
_LOOKALIKES = "layers and fibers of test_stripes.py, 3b3af5a, 2026-11-22"


@dataclass(frozen=True)
class StripeLimits:
    """What counts as stripes that end within the image."""

    lines: LineLimits = field(default_factory=LineLimits)
    piece_length: int = limit(
        32,
        unit="px along the lines",
        separates="stripes from noise that a kernel can hide, which is shorter",
        source=_CURTAINS,
    )
    place_width: int = limit(
        64,
        unit="px across",
        separates="one place, where the steps of two pieces are compared, from the next",
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
        source=_CURTAINS,
    )
    smooth_width: int = limit(
        15,
        unit="steps",
        separates="steps of stripes from shading, which is slower",
        source=_CURTAINS,
    )
    typical_width: int = limit(
        65,
        unit="steps",
        separates="what is usual around a step from what is usual elsewhere",
        source=_CURTAINS,
    )
    clip: float = limit(
        6.0,
        unit="times the usual step",
        separates="stripes from edges of structure; what is larger counts no more",
        source=_CURTAINS + "; without it layers were taken for stripes (docs/decisions.md)",
    )
    least_correlation: float = limit(
        0.3,
        unit="correlation of the steps of two pieces",
        separates="places with the same stripes from noise",
        source=_CURTAINS,
    )
    farthest_shift: int = limit(
        8,
        unit="px",
        separates="stripes, exactly along the lines, from structure, which agrees when shifted",
        source=_CURTAINS,
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
        source="crops, e7d267c, 2026-11-22",
    )
    least_share_of_quarter: float = limit(
        0.2,
        unit="of the places in each quarter of the images",
        separates="stripes, nearly everywhere, from structure in one region",
        source=_CURTAINS,
    )
    least_share_of_images: float = limit(
        0.75,
        unit="of the images, with half of the least share of such places",
        separates="stripes, in all slices, from structure in some",
        source=_LOOKALIKES,
    )
    least_long: float = limit(
        0.6,
        unit="pieces with one between them that are alike, for each place",
        separates="stripes from shorter structure",
        source="crops, e7d267c, 2026-11-22",
    )
    most_endless: float = limit(
        0.6,
        unit="correlation of pieces half an image apart, relative to neighbors",
        separates="curtains, which fade and end, from layers, which do not",
        source=_LOOKALIKES,
    )
    largest_tilt: float = limit(
        2.5,
        unit="degrees from the lines",
        separates="layers that are looked for from structure that is not like stripes",
        source="tilted layers of test_stripes.py, 263872e, 2026-11-22",
    )
    most_of_structure: float = limit(
        1.0,
        unit="of the variance of all else but noise",
        separates="curtains over a sample from lines that are all there is, as kymographs have",
        source="tracks and fibers of test_stripes.py, 4fc6edd, 2026-11-22",
    )


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
        source="residuals after 40 iterations, 3b3af5a, 2026-11-22",
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
    padding_radius: int = limit(
        3,
        unit="px",
        separates="padding, of one value all around, from the image",
        source=_CURTAINS,
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
    shading_scale: float = limit(
        24.0,
        unit="px across the lines",
        separates="stripes from shading, which is smoother and stays",
        source=_CURTAINS,
    )
