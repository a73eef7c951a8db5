"""The checkpoints of a run: what it needs to go on after a crash, in a folder beside its models."""

from __future__ import annotations

import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autoStructN2V.datasets.images.unfinished import Unfinished
from autoStructN2V.errors import ConfigError, ModelError, UserError
from autoStructN2V.files import shortened, write_json
from autoStructN2V.inference.hostile_files import read_plain, require_undamaged
from autoStructN2V.inference.tensor_files import save_tensors
from autoStructN2V.masking.kernels.config import ExtractorConfig
from autoStructN2V.masking.kernels.kernel import Kernel
from autoStructN2V.pipeline.files.plain_json import read_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from autoStructN2V.inference.trained_model import TrainedModel
    from autoStructN2V.trainers.checkpoint import State
    from autoStructN2V.vocabulary import Mode

FORMAT = "autoStructN2V checkpoint"
VERSION = 1
_MOST_SHARE = 0.02  # of the time of a training
_N_KEPT = 2  # the newest can turn out to be damaged
_N_DIGITS = 6
_DECISION = "decision.json"
_SECONDS = "seconds.json"
_PIXELS = "pixels.json"
_MOST_MEMORY = 1024  # GB, as of the configuration


@dataclass(frozen=True)
class Decided:
    """What a person, or nobody, decided about the kernel.

    Attributes
    ----------
    kernel : Kernel or None
        None: no stage 2.
    extractor : ExtractorConfig
        Of the proposal that was decided about.
    """

    kernel: Kernel | None
    extractor: ExtractorConfig


class RunCheckpoints:
    """Keeps what a run needs to go on.

    Parameters
    ----------
    folder : Path
        Of this run alone; made when something is kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def has_any(self) -> bool:
        """Whether something was kept that would have to be done again."""
        patterns = ("stage?_*.pth", "*.slices", _DECISION)
        return any(True for pattern in patterns for _ in self.folder.glob(pattern))

    @property
    def epochs(self) -> dict[int, int]:
        """Epochs after which each stage can go on, of the stages that were begun."""
        found: dict[int, int] = {}
        for stage in (1, 2):
            for path in _files(self.folder, stage)[:1]:
                found[stage] = int(path.stem.partition("_")[2])
        return found

    def of_stage(self, stage: int, prepared: Mapping[str, object]) -> StageCheckpoints:
        """Return the checkpoints of the training of a stage.

        Parameters
        ----------
        stage : {1, 2}
            Its number.
        prepared : mapping
            What was found out before the training, as plain values: to go on, all has to be equal.
        """
        return StageCheckpoints(self.folder, stage, dict(prepared))

    def keep_decision(self, kernel: Kernel | None, extractor: ExtractorConfig) -> None:
        """Keep a decision about the kernel: which one, and from which proposal."""
        cells = None if kernel is None else kernel.to_array().tolist()
        content = {"kernel": cells, "extractor": extractor.model_dump(mode="json")}
        write_json(self.folder / _DECISION, content)

    def decision(self, mode: Mode) -> Decided | None:
        """Return what was decided; None if nothing was, or the file is of no use."""
        found = read_json(self.folder / _DECISION)
        try:
            kernel = found["kernel"]
            return Decided(
                None if kernel is None else Kernel.from_array(kernel, mode),
                ExtractorConfig.model_validate(found["extractor"]),
            )
        except (LookupError, TypeError, ValueError):  # one of these is the error of a kernel
            return None

    def keep_seconds(self, seconds: float) -> None:
        """Keep how long the run has taken so far."""
        write_json(self.folder / _SECONDS, {"seconds": seconds})

    @property
    def seconds(self) -> float:
        """How long the run had taken when that was last kept; 0 if that is not known."""
        found = read_json(self.folder / _SECONDS)
        try:
            return max(0.0, float(found["seconds"]))
        except (LookupError, TypeError, ValueError):
            return 0.0

    def keep_pixel_memory(self, gigabytes: float) -> None:
        """Keep how much memory the pixels may take that patches are drawn from."""
        write_json(self.folder / _PIXELS, {"gigabytes": gigabytes})

    @property
    def pixel_memory(self) -> float | None:
        """Memory for pixels in GB, so that the same are drawn from; None if it is not known."""
        found = read_json(self.folder / _PIXELS).get("gigabytes")
        if not isinstance(found, int | float) or not 0 < found <= _MOST_MEMORY:
            return None
        return float(found)

    def journal(self, model: TrainedModel, file: Path) -> Unfinished:
        """Return the journal of a file that a model's results are written to."""
        partial = self.folder / f"stage{model.stage}_{shortened(file.stem)}.pixels"
        # long names can have the same beginning
        made_by = f"{model.digest} {file.name}"
        return Unfinished(partial, partial.with_suffix(".slices"), made_by)

    def remove(self) -> None:
        """Remove all of it; a run that came to its end needs none."""
        with suppress(OSError):
            shutil.rmtree(self.folder)


class StageCheckpoints:
    """The :class:`autoStructN2V.trainers.checkpoint.Checkpoints` of one stage, in files.

    Parameters
    ----------
    folder : Path
    stage : {1, 2}
    prepared : dict
        What has to be equal to go on.
    """

    def __init__(self, folder: Path, stage: int, prepared: dict[str, object]) -> None:
        self._folder = folder
        self._stage = stage
        self._prepared = prepared
        self._started = time.perf_counter()
        self._seconds = 0.0

    def restore(self, load: Callable[[Mapping[str, Any]], None]) -> str | None:
        """Load the newest that is whole, if there is one; return a note if it is not the newest.

        Raises
        ------
        ConfigError
            If what was found out before the training is different now.
        ModelError
            If none is whole.
        """
        files = _files(self._folder, self._stage)
        for number, file in enumerate(files):
            try:
                content = self._read(file)
                load(content["state"])
            except UserError:
                raise
            except Exception:
                continue
            if number == 0:
                return None
            return (
                f"The newest checkpoint of stage {self._stage} is damaged; the training goes on "
                f"from the one before it, after epoch {content['epoch']}."
            )
        if files:
            raise ModelError(
                f"The checkpoints in {self._folder} are damaged, so this training cannot go on; "
                "discard it (delete that folder) and start again."
            )
        return None

    def save(self, epoch: int, state: Callable[[], State], *, is_last: bool) -> None:
        """Keep the state after an epoch, unless that would take too much of the time."""
        start = time.perf_counter()
        if not is_last and self._seconds > _MOST_SHARE * (start - self._started):
            return
        content = {
            "format": FORMAT,
            "version": VERSION,
            "epoch": epoch,
            "prepared": self._prepared,
            "state": state(),
        }
        path = self._folder / f"stage{self._stage}_{epoch:0{_N_DIGITS}d}.pth"
        save_tensors(path, content)
        for old in _files(self._folder, self._stage)[_N_KEPT:]:
            with suppress(OSError):
                old.unlink()
        self._seconds += time.perf_counter() - start

    def _read(self, file: Path) -> Mapping[str, Any]:
        content: dict[str, Any] = read_plain(file)
        require_undamaged(file)  # a wrong bit in a weight would not be noticed
        if content["format"] != FORMAT or content["version"] != VERSION:
            raise ValueError("another format")
        before = content["prepared"]
        differing = [name for name, value in self._prepared.items() if before[name] != value]
        if differing:
            raise ConfigError(
                f"The interrupted training cannot go on: {' and '.join(differing)} came out "
                "otherwise then than now; go on with the version of the program and on the device "
                "that it was begun with, or start a new training."
            )
        return content


def _files(folder: Path, stage: int) -> list[Path]:
    """Return the checkpoints of a stage, the newest first."""
    return sorted(folder.glob(f"stage{stage}_{'[0-9]' * _N_DIGITS}.pth"), reverse=True)
