"""The way to the workers: a cluster of this machine, or one that was made elsewhere."""

from __future__ import annotations

import importlib
import logging
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoStructN2V.errors import ClusterError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

EXTRA = 'pip install "napari-autostructn2v[distributed]"'
"""Installs the package that runs clusters."""

_PATIENCE = 15  # seconds until a scheduler has to answer, or to have written about itself
_POLL = 0.1  # seconds

_TRIMMING = "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_"
"""Dask makes workers return freed memory at once; a network asks for the same again and again."""

_PROFILER = "distributed.worker.profile.enabled"
"""Dask looks every 10 ms at what workers do, which takes a twentieth of their time."""


@contextmanager
def open_client(scheduler: str | None = None, workers: int | None = None) -> Iterator[Any]:
    """Give a client of a cluster, and leave the cluster at the end.

    Parameters
    ----------
    scheduler : str, optional
        Address of a scheduler, as ``tcp://host:8786``, or the file that it wrote about itself
        (``scheduler.json``).
    workers : int, optional
        Number of workers to start on this machine instead, one thread each.

    Yields
    ------
    distributed.Client

    Raises
    ------
    ConfigError
        If neither or both are given.
    ClusterError
        If Dask is not installed, or no scheduler answers.
    """
    if (scheduler is None) == (workers is None):
        raise ConfigError(
            "A cluster is either one that runs (--scheduler ADDRESS) or one of this machine "
            "(--workers NUMBER); choose one of the two."
        )
    distributed = require_distributed()
    with ExitStack() as stack:
        stack.enter_context(_quiet())
        if workers is not None:
            place = stack.enter_context(_local_cluster(distributed, workers))
            yield stack.enter_context(distributed.Client(place, set_as_default=False))
        else:
            yield stack.enter_context(_connected(distributed, str(scheduler)))


def require_distributed() -> Any:
    """Return the package that runs clusters.

    Raises
    ------
    ClusterError
        If it is not installed.
    """
    try:
        return importlib.import_module("distributed")
    except ImportError as error:
        raise ClusterError(
            "Many machines need the package distributed, which is not installed; install it with: "
            f"{EXTRA}"
        ) from error


def _local_cluster(distributed: Any, n_workers: int) -> Any:
    config = importlib.import_module("dask.config")
    with config.set({_TRIMMING: None, _PROFILER: False}):
        # with a limit, a worker of large slices is paused or ended long before memory runs out
        return distributed.LocalCluster(
            n_workers=n_workers,
            threads_per_worker=1,
            memory_limit=0,
            dashboard_address=":0",
            silence_logs=logging.CRITICAL,
        )


def _connected(distributed: Any, scheduler: str) -> Any:
    is_file = scheduler.endswith(".json")
    if is_file:
        _wait_for(Path(scheduler))
    place = {"scheduler_file": scheduler} if is_file else {"address": scheduler}
    try:
        return distributed.Client(**place, timeout=_PATIENCE, set_as_default=False)
    except Exception as error:
        # what an address can be wrong in is told by errors of many kinds
        raise ClusterError(
            f"No scheduler answers at {scheduler} ({type(error).__name__}: {error!s:.80}); start "
            "one with dask scheduler, and give the address that it prints, as tcp://host:8786."
        ) from error


def _wait_for(file: Path) -> None:
    """Wait a while until a scheduler has written about itself; a client would wait forever."""
    end = time.monotonic() + _PATIENCE
    while not file.exists():
        if time.monotonic() > end:
            raise ClusterError(
                f"No scheduler has written {file}; start one with dask scheduler --scheduler-file, "
                "and give the file that you name there."
            )
        time.sleep(_POLL)


@contextmanager
def _quiet() -> Iterator[None]:
    """Leave the reports of Dask on workers that come and go to its dashboard."""
    log = logging.getLogger("distributed")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(level)
