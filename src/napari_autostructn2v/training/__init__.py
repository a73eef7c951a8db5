"""Dock widget Training."""

from napari_autostructn2v.training.dock import Training

__all__ = ["Training"]
