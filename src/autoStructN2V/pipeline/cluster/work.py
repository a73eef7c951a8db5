"""What a worker does: denoise the slices of a block and write them into the store."""

from __future__ import annotations

import importlib
import pickle
import socket
import threading
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import autoStructN2V
from autoStructN2V.errors import ClusterError, InputError
from autoStructN2V.inference.predictor import Predictor
from autoStructN2V.models.device import choose_device
from autoStructN2V.models.workers import using_threads
from autoStructN2V.pipeline.results import StackTarget
from autoStructN2V.pipeline.steps.denoising import denoise_slices
from autoStructN2V.pipeline.steps.grid import Grid

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    import numpy as np
    import torch
    from numpy.typing import NDArray

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.datasets.images.writing import SliceWriter
    from autoStructN2V.inference.trained_model import TrainedModel
    from autoStructN2V.vocabulary import DeviceName

_MOST_BYTES = 2**28  # of what travels to each worker: more are pixels, not the way to them

_one_at_a_time = threading.Lock()  # threads of a worker share its GPU
_received = threading.local()  # what stacks keep while they are read is not for two threads


@dataclass(frozen=True)
class ModelToApply:
    """A model, and how it is applied.

    Attributes
    ----------
    model : TrainedModel
    device : {"auto", "cpu", "cuda", "mps"}
        Of each worker.
    cpu_window : int
        Most pixels in a forward pass on a CPU, for all workers the same: so is the result.
    version : str
        Of this program where it was sent from.
    """

    model: TrainedModel
    device: DeviceName
    cpu_window: int
    version: str = autoStructN2V.__version__

    def predictor(self) -> Predictor:
        """Return what applies it in this process."""
        device = choose_device(self.device)
        window = self.cpu_window if device.type == "cpu" else None
        return Predictor.of_model(self.model, self.model.build(device), max_window=window)


@dataclass(frozen=True)
class StackToDenoise:
    """A stack and the place of its result.

    Attributes
    ----------
    source : ImageSource
        As it is read by the network, but for the grid.
    slices : SliceWriter
        Writes into the store.
    """

    source: ImageSource
    slices: SliceWriter


def packed(value: ModelToApply | StackToDenoise) -> bytes:
    """Return something as bytes that a worker can unpack.

    Raises
    ------
    InputError
        If a stack cannot travel, or is too large, as pixels that lie in memory.
    """
    pack = importlib.import_module("cloudpickle").dumps
    if isinstance(value, ModelToApply):
        return bytes(pack(value))
    name = value.source.name
    try:
        found = bytes(pack(value))
    except Exception as error:
        # any part of a stack may refuse in its own way
        raise InputError(
            f"{name} cannot be read by other processes ({type(error).__name__}: {error!s:.80}); "
            "save it as OME-Zarr."
        ) from error
    if len(found) > _MOST_BYTES:
        raise InputError(
            f"{name} lies in memory and is too large to be sent to each worker "
            f"({len(found) / 2**20:.0f} MB); save it as OME-Zarr, which workers can read."
        )
    return found


def denoise_block(model: bytes, stack: bytes, slices: Sequence[int]) -> int:
    """Denoise some slices and write them, in a worker.

    Parameters
    ----------
    model, stack : bytes
        A :class:`ModelToApply` and a :class:`StackToDenoise`, packed.
    slices : sequence of int
        The block.

    Returns
    -------
    int
        Number of slices that were written.

    Raises
    ------
    UserError
        One of the errors of :mod:`autoStructN2V.errors`.
    """
    to_apply: ModelToApply = _once(model, "model", lambda: pickle.loads(model))
    if to_apply.version != autoStructN2V.__version__:
        raise ClusterError(
            f"The worker on {socket.gethostname()} has version {autoStructN2V.__version__} of "
            f"napari-autostructn2v, and {to_apply.version} was asked for; install the same version."
        )
    with using_threads(1):  # as many cores as a worker has threads: they do not fight
        predictor = _once(model, "predictor", to_apply.predictor)
        to_denoise: StackToDenoise = _once(stack, "stack", lambda: pickle.loads(stack))
        _require_shared_disk(to_denoise.slices)
        with _alone_on(predictor.device):
            _denoise(predictor, Grid(to_apply.model.grid_share), to_denoise, slices)
    return len(slices)


def _denoise(
    predictor: Predictor, grid: Grid, stack: StackToDenoise, slices: Sequence[int]
) -> None:
    source, writer = stack.source, stack.slices

    def write(z: int, image: NDArray[np.float32]) -> None:
        if writer.journal is not None:
            writer.journal.require_current()
        writer.write(z, image)

    others = frozenset(range(source.shape[0])) - set(slices)
    for _ in denoise_slices(predictor, grid, source, StackTarget(write, others)):
        pass


def _require_shared_disk(writer: SliceWriter) -> None:
    if writer.journal is not None and not writer.journal.path.exists():
        raise ClusterError(
            f"The worker on {socket.gethostname()} does not see {writer.journal.path.parent}, or "
            "not as it is now; results have to lie on a disk that all workers share under one name."
        )


def _alone_on(device: torch.device) -> AbstractContextManager[object]:
    return nullcontext() if device.type == "cpu" else _one_at_a_time


def _once(content: bytes, kind: str, make: Callable[[], Any]) -> Any:
    """Return what is made of some bytes; a thread keeps the last one of each kind."""
    kept: dict[str, tuple[bytes, Any]] = _received.__dict__
    if kind not in kept or kept[kind][0] != content:
        kept.pop(kind, None)  # two at a time would take twice the memory
        kept[kind] = content, make()
    return kept[kind][1]
