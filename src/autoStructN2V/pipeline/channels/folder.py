"""The folder of one model for each channel: what is finished in it, and how it goes on."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autoStructN2V.datasets.images.names import free_name
from autoStructN2V.errors import ConfigError
from autoStructN2V.files import ensure_writable_folder, make_new_folder, write_json
from autoStructN2V.pipeline.configuration.file import with_absolute_paths
from autoStructN2V.pipeline.configuration.models import PipelineConfig, validate_config
from autoStructN2V.pipeline.files.fingerprint import ImageFingerprint
from autoStructN2V.pipeline.files.folders import RunFolders
from autoStructN2V.pipeline.files.interrupted import (
    changed_settings,
    find_unfinished,
    is_locked,
    locked_folder,
    other_images,
    other_settings,
    time_of,
)
from autoStructN2V.pipeline.files.plain_json import read_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from autoStructN2V.pipeline.channels.images import ChannelImages
    from autoStructN2V.pipeline.files.drivers import RunOutput

_ABOUT = "channels.json"
_FORMAT, _VERSION = "autoStructN2V channels", 1
ImageKey = tuple[str, Path | None]


@dataclass(frozen=True)
class FinishedChannel:
    """What the training of one channel left behind.

    Attributes
    ----------
    folders : RunFolders
        Where it was written.
    files : dict of stage to dict
        The denoised image of each image, by its name and its file.
    left_out : tuple of str
        What is wrong with images that could not be used, one sentence each.
    output : RunOutput or None
        The same as values; None if it was finished before the training was interrupted.
    """

    folders: RunFolders
    files: dict[int, dict[ImageKey, Path]]
    left_out: tuple[str, ...] = ()
    output: RunOutput | None = None

    @classmethod
    def of(cls, output: RunOutput) -> FinishedChannel:
        """Return what a training left behind."""
        files = {
            stage: dict(zip(output.images, paths, strict=True))
            for stage, paths in output.files.items()
            if len(paths) == len(output.images)  # else it was stopped before all were written
        }
        return cls(output.folders, files, output.left_out, output)

    def files_up_to(self, stage: int) -> dict[ImageKey, Path]:
        """Return the images of a stage or, where the channel did without it, of the one before."""
        earlier = [one for one in self.files if one <= stage]
        return self.files[max(earlier)] if earlier else {}

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "training": self.folders.training_id,
            "left_out": list(self.left_out),
            "files": {
                str(stage): [
                    [name, None if path is None else str(path), str(file)]
                    for (name, path), file in files.items()
                ]
                for stage, files in self.files.items()
            },
        }

    @classmethod
    def from_dict(cls, experiment: Path, values: dict[str, Any]) -> FinishedChannel:
        """Take it from plain values; raises an error if something is missing."""
        files = {
            int(stage): {
                (str(name), None if path is None else Path(path)): Path(file)
                for name, path, file in rows
            }
            for stage, rows in values["files"].items()
        }
        folders = RunFolders(experiment, str(values["training"]))
        return cls(folders, files, tuple(map(str, values["left_out"])))


@dataclass
class ChannelsFolder:
    """Where the models of all channels are written.

    Attributes
    ----------
    path : Path
    config : PipelineConfig or None
        What it was begun with; None if this version cannot read it.
    names : list of str
        Of the channels, empty where they have none.
    image_names : list of str
        Of what they are trained on.
    is_complete : bool
    """

    path: Path
    config: PipelineConfig | None
    names: list[str]
    image_names: list[str]
    is_complete: bool = False
    _finished: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def create(cls, config: PipelineConfig, channels: Sequence[ChannelImages]) -> ChannelsFolder:
        """Make the folder of a new training."""
        experiment = ensure_writable_folder(config.output_dir / config.experiment_name)
        started = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
        images = [source.name for source in channels[0].sources]
        folder = cls(
            free_name(experiment / started, lambda path: not make_new_folder(path)),
            config,
            [channel.name for channel in channels],
            images,
        )
        folder.write()
        return folder

    @classmethod
    def read(cls, path: Path) -> ChannelsFolder | None:
        """Read what a folder says of itself; None if it is no such folder."""
        about = read_json(path / _ABOUT)
        if about.get("format") != _FORMAT:
            return None
        try:
            config = validate_config(about["config"]) if about["version"] == _VERSION else None
        except (ConfigError, LookupError, TypeError):
            config = None
        finished = about.get("finished")
        return cls(
            path,
            config,
            _texts(about.get("names")),
            _texts(about.get("images")),
            bool(about.get("is_complete")),
            finished if isinstance(finished, dict) else {},
        )

    @property
    def began(self) -> str:
        """Date and time at which it was begun."""
        return time_of(self.path.name)

    @property
    def problem(self) -> str | None:
        """Why it cannot go on, one sentence; None if it can."""
        if self.config is not None:
            return None
        return (
            f"The interrupted training in {self.path} was written by another version of the "
            "program; go on with that version, or start a new training."
        )

    def place_of(self, channel: int) -> Path:
        """Return the folder of a channel."""
        return self.path / f"channel_{channel}"

    def how_far(self) -> str:
        """Say how much of it is finished."""
        return f"{len(self._finished)} of {len(self.names)} channels finished"

    def finished(self, channel: int) -> FinishedChannel | None:
        """Return what a channel left behind; None if it is not finished."""
        try:
            return FinishedChannel.from_dict(self.place_of(channel), self._finished[str(channel)])
        except (LookupError, TypeError, ValueError, AttributeError):
            return None

    def require_images(self, channel: int, images: ImageFingerprint) -> None:
        """Refuse other images than those that a finished channel was trained on.

        Raises
        ------
        InputError
            Naming the difference.
        """
        before = ImageFingerprint.from_dict(self._finished[str(channel)]["images"])
        difference = before.difference(images)
        if difference is not None:
            raise other_images(self.began, f"{difference} (channel {channel})")

    def has_begun(self, channel: int) -> bool:
        """Tell whether the training of a channel can go on; else nothing of it is left."""
        place = self.place_of(channel)
        if any(training.checkpoints.has_any for training in find_unfinished(place)):
            return True
        shutil.rmtree(place, ignore_errors=True)
        return False

    def keep(self, channel: int, finished: FinishedChannel, images: ImageFingerprint) -> None:
        """Write that a channel is finished."""
        self._finished[str(channel)] = {**finished.to_dict(), "images": asdict(images)}
        self.write()

    def complete(self) -> None:
        """Write that all of it is finished."""
        self.is_complete = True
        self.write()

    def discard(self) -> None:
        """Let it go on no more; what is finished stays."""
        for channel in range(len(self.names)):
            for training in find_unfinished(self.place_of(channel)):
                training.discard()
        if self._finished:
            self.complete()
        else:
            shutil.rmtree(self.path, ignore_errors=True)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let no other process work on it meanwhile."""
        with locked_folder(self._lock, self.path):
            try:
                yield
            finally:  # the lock of another process is not ours to remove
                shutil.rmtree(self._lock, ignore_errors=True)

    @property
    def is_running(self) -> bool:
        """Whether a process works on it."""
        return is_locked(self._lock)

    @property
    def _lock(self) -> Path:
        return self.path / ".running"

    def write(self) -> None:
        """Write what it is."""
        config = None if self.config is None else with_absolute_paths(self.config)
        about = {
            "format": _FORMAT,
            "version": _VERSION,
            "config": None if config is None else config.model_dump(mode="json"),
            "names": self.names,
            "images": self.image_names,
            "is_complete": self.is_complete,
            "finished": self._finished,
        }
        write_json(self.path / _ABOUT, about)


def find_interrupted_channels(experiment: Path) -> list[ChannelsFolder]:
    """Find trainings of a model for each channel that were killed or cancelled; the newest first.

    Parameters
    ----------
    experiment : Path
        ``output_dir / experiment_name`` of their configuration.
    """
    folders = (ChannelsFolder.read(about.parent) for about in experiment.glob(f"*/{_ABOUT}"))
    unfinished = [f for f in folders if f is not None and not (f.is_complete or f.is_running)]
    return sorted(unfinished, key=lambda folder: folder.path.name, reverse=True)


def folder_to_go_on(
    config: PipelineConfig, channels: Sequence[ChannelImages]
) -> ChannelsFolder | None:
    """Return the newest interrupted training of these settings; None if there is none at all.

    Raises
    ------
    ConfigError
        If there are only trainings of other settings.
    """
    reason = None
    for folder in find_interrupted_channels(config.output_dir / config.experiment_name):
        why_not = _why_not(folder, config, len(channels))
        if why_not is None:
            return folder
        reason = reason or why_not
    if reason is not None:
        raise reason
    return None


def _why_not(folder: ChannelsFolder, config: PipelineConfig, n_channels: int) -> ConfigError | None:
    if folder.config is None:
        return ConfigError(folder.problem)
    different = changed_settings(folder.config, config)
    if len(folder.names) != n_channels:
        different.append(f"it had {len(folder.names)} channels and there are {n_channels} now")
    return other_settings(folder.began, different) if different else None


def channel_names(folder: Path) -> list[str]:
    """Return the names of the channels that a folder has models for; empty if it has none."""
    found = ChannelsFolder.read(folder)
    return found.names if found is not None else []


def _texts(values: object) -> list[str]:
    return [str(value)[:200] for value in values] if isinstance(values, list) else []
