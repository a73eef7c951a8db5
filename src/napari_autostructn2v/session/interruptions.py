"""Trainings that were killed or cancelled, in the folder that a training would write to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal

from autoStructN2V.pipeline.channels import ChannelsFolder, find_interrupted_channels
from autoStructN2V.pipeline.files import InterruptedTraining, find_interrupted

if TYPE_CHECKING:
    from pathlib import Path

    from autoStructN2V.pipeline import PipelineConfig

Interrupted = InterruptedTraining | ChannelsFolder


class Interruptions:
    """Looks for an interrupted training.

    Attributes
    ----------
    found : InterruptedTraining, ChannelsFolder or None
        The newest one of the folder that was looked into last.
    """

    changed = Signal(object)
    """The :class:`InterruptedTraining` that was found, or None."""

    def __init__(self) -> None:
        self.found: Interrupted | None = None

    def look(self, config: PipelineConfig) -> None:
        """Look into the folder that a training of a configuration would write to."""
        folder = _folder(config)
        found: list[Interrupted] = [*find_interrupted(folder)[:1]]
        found += find_interrupted_channels(folder)[:1]
        self._set(max(found, key=_name, default=None))

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

    def _set(self, found: Interrupted | None) -> None:
        if found != self.found:
            self.found = found
            self.changed.emit(found)


def _name(found: Interrupted) -> str:
    """Return the name of a training, which its date and time begin."""
    return found.path.name if isinstance(found, ChannelsFolder) else found.folders.training_id


def _folder(config: PipelineConfig) -> Path:
    return config.output_dir / config.experiment_name
