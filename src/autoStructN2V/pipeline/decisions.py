"""Answers to a proposed kernel, sent into the running generator."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from autoStructN2V.masking.kernels.config import ExtractorConfig


@dataclass(frozen=True)
class Approve:
    """Go on to stage 2 with the proposed kernel, or with an edited one.

    Attributes
    ----------
    kernel : (h, w) bool, or (3, h, w) bool in 2.5D, or None
        Edited kernel; None: as proposed.
    """

    kernel: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class Regenerate:
    """Propose again with other extractor parameters."""

    extractor: ExtractorConfig = field(default_factory=ExtractorConfig)


@dataclass(frozen=True)
class Skip:
    """End after stage 1."""


Decision = Approve | Regenerate | Skip
