"""Dock widget Mask editor."""

from napari_autostructn2v.mask_editor.dock import MaskEditor

__all__ = ["MaskEditor"]
