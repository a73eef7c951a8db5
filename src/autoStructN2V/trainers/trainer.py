"""Training of one stage, as a generator of events."""

from __future__ import annotations

import copy
import math
import time
from functools import cached_property
from typing import TYPE_CHECKING

import torch

from autoStructN2V.errors import TrainingError
from autoStructN2V.models.device import is_out_of_memory
from autoStructN2V.models.unet import FlexibleUNet
from autoStructN2V.models.workers import Workers
from autoStructN2V.trainers.checkpoint import Standing
from autoStructN2V.trainers.events import BatchFinished, EpochFinished, Warned
from autoStructN2V.trainers.length import steps_in_epoch
from autoStructN2V.trainers.refinement import Refinement
from autoStructN2V.trainers.result import TrainingResult
from autoStructN2V.trainers.spare_previews import SparePreviews
from autoStructN2V.trainers.stepping.stepper import Stepper
from autoStructN2V.trainers.validation import MaskedValidation, n_patches_worth

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence
    from typing import Any

    from torch import Tensor

    from autoStructN2V.inference.preview import Previewer
    from autoStructN2V.models.config import NetworkConfig
    from autoStructN2V.trainers.checkpoint import Checkpoints
    from autoStructN2V.trainers.config import ScheduleConfig, StageConfig
    from autoStructN2V.trainers.data import TrainingData
    from autoStructN2V.trainers.events import TrainingEvent

_SECONDS_BETWEEN_EVENTS = 0.1


class Trainer:
    """Train a network to predict hidden pixels.

    The learning rate makes one cycle; the weights that are validated, kept and returned are an
    exponential moving average of the trained ones, so that any epoch can be the last.

    Parameters
    ----------
    network : FlexibleUNet
        Network on its device; it is trained in place.
    data : TrainingData
        Pixels, split and kernel.
    config : StageConfig
        Parameters of the stage.
    schedule : ScheduleConfig
        Epochs and early stopping.
    stage : {1, 2}
        Number that the events carry.
    seed : int
        Seed of all random draws.
    hidden_rate : float
        Times the learning rate, while pixels are hidden.

    References
    ----------
    Izmailov et al.: Averaging weights leads to wider optima. UAI (2018). arXiv:1803.05407.
    """

    def __init__(
        self,
        network: FlexibleUNet,
        data: TrainingData,
        config: StageConfig,
        schedule: ScheduleConfig,
        stage: int,
        seed: int,
        *,
        hidden_rate: float = 1.0,
    ) -> None:
        self.network = network
        self.data = data
        self.config = config
        self.schedule = schedule
        self.stage = stage
        self.device = data.bank.device
        n_steps = self.n_steps * schedule.num_epochs
        self.stepper = Stepper(network, data, config, n_steps, seed, hidden_rate=hidden_rate)
        self._standing = Standing(self._weights())
        self._n_epochs_before = 0
        self.validation = MaskedValidation(
            data.bank,
            data.split.validation,
            data.kernel,
            config,
            seed,
            n_patches_worth(self.n_steps * config.batch_size),
        )
        n_hidden = data.n_hidden_epochs(schedule.num_epochs)
        self._refinement = Refinement(data.refinement, n_hidden, self.validation)

    @property
    def averaged(self) -> FlexibleUNet:
        """Network with the averaged weights."""
        return self.stepper.averaged

    @cached_property
    def n_steps(self) -> int:
        """Optimizer steps in one epoch."""
        return steps_in_epoch(self.config, self.data.split, self.schedule.num_epochs)

    def go_on_with(
        self, weights: Mapping[str, Tensor], averages: Sequence[Any] | None = None
    ) -> list[Warned]:
        """Begin with the weights of a model, which count as the best so far.

        Parameters
        ----------
        weights : mapping of str to Tensor
            Of a network of the same kind.
        averages : sequence, optional
            :attr:`TrainingResult.optimizer` of the training that is continued.

        Returns
        -------
        list of Warned
            Why pixels are hidden although the model is refined, if so.

        Raises
        ------
        ValueError
            If they are not those of this network and optimizer.
        """
        for network in (self.network, self.averaged):
            network.load_state_dict(weights)
        self._standing = Standing(self._weights(), best=self.validation.loss(self.averaged))
        if averages is not None:
            self.stepper.load_averages(averages)
        if self._refinement.n_hidden_epochs:
            return []
        return list(self._refinement.begin(self._standing.best, self.stepper.networks))

    def run(
        self,
        should_stop: Callable[[], bool],
        previewer: Previewer | None = None,
        checkpoints: Checkpoints | None = None,
    ) -> Generator[TrainingEvent, None, TrainingResult]:
        """Train until the last epoch, early stopping or ``should_stop``.

        Parameters
        ----------
        should_stop : callable
            Asked after every batch.
        previewer : Previewer, optional
            Shows what the network makes of a slice.
        checkpoints : Checkpoints, optional
            Goes on from the newest, reports again what came before it, and adds others.

        Yields
        ------
        BatchFinished, EpochFinished, Preview, Warned

        Raises
        ------
        TrainingError
            When the loss is not finite before any epoch was finished.
        DeviceError
            When memory does not suffice for a single patch.
        """
        self._started = time.perf_counter()
        previews = SparePreviews(previewer, self.stage)
        if checkpoints is not None:
            yield from self._go_on(checkpoints)
        is_stopped = False
        while not self._is_over and not is_stopped:
            is_whole = yield from self._epoch(should_stop, previews)
            if not is_whole and not should_stop():
                break  # it diverged
            is_stopped = not is_whole
            if checkpoints is not None and is_whole:
                checkpoints.save(self._standing.epoch, self.state_dict, is_last=self._is_over)
        # a model that is gone on from is best until an epoch is better
        if not self._standing.history and not math.isfinite(self._standing.best):
            self._standing.best_weights = self._weights()
        self.network.load_state_dict(self._standing.best_weights)
        self.network.eval()
        is_refined = self._refinement.noise is not None
        averages = self.stepper.averages
        self.stepper.release()
        return TrainingResult(
            self.network, self._standing.history, is_stopped, is_refined, averages
        )

    def state_dict(self) -> dict[str, Any]:
        """Return all that decides how the training goes on, as plain values."""
        return {
            **self.stepper.state_dict(),
            "refinement": self._refinement.state_dict(),
            "standing": self._standing.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what :meth:`state_dict` returned in a training of the same kind.

        Raises
        ------
        LookupError, TypeError, ValueError, AttributeError, RuntimeError
            If something does not fit; only another state makes the training of use then.
        """
        self.stepper.load_state_dict(state)
        self._refinement.load_state_dict(state["refinement"], self.stepper.networks)
        self._standing.load_state_dict(state["standing"], self.averaged)
        self._n_epochs_before = self._standing.epoch

    def _go_on(self, checkpoints: Checkpoints) -> Generator[TrainingEvent, None, None]:
        """Load the newest checkpoint, and report again what came before it."""
        note = checkpoints.restore(self.load_state_dict)
        yield from list(self._standing.history)
        if note is not None:
            yield Warned(note)

    def _epoch(
        self, should_stop: Callable[[], bool], previews: SparePreviews
    ) -> Generator[TrainingEvent, None, bool]:
        """Train and validate for one epoch; return whether it came to its end."""
        standing, start = self._standing, time.perf_counter()
        epoch = standing.epoch + 1
        train_loss = yield from self._train_epoch(epoch, should_stop)
        if should_stop():
            return False
        val_loss = self._validated()
        if not math.isfinite(train_loss + val_loss):
            yield self._diverged(epoch, standing.best)
            return False
        if standing.count(val_loss, self._refinement.limit):
            standing.best_weights = self._weights()
        report = self._report(train_loss, val_loss, time.perf_counter() - start)
        standing.history.append(report)
        yield report
        yield from previews.of(self.averaged, should_stop)
        yield from self._refine()
        return True

    def _validated(self) -> float:
        """Return the error at hidden pixels, also where the training left no memory for it."""
        try:
            return self.validation.loss(self.averaged)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
        self.stepper.release()
        return self.validation.loss(self.averaged)

    def _refine(self) -> Generator[TrainingEvent, None, None]:
        """Begin the refinement, or take it back, where it is time for that."""
        standing = self._standing
        if standing.epoch == self._refinement.n_hidden_epochs:
            standing.epochs_since_best = 0
            yield from self._refinement.begin(standing.best, self.stepper.networks)
        elif self._refinement.is_harmful(standing.history):
            standing.epochs_since_best = 0
            yield self._refinement.end(self.stepper.networks)

    def _train_epoch(
        self, epoch: int, should_stop: Callable[[], bool]
    ) -> Generator[TrainingEvent, None, float]:
        """Make all steps of an epoch and return the mean training loss."""
        self.network.train()
        total = torch.zeros((), device=self.device)
        last_event = time.perf_counter()
        with Workers(self.device) as workers:
            for step in range(1, self.n_steps + 1):
                if should_stop():
                    break
                loss, warning = self.stepper.step(self._refinement.noise, workers, should_stop)
                total += loss
                if warning is not None:
                    yield warning
                now = time.perf_counter()
                if now - last_event > _SECONDS_BETWEEN_EVENTS or step == self.n_steps:
                    last_event = now
                    yield self._progress(epoch, step)
        return float(total) / self.n_steps

    @property
    def _is_over(self) -> bool:
        """Whether the last epoch was reached, or the patience is spent."""
        epoch = self._standing.epoch
        is_last_phase = self.data.refinement is None or epoch > self._refinement.n_hidden_epochs
        is_spent = self._standing.epochs_since_best >= self.schedule.early_stopping_patience
        stops_early = self.schedule.early_stopping and is_spent and is_last_phase
        return epoch >= self.schedule.num_epochs or stops_early

    def _weights(self) -> dict[str, Tensor]:
        return copy.deepcopy(self.averaged.state_dict())

    def _progress(self, epoch: int, step: int) -> BatchFinished:
        n_epochs = self.schedule.num_epochs
        eta = self._eta(epoch - 1 + step / self.n_steps)
        return BatchFinished(self.stage, epoch, n_epochs, step, self.n_steps, eta)

    def _report(self, train_loss: float, val_loss: float, seconds: float) -> EpochFinished:
        return EpochFinished(
            self.stage,
            self._standing.epoch,
            self.schedule.num_epochs,
            train_loss,
            val_loss,
            self._standing.best,
            self.stepper.learning_rate,
            seconds,
            self._eta(self._standing.epoch),
        )

    def _eta(self, epochs_done: float) -> float:
        elapsed = time.perf_counter() - self._started
        per_epoch = elapsed / (epochs_done - self._n_epochs_before)
        return per_epoch * (self.schedule.num_epochs - epochs_done)

    def _diverged(self, epoch: int, best: float) -> Warned:
        cause = (
            f"The loss of stage {self.stage} is not finite in epoch {epoch}; "
            f"lower the learning rate (now {self.config.learning_rate:g})"
        )
        if not math.isfinite(best):
            raise TrainingError(cause + ".")
        return Warned(cause + ". The best weights so far are kept.")


def build_network(config: NetworkConfig, in_channels: int, seed: int) -> FlexibleUNet:
    """Create a network with reproducible initial weights, without touching global randomness."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return FlexibleUNet(config, in_channels)
