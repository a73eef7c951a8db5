"""Whether a trained model suits other images: what differs from those it was trained on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from autoStructN2V.datasets.images.checks import MIN_SLICES_25D
from autoStructN2V.datasets.images.matching import as_measured
from autoStructN2V.datasets.normalization import estimate_normalization
from autoStructN2V.errors import InputError
from autoStructN2V.masking.fading import evened
from autoStructN2V.masking.kernels.cells import center_of
from autoStructN2V.masking.kernels.config import ExtractorConfig
from autoStructN2V.masking.kernels.evidence import measure_evidence
from autoStructN2V.pipeline.steps.grid import Grid

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.datasets.normalization import Normalization
    from autoStructN2V.inference.trained_model import TrainedModel
    from autoStructN2V.masking.kernels.evidence import Evidence
    from autoStructN2V.masking.kernels.extraction import KernelProposal
    from autoStructN2V.masking.kernels.kernel import Kernel
    from autoStructN2V.masking.patterns.removal import PatternRemoval
    from autoStructN2V.vocabulary import Mode

_MOST_UNCOVERED = 0.5  # of the correlated noise
_MOST_UNNEEDED = 0.5  # of the hidden pixels
_UNSEEN_SLICES = 0.5  # of a difference that matters: the model works, and could see more
_SLICES_SEEN = 3


def differences(
    sources: Sequence[ImageSource],
    model: TrainedModel,
    should_stop: Callable[[], bool] = lambda: False,
    *,
    removal: PatternRemoval | None = None,
) -> list[str]:
    """Say in plain language where images differ from those that a model was trained on.

    Parameters
    ----------
    sources : sequence of ImageSource
        Images to be denoised.
    model : TrainedModel
        Model to be applied.
    should_stop : callable
        True ends the measurement of the noise.
    removal : PatternRemoval, optional
        What was found in the images, and is left out; without it patterns are looked for.

    Returns
    -------
    list of str
        One sentence per strong difference of the intensities, of the strength of the noise or, for
        a model of stage 2, of the pixels that share noise; empty if the images are alike.
    """
    seen = SeenImages(sources, should_stop, removal=removal, are_prepared=True)
    return seen.differences(model)


@dataclass(frozen=True)
class Fit:
    """How well a model suits images.

    Attributes
    ----------
    misfit : float
        0 where images and training images are alike; each difference of intensities, noise,
        kernel and slices adds 1 where it begins to matter.
    reason : str
        Why, in one or more sentences.
    """

    misfit: float
    reason: str


class SeenImages:
    """What images say of themselves, measured once for any number of models.

    Parameters
    ----------
    sources : sequence of ImageSource
        Images to be denoised.
    should_stop : callable
        True ends the measurement of the noise.
    removal : PatternRemoval, optional
        What was found in the images, and is left out; without it patterns are looked for.
    are_prepared : bool
        Whether slices of stacks that bleach are evened already, if the model wants it. Else that
        is done here, for those models that want it.
    """

    def __init__(
        self,
        sources: Sequence[ImageSource],
        should_stop: Callable[[], bool] = lambda: False,
        *,
        removal: PatternRemoval | None = None,
        are_prepared: bool = False,
    ) -> None:
        self._sources = sources
        self._should_stop = should_stop
        self._removal = removal
        self._are_prepared = are_prepared
        self._intensities: dict[tuple[float, bool], Normalization] = {}
        self._evidence: dict[Mode, Evidence | None] = {}
        self._proposals: dict[tuple[Mode, float], KernelProposal | None] = {}

    def differences(self, model: TrainedModel) -> list[str]:
        """Say where the images differ from those of a model, see :func:`differences`."""
        found = model.normalization.compare(self._normalization(model))
        proposal = self._proposal(model) if model.stage == 2 else None
        if proposal is not None and _uncovered(model, proposal) > _MOST_UNCOVERED:
            found.append(
                "The noise has another pattern than in the training images "
                f"({proposal.statistics.sentence}), so that this model will keep most of it; "
                "train on these images."
            )
        return found

    def fit(self, model: TrainedModel) -> Fit:
        """Tell how well a model, which needs no weights, suits the images, and why."""
        misfit = sum(model.normalization.misfit(self._normalization(model)))
        reasons = self.differences(model)
        for strength, reason in (self._kernel_misfit(model), self._slices_misfit(model)):
            misfit += strength
            reasons += [reason] if reason else []
        return Fit(misfit, " ".join(reasons) or _alike(self._proposal(model)))

    def _kernel_misfit(self, model: TrainedModel) -> tuple[float, str]:
        """Weigh what the kernel leaves uncovered, and what it hides for nothing."""
        proposal = self._proposal(model)
        if proposal is None:
            return 0.0, ""
        uncovered = _uncovered(model, proposal) / _MOST_UNCOVERED
        unneeded = unneeded_share(model.kernel, proposal.kernel)
        reason = ""
        if model.stage == 1 and uncovered > 1.0:
            reason = (
                "It removes only the noise that every pixel has for itself; the kernel of these "
                f"images {proposal.statistics.sentence}."
            )
        elif unneeded > _MOST_UNNEEDED:
            reason = (
                "Its kernel hides pixels that share no noise in these images, which costs detail."
            )
        return uncovered + unneeded, reason

    def _slices_misfit(self, model: TrainedModel) -> tuple[float, str]:
        """Weigh that neighboring slices are missing, or are not used."""
        fewest = min(source.shape[0] for source in self._sources)
        if model.mode == "2.5D" and fewest < _SLICES_SEEN:
            others = "frames before and after" if model.is_along_time else "slices above and below"
            return 1.0, f"It also looks at the {others}, and these images have none."
        if model.mode == "2D" and fewest >= MIN_SLICES_25D:
            return _UNSEEN_SLICES, "It treats the slices of this stack one by one."
        return 0.0, ""

    def _normalization(self, model: TrainedModel) -> Normalization:
        is_evened = not self._are_prepared and bool(model.provenance.get("evens_slices"))
        key = (model.grid_share, is_evened)
        if key not in self._intensities:
            images = self._evened if is_evened else self._sources
            self._intensities[key] = estimate_normalization(Grid(model.grid_share).of(images))
        return self._intensities[key]

    @cached_property
    def _evened(self) -> list[ImageSource]:
        return evened(self._sources, should_stop=self._should_stop)

    def _proposal(self, model: TrainedModel) -> KernelProposal | None:
        """Return the kernel that the images need on the grid of a model; None if unknown."""
        key = (model.mode, model.grid_share)
        if key not in self._proposals:
            evidence = self._measured(model.mode)
            on_grid = None if evidence is None else Grid(model.grid_share).seen_on(evidence)
            config = ExtractorConfig()
            self._proposals[key] = None if on_grid is None else on_grid.propose(config)
        return self._proposals[key]

    def _measured(self, mode: Mode) -> Evidence | None:
        if mode not in self._evidence:
            try:
                self._evidence[mode] = measure_evidence(
                    list(map(as_measured, self._sources)),
                    ExtractorConfig(),
                    mode,
                    self._should_stop,
                    remove_stripes="off",
                    removal=self._removal,
                )
            except InputError:  # too little noise to say anything
                self._evidence[mode] = None
        return self._evidence[mode]


def _uncovered(model: TrainedModel, proposal: KernelProposal) -> float:
    return uncovered_share(model.kernel, proposal.kernel, proposal.autocorrelation.values)


def _alike(proposal: KernelProposal | None) -> str:
    if proposal is None:
        return "Intensities and strength of the noise are like those of the training images."
    return (
        "Intensities, strength and pattern of the noise are like those of the training images "
        f"(the kernel {proposal.statistics.sentence})."
    )


def unneeded_share(kernel: Kernel, needed: Kernel) -> float:
    """Return what share of the pixels that a kernel hides share no noise with the center.

    Parameters
    ----------
    kernel : Kernel
        Pixels that are hidden.
    needed : Kernel
        Pixels that share noise.

    Returns
    -------
    float
        0 to below 1; the center is always needed.
    """
    shared = {tuple(offset) for offset in needed.offsets}
    return sum(tuple(offset) not in shared for offset in kernel.offsets) / kernel.n_hidden


def uncovered_share(kernel: Kernel, needed: Kernel, autocorrelation: NDArray[np.floating]) -> float:
    """Return what share of the correlated noise a kernel leaves uncovered.

    Parameters
    ----------
    kernel : Kernel
        Pixels that are hidden.
    needed : Kernel
        Pixels that share noise.
    autocorrelation : (1 or 3, H, W) float
        Strength of what they share; zero lag in the center, as large as ``needed`` or larger.

    Returns
    -------
    float
        0 (all covered, or nothing to cover) to 1, weighted by the correlation.
    """
    hidden = {tuple(offset) for offset in kernel.offsets}
    offsets = [tuple(offset) for offset in needed.offsets]
    middle = np.array(center_of(autocorrelation))
    weights = [abs(float(autocorrelation[tuple(middle + offset)])) for offset in offsets]
    total = sum(weights)
    missing = (w for w, offset in zip(weights, offsets, strict=True) if offset not in hidden)
    return sum(missing) / total if total > 0 else 0.0
