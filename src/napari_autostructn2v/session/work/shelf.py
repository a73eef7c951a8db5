"""The models on this computer: listed beside the interface, renamed, deleted and brought back."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
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
    from napari_autostructn2v.session.work.jobs import MakeEvents


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
        self._begin_again: Callable[[], None] | None = None  # while models are being listed

    def look(self, folder: Path, images: ImagesToFit | None = None) -> None:
        """List the models below a folder; those that fit images best come first.

        Parameters
        ----------
        folder : Path
            As the output folder of a configuration; there may be none yet.
        images : ImagesToFit, optional
            Images to be denoised. The models are listed before these are measured.
        """
        name = "" if images is None else images.name
        before = self.state if self.state.folder == folder else ShelfState(folder)
        # how well they fit is of other images
        aside = tuple(replace(model, misfit=None, reason="") for model in before.deleted)
        self.set_state(
            replace(before, compared_with=name, is_looking=True, problem="", deleted=aside)
        )
        self._begin_again = partial(self._list, partial(_listed, folder, images, at_once=False))
        self._list(partial(_listed, folder, images, at_once=True))

    def _list(self, events: MakeEvents) -> None:
        self.abandon()
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
            # one that was not compared with the images comes last
            ordered.sort(key=lambda model: math.inf if model.misfit is None else model.misfit)
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
        """Do something small with files; say why it is not possible.

        What is being listed meanwhile began before it, and would undo it here.
        """
        try:
            work()
        except UserError as error:
            self.set_state(replace(self.state, problem=str(error)))
        else:
            if self._begin_again is not None:
                self._begin_again()

    def _on_listed(self, shelf: Shelf) -> None:
        self.set_state(replace(self.state, models=shelf.models, unreadable=shelf.unreadable))

    def _on_end(self, shelf: Shelf) -> None:
        self._forget_job()
        self._on_listed(shelf)
        self.set_state(replace(self.state, is_looking=False))

    def _on_error(self, error: Exception) -> None:
        self._forget_job()
        self.set_state(
            replace(self.state, is_looking=False, compared_with="", problem=error_text(error))
        )

    def _forget_job(self) -> None:
        self.job = self._begin_again = None  # with the latter, the pixels that it held


def _listed(
    folder: Path,
    images: ImagesToFit | None,
    should_stop: Callable[[], bool],
    *,
    at_once: bool,
) -> Generator[Shelf, Any, Shelf]:
    """Return the models below a folder; ``at_once`` yields them before images are measured."""
    if not folder.is_dir():
        return Shelf((), ())
    purge_models(folder)
    if images is None:
        return list_models(folder)
    if at_once:
        listed = list_models(folder)
        if not listed.models:
            return listed
        yield listed
    return list_models(folder, images.sources(), should_stop)
