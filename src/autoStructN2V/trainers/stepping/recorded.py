"""Steps on a CUDA device, asked for one operation at a time only until they are recorded.

A step of a small network is a thousand operations of a few microseconds each, and to ask for them
one by one takes several times as long as to compute them. CUDA can record what is asked for and
repeat it as one *graph*. What a step depends on is then on the device: pixels, weights, averages,
learning rates and the random generator, which goes on from one repetition to the next.
"""

from __future__ import annotations

import threading
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

from autoStructN2V.models.device import is_out_of_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

    from torch import Generator, Tensor

_N_BEFORE = 3  # steps that are asked for as usual: libraries choose their algorithms in them
_MOST_AHEAD = 2  # steps asked for and not done: events and cancelling must not lag behind
_ONE_AT_A_TIME = threading.Lock()  # CUDA records for one thread at a time


class StepRecorder:
    """Makes equal steps of a training, by a graph as soon as one is recorded.

    Parameters
    ----------
    generator : Generator
        On a CUDA device; the only one that the steps draw from.
    is_possible : bool
        False for steps that have to wait for the device, which cannot be recorded.

    Attributes
    ----------
    failure : str
        Why steps are asked for although they were to be recorded; empty if they are not.
    """

    def __init__(self, generator: Generator, *, is_possible: bool = True) -> None:
        self._generator = generator
        self._is_possible = is_possible
        self.failure = ""
        self._ends: deque[torch.cuda.Event] = deque()
        self.forget()

    def forget(self) -> None:
        """Forget what is recorded, and give back the memory that a graph keeps for itself.

        Needed where tensors of a step were replaced by others.
        """
        self._kind: Hashable = None
        self._n_made = 0
        self._graph: torch.cuda.CUDAGraph | None = None
        self._result: Tensor | None = None

    def make(self, kind: Hashable, step: Callable[[], Tensor | None]) -> Tensor | None:
        """Make a step.

        Parameters
        ----------
        kind : hashable
            Steps of the same kind ask for the same operations on the same tensors.
        step : callable
            Asks for the operations of a step, and returns what it computes.

        Returns
        -------
        Tensor or None
            What the step returned; the next step may write into it.

        Raises
        ------
        RuntimeError
            What the step raised, and where memory did not suffice for recording it.
        """
        if kind != self._kind:
            self.forget()
            self._kind = kind
        if self._graph is None and self._is_possible and self._n_made == _N_BEFORE:
            self._record(step)
        self._n_made += 1
        if self._graph is None:
            return step()
        self._graph.replay()
        self._wait()
        return self._result

    def _record(self, step: Callable[[], Tensor | None]) -> None:
        """Record a step, which changes nothing yet."""
        graph = torch.cuda.CUDAGraph()
        before = self._generator.clone_state()
        try:
            graph.register_generator_state(self._generator)
            with _ONE_AT_A_TIME, _recorded_into(graph, self._generator.device):
                self._result = step()
        except RuntimeError as error:
            # otherwise it would go on to wait for the end of what is recorded
            self._generator.graphsafe_set_state(before)
            if is_out_of_memory(error):
                raise
            # a driver or library that cannot: slower, and right all the same
            self._is_possible = False
            self.failure = str(error).partition("\n")[0]
            return
        self._graph = graph

    def _wait(self) -> None:
        """Wait until only a few steps are not done."""
        end = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]
        end.record()
        self._ends.append(end)
        if len(self._ends) > _MOST_AHEAD:
            self._ends.popleft().synchronize()


@contextmanager
def _recorded_into(graph: torch.cuda.CUDAGraph, device: torch.device) -> Iterator[None]:
    """Record what this thread asks for, while other threads go on to use the device.

    They may draw from PyTorch's own generator, and would be refused as long as it is recorded; so
    that is a copy of it, from which nothing is drawn. Where recording fails, PyTorch does not go
    back to the stream that was current; this does.
    """
    of_others = torch.cuda.default_generators[device.index or 0]
    state = of_others.graphsafe_get_state()
    of_others.graphsafe_set_state(of_others.clone_state())
    try:
        beside = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        with (
            torch.cuda.stream(torch.cuda.current_stream(device)),
            torch.cuda.graph(graph, stream=beside, capture_error_mode="thread_local"),
        ):
            of_others.graphsafe_set_state(state)
            yield
    finally:
        of_others.graphsafe_set_state(state)
