"""The last epochs of a training, in which no pixels are hidden: begun, watched, and taken back."""

from __future__ import annotations

import copy
import math
from functools import cached_property
from typing import TYPE_CHECKING, Any

from autoStructN2V.trainers.checkpoint import fitting
from autoStructN2V.trainers.events import EpochFinished, Warned

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from torch import nn

    from autoStructN2V.masking.recorruption import NoiseSampler
    from autoStructN2V.trainers.data import RefinementPlan
    from autoStructN2V.trainers.validation import MaskedValidation

WITHOUT_REFINEMENT = "the training keeps its blind spots to the end (no refinement)"
"""What is said where noise cannot be drawn like that of the images."""
_MOST_NOISE = 1.1  # measured variance over the error at hidden pixels, which contains the noise
_CLEAR_RISE = 0.01  # of the error at hidden pixels, beyond what it varies by from epoch to epoch
_MOSTLY_NOISE = 0.5  # that ratio, above which hidden pixels tell whether a network is better


class Refinement:
    """Goes on without blind spots, where noise like the measured one can be drawn.

    Parameters
    ----------
    plan : RefinementPlan or None
        None if there is none.
    n_hidden_epochs : int
        Epochs that hide pixels, before it begins.
    validation : MaskedValidation
        Hidden pixels whose error tells whether the measured noise can be right.

    Attributes
    ----------
    noise : NoiseSampler or None
        Draws the noise that is added to the pixels; None while pixels are hidden.
    limit : float
        Error at hidden pixels, in squared normalized units, below which the latest weights are
        kept: the validation is too coarse to rank them among each other.
    """

    def __init__(
        self, plan: RefinementPlan | None, n_hidden_epochs: int, validation: MaskedValidation
    ) -> None:
        self._plan = plan
        self.n_hidden_epochs = n_hidden_epochs
        self._validation = validation
        self.noise: NoiseSampler | None = None
        self.limit = -math.inf
        self._before: list[dict[str, Any]] = []

    def begin(self, best: float, networks: Sequence[nn.Module]) -> Iterator[Warned]:
        """Begin, unless the measured noise exceeds all that is unexplained.

        Parameters
        ----------
        best : float
            Lowest error at hidden pixels so far, in squared normalized units.
        networks : sequence of Module
            What may have to be brought back.

        Yields
        ------
        Warned
            Why it does not begin.
        """
        if self._plan is None:
            return
        if self._variance >= _MOST_NOISE * best:  # also where no pixel could be compared
            yield Warned(
                "The measured noise is stronger than the whole error at hidden pixels, which "
                f"contains it, so {WITHOUT_REFINEMENT}."
            )
            return
        self.noise = self._plan.noise
        self.limit = best * (1.0 + self._plan.tolerance)
        self._before = [copy.deepcopy(network.state_dict()) for network in networks]

    def is_harmful(self, history: Sequence[EpochFinished]) -> bool:
        """Whether hidden pixels are predicted worse than before it, and clearly ever worse.

        A network that is allowed to see the pixels may predict hidden ones worse at first, and for
        good where what it cannot predict is detail rather than noise.
        """
        if self._plan is None or self.noise is None or len(history) < self.n_hidden_epochs + 2:
            return False
        if self._variance < _MOSTLY_NOISE * self.limit:
            return False
        refined = [report.val_loss for report in history[self.n_hidden_epochs :]]
        is_rising = refined[-1] > (1.0 + _CLEAR_RISE) * min(refined[:-1])
        return is_rising and min(refined) > self.limit

    @cached_property
    def _variance(self) -> float:
        """Variance of the noise of the pixels that are validated, as the network sees them.

        They may be darker or brighter than all are on average.
        """
        assert self._plan is not None
        return self._validation.noise_variance(self._plan.noise) * self._plan.evening

    def end(self, networks: Sequence[nn.Module]) -> Warned:
        """Go back to the weights from before, and to blind spots."""
        for network, weights in zip(networks, self._before, strict=True):
            network.load_state_dict(weights)
        self._before = []
        self.noise = None
        self.limit = -math.inf
        return Warned(
            "The refinement made the result worse, because the noise is not quite what was "
            "measured. It was undone: the result is that of the blind spots alone."
        )

    def state_dict(self) -> dict[str, Any]:
        """Return how far it is, as plain values."""
        return {"is_on": self.noise is not None, "limit": self.limit, "before": self._before}

    def load_state_dict(self, state: Mapping[str, Any], networks: Sequence[nn.Module]) -> None:
        """Take what :meth:`state_dict` returned.

        Parameters
        ----------
        state : mapping
            Plain values.
        networks : sequence of Module
            What may have to be brought back.

        Raises
        ------
        LookupError, TypeError, ValueError, AttributeError
            If something is missing or does not fit.
        """
        if state["is_on"] is not True:
            self.noise, self.limit, self._before = None, -math.inf, []
            return
        if self._plan is None or type(state["limit"]) is not float:
            raise ValueError("a refinement that is not planned")
        before = zip(state["before"], networks, strict=True)
        self._before = [fitting(weights, network) for weights, network in before]
        self.noise, self.limit = self._plan.noise, state["limit"]
