"""Whether slices are seen with those above and below them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoStructN2V.datasets.images.checks import MIN_SLICES_25D
from autoStructN2V.pipeline import PipelineConfig
from napari_autostructn2v.widgets.editors import SegmentedChoice
from napari_autostructn2v.widgets.forms import choices_of

if TYPE_CHECKING:
    from napari_autostructn2v.layers.stacks import LayerStacks


class ModeChoice(SegmentedChoice):
    """2D, or 2.5D where a stack is deep enough."""

    def __init__(self) -> None:
        super().__init__(choices_of(PipelineConfig, "mode"))

    def allow_for(self, source: LayerStacks | None) -> None:
        """Allow 2.5D for stacks that are deep enough, and say of others why not."""
        is_shallow = source is not None and source.longest < MIN_SLICES_25D
        reason = f"2.5D needs at least {MIN_SLICES_25D} slices or frames; this layer has "
        self.refuse(("2.5D",) if is_shallow else (), f"{reason}{source.longest}." if source else "")
