"""Which result is closest to the truth, in figures and in words."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

GAUSSIAN = "gaussian"
"""Name of the best Gaussian filter among the candidates."""

_CLEAR = 2.0  # standard errors by which a difference is told from chance
_ERROR_OF_VARIANCE = 0.03  # of the noise: what is subtracted from a score is not known better
_WORTH_TELLING = 0.05  # dB: smaller differences are none to a person


@dataclass(frozen=True)
class Verdict:
    """Estimated errors of a training's results and of the best Gaussian filter.

    Attributes
    ----------
    errors : dict of str to float
        Mean squared difference from the truth of ``"stage 1"``, ``"stage 2"`` (those that there
        are) and ``"gaussian"``, relative to the variance of the noise. Of very small errors the
        estimate may be negative.
    deviations : dict of str to float
        Standard error of the difference between the error of each and that of ``"gaussian"``.
    gaussian_sigma : float
        Of the best Gaussian filter, in pixels; 0 means that no filter was better than none.
    """

    errors: dict[str, float]
    deviations: dict[str, float]
    gaussian_sigma: float

    @property
    def stages(self) -> dict[str, float]:
        """The errors of the stages alone."""
        return {name: error for name, error in self.errors.items() if name != GAUSSIAN}

    @property
    def best(self) -> str:
        """The stage of the lowest error."""
        return min(self.stages, key=self.stages.__getitem__)

    @property
    def gain_db(self) -> float:
        """How much better the best stage is than the best Gaussian filter, in dB; a cautious one.

        The variance of the noise is known to a few percent, which is added to both errors.
        """
        return self._db(GAUSSIAN, self.best)

    @property
    def gains_db(self) -> dict[str, float]:
        """How much better each stage is than the best Gaussian filter, in dB, as cautiously."""
        return {name: self._db(GAUSSIAN, name) for name in self.stages}

    @property
    def loses_to_gaussian(self) -> bool:
        """Whether the Gaussian filter is clearly better than the best stage."""
        difference = self.errors[self.best] - self.errors[GAUSSIAN]
        return difference > _CLEAR * self.deviations[self.best] and self.gain_db < -_WORTH_TELLING

    @property
    def sentence(self) -> str:
        """The outcome in words."""
        best = f"{self.best[0].upper()}{self.best[1:]}"
        other = next((name for name in self.stages if name != self.best), None)
        than_stage = ""
        if other is not None and (gain := self._db(other, self.best)) >= _WORTH_TELLING:
            than_stage = f"about {gain:.1f} dB better than {other} and "
        if self.loses_to_gaussian:
            what = f"a Gaussian filter of {self.gaussian_sigma:.2g} px"
            if self.gaussian_sigma == 0.0:
                what = "the images as they are"
            return (
                f"{best} is about {-self.gain_db:.1f} dB worse than {what}, as far as these images "
                "can tell: use that, check the kernel, or train longer (preset High quality)."
            )
        if self.gain_db < _WORTH_TELLING:
            than_gaussian = "no better than the best Gaussian filter"
        else:
            than_gaussian = f"about {self.gain_db:.1f} dB better than the best Gaussian filter"
        return (
            f"{best} is {than_stage}{than_gaussian} ({self.gaussian_sigma:.2g} px), as far as "
            "these images can tell."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for a JSON file."""
        return {**asdict(self), "best": self.best, "gain_db": self.gain_db}

    def _db(self, worse: str, better: str) -> float:
        """Return by how much one is better than another, in dB."""
        first, second = (
            max(self.errors[name], 0.0) + _ERROR_OF_VARIANCE for name in (worse, better)
        )
        return 10.0 * math.log10(first / second)
