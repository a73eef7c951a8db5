"""The optimizers: Adam, and one that turns the updates of convolutions into orthogonal ones.

A gradient moves a convolution mostly along a few strong directions. Muon replaces the averaged
gradient, seen as a matrix of output channels by inputs, by the nearest orthogonal matrix, so that
weak directions move as far as strong ones. Small networks then learn in fewer steps.

References
----------
Kingma, Ba: Adam. ICLR (2015). arXiv:1412.6980.
Jordan et al.: Muon, an optimizer for hidden layers in neural networks (2024).
https://kellerjordan.github.io/posts/muon/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

import torch
from torch import Tensor, nn

from autoStructN2V.trainers.stepping.compiler import keep_triton_out

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from autoStructN2V.trainers.config import OptimizationConfig

_WARM_UP = 0.1  # share of all steps

_ADAM_BETAS = (0.9, 0.99)
_MOMENTUM = 0.95
_N_ITERATIONS = 5
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of Jordan et al.: singular values end in 0.7..1.2
_FEWEST_CHANNELS = 4  # a layer of fewer inputs or outputs has hardly any directions


def orthogonalized(updates: Sequence[Tensor]) -> list[Tensor]:
    """Return the matrices of nearly equal singular values that are closest in direction.

    Those with equal shorter sides are computed together: a GPU takes as long for one as for many.

    Parameters
    ----------
    updates : sequence of Tensor, (rows, columns)
        Any matrices; each may have a size of its own.

    Returns
    -------
    list of Tensor, (rows, columns)
        Singular values between about 0.7 and 1.2; zero for a matrix of zeros.
    """
    wides = [_unit(update if _is_wide(update) else update.T) for update in updates]
    together: dict[int, list[int]] = {}
    for i, wide in enumerate(wides):
        together.setdefault(len(wide), []).append(i)
    turned = list(wides)
    for numbers in together.values():
        # the iteration acts from the left alone, so it is carried out on the small square matrix
        grams = torch.stack([wides[i] @ wides[i].T for i in numbers])
        for i, left in zip(numbers, _inverse_roots(grams), strict=True):
            turned[i] = left @ wides[i]
    return [t if _is_wide(u) else t.T for t, u in zip(turned, updates, strict=True)]


def _is_wide(matrix: Tensor) -> bool:
    return matrix.shape[0] <= matrix.shape[1]


def _unit(matrix: Tensor) -> Tensor:
    """Return a matrix whose squares sum up to one, or to zero."""
    unit: Tensor = matrix / matrix.norm().clamp_min(1e-12)
    return unit


def _inverse_roots(grams: Tensor) -> Tensor:
    """Return matrices (N, n, n) that turn roots of ``grams`` (N, n, n) into orthogonal ones."""
    a, b, c = _COEFFICIENTS
    left = torch.eye(grams.shape[-1], device=grams.device, dtype=grams.dtype).expand_as(grams)
    for _ in range(_N_ITERATIONS):
        square = left @ grams @ left
        left = a * left + (b * square + c * square @ square) @ left
    return left


class Muon(torch.optim.Optimizer):
    """Orthogonal updates for weights of convolutions.

    Parameters
    ----------
    parameters : iterable of Tensor, (C_out, C_in, h, w)
        Weights.
    lr : float or Tensor
        Size of an update: the largest change of a layer's output relative to its input.
    """

    def __init__(self, parameters: Iterable[Tensor], lr: float | Tensor) -> None:
        super().__init__(list(parameters), {"lr": lr})

    @overload
    def step(self, closure: None = None) -> None: ...

    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    @torch.no_grad()
    def step(self, closure: Any = None) -> float | None:
        """Make one update."""
        loss = None if closure is None else closure()
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            updates = orthogonalized([self._ahead(weight) for weight in weights])
            for weight, update in zip(weights, updates, strict=True):
                _subtract(weight, update.reshape(weight.shape), group["lr"])
        return loss

    def _ahead(self, weight: Tensor) -> Tensor:
        """Return where the averaged gradient of a weight goes, (C_out, C_in h w)."""
        gradient, state = weight.grad, self.state[weight]
        assert gradient is not None
        if not state:
            state["momentum"] = torch.zeros_like(gradient)
        momentum: Tensor = state["momentum"].lerp_(gradient, 1 - _MOMENTUM)
        return gradient.lerp(momentum, _MOMENTUM).flatten(1).float()


def _subtract(weight: Tensor, update: Tensor, lr: float | Tensor) -> None:
    """Change a weight (C_out, C_in, h, w) by an update for an output as large as the input."""
    rows, columns = weight.shape[0], weight[0].numel()
    scale = max(1.0, rows / columns) ** 0.5
    if isinstance(lr, Tensor):  # on a GPU, whose number the host does not know
        weight.sub_(update * (lr * scale))
    else:
        weight.add_(update, alpha=-lr * scale)


class Optimization:
    """Optimizers of a network, their one-cycle learning rate and the scaling of 16-bit gradients.

    Parameters
    ----------
    network : Module
        On its device.
    config : OptimizationConfig
        Optimizer and its highest learning rate.
    n_steps : int
        Steps of the whole training.
    scaler : GradScaler
        Of the device; disabled where gradients need no scaling.

    References
    ----------
    Smith, Topin: Super-convergence. arXiv:1708.07120 (2017).
    """

    def __init__(
        self,
        network: nn.Module,
        config: OptimizationConfig,
        n_steps: int,
        scaler: torch.amp.GradScaler,
    ) -> None:
        self._scaler = scaler
        self._optimizers = optimizers_of(network, config)
        self._rates = [
            torch.optim.lr_scheduler.OneCycleLR(
                optimizer,
                config.learning_rate,
                total_steps=n_steps + 1,
                # at least one step long: the schedule divides by its length
                pct_start=max(min(_WARM_UP, 500 / n_steps), 2 / (n_steps + 1)),
                cycle_momentum=False,
            )
            for optimizer in self._optimizers
        ]

    @property
    def learning_rate(self) -> float:
        """Learning rate of the next step."""
        return float(self._optimizers[0].param_groups[0]["lr"])

    def step(self) -> None:
        """Update the weights by their gradients, and go on in the schedule."""
        self.update()
        self.advance()

    def update(self) -> None:
        """Update the weights by their gradients; on CUDA this can be recorded."""
        for optimizer in self._optimizers:
            self._scaler.step(optimizer)
        self._scaler.update()

    def advance(self, share: float = 1.0) -> None:
        """Set the learning rates of the next step, to a share of what the schedule says."""
        for rate in self._rates:
            rate.step()
        if share != 1.0:
            for group in self._groups:
                group["lr"] *= share  # the schedule does not look at what it was

    @property
    def _groups(self) -> list[dict[str, Any]]:
        """Weights of each optimizer, with their learning rate."""
        return [group for optimizer in self._optimizers for group in optimizer.param_groups]

    @property
    def averages(self) -> list[dict[int, Any]]:
        """Averages of gradients of each optimizer, by the numbers of their weights."""
        return [optimizer.state_dict()["state"] for optimizer in self._optimizers]

    def load_averages(self, averages: Sequence[Mapping[int, Any]]) -> None:
        """Take the averages of another optimization of the same network; the rate begins anew.

        Raises
        ------
        ValueError
            If something is missing or does not fit.
        """
        try:
            for optimizer, found in zip(self._optimizers, averages, strict=True):
                rates = [float(group["lr"]) for group in optimizer.param_groups]
                _load_averages(optimizer, found, rates)
        except (LookupError, TypeError, AttributeError) as error:
            raise ValueError("averages of another optimizer") from error

    def state_dict(self) -> dict[str, Any]:
        """Return averages of gradients and the place in the schedule, as plain values."""
        return {
            "averages": self.averages,
            "rates": [[float(group["lr"])] for group in self._groups],
            "n_steps": self._rates[0].last_epoch,
            "scaler": self._scaler.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take what :meth:`state_dict` returned of an optimization of the same network.

        Raises
        ------
        LookupError, TypeError, ValueError, AttributeError
            If something is missing or does not fit.
        """
        n_steps = state["n_steps"]
        if n_steps not in range(self._rates[0].total_steps + 1):
            raise ValueError("steps beyond the schedule")
        for rate, rates in zip(self._rates, state["rates"], strict=True):
            at_step = {"last_epoch": n_steps, "_step_count": n_steps + 1, "_last_lr": list(rates)}
            rate.load_state_dict({**rate.state_dict(), **at_step})
        parts = zip(self._optimizers, state["averages"], state["rates"], strict=True)
        for optimizer, averages, rates in parts:
            _load_averages(optimizer, averages, rates)
        if self._scaler.is_enabled():
            self._scaler.load_state_dict(state["scaler"])


def _load_averages(
    optimizer: torch.optim.Optimizer, averages: Mapping[int, Any], rates: list[float]
) -> None:
    """Bring an optimizer to a state; its averages have to have the shapes of its weights."""
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    for number, values in averages.items():
        for value in values.values():
            is_known = value.shape in (weights[number].shape, ())
            if not is_known or not value.is_floating_point() or not torch.isfinite(value).all():
                raise ValueError("averages that do not fit")
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": dict(averages), "param_groups": groups})
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(rate)
        else:
            group["lr"] = float(rate)


def optimizers_of(network: nn.Module, config: OptimizationConfig) -> list[torch.optim.Optimizer]:
    """Return what updates the weights of a network: Adam, and Muon for convolutions if asked for.

    Parameters
    ----------
    network : Module
        On its device.
    config : OptimizationConfig
        Optimizer, and its highest learning rate.
    """
    keep_triton_out()
    weights = list(network.parameters())
    turned = [w for w in weights if config.optimizer == "muon" and _is_matrix(w)]
    others = [w for w in weights if all(w is not other for other in turned)]
    device = weights[0].device
    is_cuda = device.type == "cuda"

    def rate() -> Any:
        """Return the learning rate as what can change after a step was recorded."""
        highest = config.learning_rate
        return torch.tensor(highest, device=device) if is_cuda else highest

    adam = torch.optim.Adam(
        others, rate(), _ADAM_BETAS, fused=device.type != "mps", capturable=is_cuda
    )
    return [adam, Muon(turned, rate())] if turned else [adam]


def _is_matrix(weight: Tensor) -> bool:
    return weight.ndim == 4 and min(weight.shape[:2]) >= _FEWEST_CHANNELS
