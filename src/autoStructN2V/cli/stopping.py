"""How a person stops a command, and what is said then."""

from __future__ import annotations

import threading

from autoStructN2V.errors import UserError

stop_requested = threading.Event()


class StoppedError(UserError):
    """The person stopped the run; what was finished is kept."""
