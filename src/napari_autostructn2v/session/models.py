"""The models of a session: those that a training makes, and those that a person loads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal

from autoStructN2V.inference.trained_model import load_model
from autoStructN2V.pipeline import find_models
from napari_autostructn2v.session.state import ModelCard
from napari_autostructn2v.session.tasks import TaskRunner

if TYPE_CHECKING:
    from pathlib import Path

    import napari


class ModelTasks(TaskRunner):
    """Keeps the models at hand; the part of a session that loads them.

    Parameters
    ----------
    viewer : napari.Viewer
        Held weakly.

    Attributes
    ----------
    model : ModelCard or None
        Models that were trained or loaded.
    newer_model : ModelCard or None
        Models of a training during which a person loaded others, which stay in ``model``.
    """

    model_changed = Signal(object)
    """The new :class:`ModelCard`."""
    newer_model_changed = Signal(object)
    """The new :class:`ModelCard`, or None when there is nothing newer than the models at hand."""

    def __init__(self, viewer: napari.Viewer) -> None:
        super().__init__(viewer)
        self.model: ModelCard | None = None
        self.newer_model: ModelCard | None = None
        self._is_model_chosen = False

    def load_models(self, path: Path) -> None:
        """Load the models of an earlier training; the ones at hand stay if that fails.

        Parameters
        ----------
        path : Path
            Model folder, or a .pth file.
        """

        def work() -> ModelCard:
            files = find_models(path)
            models = [load_model(file) for file in files.values()]
            folder = next(iter(files.values())).parent
            return ModelCard({model.stage: model for model in models}, folder)

        def show(card: ModelCard) -> None:
            self._choose_model(card)
            self._end_task()

        self._start_work("load", "Loading the model", work, show)

    def use_newer_model(self) -> None:
        """Take the models of the training instead of those that were loaded meanwhile."""
        if self.newer_model is not None:
            card = self.newer_model
            self._await_models()
            self._set_model(card)

    def _await_models(self) -> None:
        """Let the next models of a training replace those at hand."""
        self._is_model_chosen = False
        self._set_newer_model(None)

    def _choose_model(self, card: ModelCard) -> None:
        """Take models that a person wants: those of a training that runs do not replace them."""
        self._is_model_chosen = True
        if self.newer_model is not None and self.newer_model.folder == card.folder:
            self._await_models()
        self._set_model(card)

    def _offer_model(self, card: ModelCard) -> None:
        """Take models of a training, unless a person has loaded others since it began."""
        if self._is_model_chosen:
            self._set_newer_model(card)
        else:
            self._set_model(card)

    def _set_model(self, card: ModelCard) -> None:
        self.model = card
        self.model_changed.emit(card)

    def _set_newer_model(self, card: ModelCard | None) -> None:
        if card is not self.newer_model:
            self.newer_model = card
            self.newer_model_changed.emit(card)
