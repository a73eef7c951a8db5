"""Dock widget Inference: apply a trained model to other images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from autoStructN2V.datasets.images.checks import check_layout
from autoStructN2V.datasets.images.formats.location import Location
from autoStructN2V.datasets.images.sources import file_stem
from autoStructN2V.errors import ConfigError, UserError
from autoStructN2V.files import ensure_writable_folder
from autoStructN2V.pipeline import proposed_name
from napari_autostructn2v.inference.choices import (
    ResultChoice,
    SourceChoice,
    ask_for_package,
    ask_for_tiff,
)
from napari_autostructn2v.inference.export_dialog import ExportDialog
from napari_autostructn2v.inference.model_card import ModelCardView
from napari_autostructn2v.inference.outcome import OutcomeNotices
from napari_autostructn2v.inference.shelf_section import ShelfSection
from napari_autostructn2v.layers.files import write_denoised
from napari_autostructn2v.lifetime import connect
from napari_autostructn2v.session.session import session_for
from napari_autostructn2v.session.state import TaskState
from napari_autostructn2v.widgets.dock_content import DockContent
from napari_autostructn2v.widgets.progress import ProgressLine
from napari_autostructn2v.widgets.sections import (
    VerticalScrollArea,
    heading,
    sentence,
    show_sentence,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from typing import Any

    import napari
    import numpy as np
    from napari.layers import Image
    from numpy.typing import NDArray

    from autoStructN2V.inference.trained_model import TrainedModel
    from napari_autostructn2v.layers.stacks import LayerStacks
    from napari_autostructn2v.session.session import Session
    from napari_autostructn2v.session.state import ModelCard

_MOST_OPENED = 10
_SHOWN_TASKS = ("denoise", "load", "save", "open", "export")
_LEAST_WIDTH = 56  # characters


class Inference(DockContent):
    """Load a model, choose images, and denoise them.

    Parameters
    ----------
    napari_viewer : napari.Viewer
    session : Session, optional
        Default: that of the viewer.
    """

    def __init__(self, napari_viewer: napari.Viewer, session: Session | None = None) -> None:
        super().__init__()
        self._session = session or session_for(napari_viewer)
        self._is_shown = False
        self._make_widgets(napari_viewer)
        self._arrange()
        self._connect()
        self.card.show_models(self._session.models.at_hand)
        self.card.show_newer(self._session.models.newer)
        self._follow_model()
        self._show_last()
        self.shelf.open_if_empty_handed()

    # building

    def _make_widgets(self, viewer: napari.Viewer) -> None:
        self.card = ModelCardView()
        self.source = SourceChoice(viewer)
        self.shelf = ShelfSection(self._session, self.source)
        self.result = ResultChoice()
        self.problem = sentence()
        self.progress = ProgressLine("Progress of denoising")
        self.process_button = QPushButton("Process")
        self.process_button.setToolTip("Denoise the images with the model.")
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.setToolTip("Stop; files that are complete stay.")
        self.outcome = OutcomeNotices()
        self.open_button = QPushButton("Open")
        self.save_button = QPushButton("Save layer as TIFF…")
        self.save_button.setToolTip("Write the new layer with its axes and pixel size.")
        self.more_button = QPushButton("Process more")
        self.more_button.setToolTip("Make ready for other images; layers and files stay.")

    def _arrange(self) -> None:
        content = QWidget()
        column = QVBoxLayout(content)
        # the dock has a margin; only the scroll bar needs some distance
        column.setContentsMargins(0, 0, column.spacing(), 0)
        column.addWidget(heading("Model"))
        column.addWidget(self.card)
        column.addWidget(self.shelf)
        column.addWidget(heading("Images"))
        column.addWidget(self.source)
        column.addWidget(heading("Result"))
        column.addWidget(self.result)
        column.addWidget(self.outcome)
        column.addStretch(1)
        after = QHBoxLayout()
        for button in (self.open_button, self.save_button, self.more_button):
            after.addWidget(button, 1)
        start = QHBoxLayout()
        start.addWidget(self.process_button, 1)
        start.addWidget(self.cancel_button)
        outer = QVBoxLayout(self)
        self._scroll = VerticalScrollArea(content)
        self._scroll.setMinimumWidth(self.fontMetrics().averageCharWidth() * _LEAST_WIDTH)
        outer.addWidget(self._scroll, 1)
        outer.addWidget(self.problem)
        outer.addWidget(self.progress)
        outer.addLayout(after)
        outer.addLayout(start)

    def _connect(self) -> None:
        self.card.path_chosen.connect(self.load_model)
        self.shelf.use_requested.connect(self.load_model)
        self.shelf.toggleButton().clicked.connect(self._show_shelf)
        self.card.newer_requested.connect(self._session.models.use_newer)
        self.card.export_requested.connect(self._ask_for_package)
        self.card.stage_changed.connect(self._refresh)
        self.source.changed.connect(self._on_source_changed)
        self.result.changed.connect(self._refresh)
        self.process_button.clicked.connect(self._process)
        self.cancel_button.clicked.connect(self._session.tasks.cancel)
        self.open_button.clicked.connect(self._open_files)
        self.save_button.clicked.connect(self._ask_where_to_save)
        self.more_button.clicked.connect(self._process_more)
        connect(self, self._session.models.changed, self._on_model)
        connect(self, self._session.models.newer_changed, self.card.show_newer)
        connect(self, self._session.tasks.changed, self._on_task)
        connect(self, self._session.denoising.layer_denoised, self._show_outcome)
        connect(self, self._session.denoising.files_denoised, self._show_outcome)

    # what a person does

    def load_model(self, path: Path) -> None:
        """Load the models of a folder or a file; why that is not possible is shown."""
        self._session.models.load(path)

    def _show_shelf(self) -> None:
        """Bring what a click opened into view, with the buttons below the list."""
        if self.shelf.isExpanded():
            self._scroll.follow(self.shelf)

    def _follow_model(self) -> None:
        """Take frames of movies for what the model was trained on."""
        model = self.card.model()
        self.source.chooser.set_along_time(model is not None and model.is_along_time)

    def cannot_process(self) -> str | None:
        """Return why nothing can be denoised now, or None if it can."""
        model, chooser, task = self.card.model(), self.source.chooser, self._session.tasks.state
        if task.is_measuring or task.is_importing:
            return f"{task.what_runs}; wait for it, or cancel it in Configuration."
        if model is None:
            return "Load or train a model first."
        if self.source.is_layer and chooser.problem():
            return chooser.problem()
        if not self.source.is_layer and self.source.path() is None:
            return "Choose an image file or a folder of images."
        if not self.result.is_layer and self.result.folder() is None:
            return "Choose the folder for the results."
        stacks = chooser.stacks() if self.source.is_layer else None
        return None if stacks is None else _refusal(stacks, model, len(self.card.models()))

    def _process(self) -> None:
        self._clear_outcome()
        self._is_shown = True
        try:
            self._start()
        except UserError as error:
            self.outcome.error.show_text(str(error))
            self._show_outcome()

    def _start(self) -> None:
        """Hand the work to the session; raises when images cannot be opened."""
        session, model, device = self._session, self.card.model(), self._session.config.device
        path, folder = self.source.path(), self.result.folder()
        if model is None:
            return
        models, stacks = self.card.models(), self.source.chooser.stacks()
        place = session.config.output_dir.expanduser() / "denoised"
        if self.source.is_layer and stacks is not None:
            write = self._writer(stacks, model)
            session.denoising.denoise_layer(stacks, models or [model], device, write, place)
        elif self.source.is_layer or path is None:
            return
        elif self.result.is_layer:
            planes = self._planes(is_each=bool(models))
            session.denoising.denoise_files_as_layer(
                path, models or [model], device, place, **planes
            )
        elif folder is not None:
            session.denoising.denoise_files(
                path,
                folder,
                models or [model],
                device=device,
                output_dtype=self.result.output_dtype(),
                **self._planes(is_each=bool(models)),
            )

    def _planes(self, *, is_each: bool) -> dict[str, Any]:
        """Return what was chosen of files; raises if all channels are to be denoised and one is."""
        planes = self.source.chosen_planes()
        if is_each and planes["channel"] is not None:
            raise ConfigError(
                f"Channel {planes['channel']} is chosen, and all are to be denoised; leave it out "
                "below Axes, channel and timepoint, or choose the model of one channel."
            )
        return planes

    def _writer(
        self, stacks: LayerStacks, model: TrainedModel
    ) -> Callable[[Sequence[NDArray[np.float32]]], Path] | None:
        """Return what writes the result of a layer to disk, if that is wanted."""
        folder, dtype = self.result.folder(), self.result.output_dtype()
        if self.result.is_layer or folder is None:
            return None
        ensure_writable_folder(folder)

        def write(denoised: Sequence[NDArray[np.float32]]) -> Path:
            return write_denoised(folder, stacks, denoised, model, dtype)

        return write

    def _open_files(self) -> None:
        self._session.denoising.open_files(self._files()[:_MOST_OPENED])

    def _ask_where_to_save(self) -> None:
        layer = self._layer()
        if layer is None:
            return
        path = ask_for_tiff(self, layer.name, self._session.config.output_dir.expanduser())
        if path is not None:
            self.save_to(path, layer)

    def _ask_for_package(self) -> None:
        model = self.card.model()
        if model is None:
            return
        dialog = ExportDialog(proposed_name(model.provenance.get("images", [])), self)
        is_accepted = dialog.exec()
        dialog.deleteLater()
        if is_accepted and dialog.details is not None:
            folder = self._session.config.output_dir.expanduser()
            path = ask_for_package(self, dialog.details.name, folder)
            card = self.card.card()
            if path is not None and card is not None:
                self._session.models.export(path, model, card.folder, dialog.details)

    def save_to(self, path: Path, layer: Image) -> None:
        """Write a layer to a TIFF file; why that is not possible is shown."""
        try:
            self._session.denoising.save_layer(path, layer)
        except UserError as error:
            self.outcome.error.show_text(str(error))

    def _process_more(self) -> None:
        self._clear_outcome()
        self._is_shown = False
        self._refresh()
        self._scroll.follow(self.source)

    # what the session reports

    def _on_model(self, card: ModelCard | None) -> None:
        self.card.show_models(card)
        self._follow_model()
        self._refresh()

    def _on_source_changed(self) -> None:
        path = self.source.path()
        if self.source.is_layer or path is None:
            self.result.propose_folder(self._session.config.output_dir.expanduser() / "denoised")
        else:
            self.result.propose_folder(self._folder_beside(path))
        self._refresh()

    def _folder_beside(self, path: Path) -> Path:
        """Return where results may go: beside images on disk."""
        location = Location.of(path)
        is_remote = location.address is not None
        folder = self._session.config.output_dir.expanduser() if is_remote else location.path.parent
        return folder / f"{file_stem(location.path)}_denoised"

    def _on_task(self, task: TaskState) -> None:
        if task.is_running:
            self._is_shown = task.is_denoising
        if self._is_shown:
            self.outcome.show_task(task)
            if not task.is_running and (task.error or task.messages):
                self._show_outcome()
        elif task.kind in ("save", "open", "export") and not task.is_running:
            self.outcome.add_task(task)
            self._show_outcome()
        self.card.show_task(task)
        self._refresh()

    def _show_last(self) -> None:
        """Show what runs, or what came of the last images: the session outlives this dock."""
        task, last = self._session.tasks.state, self._session.denoising.last
        if task.kind != "denoise" and last is not None:
            self.outcome.show_task(last.task)
            self._show_outcome()
        self._is_shown = task.kind == "denoise"
        self._on_task(task)

    def _files(self) -> tuple[Path, ...]:
        last = self._session.denoising.last
        return last.files if last is not None else ()

    def _layer(self) -> Image | None:
        last = self._session.denoising.last
        return last.layer() if last is not None and last.layer is not None else None

    def _clear_outcome(self) -> None:
        self._session.denoising.forget()
        self.outcome.clear()

    def _show_outcome(self, made: object = None) -> None:
        self._refresh()
        self._scroll.follow(self.outcome.told)

    def _refresh(self) -> None:
        """Enable what is possible now, and say what is missing."""
        task = self._session.tasks.state
        is_busy = task.is_running and task.kind in _SHOWN_TASKS
        reason = None if is_busy else self.cannot_process()
        show_sentence(self.problem, reason or "")
        self.process_button.setEnabled(not task.is_running and reason is None)
        self._show_progress(task if is_busy else TaskState())
        n = len(self._files())
        self.open_button.setVisible(n > 0)
        self.open_button.setText("Open" if n <= _MOST_OPENED else f"Open first {_MOST_OPENED}")
        self.open_button.setToolTip("Open what was written as layers.")
        self.save_button.setVisible(self._layer() is not None)
        self.more_button.setVisible(self.outcome.told is not None and not task.is_denoising)
        for button in (self.open_button, self.save_button, self.more_button):
            button.setEnabled(not task.is_running)

    def _show_progress(self, task: TaskState) -> None:
        self.cancel_button.setVisible(task.is_running and task.kind != "save")
        self.cancel_button.setEnabled(not task.is_stopping)
        progress = task.progress if task.is_running else None
        # until the first tile is done, nobody knows how long it takes
        is_known = progress is not None and progress.fraction > 0
        text = "Stopping" if task.is_stopping else ""
        self.progress.show_progress(progress, text, is_known=is_known)


def _refusal(stacks: LayerStacks, model: TrainedModel, n_channels: int) -> str | None:
    """Return why a model, or one for each of several channels, cannot be applied to a layer."""
    if n_channels and stacks.n_channels != n_channels:
        found = f"{stacks.n_channels} channels" if stacks.n_channels > 1 else "one channel"
        return (
            f"There is a model for each of {n_channels} channels, and what is chosen has {found}; "
            "choose an image with as many, or the model of one channel."
        )
    try:
        check_layout(stacks.sources, patch_size=1, mode=model.mode)
    except UserError as error:
        return str(error)
    return stacks.misfit(model.mode, model.triplets_along) or None
