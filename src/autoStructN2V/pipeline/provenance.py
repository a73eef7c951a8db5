"""What a model says of its origin, and of how other images are prepared for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import autoStructN2V
from autoStructN2V.pipeline.configuration.of_preset import is_modified

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.masking.patterns.removal import PatternRemoval
    from autoStructN2V.pipeline.configuration.models import PipelineConfig
    from autoStructN2V.pipeline.going_on.start import Start
    from autoStructN2V.pipeline.steps.head_starts import HeadStarts
    from autoStructN2V.pipeline.steps.measuring import NoiseMeasurement
    from autoStructN2V.trainers.config import StageConfig
    from autoStructN2V.trainers.result import TrainingResult


@dataclass(frozen=True)
class Origin:
    """Where the models of one run come from.

    Attributes
    ----------
    images : sequence of ImageSource
        What the run learns from.
    config : PipelineConfig
        Of the run.
    noise : NoiseMeasurement
        What is known of the noise of the images.
    removal : PatternRemoval
        What is taken out of them.
    is_matched : bool
        Whether they were brought to one scale.
    device : torch.device
        Where the run trains.
    start : Start or None
        The models that it goes on from.
    """

    images: Sequence[ImageSource]
    config: PipelineConfig
    noise: NoiseMeasurement
    removal: PatternRemoval
    is_matched: bool
    device: torch.device
    start: Start | None

    def of_model(
        self, stage: int, config: StageConfig, outcome: TrainingResult, head_starts: HeadStarts
    ) -> dict[str, object]:
        """Say where the model of a stage comes from, and how images are prepared for it."""
        last = outcome.history[-1] if outcome.history else None
        noise = self.noise.of_images()
        rate = head_starts.hidden_rate(stage, config) * config.learning_rate
        return {
            "version": autoStructN2V.__version__,
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "images": [source.name for source in self.images],
            "shapes": [list(source.shape) for source in self.images],
            "epochs": len(outcome.history),
            "best_val_loss": last.best_val_loss if last else None,
            "is_stopped": outcome.is_stopped,
            "is_refined": outcome.is_refined,
            "hidden_learning_rate": rate,
            "device": str(self.device),
            "preset": self.config.preset,
            "is_modified": is_modified(self.config),
            "noise": None if noise is None else noise.std_text,
            **self.preparation,
            "ancestors": [] if self.start is None else self.start.ancestors(stage),
            "has_head_start": head_starts.has(stage),
        }

    @property
    def preparation(self) -> dict[str, object]:
        """What has to be done to other images before a model of the run is applied."""
        return {
            "remove_periodic": self.config.remove_periodic,
            "remove_stripes": self.removal.stripe_removal,
            **self.config.pattern_edits.fields,
            "repair_outliers": self.config.repair_outliers,
            "is_matched": self.is_matched,
            "evens_slices": self.config.match_intensities,
            "align_rows": self.config.align_rows,
        }
