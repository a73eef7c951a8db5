"""How much memory is free, of this machine or of the part of it that a job was given."""

import os
from pathlib import Path

_INFO = Path("/proc/meminfo")
_GROUP = Path("/sys/fs/cgroup")
_SHARE_OF_ALL = 0.5  # taken for free where a system does not tell what is


def free_bytes() -> int:
    """Return the bytes that a process may take without others having to leave.

    Containers and batch systems give a job less than the machine has; of both limits the lower one
    counts.
    """
    found = [limit for limit in (_of_machine(), _of_group()) if limit is not None]
    return max(0, min(found, default=2**32))


def _of_machine() -> int | None:
    try:
        for line in _INFO.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
        return None
    except (OSError, ValueError, IndexError):
        pass
    try:  # macOS
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None
    return int(_SHARE_OF_ALL * total)


def _of_group() -> int | None:
    """Return what is left of the limit of a control group (Linux)."""
    try:
        limit = int((_GROUP / "memory.max").read_text())
        used = int((_GROUP / "memory.current").read_text())
    except (OSError, ValueError):  # none, or "max"
        return None
    return limit - used
