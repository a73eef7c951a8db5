"""Dock widget Configuration."""

from napari_autostructn2v.configuration.dock import Configuration

__all__ = ["Configuration"]
