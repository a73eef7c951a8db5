"""Dock widget Inference."""

from napari_autostructn2v.inference.dock import Inference

__all__ = ["Inference"]
