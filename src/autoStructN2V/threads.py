"""How many threads computations may use."""

import os


def usable_threads() -> int:
    """Return the number of threads that this process may use.

    ``OMP_NUM_THREADS``, which PyTorch obeys too, or else the processors that it may run on.
    """
    stated = os.environ.get("OMP_NUM_THREADS", "")
    if stated.isdecimal() and int(stated) > 0:
        return int(stated)
    if hasattr(os, "sched_getaffinity"):  # not on Windows and macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
