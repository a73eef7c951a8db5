"""Work in parts that the cores of a processor compute side by side."""

from __future__ import annotations

import os
import threading
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self, TypeVar

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

PartT = TypeVar("PartT")
ResultT = TypeVar("ResultT")

_PARTS_AHEAD = 2  # for each thread: one at work and one that waits for it


def n_workers(device: torch.device) -> int:
    """Return how many parts a device computes at once: the threads of PyTorch, one on a GPU."""
    return torch.get_num_threads() if device.type == "cpu" else 1


@contextmanager
def using_threads(n_threads: int = 0) -> Iterator[None]:
    """Let PyTorch use so many threads, in this thread of the program.

    Parameters
    ----------
    n_threads : int
        0 for as many as it uses by itself, less one where these are more than two and the
        environment variable ``OMP_NUM_THREADS`` does not ask for them: a window stays quick.
    """
    with _uses.one_more() as usual:
        is_asked_for = "OMP_NUM_THREADS" in os.environ
        torch.set_num_threads(n_threads or (usual if usual <= 2 or is_asked_for else usual - 1))
        yield


class _Uses:
    """What is to be restored when the threads that were asked for are not needed any more.

    A thread of the program that starts while another one works begins with the number that was set
    last, wherever that was: it is neither what PyTorch uses by itself nor to be restored.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._usual = 0
        self._under_way: Counter[int] = Counter()  # by thread of the program

    @contextmanager
    def one_more(self) -> Iterator[int]:
        """Give the number that PyTorch uses by itself; restore it, or that of an outer use."""
        thread = threading.get_ident()
        with self._lock:
            if not self._under_way.total():
                self._usual = torch.get_num_threads()
            before = torch.get_num_threads() if self._under_way[thread] else self._usual
            self._under_way[thread] += 1
        try:
            yield self._usual
        finally:
            with self._lock:
                self._under_way -= Counter([thread])
                # generators that are closed in another order than opened leave nothing behind
                torch.set_num_threads(before if self._under_way.total() else self._usual)


_uses = _Uses()


class Workers:
    """Threads that compute the parts of a whole, each part on one core.

    By itself PyTorch divides every operation among its threads, which then wait for the slowest.
    Where other programs hold a core that is most of the time: a step of training takes ten times
    as long with two threads as with one. Parts that are computed side by side wait for each other
    once, at their end. What a part is does not depend on the number of threads, so neither does
    any result.

    Within the context, PyTorch uses one thread in each thread of the program.

    Parameters
    ----------
    device : torch.device
        Where the parts are computed; a GPU gets one after the other.
    """

    def __init__(self, device: torch.device) -> None:
        self._n = n_workers(device)
        self._pool: ThreadPoolExecutor | None = None

    def __enter__(self) -> Self:
        """Start the threads."""
        if self._n > 1:
            torch.set_num_threads(1)
            # what threads begin with can be set by another one meanwhile
            self._pool = ThreadPoolExecutor(
                self._n, "autostructn2v-part", torch.set_num_threads, (1,)
            )
        return self

    def __exit__(self, *exception: object) -> None:
        """Wait for parts at work, drop the others, and end the threads."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            torch.set_num_threads(self._n)

    def map(
        self, function: Callable[[PartT], ResultT], parts: Iterable[PartT]
    ) -> Iterator[ResultT]:
        """Yield ``function(part)`` in the order of ``parts``, a few of which are read ahead.

        What makes gradients, or none, has to be said in ``function``: PyTorch keeps that for
        each thread.
        """
        if self._pool is None:
            yield from map(function, parts)
            return
        pending: deque[Future[ResultT]] = deque()
        for part in parts:
            pending.append(self._pool.submit(function, part))
            if len(pending) == _PARTS_AHEAD * self._n:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
