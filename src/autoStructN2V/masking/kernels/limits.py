"""What is decided while a kernel is found and named, as data."""

from dataclasses import dataclass
from statistics import NormalDist

from autoStructN2V.masking.limits import limit

_N_NEIGHBORS = 4  # of the eight: opposite ones are the same correlation


@dataclass(frozen=True)
class ExtractionLimits:
    """When a correlation is hidden; the user's own parameters are in ``ExtractorConfig``."""

    false_alarm: float = limit(
        1e-4,
        unit="probability that a pixel whose noise is independent gets a neighbor",
        separates="correlations of the neighbors of a pixel from chance, at the default adapt_CB",
        source="one in 10,000 images; the limit follows from the normal distribution",
        kind="theory",
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

    @property
    def errors_of_first_ring(self) -> float:
        """Standard errors demanded of the neighbors of a pixel, at the default adapt_CB."""
        return -NormalDist().inv_cdf(self.false_alarm / _N_NEIGHBORS)


EXTRACTION_LIMITS = ExtractionLimits()
