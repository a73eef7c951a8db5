"""The models on this computer: listed beside the interface, renamed, deleted and brought back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from autoStructN2V.errors import UserError
from autoStructN2V.pipeline import (
    Shelf,
    delete_model,
    label_model,
    list_models,
    purge_models,
    restore_model,
)
from napari_autostructn2v.session.work.holder import JobHolder
from napari_autostructn2v.session.work.jobs import Job, error_text

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from pathlib import Path

    from autoStructN2V.datasets.images.sources import ImageSource
    from autoStructN2V.pipeline import ShelvedModel


@dataclass(frozen=True)
class ImagesToFit:
    """Images that models are compared with.

    Attributes
    ----------
    name : str
        What a person calls them.
    sources : callable
        Opens them; called beside the interface.
    """

    name: str
    sources: Callable[[], Sequence[ImageSource]]


@dataclass(frozen=True)
class ShelfState:
    """What is known of the models on this computer.

    Attributes
    ----------
    folder : Path or None
        That was looked through; None before the first time.
    models : tuple of ShelvedModel
        The newest, or those that fit best, come first.
    unreadable : tuple of str
        A sentence for each folder or model that could not be read.
    compared_with : str
        Name of the images that the order is by, or will be; empty if there are none.
    is_looking : bool
        Whether folders are looked through, or images measured.
    problem : str
        Why something could not be done, in a sentence.
    deleted : tuple of ShelvedModel
        Those that can be brought back here, the last one last.
    """

    folder: Path | None = None
    models: tuple[ShelvedModel, ...] = ()
    unreadable: tuple[str, ...] = ()
    compared_with: str = ""
    is_looking: bool = False
    problem: str = ""
    deleted: tuple[ShelvedModel, ...] = ()


class ModelShelf(JobHolder[ShelfState]):
    """Lists the models below a folder, and does with them what a person wants.

    It has a thread of its own: to look at models must not keep anybody from denoising.

    Attributes
    ----------
    state : ShelfState
        What is known now.
    """

    def __init__(self) -> None:
        super().__init__(ShelfState())

    def look(self, folder: Path, images: ImagesToFit | None = None) -> None:
        """List the models below a folder; those that fit images best come first.

        Parameters
        ----------
        folder : Path
            As the output folder of a configuration; there may be none yet.
        images : ImagesToFit, optional
            Images to be denoised. The models are listed before these are measured.
        """

        def events(should_stop: Callable[[], bool]) -> Generator[Shelf, Any, Shelf]:
            if not folder.is_dir():
                return Shelf((), ())
            purge_models(folder)
            listed = list_models(folder)
            if images is None or not listed.models:
                return listed
            yield listed
            return list_models(folder, images.sources(), should_stop)

        self.abandon()
        name = "" if images is None else images.name
        before = self.state if self.state.folder == folder else ShelfState(folder)
        self.set_state(replace(before, compared_with=name, is_looking=True, problem=""))
        self.job = Job(events, self._on_listed, self._on_end, self._on_error)
        self.job.start()

    def rename(self, model: ShelvedModel, name: str) -> None:
        """Call a model something else; nothing brings back the name of its folders."""
        self._label(model, name=name)

    def note(self, model: ShelvedModel, note: str) -> None:
        """Note something on a model."""
        self._label(model, note=note)

    def delete(self, model: ShelvedModel) -> None:
        """Set a model aside, so that it can be brought back."""

        def work() -> None:
            delete_model(model.folder)
            left = tuple(other for other in self.state.models if other.folder != model.folder)
            deleted = (*self.state.deleted, model)
            self.set_state(replace(self.state, models=left, deleted=deleted, problem=""))

        self._guard(work)

    def undo_delete(self) -> None:
        """Bring back the model that was deleted last."""
        if not self.state.deleted:
            return
        *others, last = self.state.deleted

        def work() -> None:
            restore_model(last.folder)
            found = (*self.state.models, last)
            ordered = sorted(found, key=lambda model: model.date, reverse=True)
            ordered.sort(key=lambda model: model.misfit or 0.0)
            self.set_state(
                replace(self.state, models=tuple(ordered), deleted=tuple(others), problem="")
            )

        self._guard(work)

    def _label(self, model: ShelvedModel, **said: str) -> None:
        def work() -> None:
            label = label_model(model.folder, **said)
            now = replace(model, name=label.name or model.unlabeled, note=label.note)
            models = tuple(
                now if other.folder == model.folder else other for other in self.state.models
            )
            self.set_state(replace(self.state, models=models, problem=""))

        self._guard(work)

    def _guard(self, work: Callable[[], object]) -> None:
        """Do something small with files; say why it is not possible."""
        try:
            work()
        except UserError as error:
            self.set_state(replace(self.state, problem=str(error)))

    def _on_listed(self, shelf: Shelf) -> None:
        self.set_state(replace(self.state, models=shelf.models, unreadable=shelf.unreadable))

    def _on_end(self, shelf: Shelf) -> None:
        self.job = None
        self._on_listed(shelf)
        self.set_state(replace(self.state, is_looking=False))

    def _on_error(self, error: Exception) -> None:
        self.job = None
        self.set_state(
            replace(self.state, is_looking=False, compared_with="", problem=error_text(error))
        )
