"""The limits of finding pixels that are no signal."""

from dataclasses import dataclass, field

from autoStructN2V.masking.limits import limit


@dataclass(frozen=True)
class OutlierLimits:
    """What counts as an outlier: far from all around it, and alone."""

    chance: float = limit(
        1e-9,
        unit="probability for each pixel",
        separates="outliers from pixels that the noise of the image explains",
        source="one false alarm in a thousand images of a million pixels",
        kind="theory",
    )
    gaussian_shape: float = limit(
        0.786,
        unit="d log(quantile) / d log(-log(probability))",
        separates="tails that are extrapolated as found from those as short as of Gaussian noise",
        source="Gaussian noise between the two measured probabilities; counted or clipped noise "
        "may seem to end",
        kind="theory",
    )
    cliff: float = limit(
        0.1,
        unit="of the height of a peak, mean of the pixels beside it, and one standard error",
        separates="pixels alone from the image of a point through optics",
        source="a Gaussian spot of 0.7 px standard deviation leaves 0.13 beside the four pixels "
        "between which it lies, a wider one more",
        kind="theory",
    )
    most_area: int = limit(
        12,
        unit="px",
        separates="specks and short tracks from areas",
        source="more hide the background that they are compared with",
        kind="theory",
    )
    most_share: float = limit(
        0.2,
        unit="of the pixels",
        separates="outliers from structure or noise that looks like them",
        source="with more, a third of all backgrounds are wrong",
        kind="theory",
    )
    most_sampled: int = limit(
        65_536,
        unit="px of each slice",
        separates="pixels whose scatter is measured from the others",
        source="bounds the time",
        kind="budget",
    )
    fewest_sampled: int = limit(
        200,
        unit="px",
        separates="images that are searched from those that say too little of their scatter",
        source="one pixel lies beyond the less probable of the two quantiles",
        kind="budget",
    )
    smallest_side: int = limit(
        16,
        unit="px",
        separates="images that are searched from those too small to tell",
        source="less has too few pixels for a tail",
        kind="budget",
    )
    shortest_line: int = limit(
        16,
        unit="px, and a quarter of the side",
        separates="stuck lines from equal values by chance",
        source="equal neighbors in clipped images; a column of a detector is stuck at one value",
        kind="budget",
    )


@dataclass(frozen=True)
class MissingLimits:
    """What counts as padding: exactly constant, solid, and sharply bounded."""

    solid: int = limit(
        5,
        unit="px, side of a square of one value",
        separates="padding from pixels that are equal by chance",
        source="25 equal pixels of 8-bit noise are improbable unless they are clipped",
        kind="theory",
    )
    most_outside: float = limit(
        0.02,
        unit="of the pixels outside, all and those near",
        separates="padding from clipped noise and counts of no photon",
        source="where a value occurs by chance, it occurs beside the solid places too",
        kind="theory",
    )


@dataclass(frozen=True)
class InvalidLimits:
    """All limits of finding pixels that are no signal."""

    outliers: OutlierLimits = field(default_factory=OutlierLimits)
    missing: MissingLimits = field(default_factory=MissingLimits)
    most_slices_of_mean: int = limit(
        32,
        unit="slices",
        separates="slices whose mean is searched for fixed outliers from the others",
        source="bounds the time; leaves a sixth of the noise of one slice",
        kind="budget",
    )
    fewest_slices_of_mean: int = limit(
        4,
        unit="slices",
        separates="stacks whose mean is searched from those that are too shallow",
        source="the mean of fewer has hardly less noise than one",
        kind="budget",
    )
    most_kept: int = limit(
        32_000_000,
        unit="bytes",
        separates="places that are kept from those that are found again",
        source="256 million pixels, eight in a byte",
        kind="budget",
    )


INVALID_LIMITS = InvalidLimits()
"""The limits that are used unless others are given."""
