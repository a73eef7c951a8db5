"""Answers to a proposed kernel, sent into the running generator."""

from dataclasses import dataclass, field

from numpy.typing import ArrayLike

from autoStructN2V.masking.kernels.config import ExtractorConfig
from autoStructN2V.masking.kernels.kernel import Kernel


@dataclass(frozen=True)
class Approve:
    """Go on to stage 2 with the proposed kernel, or with an edited one.

    Attributes
    ----------
    kernel : Kernel or array_like, or None
        Edited kernel, as an array (h, w) in 2D and (3, h, w) in 2.5D; None: as proposed.
    """

    kernel: Kernel | ArrayLike | None = None


@dataclass(frozen=True)
class Regenerate:
    """Propose again with other extractor parameters."""

    extractor: ExtractorConfig = field(default_factory=ExtractorConfig)


@dataclass(frozen=True)
class Skip:
    """End after stage 1."""


Decision = Approve | Regenerate | Skip
