"""Results side by side."""

from napari_autostructn2v.comparison.command import toggle_comparison

__all__ = ["toggle_comparison"]
