"""The state that the dock widgets of one viewer share: its parts, and what passes between them."""

from __future__ import annotations

import weakref
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from autoStructN2V.datasets.images.checks import check_layout
from autoStructN2V.errors import UserError
from autoStructN2V.pipeline import PipelineConfig, go_on, validate_config
from napari_autostructn2v.layers.results import ResultLayers
from napari_autostructn2v.layers.taking import stacks_of
from napari_autostructn2v.lifetime import unwrapped, viewer_of
from napari_autostructn2v.session.config_edits import with_changes
from napari_autostructn2v.session.docks import DockName, DockOpener
from napari_autostructn2v.session.documents.kernel_document import KernelDocument
from napari_autostructn2v.session.documents.pattern_document import PatternDocument
from napari_autostructn2v.session.imported_model import import_model
from napari_autostructn2v.session.interruptions import Interruptions
from napari_autostructn2v.session.models import Models
from napari_autostructn2v.session.settings import first_config
from napari_autostructn2v.session.state import Phase
from napari_autostructn2v.session.training_run import TrainingRun
from napari_autostructn2v.session.work.denoising import Denoising
from napari_autostructn2v.session.work.measuring import NoiseMeasuring
from napari_autostructn2v.session.work.shelf import ModelShelf
from napari_autostructn2v.session.work.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import napari
    from napari.layers import Image, Layer

    from autoStructN2V.masking import ExtractorConfig, KernelProposal, PatternRemoval
    from autoStructN2V.masking.patterns.fourier.choices import PatternEdits
    from autoStructN2V.vocabulary import GoingOn
    from napari_autostructn2v.layers.stacks import LayerStacks
    from napari_autostructn2v.session.imported_model import ImportedModel
    from napari_autostructn2v.session.state import RunState

_SECONDS_TO_END = 5.0
_sessions: weakref.WeakKeyDictionary[napari.Viewer, Session] = weakref.WeakKeyDictionary()


class Session:
    """What the dock widgets of one viewer have in common.

    Widgets read the attributes, change them through the methods, and repaint on the signals. A
    training belongs to the session: it goes on when docks are closed, and ends with the viewer. The
    parts do not know each other; what one has to tell another passes through here.

    Parameters
    ----------
    viewer : napari.Viewer
        Held weakly.

    Attributes
    ----------
    config : PipelineConfig
        What the next training is started with.
    config_problem : str or None
        Why what a person entered last is not in ``config``; nothing is started then.
    source : LayerStacks or None
        What it is started on.
    imported : ImportedModel or None
        Models that were imported last.
    training : TrainingRun
        The training that runs, or ran last.
    tasks : Tasks
        Work beside a training, one at a time.
    noise : NoiseMeasuring
        Measures layers.
    denoising : Denoising
        Applies models.
    models : Models
        Models that were trained or loaded.
    shelf : ModelShelf
        Models on this computer.
    document : KernelDocument
        The kernel that is edited.
    patterns : PatternDocument
        What is removed first, and the spectra that show it.
    interruptions : Interruptions
        A training that was killed or cancelled and can go on.
    """

    config_changed = Signal(object)
    config_problem_changed = Signal(object)
    source_changed = Signal(object)
    models_imported = Signal(object)
    """The :class:`ImportedModel` that the configuration now goes on from."""
    dock_requested = Signal(object)
    """The :class:`DockName` of a dock that is to be opened, or to come to the front."""

    def __init__(self, viewer: napari.Viewer) -> None:
        self._viewer = weakref.ref(viewer)
        self.config: PipelineConfig = validate_config(first_config())
        self.config_problem: str | None = None
        self.source: LayerStacks | None = None
        self.imported: ImportedModel | None = None
        self.training = TrainingRun()
        self.tasks = Tasks()
        self.noise = NoiseMeasuring(self.tasks)
        self.denoising = Denoising(self.tasks, self._add_layer)
        self.models = Models(self.tasks)
        self.shelf = ModelShelf()
        self.document = KernelDocument()
        self.patterns = PatternDocument()
        self.interruptions = Interruptions()
        self.interruptions.look(self.config)
        self.training.kernel_proposed.connect(self._review)
        self.training.models_trained.connect(self.models.offer)
        self.training.changed.connect(self._on_run)
        self.training.images_read.connect(self._take_patterns_of_run)
        self.training.stage_seen.connect(self.patterns.add_stage)
        self.noise.kernel_proposed.connect(self._take_measured_kernel)
        self.noise.patterns_found.connect(self.patterns.show)
        self.patterns.edited.connect(self._take_edits)
        viewer.layers.events.removed.connect(self._on_layer_removed)

    @property
    def viewer(self) -> napari.Viewer:
        """The viewer of this session."""
        return viewer_of(self._viewer)

    @property
    def n_models(self) -> int:
        """How many channels of the chosen layer get a model of their own; else 1."""
        is_each = self.config.channels == "each" and self.source is not None
        return self.source.n_channels if is_each and self.source is not None else 1

    # what a training is started with

    def set_config(self, config: PipelineConfig) -> None:
        """Replace the configuration of the next training."""
        if config != self.config:
            is_turned = config.is_along_time != self.config.is_along_time
            self.config = config
            self.patterns.set_edits(config.pattern_edits, "change of the configuration")
            if is_turned and self.source is not None and self.source.layer is not None:
                self.choose_layer(self.source.layer, self.source.chosen)
            self.config_changed.emit(config)
            self._look_for_interrupted()

    def set_config_problem(self, problem: str | None) -> None:
        """Say that a person sees other values than those of the configuration, and why."""
        if problem != self.config_problem:
            self.config_problem = problem
            self.config_problem_changed.emit(problem)

    def choose_layer(self, layer: Layer, chosen: Mapping[str, int] | None = None) -> None:
        """Choose what the next training is started on.

        Parameters
        ----------
        layer : napari layer
            An image layer.
        chosen : mapping of str to int, optional
            Index along axes beside those of a stack, by their letters (T, C); default: all.

        Raises
        ------
        InputError
            If the layer cannot be denoised; nothing is chosen then.
        """
        self.source = None
        try:
            self.source = stacks_of(layer, chosen, along_time=self.config.is_along_time)
        finally:
            self.source_changed.emit(self.source)

    def clear_layer(self) -> None:
        """Choose nothing."""
        if self.source is not None:
            self.source = None
            self.source_changed.emit(None)

    def import_models(self, paths: Sequence[Path]) -> None:
        """Let the configuration go on from models; it stays as it is if they cannot be used.

        Parameters
        ----------
        paths : sequence of Path
            One folder, or one or two .pth files with or without their .json file.
        """

        def show(found: ImportedModel) -> None:
            try:
                config = with_changes(self.config, found.changes(self.config))
            except UserError as error:
                return self.tasks.end(error=str(error))
            if found.is_complete:
                self.models.choose(found.card)
            self.imported = found
            self.tasks.end()
            self.set_config(config)
            return self.models_imported.emit(found)

        self.tasks.start_work("import", "Loading the model", lambda: import_model(paths), show)

    def use_imported(self, how: GoingOn | None, *, keep_kernel: bool = True) -> None:
        """Let the configuration go on from the imported models in another way.

        Parameters
        ----------
        how : {"continue", "fine_tune"} or None
            Train their networks on; None: apply stage 1 as it is.
        keep_kernel : bool
            Whether stage 2 keeps its kernel, if it is trained on.

        Raises
        ------
        UserError
            If the models are gone, or cannot be gone on from.
        """
        if self.imported is not None:
            changes = self.imported.changes(self.config, how, keep_kernel=keep_kernel)
            self.set_config(with_changes(self.config, changes))

    # the training

    def cannot_start(self) -> str | None:
        """Return why a training cannot be started now, or None if it can."""
        if self.config_problem is not None and not self.training.state.phase.is_running:
            return f"Correct this in Configuration first: {self.config_problem}"
        return self._cannot_train(self.config)

    def cannot_continue(self) -> str | None:
        """Return why the interrupted training cannot go on now, or None if it can."""
        found = self.interruptions.found
        if found is None:
            return "There is no interrupted training."
        if found.problem is None and self.source is None:
            names = ", ".join(found.image_names[:1])
            return f"Choose the image that it is trained on ({names}) in Configuration."
        return found.problem or self._cannot_train(self.interruptions.config(self.config))

    def _cannot_train(self, config: PipelineConfig) -> str | None:
        if self.training.state.phase.is_running:
            return "A training is running; only one can run at a time."
        if any(session.training.job is not None for session in _sessions.values()):
            return "A training is running in another window; only one can run at a time."
        if self.source is None:
            return "No image layer is chosen; choose one in Configuration."
        misfit = self.source.misfit(config.mode, config.triplets_along)
        if misfit:
            return misfit
        largest = max(stage.patch_size for stage in config.used_stages)
        try:
            check_layout(self.source.sources, patch_size=largest, mode=config.mode)
        except UserError as error:
            return str(error)
        return None

    def start_training(self) -> None:
        """Start a training; it takes copies of the configuration and of the choice of layer."""
        self._start(self.cannot_start(), resume=False)

    def continue_training(self) -> None:
        """Let the interrupted training go on, with its settings, on the layer that is chosen."""
        reason = self.cannot_continue()
        if reason is None:
            self.set_config(self.interruptions.config(self.config))
        self._start(reason, resume=True)

    def train_longer(self) -> None:
        """Train what was trained last for as many epochs again, on the layer that is chosen."""
        folder = self.training.state.model_folder
        if folder is None or self.training.state.phase.is_running:
            return
        try:
            changes = go_on(folder, "continue") | {"stage1_model": None}
            self.set_config(with_changes(self.config, changes))
        except UserError as error:
            return self.training.refuse(str(error))
        self.start_training()
        return None

    def discard_interrupted(self) -> None:
        """Remove what the interrupted training could go on from; what is finished stays."""
        if not self.training.state.phase.is_running:
            self.interruptions.discard(self.config)

    def _start(self, reason: str | None, *, resume: bool) -> None:
        if reason is not None or self.source is None:
            return self.training.refuse(reason or "")
        try:
            stacks = self._source_now(self.source)
        except UserError as error:
            return self.training.refuse(str(error))
        # without the pixels: a layer that is removed later shall free its memory
        results = ResultLayers(self.viewer, replace(stacks, sources=()), self.config)
        self.models.await_training()
        return self.training.start(self.config, stacks, results, resume=resume)

    def approve(self) -> None:
        """Let the training that waits go on to stage 2 with the kernel of :attr:`document`."""
        self.training.approve(self.document.kernel)

    def close(self, *_: object) -> None:
        """End what runs; called when the viewer is closed."""
        for job in [self.training.abandon(), self.tasks.abandon(), self.shelf.abandon()]:
            if job is not None:
                job.wait(_SECONDS_TO_END)

    # what the parts tell each other, and what the viewer tells

    def _review(self, proposal: KernelProposal) -> None:
        config = self.training.state.config or self.config
        self.document.set_proposal(proposal, config.stage2.extractor)
        if not self.training.auto_approve:
            self.dock_requested.emit(DockName.MASK_EDITOR)

    def _on_run(self, run: RunState) -> None:
        if not run.phase.is_running:
            self._look_for_interrupted()

    def _look_for_interrupted(self) -> None:
        # the folder of a training that runs changes all the time, and holds nothing to offer
        if not self.training.state.phase.is_running:
            self.interruptions.look(self.config)

    def _take_measured_kernel(self, proposal: KernelProposal, extractor: ExtractorConfig) -> None:
        # a training that waits for the approval of a kernel must not get that of another layer
        if self.training.state.phase is not Phase.REVIEW:
            self.document.set_proposal(proposal, extractor)

    def _take_patterns_of_run(self, removal: PatternRemoval, name: str) -> None:
        self.patterns.forget_stages()
        self.patterns.show(removal, name)

    def _take_edits(self, edits: PatternEdits) -> None:
        self.set_config(with_changes(self.config, edits.fields))

    def _source_now(self, source: LayerStacks) -> LayerStacks:
        """Take the layer as it is now: its name or its pixels may be new."""
        layer = source.layer
        if layer is not None and layer in self.viewer.layers:
            self.choose_layer(layer, source.chosen)
        return self.source or source

    def _add_layer(self, layer: Image) -> None:
        self.viewer.add_layer(layer)

    def _on_layer_removed(self, event: Any) -> None:
        if self.source is not None and self.source.layer is event.value:
            self.clear_layer()


def session_for(viewer: napari.Viewer) -> Session:
    """Return the session of a viewer; the first call makes it."""
    # every dock gets a proxy of its own; a weak dictionary would forget the session with the proxy
    viewer = unwrapped(viewer)
    if viewer not in _sessions:
        session = Session(viewer)
        viewer.window._qt_window.destroyed.connect(session.close)
        DockOpener(viewer, session.dock_requested)
        _sessions[viewer] = session
    return _sessions[viewer]
