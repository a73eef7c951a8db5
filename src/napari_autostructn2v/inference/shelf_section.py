"""The part of Inference that opens to the models on this computer."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal

from autoStructN2V.datasets.images.offset import without_offset
from autoStructN2V.datasets.images.reading import open_images
from napari_autostructn2v.inference.shelf_view import ShelfView
from napari_autostructn2v.layers.pixels import snapshot
from napari_autostructn2v.lifetime import connect
from napari_autostructn2v.session.docks import DockName
from napari_autostructn2v.session.work.shelf import ImagesToFit
from napari_autostructn2v.widgets.sections import Collapsible

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import Any

    from autoStructN2V.datasets.images.sources import ImageSource
    from napari_autostructn2v.inference.choices import SourceChoice
    from napari_autostructn2v.layers.stacks import LayerStacks
    from napari_autostructn2v.session.session import Session
    from napari_autostructn2v.session.state import ModelCard, TaskState


class ShelfSection(Collapsible):
    """Lists models while it is open, by how well they fit the images that are chosen.

    Parameters
    ----------
    session : Session
        Whose output folder is looked through.
    source : SourceChoice
        Chooses the images.
    """

    use_requested = Signal(object)
    """Model folder of the model that is to be applied."""

    def __init__(self, session: Session, source: SourceChoice) -> None:
        super().__init__("Models on this computer")
        self._session = session
        self._source = source
        self._wanted: Path | None = None
        self._compared: object = None
        self.view = ShelfView(session.shelf)
        self.add(self.view)
        self.toggled.connect(self._look)
        self.view.use_requested.connect(self._use)
        self.view.train_requested.connect(self._train)
        source.changed.connect(self._on_source_changed)
        connect(self, session.config_changed, self._on_config)
        connect(self, session.models.changed, self._on_model)
        connect(self, session.tasks.changed, self._on_task)

    def open_if_empty_handed(self) -> None:
        """Show the models at once where none is at hand."""
        if self._session.models.at_hand is None:
            self.expand(animate=False)

    def _look(self, *_: object) -> None:
        if self.isExpanded():
            self._compared = self._images_key()
            self._session.shelf.look(self._folder, self._images())

    def _use(self, folder: Path) -> None:
        self._wanted = folder
        self.use_requested.emit(folder)

    def _train(self, folder: Path) -> None:
        self._session.import_models([folder])
        self._session.dock_requested.emit(DockName.CONFIGURATION)

    def _on_source_changed(self) -> None:
        if self.isExpanded() and self._images_key() != self._compared:
            self._look()

    def _on_config(self, config: object) -> None:
        if self._session.shelf.state.folder != self._folder:
            self._look()

    def _on_model(self, card: ModelCard) -> None:
        """Make room once the model that was wanted is there; list those of a new training."""
        if card.folder is not None and card.folder == self._wanted:
            self._wanted = None
            self.collapse(animate=False)
        elif card.folder is not None:
            self._look()

    def _on_task(self, task: TaskState) -> None:
        self.view.show_task_running(task.is_running)

    @property
    def _folder(self) -> Path:
        return self._session.config.output_dir.expanduser()

    def _images_key(self) -> object:
        """Return what tells the images that are chosen from others."""
        if not self._source.is_layer:
            return self._source.path(), tuple(self._source.chosen_planes().items())
        chooser = self._source.chooser
        # not the layer itself: one that is removed shall free its memory
        return id(chooser.layer()), tuple(chooser.chosen().items()), chooser.problem()

    def _images(self) -> ImagesToFit | None:
        path = self._source.path()
        if not self._source.is_layer:
            if path is None or not path.exists():  # it may be half typed
                return None
            opened = partial(_of_files, path, self._source.chosen_planes())
            return ImagesToFit(path.name, opened)
        stacks = self._source.chooser.stacks()
        return None if stacks is None else ImagesToFit(stacks.name, partial(_of_layer, stacks))


def _of_layer(stacks: LayerStacks) -> Sequence[ImageSource]:
    return without_offset(snapshot(stacks.sources))


def _of_files(path: Path, planes: dict[str, Any]) -> Sequence[ImageSource]:
    return without_offset(open_images(path, mode="2D", **planes))
