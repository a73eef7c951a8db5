"""What PyTorch's compiler loads in a process that draws windows without a graphics card.

The first optimizer makes PyTorch import its compiler, and that imports Triton where it is
installed, as it is with the builds for CUDA. Triton brings an LLVM of its own, and loading it ends
the process at once where Mesa has loaded another, which it does to draw OpenGL in software: on
virtual machines and remote desktops, that is, in napari on many a server with a GPU. Nothing is
compiled here, so Triton is not missed; others in the process do without it from then on, too.
"""

from __future__ import annotations

import sys
from pathlib import Path

_LOADED = Path("/proc/self/maps")  # there on Linux, the only system that Triton is built for
_LLVM = "libLLVM"


def keep_triton_out(loaded: Path = _LOADED) -> None:
    """Make imports of Triton fail as if it was not installed, where they may end the process.

    Parameters
    ----------
    loaded : Path
        Lists the libraries of this process.
    """
    if "triton" in sys.modules:
        return
    try:
        libraries = loaded.read_text(errors="replace")
    except OSError:  # not on Linux, or kept from this process
        return
    if _LLVM in libraries:
        sys.modules["triton"] = None  # type: ignore[assignment]
