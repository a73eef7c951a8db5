"""The steps of a training: a batch is drawn, and the weights and their average are updated."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from autoStructN2V.errors import DeviceError
from autoStructN2V.models.device import is_out_of_memory
from autoStructN2V.models.unet import FlexibleUNet
from autoStructN2V.trainers.batches import BatchSource
from autoStructN2V.trainers.checkpoint import fitting, load_generator
from autoStructN2V.trainers.events import Warned
from autoStructN2V.trainers.stepping.gradients import Gradients
from autoStructN2V.trainers.stepping.optimizer import Optimization
from autoStructN2V.trainers.stepping.recorded import StepRecorder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torch import Tensor, nn

    from autoStructN2V.masking.recorruption import NoiseSampler
    from autoStructN2V.models.workers import Workers
    from autoStructN2V.trainers.batches import MaskedBatch, RecorruptedBatch
    from autoStructN2V.trainers.config import StageConfig
    from autoStructN2V.trainers.data import TrainingData


class Stepper:
    """Makes the steps of a training.

    Parameters
    ----------
    network : FlexibleUNet
        Network on its device; it is trained in place.
    data : TrainingData
        Pixels, split and kernel.
    config : StageConfig
        Parameters of the stage.
    n_steps : int
        Steps of the whole training.
    seed : int
        Seed of all random draws.
    hidden_rate : float
        Times the learning rate, while pixels are hidden.

    Attributes
    ----------
    batch_size : int
        Patches of the next batch: fewer than configured where memory ran out.
    """

    def __init__(
        self,
        network: FlexibleUNet,
        data: TrainingData,
        config: StageConfig,
        n_steps: int,
        seed: int,
        *,
        hidden_rate: float = 1.0,
    ) -> None:
        self.batch_size = config.batch_size
        self._hidden_rate = hidden_rate
        self._network = network
        self._config = config
        self._device = data.bank.device
        self._generator = torch.Generator(self._device).manual_seed(seed)
        self._batches = BatchSource(
            data.bank, data.split.training, data.kernel, config, self._generator
        )
        precision = _precision(self._device)
        scaler = torch.amp.GradScaler(self._device.type, enabled=precision == torch.float16)
        self._optimization = Optimization(network, config, n_steps, scaler)
        self._gradients = Gradients(network, scaler, precision, config.patch_size)
        # the average spans a few percent of the training, between 10 and 1000 steps
        decay = 1 - 1 / min(1000, max(10, n_steps // 30))
        self._average = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        self._averaged = AveragedModel(network, multi_avg_fn=self._average)
        self._weights = list(network.parameters())
        self._average_weights = list(self._averaged.parameters())
        self._recorder: StepRecorder | None = None
        if self._device.type == "cuda":
            self._recorder = StepRecorder(self._generator, is_possible=not scaler.is_enabled())

    @property
    def averaged(self) -> FlexibleUNet:
        """Network with the averaged weights."""
        network = self._averaged.module
        assert isinstance(network, FlexibleUNet)
        return network

    @property
    def networks(self) -> tuple[nn.Module, nn.Module]:
        """What has weights: the network, and its average with whether there is one yet."""
        return self._network, self._averaged

    @property
    def learning_rate(self) -> float:
        """Learning rate of the next step."""
        return self._optimization.learning_rate

    @property
    def averages(self) -> list[dict[int, Any]]:
        """Averages of gradients of each optimizer, by the numbers of their weights; a copy."""
        return copy.deepcopy(self._optimization.averages)

    def load_averages(self, averages: Sequence[Mapping[int, Any]]) -> None:
        """Take :attr:`averages` of another training; raises as `Optimization.load_averages`."""
        self._optimization.load_averages(averages)
        self._forget()

    def step(
        self, noise: NoiseSampler | None, workers: Workers, should_stop: Callable[[], bool]
    ) -> tuple[Tensor, Warned | None]:
        """Make a step; where memory does not suffice, make the next ones smaller and say so.

        Parameters
        ----------
        noise : NoiseSampler or None
            Draws what is added to the pixels; None to hide some.
        workers : Workers
            Compute the parts of a batch.
        should_stop : callable
            Asked after each part, on CUDA before the step; True leaves the weights as they are.

        Returns
        -------
        loss : Tensor, ()
            0 when stopped, or where memory did not suffice.
        warning : Warned or None

        Raises
        ------
        DeviceError
            When memory does not suffice for a single patch.
        """
        nothing = torch.zeros((), device=self._device)
        try:
            loss = self._updated(noise, workers, should_stop)
        except RuntimeError as error:
            return nothing, self._shrink_batch(error)
        if loss is None:
            return nothing, None
        self._optimization.advance(self._hidden_rate if noise is None else 1.0)
        return loss, self._not_recorded()

    def _updated(
        self, noise: NoiseSampler | None, workers: Workers, should_stop: Callable[[], bool]
    ) -> Tensor | None:
        """Draw a batch, update weights and their average, and return the loss; None if stopped."""
        if self._recorder is None:
            return self._update(noise, workers, should_stop)
        if should_stop():
            return None
        kind = noise, self.batch_size
        return self._recorder.make(kind, lambda: self._update(noise, workers, lambda: False))

    def _update(
        self, noise: NoiseSampler | None, workers: Workers, should_stop: Callable[[], bool]
    ) -> Tensor | None:
        """Do the same, one operation after the other."""
        loss = self._gradients.set_from(self.draw(noise), workers, should_stop)
        if loss is None:
            return None
        self._optimization.update()
        if self._averaged.n_averaged == 0:
            self._averaged.update_parameters(self._network)
        else:  # as AveragedModel does it, but that it sends a number to the device each time
            self._average(self._average_weights, self._weights, 0)
        return loss

    def draw(self, noise: NoiseSampler | None) -> MaskedBatch | RecorruptedBatch:
        """Draw a batch whose pixels are partly hidden, or with noise added."""
        if noise is None:
            return self._batches.draw(self.batch_size)
        return self._batches.draw_recorrupted(self.batch_size, noise)

    def state_dict(self) -> dict[str, Any]:
        """Return all that decides the next steps, as plain values."""
        return {
            "network": self._network.state_dict(),
            "averaged": self._averaged.state_dict(),
            "optimization": self._optimization.state_dict(),
            "random": self._generator.get_state(),
            "batch_size": self.batch_size,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take what :meth:`state_dict` returned in a training of the same kind.

        Raises
        ------
        LookupError, TypeError, ValueError, AttributeError, RuntimeError
            If something does not fit; only another state makes the training of use then.
        """
        for name, network in zip(("network", "averaged"), self.networks, strict=True):
            network.load_state_dict(fitting(state[name], network))
        self._optimization.load_state_dict(state["optimization"])
        load_generator(self._generator, state["random"])
        if state["batch_size"] not in range(1, self._config.batch_size + 1):
            raise ValueError("batches of another size")
        self.batch_size = int(state["batch_size"])
        self._forget()

    def release(self) -> None:
        """Give back the memory that is kept for the next step; a step can follow all the same."""
        for weight in self._weights:
            weight.grad = None
        self._forget()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def _forget(self) -> None:
        """Record anew how a step is made: averages are other tensors now."""
        if self._recorder is not None:
            self._recorder.forget()

    def _not_recorded(self) -> Warned | None:
        """Say once that steps cannot be recorded, if so."""
        if self._recorder is None or not self._recorder.failure:
            return None
        why, self._recorder.failure = self._recorder.failure, ""
        return Warned(
            f"Steps cannot be recorded on this GPU ({why}), so the training takes several times as "
            "long as it could; its result is the same."
        )

    def _shrink_batch(self, error: RuntimeError) -> Warned:
        """Halve the batch when memory ran out; anything else is raised again."""
        if not is_out_of_memory(error):
            raise error
        if self.batch_size == 1:
            raise DeviceError(
                f"Memory of {self._device} does not suffice for one patch of "
                f"{self._config.patch_size} pixels; lower patch_size or features "
                f"(now {self._config.features})."
            ) from error
        self.batch_size //= 2
        self.release()
        return Warned(f"Out of memory: training goes on with batches of {self.batch_size} patches.")


def _precision(device: torch.device) -> torch.dtype:
    if device.type != "cuda":
        return torch.float32
    return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
