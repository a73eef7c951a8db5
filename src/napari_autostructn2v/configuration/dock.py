"""Dock widget Configuration: what the next training is started with, and on what."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget
from superqt.utils import signals_blocked

from autoStructN2V.errors import InputError, UserError
from autoStructN2V.pipeline import PipelineConfig, validate_config
from autoStructN2V.pipeline.configuration.file import read_config, write_config
from autoStructN2V.pipeline.configuration.of_preset import with_preset
from autoStructN2V.pipeline.configuration.presets import merged
from napari_autostructn2v.configuration.chosen_patterns import ChosenPatterns
from napari_autostructn2v.configuration.dialogs import ask_for_new, ask_for_saved
from napari_autostructn2v.configuration.estimate import EstimateLine
from napari_autostructn2v.configuration.first_steps import FirstSteps
from napari_autostructn2v.configuration.mode_choice import ModeChoice
from napari_autostructn2v.configuration.noise_check import NoiseCheck
from napari_autostructn2v.configuration.parameters import ParameterForms
from napari_autostructn2v.configuration.preset import PresetRow
from napari_autostructn2v.configuration.stages import StageForms
from napari_autostructn2v.configuration.start import StartChoice
from napari_autostructn2v.lifetime import connect
from napari_autostructn2v.session.config_edits import with_changes
from napari_autostructn2v.session.docks import DockName
from napari_autostructn2v.session.session import session_for
from napari_autostructn2v.widgets.dock_content import DockContent
from napari_autostructn2v.widgets.editors import SegmentedChoice
from napari_autostructn2v.widgets.forms import FormGrid, choices_of, describe
from napari_autostructn2v.widgets.layer_chooser import LayerChooser
from napari_autostructn2v.widgets.sections import (
    VerticalScrollArea,
    heading,
    labeled_rows,
    sentence,
    show_sentence,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import napari

    from napari_autostructn2v.layers.stacks import LayerStacks
    from napari_autostructn2v.session.imported_model import ImportedModel
    from napari_autostructn2v.session.session import Session
    from napari_autostructn2v.session.state import RunState, TaskState

_OF_THE_MODEL = "The model that is trained on was trained otherwise."
_NEXT_HELP = "Open the dock widget that starts and shows the training."
_TOGGLES = ("method", "mode", "triplets_along", "channels")
_FIRST_CHANNEL = "Channel 0; choose another one above to measure it.\n"
_WHERE = ("device", "output_dir", "experiment_name")


class Configuration(DockContent):
    """Choose a layer, a method and its parameters; see how long the training will take.

    Parameters
    ----------
    napari_viewer : napari.Viewer
    session : Session, optional
        Default: that of the viewer.
    """

    def __init__(self, napari_viewer: napari.Viewer, session: Session | None = None) -> None:
        super().__init__()
        self._session = session or session_for(napari_viewer)
        self._phase = self._session.training.state.phase
        self._make_widgets(napari_viewer)
        self._arrange()
        self._connect_widgets()
        self._connect_session()
        self._take_layer_of_session()
        self._show_config(self._session.config)
        self._on_task(self._session.tasks.state)

    def on_closed(self) -> None:
        """Let trainings start again: nobody sees a wrong value anymore."""
        self._session.set_config_problem(None)

    # building

    def _make_widgets(self, viewer: napari.Viewer) -> None:
        self.first_steps = FirstSteps(viewer)
        self.chooser = LayerChooser(viewer)
        self.noise_check = NoiseCheck()
        self.chosen_patterns = ChosenPatterns()
        self.method = SegmentedChoice(choices_of(PipelineConfig, "method"))
        self.mode = ModeChoice()
        self.triplets_along = SegmentedChoice(choices_of(PipelineConfig, "triplets_along"))
        self.channels = SegmentedChoice(choices_of(PipelineConfig, "channels"))
        self.start = StartChoice()
        self.preset = PresetRow()
        self.stages = StageForms()
        self.parameters = ParameterForms()
        self.where = FormGrid({"": PipelineConfig}, _WHERE)
        self.problem = sentence()
        self.estimate = EstimateLine()
        self.load_button = QPushButton("Load…")
        self.load_button.setToolTip("Read a configuration from a .json file.")
        self.save_button = QPushButton("Save…")
        self.save_button.setToolTip("Write this configuration to a .json file.")
        self.next_button = QPushButton("Next: Training")
        for name in _TOGGLES:
            describe(getattr(self, name), PipelineConfig, name)

    def _arrange(self) -> None:
        self.form, self.buttons = QWidget(), self._button_row()
        column = QVBoxLayout(self.form)
        # the dock has a margin; only the scroll bar needs some distance
        column.setContentsMargins(0, 0, column.spacing(), 0)
        column.addWidget(heading("Image"))
        column.addWidget(self.chooser)
        column.addWidget(self.noise_check)
        column.addWidget(self.chosen_patterns)
        column.addWidget(heading("Task"))
        column.addWidget(labeled_rows(("Method", self.method), ("Slices", self.mode)))
        self._triplets_row = labeled_rows(("Triplets", self.triplets_along))
        self._channels_row = labeled_rows(("Channels", self.channels))
        column.addWidget(self._triplets_row)
        column.addWidget(self._channels_row)
        column.addWidget(self.start)
        column.addWidget(heading("Training"))
        column.addWidget(labeled_rows(("Preset", self.preset)))
        column.addWidget(self.stages)
        column.addWidget(self.parameters)
        column.addWidget(heading("Device and output"))
        column.addWidget(self.where)
        column.addStretch(1)
        content, outer = QWidget(), QVBoxLayout(self)
        both = QVBoxLayout(content)
        both.setContentsMargins(0, 0, 0, 0)
        both.addWidget(self.first_steps)
        both.addWidget(self.form, 1)
        outer.addWidget(VerticalScrollArea(content), 1)
        for widget in (self.problem, self.estimate, self.buttons):
            outer.addWidget(widget)

    def _button_row(self) -> QWidget:
        buttons = QWidget()
        row = QHBoxLayout(buttons)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.load_button)
        row.addWidget(self.save_button)
        row.addWidget(self.next_button, 1)
        return buttons

    def _connect_widgets(self) -> None:
        self.chooser.changed.connect(self._on_layer_chosen)
        self.noise_check.requested.connect(self._measure)
        self.noise_check.cancel_requested.connect(self._session.tasks.cancel)
        self.noise_check.findings.settings_chosen.connect(self._change)
        self.chosen_patterns.forget_requested.connect(self._session.patterns.reset)
        self.start.valueChanged.connect(self._on_start_chosen)
        self.start.model.chosen.connect(self.import_files)
        self.start.model.cancel_requested.connect(self._session.tasks.cancel)
        self.start.model.inference_requested.connect(self._open_inference)
        self.start.model.use_changed.connect(self._use_imported)
        self.preset.chosen.connect(self._use_preset)
        toggles = (getattr(self, name) for name in _TOGGLES)
        for form in (*toggles, self.stages, self.parameters, self.where):
            form.valueChanged.connect(self._on_edited)
        self.estimate.fast_requested.connect(self._use_fast)
        self.load_button.clicked.connect(self._ask_load)
        self.save_button.clicked.connect(self._ask_save)
        self.next_button.clicked.connect(self._open_training)

    def _connect_session(self) -> None:
        session = self._session
        connect(self, session.config_changed, self._show_config)
        connect(self, session.config_problem_changed, self._refresh)
        connect(self, session.source_changed, self._on_source_changed)
        connect(self, session.training.changed, self._on_run_changed)
        connect(self, session.tasks.changed, self._on_task)
        connect(self, session.models_imported, self._on_imported)
        connect(self, session.noise.measured, self._show_noise)

    # from the widgets to the session

    def _on_layer_chosen(self) -> None:
        layer = self.chooser.layer()
        try:
            if layer is None:
                self._session.clear_layer()
            else:
                self._session.choose_layer(layer, self.chooser.chosen())
        except InputError:
            pass  # the chooser says why
        self._refresh()

    def _on_edited(self) -> None:
        """Take over what the widgets show."""
        self._change(self.shown_values())

    def _on_start_chosen(self) -> None:
        if self.start.is_from_scratch and self._session.tasks.state.is_importing:
            self._session.tasks.cancel()
        self._on_edited()

    def _use_preset(self) -> None:
        self._session.set_config(with_preset(self._session.config, self.preset.value()))
        self._show_config(self._session.config)

    def _use_fast(self) -> None:
        self._session.set_config(with_preset(self._session.config, "fast"))

    def shown_values(self) -> dict[str, Any]:
        """Return the fields that the widgets show, nested as in the configuration."""
        values = self.parameters.value() | self.where.value()[""]
        values |= {name: getattr(self, name).value() for name in _TOGGLES}
        values |= self.start.value()
        if self.method.value() == "n2v" or self.start.trains_on(self._session.config):
            return values
        return merged(values, self.stages.value())

    def _change(self, changes: dict[str, Any]) -> bool:
        """Change the configuration; nothing can be started if that is not allowed."""
        try:
            self._session.set_config(with_changes(self._session.config, changes))
            problem = self.start.problem(self._session.config)
        except UserError as error:
            problem = str(error)
        self._session.set_config_problem(problem)
        self._refresh()
        return problem is None

    def _try(self, action: Callable[[], object]) -> None:
        """Read or write a file, or say why that is not possible."""
        self._refresh()
        try:
            action()
        except UserError as error:
            show_sentence(self.problem, f"⚠ {error}")

    # buttons

    def import_files(self, paths: Sequence[Path]) -> None:
        """Start from models in files or in a folder, once they are read."""
        self._session.import_models(paths)

    def load(self, path: Path) -> None:
        """Read a configuration from a .json file; nothing changes if it cannot be used."""

        def take_over() -> None:
            # the input is the chosen layer
            config = validate_config(read_config(path) | {"input_dir": None})
            self.start.forget()
            self._session.set_config(config)
            self._show_config(config)

        self._try(take_over)

    def save(self, path: Path) -> None:
        """Write the configuration to a .json file, if it is what is shown."""
        if self._session.config_problem is not None:
            text = f"⚠ Not saved. {self._session.config_problem}"
            return show_sentence(self.problem, text)
        return self._try(lambda: write_config(path, self._session.config))

    def _use_imported(self) -> None:
        shown, use = self.start.model, self._session.use_imported
        self._try(lambda: use(shown.how, keep_kernel=shown.keeps_kernel))

    def _ask_load(self) -> None:
        if (path := ask_for_saved(self)) is not None:
            self.load(path)

    def _ask_save(self) -> None:
        if (path := ask_for_new(self)) is not None:
            self.save(path)

    def _measure(self) -> None:
        stacks, config = self.chooser.stacks(), self._session.config
        if stacks is not None:
            if self._session.n_models > 1:  # the noise of one is not that of another
                stacks = replace(stacks, sources=stacks.sources_of_channel(0))
            self._session.noise.measure(stacks, config.mode, config.stage2.extractor, config)

    def _open_inference(self) -> None:
        self._session.dock_requested.emit(DockName.INFERENCE)

    def _open_training(self) -> None:
        if self._change(self.shown_values()):
            self._session.dock_requested.emit(DockName.TRAINING)

    # from the session to the widgets

    def _take_layer_of_session(self) -> None:
        source = self._session.source
        if source is None or source.layer is None:
            self._on_layer_chosen()
        else:
            self._on_source_changed(source)

    def _on_source_changed(self, source: LayerStacks | None) -> None:
        if source is not None and source.layer is not None:
            with signals_blocked(self.chooser):
                self.chooser.set_layer(source.layer)
                self.chooser.set_chosen(source.chosen)
        self._refresh()

    def _show_config(self, config: PipelineConfig) -> None:
        """Show a configuration."""
        self.start.show_config(config)
        for name in _TOGGLES:
            getattr(self, name).setValue(config[name])
        self._triplets_row.setVisible(config.mode == "2.5D")
        self.chooser.set_along_time(config.is_along_time)
        self.preset.show_config(config)
        self.stages.show_config(config)
        self.stages.setVisible(config.method != "n2v" and not self.start.trains_on(config))
        self.where.setValue({"": config})
        self.parameters.show_config(config)
        self._session.set_config_problem(self.start.problem(self._session.config))
        self._refresh()

    def _refresh(self) -> None:
        """Show what follows from configuration and layer together."""
        session, source = self._session, self._session.source
        has_images = self.chooser.has_layers
        self.first_steps.setVisible(not has_images)
        for widget in (self.form, self.buttons):
            widget.setVisible(has_images)
        self._offer_choices(source)
        self.chosen_patterns.show_choice(session.patterns, source.name if source else "")
        self._channels_row.setVisible(source is not None and source.n_channels > 1)
        wrong = problem = session.config_problem or ""
        self.next_button.setEnabled(not wrong)
        self.next_button.setToolTip(wrong or _NEXT_HELP)
        if session.training.state.phase.is_running and not wrong:
            problem = "A training is running; changes apply to the next one."
        elif source is not None and not wrong:
            problem = session.cannot_start() or ""
        show_sentence(self.problem, f"⚠ {problem}" if problem else "")
        self._show_noise()
        self.estimate.update_for(
            session.config,
            source.shapes if source and not wrong else [],
            n_models=session.n_models,
            # beside a training the device would seem slow
            may_measure=not session.training.state.phase.is_running,
        )

    def _offer_choices(self, source: LayerStacks | None) -> None:
        """Gray out what the layer, or the model that is trained on, does not allow."""
        is_fixed = self.start.trains_on(self._session.config)
        reason = _OF_THE_MODEL if is_fixed else ""
        for choice in (self.method, self.triplets_along):
            choice.refuse(choice.values if is_fixed else (), reason)
        if is_fixed:
            self.mode.refuse(self.mode.values, reason)
        else:
            self.mode.allow_for(source)

    def _on_task(self, task: TaskState) -> None:
        self.start.show_task(task)
        self._show_noise()

    def _on_imported(self, found: ImportedModel) -> None:
        self.start.show_imported(found)
        self._show_config(self._session.config)

    def _on_run_changed(self, run: RunState) -> None:
        if run.phase is not self._phase:
            self._phase = run.phase
            self._refresh()

    def _show_noise(self, *_: object) -> None:
        session = self._session
        measurement = session.noise.measurement
        if measurement is not None and not measurement.is_of(session.source):
            measurement = None
        of = _FIRST_CHANNEL if session.n_models > 1 else ""
        self.noise_check.show_measurement(measurement, session.tasks.state, session.config, of)
        self.noise_check.show_task(session.tasks.state, can_measure=session.source is not None)
