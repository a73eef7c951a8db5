"""What layers of this plugin are: results, the truth of a sample, parts of a comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_autostructn2v import METADATA_KEY

if TYPE_CHECKING:
    from napari.layers import Layer


def is_result(layer: Layer) -> bool:
    """Tell whether a layer was made by a model of this plugin."""
    return "result" in layer.metadata.get(METADATA_KEY, {})


def is_truth(layer: Layer) -> bool:
    """Tell whether a layer is the clean truth of a sample, which nobody wants to denoise."""
    return "truth" in layer.metadata.get(METADATA_KEY, {})


def is_panel(layer: Layer) -> bool:
    """Tell whether a layer only shows another one in a comparison."""
    return "panel" in layer.metadata.get(METADATA_KEY, {})
