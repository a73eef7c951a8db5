"""Trainings that were killed or cancelled, in the folder that a training would write to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal

from autoStructN2V.pipeline.files import find_interrupted

if TYPE_CHECKING:
    from pathlib import Path

    from autoStructN2V.pipeline import PipelineConfig
    from autoStructN2V.pipeline.files import InterruptedTraining


class Interruptions:
    """Looks for an interrupted training.

    Attributes
    ----------
    found : InterruptedTraining or None
        The newest one of the folder that was looked into last.
    """

    changed = Signal(object)
    """The :class:`InterruptedTraining` that was found, or None."""

    def __init__(self) -> None:
        self.found: InterruptedTraining | None = None

    def look(self, config: PipelineConfig) -> None:
        """Look into the folder that a training of a configuration would write to."""
        found = find_interrupted(_folder(config))
        self._set(found[0] if found else None)

    def discard(self, config: PipelineConfig) -> None:
        """Remove what the one that was found could go on from, and look again."""
        if self.found is not None:
            self.found.discard()
        self.look(config)

    def config(self, now: PipelineConfig) -> PipelineConfig:
        """Return the settings of the one that was found; folders are those of now."""
        if self.found is None or self.found.config is None:
            return now
        places = {name: now[name] for name in ("output_dir", "experiment_name")}
        return self.found.config.model_copy(update=places)

    def _set(self, found: InterruptedTraining | None) -> None:
        if found != self.found:
            self.found = found
            self.changed.emit(found)


def _folder(config: PipelineConfig) -> Path:
    return config.output_dir / config.experiment_name
