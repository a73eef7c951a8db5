"""What is decided while a kernel is found and named, as data."""

from dataclasses import dataclass

from autoStructN2V.masking.limits import limit


@dataclass(frozen=True)
class ExtractionLimits:
    """When a correlation is hidden; the user's own parameters are in ``ExtractorConfig``."""

    errors_of_first_ring: float = limit(
        4.0,
        unit="standard errors, at the default of adapt_CB",
        separates="correlations of the neighbors of a pixel from chance, of which there are many",
        source="chosen on synthetic images in November 2026, not re-derived",
    )
    times_beyond_doubt: float = limit(
        2.0,
        unit="of what is demanded of the first ring",
        separates="pixels that share noise although none between them and the center does, as in "
        "two-tap read-out, from remainders of structure",
        source="two-tap noise in a single image of 256 px exceeds it twice; no pixel without a way "
        "to the center exceeds even the demand itself in 8 generated and 20 real images",
    )
    window_step: int = limit(
        4,
        unit="px",
        separates="a window from the next larger one",
        source="bounds the number of windows that are tried",
        kind="budget",
    )


EXTRACTION_LIMITS = ExtractionLimits()
