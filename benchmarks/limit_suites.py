"""What trials of limits are judged by: for each dataclass of limits, cases and their bars."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
import torch
from scipy import ndimage

from autoStructN2V.datasets import make_sample
from autoStructN2V.datasets.images.sources import ArraySource, read_stack
from autoStructN2V.errors import InputError
from autoStructN2V.masking import (
    ExtractorConfig,
    Kernel,
    NoiseSampler,
    find_patterns,
    measure_noise_autocorrelation,
    propose_kernel,
)
from autoStructN2V.masking.noise.autocorrelation import MAX_LAG
from autoStructN2V.masking.noise.measuring import measure_cleaned
from autoStructN2V.masking.noise.resolution import recorded_share
from autoStructN2V.masking.patterns.pattern_limits import PATTERN_LIMITS
from limit_cases import NoiseCase, noise_cases, pattern_cases
from true_kernel import agreement, true_kernel

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from autoStructN2V.masking import Autocorrelation, KernelProposal
    from autoStructN2V.masking.noise.limits import NoiseLimits
    from autoStructN2V.masking.patterns.removal import PatternRemoval
    from limit_cases import PatternCase

_GOOD = 0.8  # recall and precision: a pair of lags beside the limit may be wrong
_STRENGTH = 0.1  # relative error of the variance
_MOST_LEFT = 0.3  # of the power of a pattern that is removed; tried if its removal is changed
_SHARE = 0.1  # of rows and columns: the power of noise ends softly
_SHADING = 8.0  # px: smoother parts of a pattern do not count
_MOST_OFF = 0.05  # relative error of the standard deviation of noise that is drawn


@dataclass(frozen=True)
class Judged:
    """What came out of one case.

    Attributes
    ----------
    failures : tuple of str
        Of 'missed', 'false alarm' and 'wrong'.
    finding : object
        What was found, to be compared with what is found otherwise.
    recall, precision : float or None
        Of the kernel, where there is something to count.
    """

    failures: tuple[str, ...]
    finding: object
    recall: float | None = None
    precision: float | None = None


@dataclass(frozen=True)
class Outcome:
    """What came out of all cases of a suite, by their names."""

    cases: dict[str, Judged] = field(default_factory=dict)

    def new_failures(self, usual: Outcome) -> list[str]:
        """Return the failures that the default does not have, each with its case."""
        return [
            f"{failure}: {name}"
            for name, judged in self.cases.items()
            for failure in judged.failures
            if failure not in usual.cases[name].failures
        ]

    def n_changes(self, usual: Outcome) -> int:
        """Count the cases in which something else was found."""
        return sum(
            judged.finding != usual.cases[name].finding for name, judged in self.cases.items()
        )

    def summary(self, usual: Outcome) -> dict[str, Any]:
        """Return counts of failures, and recall and precision: the mean and the lowest."""
        counts = Counter(f for judged in self.cases.values() for f in judged.failures)
        first = next(iter(self.new_failures(usual)), None)
        words = ", ".join(f"{n} {failure}" for failure, n in counts.items()) or "no failure"
        return {
            **counts,
            "first": first,
            "recall": _spread(judged.recall for judged in self.cases.values()),
            "precision": _spread(judged.precision for judged in self.cases.values()),
            "text": f"{words} ({first.partition(': ')[2]})" if first else words,
        }


def _spread(values: Iterable[float | None]) -> list[float]:
    known = [value for value in values if value is not None]
    return [float(np.mean(known)), min(known)] if known else []


class Suite(Protocol):
    """Cases, and how limits are judged by them."""

    names: list[str]

    def __call__(self, limits: Any) -> Outcome:
        """Try all cases."""
        ...

    def broken(self, reason: str) -> Outcome:
        """Return the outcome of limits that cannot be computed with."""
        ...


class _Cases:
    names: list[str]

    def broken(self, reason: str) -> Outcome:
        """Return the outcome of limits that cannot be computed with."""
        return Outcome({name: Judged(("wrong",), reason) for name in self.names})


class NoiseSuite(_Cases):
    """Judges limits of measuring noise by the kernel, and by what is said of the noise."""

    def __init__(self, seeds: list[int]) -> None:
        self._cases = [
            (f"{c.name}, seed {s}", c, _without_waves(c)) for s in seeds for c in noise_cases(s)
        ]
        self.names = [name for name, *_ in self._cases]

    def __call__(self, limits: Any) -> Outcome:
        """Try all cases."""
        return Outcome({n: self._tried(c, image, limits) for n, c, image in self._cases})

    def _tried(self, case: NoiseCase, cleaned: NDArray[np.float32], limits: Any) -> Judged:
        try:
            return self._judged(case, cleaned, limits)
        except InputError as refused:  # of these images alone
            return Judged(("missed",), str(refused))

    def _judged(self, case: NoiseCase, cleaned: NDArray[np.float32], limits: Any) -> Judged:
        measured = measure_cleaned(
            [cleaned], (), mode=case.mode, equalize=True, max_lag=MAX_LAG, limits=limits
        )
        judged = judged_kernel(case, propose_kernel(measured, ExtractorConfig()))
        wrong = ("wrong",) if is_wrong(case, measured, limits) else ()
        return replace(judged, failures=judged.failures + wrong)


def _without_waves(case: NoiseCase) -> NDArray[np.float32]:
    """Subtract sinusoids once for all trials, since their limits are tried elsewhere."""
    source = ArraySource(case.noisy)
    removal = find_patterns([source], remove_stripes="off")
    return read_stack(removal.for_measuring(source))


class ExtractionSuite(_Cases):
    """Judges limits of thresholding by the kernel."""

    def __init__(self, seeds: list[int]) -> None:
        self._cases = [
            (f"{c.name}, seed {s}", c, measure_noise_autocorrelation([c.noisy], mode=c.mode))
            for s in seeds
            for c in noise_cases(s)
        ]
        self.names = [name for name, *_ in self._cases]

    def __call__(self, limits: Any) -> Outcome:
        """Try all cases."""
        return Outcome(
            {
                name: judged_kernel(case, propose_kernel(seen, ExtractorConfig(), limits=limits))
                for name, case, seen in self._cases
            }
        )


def judged_kernel(case: NoiseCase, proposal: KernelProposal) -> Judged:
    """Compare a kernel with the true one, or with the number of pixels it should have."""
    statistics = proposal.statistics
    finding = statistics.n_active, statistics.sentence
    if case.task is None:
        fewest, most = case.n_hidden
        failures = ("missed",) * (statistics.n_active < fewest)
        return Judged(failures + ("false alarm",) * (statistics.n_active > most), finding)
    found = agreement(proposal.kernel, true_kernel(case.task, case.mode))
    recall, precision = found["recall"], found["precision"]
    failures = ("missed",) * (recall is not None and recall < _GOOD)
    if recall is None:
        failures += ("false alarm",) * (statistics.n_active > 1)
        return Judged(failures, finding)
    failures += ("false alarm",) * (precision is not None and precision < _GOOD)
    return Judged(failures, finding, recall, precision)


def is_wrong(case: NoiseCase, measured: Autocorrelation, limits: NoiseLimits) -> bool:
    """Whether something else is said of the noise than what it is."""
    said = {
        "is_gaussian": measured.is_gaussian_by(limits.strength),
        "resembles_structure": measured.resembles_structure,
    }
    if any(getattr(case, name) not in (None, value) for name, value in said.items()):
        return True
    if abs(recorded_share(measured, limits.resolution) - case.recorded) > _SHARE:
        return True
    if case.variance is None:
        return False
    return abs(measured.noise_variance / case.variance - 1.0) > _STRENGTH


class PatternSuite(_Cases):
    """Judges limits of patterns by those found, and by those found where there are none."""

    def __init__(self, seeds: list[int]) -> None:
        self._cases = [(f"{c.name}, seed {s}", c) for s in seeds for c in pattern_cases(s)]
        self.names = [name for name, _ in self._cases]

    def __call__(self, limits: Any) -> Outcome:
        """Try all cases."""
        return Outcome({name: self._judged(case, limits) for name, case in self._cases})

    def _judged(self, case: PatternCase, limits: Any) -> Judged:
        removal = find_patterns([ArraySource(case.images)], limits=limits)
        sentences = [pattern.sentence for pattern in removal.patterns]
        kinds = {kind for kind, word in self._WORDS.items() if any(word in s for s in sentences)}
        failures = ("missed",) * (case.kind is not None and case.kind not in kinds)
        failures += ("false alarm",) * (len(sentences) > (case.kind is not None))
        if case.added is None or limits.removal == PATTERN_LIMITS.removal:
            return Judged(failures, sorted(kinds))
        left = share_left(case, removal)
        return Judged(failures + ("wrong",) * (left > _MOST_LEFT), sorted(kinds))

    _WORDS: ClassVar = {
        "wave": "period",
        "columns": "whole columns",
        "rows": "whole rows",
        "halves": "half",
        "stripes": "stripes",
    }


def share_left(case: PatternCase, removal: PatternRemoval) -> float:
    """Return what share of the power of a pattern is left, without what is smooth: shading."""
    assert case.added is not None
    cleaned = read_stack(removal.applied_to(ArraySource(case.images)))
    removed = case.images - cleaned
    fine = [
        image - ndimage.gaussian_filter(image, (0.0, _SHADING, _SHADING))
        for image in (removed - case.added, np.array(case.added))
    ]
    error, pattern = (float(np.square(image, dtype=np.float64).mean()) for image in fine)
    return error / pattern


class LocalStrengthSuite(_Cases):
    """Judges limits of drawing noise by its strength at each pixel, which is known."""

    _SIDE = 64

    def __init__(self, seeds: list[int]) -> None:
        self._seeds = seeds
        self.names = [f"shot noise, seed {seed}" for seed in seeds]

    def __call__(self, limits: Any) -> Outcome:
        """Try all cases."""
        return Outcome(
            {n: self._judged(s, limits) for n, s in zip(self.names, self._seeds, strict=True)}
        )

    def _judged(self, seed: int, limits: Any) -> Judged:
        error = self._error(seed, limits)
        return Judged(("wrong",) * (error > _MOST_OFF), round(error, 3))

    def _error(self, seed: int, limits: Any) -> float:
        """Return the mean relative error of the standard deviation of drawn shot noise."""
        sample = make_sample("shot_noise_lines", seed, (2, 256, 256))
        measured = measure_noise_autocorrelation([sample.noisy])
        flat = replace(measured, variance_slope=0.0)
        cut = slice(0, self._SIDE)
        patch = torch.from_numpy(sample.noisy[:1, cut, cut].copy())[None]
        drawn, even = (self._drawn(m, patch, limits) for m in (measured, flat))
        strength = drawn / even * np.sqrt(measured.noise_variance)
        # half of the variance is shot noise, in proportion to the clean brightness
        clean = sample.clean[0, cut, cut]
        half = 0.5 * float(np.var(sample.noisy - sample.clean))
        true = np.sqrt(half + half * clean / float(sample.clean.mean()))
        return float(np.mean(np.abs(strength / true - 1.0)))

    def _drawn(self, measured: Autocorrelation, patch: torch.Tensor, limits: Any) -> Any:
        sampler = NoiseSampler(
            measured,
            Kernel.center_only(),
            (0.0, 1.0),
            self._SIDE,
            torch.device("cpu"),
            limits=limits,
        )
        return sampler.draw(patch, torch.Generator().manual_seed(0))[0, 0].numpy()


SUITES: dict[str, type[NoiseSuite | ExtractionSuite | PatternSuite | LocalStrengthSuite]] = {
    "NoiseLimits": NoiseSuite,
    "ExtractionLimits": ExtractionSuite,
    "PatternLimits": PatternSuite,
    "LocalStrengthLimits": LocalStrengthSuite,
}
"""The suite of each dataclass of limits that is handed to a function as a whole."""
