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
    doubt : float
        Share of the variance of the noise that may be structure which looks like noise.
    is_learned : bool
        Whether the networks learned from the very pixels that are judged, as in images too small
        to hold any out: what they know of the noise there counts in their favor.
    is_without_patterns : bool
        Whether patterns were removed first, and the filter applied to the images without them.
    """

    errors: dict[str, float]
    deviations: dict[str, float]
    gaussian_sigma: float
    doubt: float = 0.0
    is_learned: bool = False
    is_without_patterns: bool = False

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
    def least_gain_db(self) -> float:
        """The same if all that is in doubt is structure, in dB.

        A filter keeps structure, and a network that took it for noise removes it. Then both errors
        were measured against too much noise, and that of the filter holds twice what it kept.
        """
        best, gaussian = self.errors[self.best], self.errors[GAUSSIAN]
        return _gain_db(gaussian - self.doubt, best + self.doubt)

    @property
    def is_open(self) -> bool:
        """Whether the filter may as well be better, for all that is in doubt."""
        is_gain = self.gain_db >= _WORTH_TELLING
        return is_gain and (self.is_learned or self.least_gain_db < _WORTH_TELLING)

    @property
    def is_tie(self) -> bool:
        """Whether the best stage and the filter differ by less than a person would notice."""
        return abs(self.gain_db) < _WORTH_TELLING

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
            what, that = f"a Gaussian filter of {self.filter_text}", "that"
            if self.gaussian_sigma == 0.0:
                how = "without patterns" if self.is_without_patterns else "as they are"
                what, that = f"the images {how}", "those"
            return (
                f"{best} is about {-self.gain_db:.1f} dB worse than {what}, as far as these images "
                f"can tell: use {that}, check the kernel, or train longer where the images are "
                "many enough (preset High quality)."
            )
        about = "at best" if self.is_open else "about"
        by = f"{about} {self.gain_db:.1f} dB" if self.gain_db >= _WORTH_TELLING else "no"
        why = f": {self._why_open}" if self.is_open else ""
        return (
            f"{best} is {than_stage}{by} better than the best Gaussian filter "
            f"({self.filter_text}), as far as these images can tell{why}."
        )

    @property
    def filter_text(self) -> str:
        """Width of the best filter, and what it was applied to."""
        width = f"{self.gaussian_sigma:.2g} px"
        return f"{width} on the images without patterns" if self.is_without_patterns else width

    @property
    def _why_open(self) -> str:
        if self.is_learned:
            return "they are too small to judge on pixels that nothing was learned from"
        return "noise and fine structure look alike in them"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for a JSON file."""
        gains = {"gain_db": self.gain_db, "least_gain_db": self.least_gain_db}
        return {**asdict(self), "best": self.best, **gains}

    def _db(self, worse: str, better: str) -> float:
        """Return by how much one is better than another, in dB."""
        return _gain_db(self.errors[worse], self.errors[better])


@dataclass(frozen=True)
class NoVerdict:
    """Why results could not be compared.

    Attributes
    ----------
    why : str
        The reason, as a sentence.
    """

    why: str

    @property
    def sentence(self) -> str:
        """What is said in place of a verdict."""
        return f"The results are not compared with a Gaussian filter. {self.why}"


def _gain_db(worse: float, better: float) -> float:
    """Return by how much one error is below another in dB, given that neither is known well."""
    first, second = (max(error, 0.0) + _ERROR_OF_VARIANCE for error in (worse, better))
    return 10.0 * math.log10(first / second)
