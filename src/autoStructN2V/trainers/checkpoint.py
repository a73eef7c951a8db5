"""What a training is made of between two epochs, as plain values that it can go on from.

A training that goes on from them draws the same batches and makes the same steps as one that was
never interrupted. They come from a file, which may come from anywhere: values that do not fit are
refused with an error and never believed.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import torch

from autoStructN2V.inference.hostile_files import require_finite
from autoStructN2V.trainers.events import EpochFinished

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor, nn

Weights = dict[str, "Tensor"]
State = dict[str, Any]


class Checkpoints(Protocol):
    """Where the state of a training is kept after each epoch."""

    def restore(self, load: Callable[[Mapping[str, Any]], None]) -> str | None:
        """Load the newest state that is whole, if there is one.

        Parameters
        ----------
        load : callable
            Takes a state; raises for one that does not fit.

        Returns
        -------
        str or None
            What a person should know of it, one sentence.
        """

    def save(self, epoch: int, state: Callable[[], State], *, is_last: bool) -> None:
        """Keep the state after an epoch; one that is not the last may be passed over."""


@dataclass
class Standing:
    """How far a training is.

    Attributes
    ----------
    best_weights : dict of Tensor
        Of the averaged network: what the training returns if it ends now.
    epoch : int
        Epochs that are finished.
    best : float
        Lowest error at hidden pixels, in squared normalized units.
    epochs_since_best : int
        For early stopping.
    history : list of EpochFinished
        One entry for each finished epoch.
    """

    best_weights: Weights
    epoch: int = 0
    best: float = math.inf
    epochs_since_best: int = 0
    history: list[EpochFinished] = field(default_factory=list)

    def count(self, val_loss: float, limit: float) -> bool:
        """Count a finished epoch; return whether its weights are to be kept.

        Parameters
        ----------
        val_loss : float
            Its error at hidden pixels, in squared normalized units.
        limit : float
            Error below which weights are kept even if others were better.
        """
        self.epoch += 1
        self.epochs_since_best = 0 if val_loss < self.best else self.epochs_since_best + 1
        self.best = min(self.best, val_loss)
        return val_loss == self.best or val_loss < limit

    def state_dict(self) -> State:
        """Return it as plain values."""
        return {
            "best_weights": self.best_weights,
            "epochs_since_best": self.epochs_since_best,
            "history": [asdict(epoch) for epoch in self.history],
        }

    def load_state_dict(self, state: Mapping[str, Any], network: nn.Module) -> None:
        """Take plain values; ``network`` is one that the weights have to fit."""
        history = [_epoch(values) for values in state["history"]]
        if [event.epoch for event in history] != list(range(1, len(history) + 1)):
            raise ValueError("epochs that do not follow each other")
        self.best_weights = fitting(state["best_weights"], network)
        self.history = history
        self.epoch = len(history)
        self.best = min((event.best_val_loss for event in history), default=math.inf)
        self.epochs_since_best = _number(state["epochs_since_best"], int)


def fitting(weights: Mapping[str, Any], network: nn.Module) -> Weights:
    """Return weights on the device of a network, if they are its own.

    Raises
    ------
    ValueError, TypeError
        If a name, a shape or a type is another, or a value is not finite.
    """
    wanted = network.state_dict()
    if wanted.keys() != weights.keys():
        raise ValueError("weights of another network")
    found = {}
    for name, own in wanted.items():
        value = weights[name]
        if not isinstance(value, torch.Tensor) or value.layout != torch.strided:
            raise TypeError(f"{name} is no array")
        if value.shape != own.shape or value.dtype != own.dtype:
            raise ValueError(f"{name} has another shape or type")
        found[name] = value.to(own.device)
    require_finite({name: value for name, value in found.items() if value.is_floating_point()})
    return found


def load_generator(generator: torch.Generator, state: Any) -> None:
    """Let a generator go on from a state; raises an error if it is none."""
    if not isinstance(state, torch.Tensor) or state.shape != generator.get_state().shape:
        raise TypeError("no state of a generator")
    generator.set_state(state)


def _epoch(values: Mapping[str, Any]) -> EpochFinished:
    fields = EpochFinished.__dataclass_fields__
    if values.keys() != fields.keys():
        raise ValueError("an epoch with other entries")
    whole = ("stage", "epoch", "n_epochs")
    return EpochFinished(
        **{name: _number(values[name], int if name in whole else float) for name in fields}
    )


def _number(value: Any, kind: type[Any]) -> Any:
    if type(value) is not kind or not math.isfinite(value):
        raise TypeError(f"{value!r:.50} is no number")
    return value
