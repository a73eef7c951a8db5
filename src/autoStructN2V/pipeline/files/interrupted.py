"""Trainings that were killed or cancelled, found in the folder of their experiment."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import torch
from filelock import FileLock, Timeout

import autoStructN2V
from autoStructN2V.errors import ConfigError, InputError, UserError
from autoStructN2V.files import remove_leftovers, write_json
from autoStructN2V.pipeline.configuration.file import with_absolute_paths
from autoStructN2V.pipeline.configuration.models import PipelineConfig, validate_config
from autoStructN2V.pipeline.files.checkpoints import FORMAT, VERSION, RunCheckpoints
from autoStructN2V.pipeline.files.fingerprint import ImageFingerprint
from autoStructN2V.pipeline.files.folders import RunFolders
from autoStructN2V.pipeline.files.plain_json import read_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

_ABOUT = "training.json"
LOCK = "lock"
"""Held by the process that works on a folder."""
# they change no result, or name places: the images themselves are compared
_NO_MATTER = (
    *("verbose", "threads", "input_dir", "output_dir", "experiment_name"),
    *("image_extension", "axes", "channel", "timepoint"),
)


@dataclass(frozen=True)
class InterruptedTraining:
    """A training that can go on.

    Attributes
    ----------
    folders : RunFolders
        Where it writes.
    config : PipelineConfig or None
        What it was started with; None if this version cannot read it.
    image_names : list of str
        Of what it is trained on.
    problem : str or None
        Why it cannot go on, one sentence.
    """

    folders: RunFolders
    config: PipelineConfig | None
    image_names: list[str]
    problem: str | None
    _about: Mapping[str, Any]

    @property
    def checkpoints(self) -> RunCheckpoints:
        """Its checkpoints."""
        return checkpoints_of(self.folders)

    @property
    def began(self) -> str:
        """Date and time at which it was started, as it names its folder."""
        return time_of(self.folders.training_id)

    def why_not(self, config: PipelineConfig, images: ImageFingerprint) -> UserError | None:
        """Return why it cannot go on with settings and images, which names the difference."""
        if self.problem is not None or self.config is None:
            return ConfigError(self.problem or "Its settings cannot be read.")
        different = changed_settings(self.config, config)
        if different:
            return other_settings(self.began, different)
        try:
            difference = ImageFingerprint.from_dict(self._about["images"]).difference(images)
        except (LookupError, TypeError, ValueError):
            difference = "what is known of its images is damaged"
        return None if difference is None else other_images(self.began, difference)

    def notes(self) -> list[str]:
        """Return what a person should know when it goes on: one sentence each."""
        notes = [it_goes_on(self.began, self.folders.model)]
        now = _surroundings()
        different = [
            f"{name} {self._about.get(name)!s:.40} (now {value})"
            for name, value in now.items()
            if self._about.get(name) != value
        ]
        if different:
            notes.append(
                f"It was begun with {' and '.join(different)}; the result can differ in the last "
                "digits from that of an undisturbed run."
            )
        return notes

    def discard(self) -> None:
        """Remove the checkpoints; models and images that are finished stay."""
        self.checkpoints.remove()
        remove_temporary(self.folders)
        self.folders.remove_without_model()


def it_goes_on(began: str | None, place: Path) -> str:
    """Say that the training that began then goes on in a folder; if there is none, a new one."""
    if began is None:
        return "There is no interrupted training to go on with; a new one starts."
    return f"The interrupted training of {began} goes on in {place}."


def other_settings(began: str, different: Sequence[str]) -> ConfigError:
    """Refuse settings that differ from those of the training that began then."""
    more = f" (and {len(different) - 1} more)" if len(different) > 1 else ""
    return ConfigError(
        f"The interrupted training of {began} cannot go on with other settings: "
        f"{different[0]}{more}; repeat those of then, or start a new training."
    )


def other_images(began: str, difference: str) -> InputError:
    """Refuse images that differ from those of the training that began then."""
    return InputError(
        f"The interrupted training of {began} cannot go on with these images: "
        f"{difference}; give those of then, or start a new training."
    )


def time_of(training_id: str) -> str:
    """Return in words when a training began, which the name of its folder starts with."""
    try:
        began = datetime.strptime(training_id[:15], "%Y%m%d-%H%M%S")
    except ValueError:
        return training_id
    return f"{began:%d %b %Y, %H:%M}"


def find_interrupted(experiment: Path) -> list[InterruptedTraining]:
    """Find the trainings of an experiment that were killed or cancelled; the newest first.

    Parameters
    ----------
    experiment : Path
        ``output_dir / experiment_name`` of their configuration.

    Returns
    -------
    list of InterruptedTraining
        Those of which something is finished that would have to be done again, and that do not run.
    """
    return [training for training in find_unfinished(experiment) if training.checkpoints.has_any]


def find_unfinished(experiment: Path) -> list[InterruptedTraining]:
    """Find interrupted trainings, those that had not come far included; the newest first."""
    return [
        _read(folders, checkpoints_of(folders).folder / _ABOUT)
        for folders in _with_checkpoints(experiment)
        if (checkpoints_of(folders).folder / _ABOUT).exists() and not _is_running(folders)
    ]


def remove_stillborn(experiment: Path) -> None:
    """Remove what is left of trainings that were killed before they said what they are."""
    for folders in _with_checkpoints(experiment):
        folder = checkpoints_of(folders).folder
        if not (folder / _ABOUT).exists() and not _is_running(folders):
            checkpoints_of(folders).remove()
            remove_temporary(folders)
            folders.remove_without_model()


def _with_checkpoints(experiment: Path) -> list[RunFolders]:
    try:
        found = sorted(experiment.glob("models/*/*/checkpoint"), reverse=True)
    except OSError:
        return []
    folders = [RunFolders(experiment, path.parent.name) for path in found]
    return [there for there, path in zip(folders, found, strict=True) if there.model == path.parent]


def checkpoints_of(folders: RunFolders) -> RunCheckpoints:
    """Return the checkpoints of a training."""
    return RunCheckpoints(folders.model / "checkpoint")


def describe(
    folders: RunFolders, config: PipelineConfig, images: ImageFingerprint, names: list[str]
) -> None:
    """Write what a training is, so that it can be told whether it can go on."""
    write_json(
        checkpoints_of(folders).folder / _ABOUT,
        {
            "format": FORMAT,
            "version": VERSION,
            **_surroundings(),
            "config": with_absolute_paths(config).model_dump(mode="json"),
            "images": asdict(images),
            "names": names,
        },
    )


@contextmanager
def locked(folders: RunFolders) -> Iterator[None]:
    """Let no other process work on a training meanwhile.

    Raises
    ------
    ConfigError
        If one does.
    """
    with locked_folder(checkpoints_of(folders).folder, folders.model):
        yield


@contextmanager
def locked_folder(folder: Path, training: Path) -> Iterator[None]:
    """Hold the lock in a folder, which is made if need be.

    Raises
    ------
    ConfigError
        If another process holds it, which names the folder of the training.
    """
    folder.mkdir(parents=True, exist_ok=True)
    # a generator can be closed by another thread than the one that it ran in
    lock = FileLock(folder / LOCK, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise ConfigError(
            f"The training in {training} is running already; wait for it, or end it first."
        ) from error
    except (OSError, NotImplementedError):
        pass  # a file system without locks
    try:
        yield
    finally:
        lock.release(force=True)


def remove_temporary(folders: RunFolders) -> None:
    """Remove what a killed training left under hidden names."""
    checkpoints = checkpoints_of(folders).folder
    for folder in (folders.model, checkpoints, *map(folders.stage_results, (1, 2))):
        remove_leftovers(folder)


def is_running(model: Path) -> bool:
    """Tell whether a process works on the training of a model folder."""
    folders = RunFolders(model.parent.parent.parent, model.name)
    return folders.model == model and _is_running(folders)


def _is_running(folders: RunFolders) -> bool:
    return is_locked(checkpoints_of(folders).folder)


def is_locked(folder: Path) -> bool:
    """Tell whether a process holds the lock in a folder."""
    if not (folder / LOCK).exists():
        return False
    try:
        with locked_folder(folder, folder):
            return False
    except UserError:
        return True


def _read(folders: RunFolders, path: Path) -> InterruptedTraining:
    about = read_json(path)
    config, problem = None, None
    if (about.get("format"), about.get("version")) != (FORMAT, VERSION):
        problem = (
            f"The interrupted training in {folders.model} was written by version "
            f"{about.get('version of the program', 'unknown')!s:.20} of the program, and this one "
            "cannot read it; go on with that version, or discard it (delete its folder checkpoint)."
        )
    else:
        try:
            config = validate_config(about.get("config") or {})
        except ConfigError as error:
            problem = (
                f"The settings of the interrupted training in {folders.model} cannot be "
                f"used: {error}"
            )
    names = about.get("names")
    found = [str(name)[:200] for name in names] if isinstance(names, list) else []
    return InterruptedTraining(folders, config, found, problem, about)


def _surroundings() -> dict[str, object]:
    """Return what can change the last digits of a result, in words."""
    return {
        "version of the program": autoStructN2V.__version__,
        "version of PyTorch": torch.__version__,
    }


def changed_settings(before: PipelineConfig, now: PipelineConfig) -> list[str]:
    """Return which fields differ that can change a result, as words."""
    left, right = (
        _flat(with_absolute_paths(config).model_dump(mode="json")) for config in (before, now)
    )
    return [
        f"{name} was {left.get(name)!r} and is {value!r}"
        for name, value in right.items()
        if left.get(name) != value and name not in _NO_MATTER
    ]


def _flat(nested: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in nested.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{before}{name}.")
        else:
            flat[f"{before}{name}"] = value
    return flat
