"""How much memory is free, of this machine or of the part of it that a job was given."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator

_INFO = Path("/proc/meminfo")
_OWN_GROUPS = Path("/proc/self/cgroup")
_GROUPS = Path("/sys/fs/cgroup")
_SHARE_OF_ALL = 0.5  # taken for free where a system does not tell what is
_UNLIMITED = 2**60  # bytes: the first version of groups has a huge limit where there is none


def free_bytes() -> int:
    """Return the bytes that a process may take without others having to leave.

    Containers and batch systems give a job less than the machine has, and a process may have a
    limit of its address space; the lowest of all limits counts.
    """
    limits = (_of_machine(), _of_address_space(), *_of_groups())
    return max(0, min((limit for limit in limits if limit is not None), default=2**32))


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


def _of_address_space() -> int | None:
    """Return what is left of the limit of the addresses of this process."""
    if not hasattr(psutil, "RLIMIT_AS"):  # Windows and macOS have none
        return None
    process = psutil.Process()
    limit, _ = process.rlimit(psutil.RLIMIT_AS)
    is_limited = limit not in (psutil.RLIM_INFINITY, -1)
    return int(limit - process.memory_info().vms) if is_limited else None


def _of_groups() -> Iterator[int | None]:
    """Yield what is left of each control group that this process is in (Linux)."""
    try:
        lines = _OWN_GROUPS.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers in ("", "memory"):
            top = _GROUPS / controllers
            folder = top / path.lstrip("/")
            # inside of a container the path is that of the outside, and its group is the top
            for group in (folder, *folder.parents):
                yield _of_group(group, is_second=not controllers)
                if group == top:
                    break


def _of_group(group: Path, *, is_second: bool) -> int | None:
    """Return what is left of a group of the second or first version; None if nothing limits it."""
    names = ("memory.max", "memory.current", "inactive_file")
    if not is_second:
        names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
    try:
        limit, used = (int((group / name).read_text()) for name in names[:2])
    except (OSError, ValueError):  # none, or "max"
        return None
    try:
        counts = (group / "memory.stat").read_text().splitlines()
        # files that were read are kept as long as nobody needs the memory
        kept = int(dict(line.split() for line in counts).get(names[2], 0))
    except (OSError, ValueError):
        kept = 0
    return limit - used + kept if limit < _UNLIMITED else None
