"""The models at hand: those that a training makes, and those that a person loads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal

from autoStructN2V.pipeline import export_model
from napari_autostructn2v.session.model_cards import read_card

if TYPE_CHECKING:
    from pathlib import Path

    from autoStructN2V.inference.trained_model import TrainedModel
    from autoStructN2V.pipeline import PackageDetails
    from napari_autostructn2v.session.state import ModelCard
    from napari_autostructn2v.session.work.tasks import Tasks


class Models:
    """Keeps the models at hand, and loads others.

    Parameters
    ----------
    tasks : Tasks
        Load them.

    Attributes
    ----------
    at_hand : ModelCard or None
        Models that were trained or loaded.
    newer : ModelCard or None
        Models of a training during which a person loaded others, which stay at hand.
    """

    changed = Signal(object)
    """The new :class:`ModelCard` at hand."""
    newer_changed = Signal(object)
    """The new :class:`ModelCard`, or None when there is nothing newer than the models at hand."""

    def __init__(self, tasks: Tasks) -> None:
        self.at_hand: ModelCard | None = None
        self.newer: ModelCard | None = None
        self._tasks = tasks
        self._is_chosen = False

    def load(self, path: Path) -> None:
        """Load the models of an earlier training; the ones at hand stay if that fails.

        Parameters
        ----------
        path : Path
            Model folder, or a .pth file.
        """

        def show(card: ModelCard) -> None:
            self.choose(card)
            self._tasks.end()

        self._tasks.start_work("load", "Loading the model", lambda: read_card(path), show)

    def export(
        self, path: Path, model: TrainedModel, folder: Path | None, details: PackageDetails
    ) -> None:
        """Write one of the models at hand as a package for other programs.

        Parameters
        ----------
        path : Path
            Name of the file, ``.zip``.
        model : TrainedModel
            One of them.
        folder : Path or None
            Its folder, if it has one.
        details : PackageDetails
            What a person says of it.
        """

        def show(left_out: list[str]) -> None:
            caveats = [f"In other programs: {' '.join(left_out)}"] if left_out else []
            self._tasks.end(*caveats, f"Wrote {path}.")

        self._tasks.start_work(
            "export",
            "Writing the package",
            lambda: export_model(model, details, path, folder),
            show,
        )

    def choose(self, card: ModelCard) -> None:
        """Take models that a person wants: those of a training that runs do not replace them."""
        self._is_chosen = True
        if self.newer is not None and self.newer.folder == card.folder:
            self.await_training()
        self._set(card)

    def await_training(self) -> None:
        """Let the next models of a training replace those at hand."""
        self._is_chosen = False
        self._set_newer(None)

    def offer(self, card: ModelCard) -> None:
        """Take models of a training, unless a person has loaded others since it began."""
        if self._is_chosen:
            self._set_newer(card)
        else:
            self._set(card)

    def use_newer(self) -> None:
        """Take the models of the training instead of those that were loaded meanwhile."""
        if self.newer is not None:
            card = self.newer
            self.await_training()
            self._set(card)

    def _set(self, card: ModelCard) -> None:
        self.at_hand = card
        self.changed.emit(card)

    def _set_newer(self, card: ModelCard | None) -> None:
        if card is not self.newer:
            self.newer = card
            self.newer_changed.emit(card)
