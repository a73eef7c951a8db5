"""What the last denoising made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import weakref
    from pathlib import Path

    from napari.layers import Image

    from napari_autostructn2v.session.state import TaskState


@dataclass(frozen=True)
class Denoised:
    """What a model made of images, and where it is.

    Attributes
    ----------
    task : TaskState
        How the work ended.
    files : tuple of Path
        Written to disk.
    layer : weak reference to an image layer, or None
        Added to the viewer.
    """

    task: TaskState
    files: tuple[Path, ...] = ()
    layer: weakref.ref[Image] | None = None
