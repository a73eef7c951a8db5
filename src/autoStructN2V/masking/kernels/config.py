"""Parameters of kernel extraction."""

from typing import Annotated

from pydantic import AfterValidator, Field

from autoStructN2V.frozen_config import FrozenConfig
from autoStructN2V.masking.kernels.cells import MAX_KERNEL_SIZE

MOST_PERCENTILE = 90.0
"""Percentile of a ring that its threshold does not exceed, however far from the center it is."""
MOST_KERNEL_PIXELS = 50
"""Hidden pixels that a kernel may have at most, however it is found."""


def require_odd(size: int) -> int:
    """Return ``size`` if it is odd: only then is there a central pixel."""
    if size % 2 == 0:
        raise ValueError(f"{size} is even; use {size - 1} or {size + 1}")
    return size


WindowSize = Annotated[
    int,
    Field(
        ge=7,
        le=MAX_KERNEL_SIZE,
        title="Window size",
        description="Side of the window in which the kernel is looked for, odd, in pixels.",
    ),
    AfterValidator(require_odd),
]


class ExtractorConfig(FrozenConfig):
    """Parameters of :func:`autoStructN2V.masking.extract_kernel`."""

    adapt_autocorr: bool = Field(
        True,
        title="Adaptive thresholding",
        description="Give every ring around the center a threshold of its own; off: one "
        "threshold for all, see center ratio threshold.",
    )
    base_percentile: float = Field(
        50.0,
        ge=30.0,
        le=70.0,
        title="Base percentile",
        description="Strictness of the first ring. A pixel must exceed this percentile of the "
        "ring's values taken together with as many values of zero correlation. The smallest "
        "correlation scales with it as well. Higher: fewer pixels.",
    )
    percentile_decay: float = Field(
        1.15,
        ge=1.0,
        le=1.3,
        title="Percentile decay",
        description="Factor by which the percentile grows from ring to ring, up to "
        f"{MOST_PERCENTILE:.0f}. Higher: fewer pixels far from the center.",
    )
    max_true_pixels: int = Field(
        25,
        ge=5,
        le=MOST_KERNEL_PIXELS,
        title="Max masked pixels",
        description="Most pixels that a slice of the kernel may have; the strongest stay. It "
        f"grows with the window, up to {MOST_KERNEL_PIXELS}, where the correlation is longer than "
        "the window.",
    )
    center_size: WindowSize = 11
    grow_window: bool = Field(
        True,
        title="Grow the window",
        description=f"Enlarge the window step by step, up to {MAX_KERNEL_SIZE} pixels, while the "
        "kernel reaches its edge.",
    )
    min_correlation: float = Field(
        0.11,
        ge=0.02,
        le=0.5,
        title="Smallest correlation",
        description="Correlation with the center below which a pixel is never hidden, at a base "
        "percentile of 50. Weaker correlation costs less image quality than hiding the pixel.",
    )
    norm_autocorr: bool = Field(
        True,
        title="Normalize noise level",
        description="Divide the noise by its local strength before averaging, so that dim and "
        "bright regions count alike; off: noisier regions count more.",
    )
    log_autocorr: bool = Field(
        True,
        title="Logarithmic scale",
        description="Interpolate percentiles, and show the autocorrelation, on the scale "
        "log(1 + |value|), which makes weak correlations visible.",
    )
    crop_autocorr: bool = Field(
        True,
        title="Crop to window",
        description="Look for the kernel only within the window; off: at all measured lags, "
        f"up to {MAX_KERNEL_SIZE // 2} pixels from the center.",
    )
    adapt_CB: float = Field(
        50.0,
        ge=10.0,
        le=100.0,
        title="Significance at the center",
        description="How clearly a correlation of the first ring must stand out of the "
        "statistical error: 50 means four standard errors, 100 eight.",
    )
    adapt_DF: float = Field(
        0.95,
        ge=0.8,
        le=1.0,
        title="Significance decay",
        description="Factor by which that demand falls from ring to ring, not below three "
        "standard errors: outer rings are only reached through inner ones.",
    )
    center_ratio_threshold: float = Field(
        0.3,
        ge=0.0,
        le=1.0,
        title="Center ratio threshold",
        description="With adaptive thresholding off: smallest correlation of a kernel pixel, "
        "as a share of the strongest one off the center.",
    )
    use_center_proximity: bool = Field(
        True,
        title="Keep near-equals of the center",
        description="Hide pixels that are almost equal to the center, whatever the percentile "
        "of their ring says.",
    )
    center_proximity_threshold: float = Field(
        0.95,
        ge=0.5,
        le=1.0,
        title="Near-equal from",
        description="Correlation from which a pixel counts as almost equal to the center.",
    )
    keep_center_component_only: bool = Field(
        True,
        title="Only connected pixels",
        description="Drop pixels that are not connected to the center through other pixels of "
        "the kernel (also diagonally, and through neighboring slices in 2.5D), unless their "
        "correlation is beyond doubt.",
    )
