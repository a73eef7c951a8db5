"""Blocks given to the workers of a cluster, and taken back when workers die."""

from __future__ import annotations

import importlib
import secrets
import time
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from autoStructN2V.errors import ClusterError, UserError
from autoStructN2V.pipeline.cluster.connection import require_distributed
from autoStructN2V.pipeline.cluster.work import denoise_block

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Block = tuple[int, ...]

_POLL = 0.1  # seconds
_LARGE, _NEVER_LARGE = "distributed.admin.large-graph-warning-threshold", "1 TB"
_GONE = (
    "The scheduler has gone. What was written is kept: start it again, and the same command goes "
    "on."
)
_MOST_RETRIES = 3  # of a block; Dask itself gives each to four workers that die before


def run_blocks(
    client: Any,
    model: bytes,
    stack: bytes,
    blocks: Sequence[Block],
    should_stop: Callable[[], bool],
) -> Iterator[Block | None]:
    """Have blocks denoised.

    A worker that dies costs the blocks that it was at; others get them.

    Parameters
    ----------
    client : distributed.Client
        Of the cluster.
    model, stack : bytes
        As :func:`denoise_block` takes them; they travel once to each worker.
    blocks : sequence of tuple of int
        Slices of each.
    should_stop : callable
        True ends it; what workers are at is written all the same.

    Yields
    ------
    Block or None
        Each block when it is written, in any order; None while there is none.

    Raises
    ------
    UserError
        The first error of a block, or a ClusterError if the scheduler has gone or no worker
        survives a block.
    """
    pending = _submitted(client, model, stack, blocks)
    retries: Counter[str] = Counter()
    completed = require_distributed().as_completed(list(pending), loop=client.loop)
    try:
        while pending and not should_stop():
            _require_running(client)
            batch = completed.next_batch(block=False)
            for future in batch:
                if future.status == "finished":
                    yield pending.pop(future)
                    continue
                if future.status in ("lost", "pending"):  # its worker died; it is made again
                    completed.add(future)
                    continue
                retries[future.key] += 1
                _require_retry(future, retries[future.key], client)
                client.retry([future])
                completed.add(future)
            if not batch:
                time.sleep(_POLL)
                yield None
    finally:
        if client.status == "running":
            client.cancel(list(pending))


def _submitted(
    client: Any, model: bytes, stack: bytes, blocks: Sequence[Block]
) -> dict[Any, Block]:
    """Give all blocks to the scheduler."""
    run = secrets.token_hex(4)
    named = (("model", model), ("stack", stack))
    # a large model is meant to travel
    with importlib.import_module("dask").config.set({_LARGE: _NEVER_LARGE}):
        # tasks, and no data of one worker: they are made again where that worker dies
        shared = [client.submit(bytes, it, key=f"{name}-{run}") for name, it in named]
    return {
        client.submit(denoise_block, *shared, block, key=f"denoise-{run}-{number}"): block
        for number, block in enumerate(blocks)
    }


@contextmanager
def telling_of_loss(client: Any) -> Iterator[None]:
    """Say in one sentence that the scheduler has gone, whatever fails because of that."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        # connections break in ways of their own
        if client.status == "running":
            raise
        raise ClusterError(_GONE) from error


def _require_running(client: Any) -> None:
    if client.status != "running":
        raise ClusterError(_GONE)


def _require_retry(future: Any, n_retries: int, client: Any) -> None:
    """Raise the error of a block, unless workers died at it and others may not."""
    if future.status == "cancelled":
        _require_running(client)
        raise ClusterError(
            "The blocks were cancelled by someone else. What was written is kept, and the same "
            "command goes on."
        )
    error = future.exception()
    if isinstance(error, UserError):
        raise error
    if type(error).__name__ != "KilledWorker":
        raise ClusterError(
            f"A worker failed ({type(error).__name__}: {error!s:.200}); is the same version of "
            "napari-autostructn2v installed on all machines?"
        ) from error
    if n_retries > _MOST_RETRIES:
        raise ClusterError(
            f"The same block ended {4 * n_retries} workers, which is mostly too little memory for "
            "slices of this size; start workers with more memory, or fewer threads each."
        ) from error
