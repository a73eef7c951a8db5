"""The folders of a run, new or of an interrupted one, kept from other processes while it runs."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from autoStructN2V.pipeline.files.fingerprint import ImageFingerprint
from autoStructN2V.pipeline.files.folders import RunFolders
from autoStructN2V.pipeline.files.interrupted import (
    checkpoints_of,
    describe,
    find_unfinished,
    it_goes_on,
    locked,
    remove_stillborn,
    remove_temporary,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.pipeline.configuration.models import PipelineConfig
    from autoStructN2V.pipeline.files.checkpoints import RunCheckpoints
    from autoStructN2V.pipeline.files.interrupted import InterruptedTraining


@dataclass
class OpenedRun:
    """A run that may write; :meth:`close` lets others have its folder.

    Attributes
    ----------
    folders : RunFolders
    config : PipelineConfig
    sources : sequence of ImageSource
        What is trained on.
    notes : list of str
        What a person should know of it, one sentence each.
    is_resumed : bool
        Whether it goes on with an interrupted one.
    """

    folders: RunFolders
    config: PipelineConfig
    sources: Sequence[ImageSource]
    notes: list[str] = field(default_factory=list)
    is_resumed: bool = False
    _held: ExitStack = field(default_factory=ExitStack)

    @classmethod
    def open(
        cls,
        config: PipelineConfig,
        sources: Sequence[ImageSource],
        *,
        resume: bool = False,
    ) -> Self:
        """Make the folders of a run, or find those of the one that is to go on.

        Raises
        ------
        UserError
            If the folders cannot be written to, or the images or settings are not those of the
            interrupted run.
        """
        experiment = config.output_dir / config.experiment_name
        if resume:
            remove_stillborn(experiment)
        found = _interrupted(experiment, config, sources) if resume else None
        if found is None:
            run = cls(RunFolders.create(experiment), config, sources)
            run.notes += [it_goes_on(None, run.folders.model)] if resume else []
        else:
            run = cls(found.folders, config, sources, found.notes(), is_resumed=True)
            run._held.enter_context(locked(run.folders))
            remove_temporary(run.folders)
        return run

    @property
    def checkpoints(self) -> RunCheckpoints:
        """What it goes on from, and adds to."""
        return checkpoints_of(self.folders)

    def begin(self) -> None:
        """Say in the folder what is going on, once the images turned out to be usable."""
        if self.is_resumed:
            return
        self._held.enter_context(locked(self.folders))
        images = ImageFingerprint.of(self.sources)
        names = [source.name for source in self.sources]
        describe(self.folders, self.config, images, names)

    def finish(self, *, is_stopped: bool) -> None:
        """Remove what only serves to go on, unless there is something to go on with."""
        self.close()
        if not (is_stopped and self.checkpoints.has_any):
            self.checkpoints.remove()

    def close(self) -> None:
        """Let other processes have the folder."""
        self._held.close()


def _interrupted(
    experiment: Path,
    config: PipelineConfig,
    sources: Sequence[ImageSource],
) -> InterruptedTraining | None:
    """Return the newest training of these images and settings; refuse if there are only others."""
    unfinished = find_unfinished(experiment)
    if not unfinished:
        return None
    images = ImageFingerprint.of(sources)
    reasons = [training.why_not(config, images) for training in unfinished]
    for training, reason in zip(unfinished, reasons, strict=True):
        if reason is None:
            return training
    for training, reason in zip(unfinished, reasons, strict=True):
        if reason is not None and training.checkpoints.has_any:
            raise reason
    return None
