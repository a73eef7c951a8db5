"""A model applied to stacks by the workers of a cluster, with its progress."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import torch

from autoStructN2V.datasets.images.formats.registry import ZARR, result_format
from autoStructN2V.errors import ConfigError
from autoStructN2V.inference.predictor import largest_window
from autoStructN2V.pipeline.clock import PredictionClock
from autoStructN2V.pipeline.cluster.blocks import plan_blocks
from autoStructN2V.pipeline.cluster.running import run_blocks, telling_of_loss
from autoStructN2V.pipeline.cluster.work import ModelToApply, StackToDenoise, packed
from autoStructN2V.trainers.events import Warned

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from pathlib import Path

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.datasets.images.writing import StackWriter
    from autoStructN2V.inference.trained_model import TrainedModel
    from autoStructN2V.pipeline.events import PredictionProgress
    from autoStructN2V.vocabulary import DeviceName

_TOLD_EVERY = 0.5  # seconds between reports while no block is finished


def require_stores(outputs: Sequence[Path], *, doubt: bool = False) -> None:
    """Refuse results that several processes cannot write together.

    Raises
    ------
    ConfigError
        If one is no OME-Zarr, or maps of doubt are asked for.
    """
    others = [path for path in outputs if result_format(path) is not ZARR]
    if others:
        raise ConfigError(
            f"{others[0]} cannot be written by several workers at once; name an output that ends "
            "with .ome.zarr, or leave --workers and --scheduler out."
        )
    if doubt:
        raise ConfigError(
            "A map of doubt needs the slices on one machine; leave out --doubt, or --workers and "
            "--scheduler."
        )


class ClusterDenoiser:
    """A model that is ready to be applied to some stacks, as by a :class:`Denoiser`.

    Parameters
    ----------
    client : distributed.Client
        Of the cluster.
    model : TrainedModel
        Model to apply.
    sources : sequence of ImageSource
        All stacks that will be denoised.
    should_stop : callable
        Asked often; True ends the stack at hand.
    device : {"auto", "cpu", "cuda", "mps"}
        That each worker computes on.
    """

    def __init__(
        self,
        client: Any,
        model: TrainedModel,
        sources: Sequence[ImageSource],
        should_stop: Callable[[], bool],
        device: DeviceName,
    ) -> None:
        # as this machine would do it alone, so that results are the same
        window = largest_window(torch.device("cpu"), model.network_config.features)
        self._client = client
        self._mode = model.mode
        self._model = packed(ModelToApply(model, device, window))
        self._clock = PredictionClock(model.stage, sum(source.shape[0] for source in sources))
        self._should_stop = should_stop
        self._is_told = False

    def leave_out(self, source: ImageSource) -> None:
        """Count no slices of a stack that is denoised already."""
        self._clock.leave_out(source.shape[0])

    def denoise(
        self, source: ImageSource, stack: StackWriter
    ) -> Generator[PredictionProgress | Warned, object, None]:
        """Have the slices of one stack denoised that are not in its store yet."""
        with telling_of_loss(self._client):
            yield from self._denoise(source, stack)

    def _denoise(
        self, source: ImageSource, stack: StackWriter
    ) -> Generator[PredictionProgress | Warned, object, None]:
        self._clock.leave_out(len(stack.finished))
        n_threads = sum(self._client.ncores().values())
        missing = frozenset(range(source.shape[0])) - stack.finished
        blocks = plan_blocks(source, missing, self._mode, n_threads)
        if not self._is_told:
            yield Warned(self._introduction(n_threads))
            self._is_told = True
        content = packed(StackToDenoise(source, stack.slices))
        began = told = time.monotonic()
        n_done = 0
        for block in run_blocks(self._client, self._model, content, blocks, self._should_stop):
            now = time.monotonic()
            for z in block or ():
                stack.wrote(z)
            n_done += block is not None
            if block is not None or now - told > _TOLD_EVERY:
                told = now
                yield self._clock.advance(len(block or ()), n_done / max(now - began, 1e-3))

    def _introduction(self, n_threads: int) -> str:
        n_workers = len(self._client.ncores())
        who = f"{n_workers} {'worker' if n_workers == 1 else 'workers'}, {n_threads} threads"
        found = who if n_workers else "No worker yet: the work begins when the first one comes"
        return f"{found}; dashboard: {self._client.dashboard_link}"
