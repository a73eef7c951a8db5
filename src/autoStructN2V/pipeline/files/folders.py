"""Where one training writes."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from autoStructN2V.errors import OutputError
from autoStructN2V.files import (
    ensure_writable_folder,
    make_new_folder,
    refuse_file_in_place_of_folder,
)
from autoStructN2V.inference.model_files import MODEL_FILES

if TYPE_CHECKING:
    from pathlib import Path

LOG, REPORT, CONFIG = "training_log.csv", "noise_report.json", "config.json"
"""Files of a model folder."""


@dataclass(frozen=True)
class RunFolders:
    """Where one training writes.

    Attributes
    ----------
    experiment : Path
        Holds the results and models of all trainings of an experiment.
    training_id : str
        Date and time at which the training started.
    """

    experiment: Path
    training_id: str

    @classmethod
    def create(cls, experiment: Path) -> RunFolders:
        """Make the folders of a new training; nothing that exists is touched.

        Raises
        ------
        OutputError
            When they cannot be written to.
        """
        ensure_writable_folder(experiment)
        refuse_file_in_place_of_folder(experiment / "results")
        started = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
        for number in range(1, 1000):
            folders = cls(experiment, started if number == 1 else f"{started}-{number}")
            if not folders.results.exists() and make_new_folder(folders.model):
                return folders
        raise OutputError(f"{experiment} already holds a thousand trainings of {started}.")

    def remove_unused(self) -> None:
        """Remove the folders of a training that wrote nothing."""
        for folder in (self.model, self.model.parent, self.model.parent.parent):
            with suppress(OSError):  # not empty
                folder.rmdir()

    def remove_without_model(self) -> None:
        """Remove the folders of a training that left no model and no image."""
        if any((self.model / name).exists() for name in MODEL_FILES.values()):
            return
        with suppress(OSError):
            for name in (LOG, REPORT, CONFIG, "mask.npy", "mask.png"):
                (self.model / name).unlink(missing_ok=True)
        self.remove_unused()

    @property
    def model(self) -> Path:
        """Folder with everything that is needed to denoise new data."""
        return self.experiment / "models" / self.training_id[:8] / self.training_id

    @property
    def results(self) -> Path:
        """Folder with the denoised images."""
        return self.experiment / "results" / self.training_id

    def stage_results(self, stage: int) -> Path:
        """Folder with the denoised images of one stage."""
        return self.results / f"stage{stage}"
