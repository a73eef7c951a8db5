# The Configuration dock: what it shows is what the session will train with, whatever a person does.

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDockWidget, QFileDialog, QMainWindow, QMessageBox

from autoStructN2V.datasets.images.sources import ArraySource
from autoStructN2V.inference import load_model
from autoStructN2V.masking import Advice, find_patterns
from autoStructN2V.pipeline import (
    PRESETS,
    export_model,
    find_models,
    finish,
    package_details,
    recorded_events,
    validate_config,
)
from autoStructN2V.pipeline.configuration.file import read_config
from autoStructN2V.pipeline.configuration.of_preset import is_modified, with_preset
from napari_autostructn2v.configuration.dock import Configuration
from napari_autostructn2v.layers.taking import stacks_of
from napari_autostructn2v.session import session as _session
from napari_autostructn2v.session.config_edits import (
    STAGE_CHOICES,
    stage_choice,
    with_changes,
)
from napari_autostructn2v.session.docks import DockName
from napari_autostructn2v.session.documents.pattern_document import NOISY
from napari_autostructn2v.session.state import Phase, TaskState
from napari_autostructn2v.training.dock import Training
from tests.core.conftest import noisy_lines, tiny
from tests.plugin.conftest import PATIENCE, deleted

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def session(viewer):
    made = _session.Session(viewer)
    made.set_config(validate_config({"preset": "fast"}))
    yield made
    made.close()


@pytest.fixture
def open_dock(viewer, session, qtbot):
    def opened():
        dock = Configuration(viewer, session)
        qtbot.addWidget(dock)
        return dock

    return opened


@pytest.fixture
def dock(viewer, open_dock):
    viewer.add_image(noisy_lines((3, 64, 64)), name="lines")
    return open_dock()


def editor(dock, section, name):
    forms = [
        dock.where,
        dock.stages.kernel_source,
        dock.stages.kernel_file,
        *dock.parameters.forms,
    ]
    return next(f.editor(section, name) for f in forms if (section, name) in f.editors)


def choose(box, value):
    """Choose as a person does."""
    if hasattr(box, "button"):
        box.button(value).click()
    else:
        box.setValue(value)


# --- changes of a configuration


def test_the_presets_are_their_own_values():
    for name in PRESETS:
        assert not is_modified(validate_config({"preset": name}))
    assert is_modified(validate_config({"preset": "fast", "num_epochs": 3}))
    assert is_modified(validate_config({"stage2": {"extractor": {"base_percentile": 60}}}))


def test_a_preset_keeps_what_is_no_parameter_of_training(tmp_path):
    kept: dict[str, Any] = {
        "method": "n2v",
        "mode": "2.5D",
        "output_dir": tmp_path,
        "device": "cpu",
    }
    stage2 = {"mask_source": "file", "mask_file_path": tmp_path / "k.npy", "batch_size": 33}
    config = validate_config({**kept, "num_epochs": 7, "stage2": stage2})
    reset = with_preset(config, "fast")
    assert {name: reset[name] for name in kept} == kept
    assert reset.stage2.mask_file_path == tmp_path / "k.npy"
    fresh = validate_config({"preset": "fast"})
    assert (reset.num_epochs, reset.stage2.batch_size) == (
        fresh.num_epochs,
        fresh.stage2.batch_size,
    )


@pytest.mark.parametrize("choice", STAGE_CHOICES)
def test_every_execution_mode_is_recognized(choice, tmp_path):
    source = choice if choice in ("file", "extractor") else "stage1"
    stage2 = {"mask_source": source, "mask_file_path": tmp_path}
    config = with_changes(validate_config({}), {**STAGE_CHOICES[choice][1], "stage2": stage2})
    assert stage_choice(config) == choice


# --- the dock


def test_it_opens_without_a_layer_and_says_what_to_do(open_dock, session):
    dock = open_dock()
    assert "Open Sample" in dock.chooser.summary()
    assert session.source is None and dock.estimate.text() == ""
    assert not dock.noise_check.inspect_button.isEnabled()


def test_it_chooses_the_layer_and_changes_nothing(dock, session):
    assert session.source.name == "lines"
    assert session.config == validate_config({"preset": "fast"})


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("method", ["n2v", "autostructn2v"])
def test_what_is_shown_is_the_configuration(preset, method, dock, session):
    config = validate_config({"preset": preset, "method": method})
    session.set_config(config)
    assert with_changes(config, dock.shown_values()) == config
    dock.parameters.valueChanged.emit()
    assert session.config == config


def test_an_edit_reaches_the_session(dock, session):
    editor(dock, "stage2", "batch_size").setValue(3)
    editor(dock, "stage2.extractor", "base_percentile").setValue(60)
    editor(dock, "", "experiment_name").setText("mine")
    editor(dock, "", "experiment_name").editingFinished.emit()
    config = session.config
    assert (config.stage2.batch_size, config.stage2.extractor.base_percentile) == (3, 60)
    assert config.experiment_name == "mine" and config.preset == "fast"
    assert "modified" in dock.preset.modified.text() and not dock.preset.reset.isHidden()
    dock.preset.reset.click()
    assert not is_modified(session.config) and dock.preset.modified.isHidden()
    assert session.config.experiment_name == "mine"


def test_a_preset_resets_the_parameters(dock, session):
    editor(dock, "stage1", "features").setValue(16)
    choose(dock.preset.box, "balanced")
    assert session.config == validate_config({})
    assert editor(dock, "stage1", "features").value() == session.config.stage1.features


def test_a_wrong_value_is_explained_and_the_last_valid_configuration_stays(
    dock, session, requested
):
    before = session.config
    size = editor(dock, "stage2", "patch_size")
    size.setValue(65)
    assert "patch_size is 65" in dock.problem.text() and "stage2" in dock.problem.text()
    assert session.config == before and size.value() == 65
    assert not dock.next_button.isEnabled()
    size.setValue(60)
    assert dock.problem.isHidden() and session.config.stage2.patch_size == 60
    dock.next_button.click()
    assert requested == [DockName.TRAINING]


def test_nothing_starts_while_a_wrong_value_is_shown(dock, viewer, session, qtbot):
    size = editor(dock, "stage2", "patch_size")
    size.setValue(65)
    training = Training(viewer, session)
    qtbot.addWidget(training)
    for event in (
        lambda: session.choose_layer(viewer.layers[0]),
        lambda: viewer.add_image(noisy_lines((2, 64, 64))),
        lambda: dock.chooser.set_layer(viewer.layers[1]),
        lambda: session.tasks.set_state(TaskState("denoise")),
    ):
        event()
        assert size.value() == 65 and "patch_size is 65" in dock.problem.text()
        assert not dock.next_button.isEnabled() and "65" in dock.next_button.toolTip()
        assert not training.start_button.isEnabled() and "is 65" in training.reason.text()
    session.start_training()
    assert session.training.state.phase is Phase.IDLE and "is 65" in session.training.state.error
    size.setValue(64)
    assert dock.next_button.isEnabled() and training.start_button.isEnabled()
    assert training.reason.isHidden() and session.cannot_start() is None


def test_a_configuration_set_elsewhere_replaces_the_wrong_value(dock, session):
    size = editor(dock, "stage2", "patch_size")
    size.setValue(65)
    session.set_config(with_changes(session.config, {"num_epochs": 4}))
    assert size.value() == session.config.stage2.patch_size and session.config_problem is None
    assert dock.next_button.isEnabled() and dock.problem.isHidden()


def test_a_closed_dock_takes_its_wrong_value_along(qtbot, session):
    window = QMainWindow()
    qtbot.addWidget(window)
    dock, configuration = QDockWidget(), Configuration(session.viewer, session)
    dock.setWidget(configuration)
    window.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, dock)
    editor(configuration, "stage2", "patch_size").setValue(65)
    assert session.config_problem is not None
    gone: list[bool] = []
    configuration.destroyed.connect(lambda *_: gone.append(True))
    configuration.setParent(None)  # as napari does
    qtbot.waitUntil(lambda: bool(gone))
    assert session.config_problem is None


def test_the_estimate_is_about_what_is_shown(dock, viewer, session, qtbot):
    qtbot.waitUntil(lambda: "of memory" in dock.estimate.text())
    size = editor(dock, "stage2", "patch_size")
    valid = size.value()
    size.setValue(65)
    assert dock.estimate.text() == ""
    size.setValue(valid)
    qtbot.waitUntil(lambda: "of memory" in dock.estimate.text())


def test_n2v_hides_what_it_does_not_use(dock, session):
    choose(dock.method, "n2v")
    assert session.config.method == "n2v"
    assert all(not form.isHidden() for form in dock.parameters.n2v)
    assert all(form.isHidden() for form in dock.parameters.stages)
    assert dock.stages.isHidden() and dock.parameters.extractor.isHidden()
    choose(dock.method, "autostructn2v")
    assert not dock.stages.isHidden() and not dock.parameters.extractor.isHidden()


def test_the_four_execution_modes(dock, session, tmp_path):
    choose(dock.stages.stages, "stage1")
    assert (session.config.run_stage1, session.config.run_stage2) == (True, False)
    assert not editor(dock, "stage2", "features").isEnabled()
    choose(dock.stages.stages, "extractor")
    assert session.config.stage2.mask_source == "extractor" and not session.config.run_stage1
    assert not editor(dock, "stage1", "features").isEnabled()
    choose(dock.stages.stages, "file")
    assert "mask_file_path is missing" in dock.problem.text()
    assert (
        not dock.stages.kernel_file.isHidden() and session.config.stage2.mask_source == "extractor"
    )
    path = editor(dock, "stage2", "mask_file_path")
    path.setValue(tmp_path / "kernel.npy")
    path.valueChanged.emit()
    assert session.config.stage2.mask_source == "file" and not session.config.run_stage1
    assert dock.parameters.extractor.isHidden()
    choose(dock.stages.stages, "both")
    assert session.config.run_stage1 and session.config.stage2.mask_source == "stage1"


def test_the_kernel_of_both_stages_may_come_from_elsewhere(dock, session):
    choose(editor(dock, "stage2", "mask_source"), "extractor")
    assert session.config.run_stage1 and session.config.stage2.mask_source == "extractor"
    assert dock.stages.stages.value() == "both"


def test_25d_is_offered_for_deep_stacks_only(dock, viewer, session):
    button = dock.mode.button("2.5D")
    assert not button.isEnabled() and "at least 20 slices" in button.toolTip()
    dock.chooser.set_layer(viewer.add_image(noisy_lines((20, 64, 64))))
    assert button.isEnabled() and button.toolTip() == ""
    choose(dock.mode, "2.5D")
    assert session.config.mode == "2.5D" and dock.problem.isHidden()
    viewer.layers.pop()
    assert "Insufficient Stack Depth for 2.5D" in dock.problem.text()


def test_a_layer_that_is_smaller_than_a_patch_is_named_before_training(dock, viewer):
    dock.chooser.set_layer(viewer.add_image(noisy_lines((1, 32, 32))[0], name="small"))
    assert "small has 32 x 32 pixels" in dock.problem.text()


def test_time_and_memory_are_estimated(dock, session, qtbot):
    qtbot.waitUntil(lambda: "of memory on CPU" in dock.estimate.text())
    assert not dock.estimate.offers_fast()
    session.set_config(validate_config({"preset": "documented", "num_epochs": 10_000}))
    qtbot.waitUntil(dock.estimate.offers_fast)
    assert "more than an hour" in dock.estimate.text()
    assert "at most" in dock.estimate.text()
    dock.estimate.fast_button.click()
    assert session.config.preset == "fast" and not is_modified(session.config)
    qtbot.waitUntil(lambda: not dock.estimate.offers_fast())


def test_a_device_that_is_not_there_is_named(dock, session, qtbot, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    choose(editor(dock, "", "device"), "cuda")
    qtbot.waitUntil(lambda: "'cuda' was asked for" in dock.estimate.text())


def test_a_saved_configuration_can_be_loaded(dock, session, tmp_path):
    session.set_config(validate_config({"method": "n2v", "n2v": {"batch_size": 5}}))
    dock.save(tmp_path / "mine.json")
    saved = session.config
    session.set_config(validate_config({"preset": "high_quality"}))
    dock.load(tmp_path / "mine.json")
    assert session.config == saved
    assert editor(dock, "n2v", "batch_size").value() == 5


def test_what_is_not_shown_is_not_saved(dock, tmp_path):
    editor(dock, "stage2", "patch_size").setValue(65)
    dock.save(tmp_path / "mine.json")
    assert not (tmp_path / "mine.json").exists() and "Not saved" in dock.problem.text()


@pytest.mark.parametrize(
    ("typed", "written"),
    [("run_1.5", "run_1.5.json"), ("a.json", "a.json"), ("b", "b.json"), ("c.JSON", "c.JSON")],
)
def test_the_suffix_takes_nothing_of_the_name_away(typed, written, dock, tmp_path, monkeypatch):
    monkeypatch.setattr(QFileDialog, "exec", lambda dialog: True)
    monkeypatch.setattr(QFileDialog, "selectedFiles", lambda dialog: [str(tmp_path / typed)])
    asked = []
    monkeypatch.setattr(QMessageBox, "question", lambda *words: asked.append(words[2]))
    dock.save_button.click()
    assert [path.name for path in tmp_path.iterdir()] == [written]
    (tmp_path / written).write_text("mine")
    dock.save_button.click()
    is_asked_by_dialog = typed == written
    assert ((tmp_path / written).read_text() == "mine") is not is_asked_by_dialog
    assert asked == ([] if is_asked_by_dialog else [f"{written} exists already. Replace it?"])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"num_epoch": 3}', "did you mean 'num_epochs'"),
        ('{"num_epochs": "many"}', "num_epochs is 'many'"),
        ("[1, 2]", "holds no fields in braces"),
        ("{", "is not valid JSON"),
        (None, "does not exist"),
    ],
)
def test_a_configuration_that_cannot_be_used_changes_nothing(
    content, said, dock, session, tmp_path
):
    before, path = session.config, tmp_path / "bad.json"
    if content is not None:
        path.write_text(content)
    dock.load(path)
    assert said in dock.problem.text() and session.config == before
    assert dock.next_button.isEnabled(), "what is shown can still be used"


def test_a_folder_that_cannot_be_written_is_named(dock, tmp_path):
    (tmp_path / "file").write_text("")
    dock.save(tmp_path / "file" / "config.json")
    assert "file" in dock.problem.text() and not dock.problem.isHidden()


# --- models of earlier trainings


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    config = tiny(output_dir=folder, experiment_name="first", stage2={"mask_source": "extractor"})
    output = finish(recorded_events(_sources(), config))
    return output.folders.model


def _sources():
    from autoStructN2V.datasets.images.checks import as_source

    return [as_source(noisy_lines(), name="lines")]


@pytest.fixture
def imports(dock, session, qtbot):
    """Import files and wait until they are read."""

    def import_files(paths):
        dock.import_files(paths)
        qtbot.waitUntil(lambda: not session.tasks.state.is_running)

    return import_files


@pytest.fixture
def slow_models(monkeypatch):
    """Models whose files can be read only once this is set."""
    import autoStructN2V.trainers as trainers

    may_read, load = threading.Event(), trainers.load_model

    def load_later(path):
        assert may_read.wait(PATIENCE / 1000)
        return load(path)

    monkeypatch.setattr(trainers, "load_model", load_later)
    yield may_read
    may_read.set()


def test_a_model_folder_is_imported(dock, session, trained, imports):
    imports([trained])
    assert "Found stage 1 and stage 2 (2D, trained 20" in dock.start.model.found()
    assert session.config.stage1_model == trained / "stage1_model.pth"
    assert (
        session.config.stage2.features == read_config(trained / "config.json")["stage2"]["features"]
    )
    assert sorted(session.models.at_hand.models) == [1, 2] and not dock.start.is_from_scratch
    assert not editor(dock, "stage1", "features").isEnabled(), "stage 1 is not trained"
    choose(dock.start.choice, "scratch")
    assert session.config.stage1_model is None and dock.start.model.isHidden()


def test_one_model_file_is_imported(dock, session, trained, imports):
    imports([trained / "stage1_model.pth", trained / "config.json"])
    assert "Found stage 1 (" in dock.start.model.found() and session.models.at_hand is None
    assert session.config.stage1_model is not None and not dock.start.model.is_complete
    imports([trained / "stage2_model.pth"])
    assert "Found stage 2" in dock.start.model.found() and dock.start.model.is_complete


def test_patterns_that_were_chosen_for_another_image_are_said_and_forgotten(dock, session, viewer):
    """Nobody sees them else: they belong to the configuration and not to a layer."""
    lines, other = (
        viewer.layers[0],
        viewer.add_image(noisy_lines((3, 64, 64), seed=1), name="other"),
    )
    patterns, shown = session.patterns, dock.chosen_patterns
    patterns.show(find_patterns([ArraySource(lines.data)]), "lines")
    patterns.point((0.1, 0.2), 0.01, patterns.spectra[NOISY])
    (wave,) = session.config.pattern_edits.removed
    assert session.source.name == "lines" and shown.isHidden(), "it is what the person looks at"
    session.choose_layer(other)
    assert not shown.isHidden()
    assert shown.notice.text() == (
        "Chosen in the spectrum of lines, and done to other as well: remove period "
        f"{wave.period_px:.3g} px {wave.direction}."
    )
    session.choose_layer(lines)
    assert shown.isHidden()
    session.set_config(with_changes(session.config, {"keep_patterns": "rows"}))
    assert shown.notice.text().startswith(
        "Chosen by hand, and done to lines as well: remove period"
    )
    assert shown.notice.text().endswith("; keep offsets of rows.")
    shown.forget_button.click()
    assert (session.config.also_remove, session.config.keep_patterns) == ("", "")
    assert shown.isHidden()
    patterns.history.undo()
    assert session.config.keep_patterns == "rows" and not shown.isHidden()


def test_an_imported_model_is_continued_or_fine_tuned(dock, session, trained, imports):
    imports([trained])
    assert dock.start.model.how is None and dock.start.model.kernel.isHidden()
    saved = read_config(trained / "config.json")
    choose(dock.start.model.use, "continue")
    config = session.config
    assert (config.start_model, config.start_as) == (trained, "continue")
    assert (config.run_stage1, config.stage1_model) == (False, None)
    assert config.num_epochs == saved["num_epochs"]
    assert dock.stages.isHidden()
    fixed = {dock.method: "n2v", dock.mode: "2.5D", dock.triplets_along: "time"}
    for choice, refused in fixed.items():
        assert not choice.button(refused).isEnabled(), "it is that of the model"
        assert choice.button(choice.value()).isEnabled(), "what applies is to be seen"
    assert dock.problem.isHidden() and session.cannot_start() is None
    assert not editor(dock, "stage1", "features").isEnabled(), "stage 1 is not trained"
    editor(dock, "stage2", "batch_size").setValue(3)
    assert (session.config.stage2.batch_size, session.config.start_model) == (3, trained)
    choose(dock.start.model.use, "fine_tune")
    assert session.config.start_as == "fine_tune" and session.config.keep_kernel
    assert session.config.num_epochs < saved["num_epochs"] or saved["num_epochs"] == 1
    assert not dock.start.model.kernel.isHidden() and dock.parameters.extractor.isHidden()
    dock.start.model.kernel.click()
    assert not session.config.keep_kernel and not dock.parameters.extractor.isHidden()
    choose(dock.start.model.use, None)
    assert session.config.start_model is None and not dock.stages.isHidden()
    assert session.config.stage1_model == trained / "stage1_model.pth"
    choose(dock.start.model.use, "fine_tune")
    choose(dock.start.choice, "scratch")
    assert session.config.start_model is None
    assert dock.method.button("n2v").isEnabled()


def test_a_complete_model_is_trained_on(dock, session, trained, imports, requested):
    imports([trained / "stage2_model.pth"])
    assert "nothing to train" in dock.problem.text()
    choose(dock.start.model.use, "fine_tune")
    assert dock.problem.isHidden() and session.cannot_start() is None
    assert session.config.start_model == trained / "stage2_model.pth"
    dock.next_button.click()
    assert session.config.start_model is not None


def test_a_reopened_dock_shows_what_becomes_of_the_model(
    dock, open_dock, session, trained, imports
):
    imports([trained])
    choose(dock.start.model.use, "fine_tune")
    again = open_dock()
    assert not again.start.is_from_scratch and again.start.model.how == "fine_tune"
    assert "Model from" in again.start.model.found() and again.stages.isHidden()


def test_a_package_is_imported_with_its_configuration(dock, session, trained, imports, tmp_path):
    pytest.importorskip("bioimageio.spec", minversion="0.5.14")
    files = find_models(trained)
    for stage, file in files.items():
        details = package_details(name="Lines", authors=("Ada Lovelace",))
        export_model(load_model(file), details, tmp_path / f"{stage}.zip", trained)
    (tmp_path / "config.json").write_text('{"mode": "2.5D"}')  # of something else
    imports([tmp_path / "1.zip"])
    assert "Found stage 1 (" in dock.start.model.found(), dock.start.model.problem()
    assert session.config.stage1_model == tmp_path / "1.zip"
    saved = read_config(trained / "config.json")
    assert session.config.stage2.features == saved["stage2"]["features"]
    assert session.cannot_start() is None
    imports([tmp_path / "2.zip"])
    assert "Found stage 2" in dock.start.model.found() and dock.start.model.is_complete


def test_import_without_a_model_starts_nothing(dock, session, trained, imports, requested):
    choose(dock.start.choice, "import")
    assert "No model is imported" in dock.problem.text() and not dock.next_button.isEnabled()
    assert "No model is imported" in session.cannot_start()
    editor(dock, "stage2", "batch_size").setValue(3)
    assert not dock.start.is_from_scratch and "No model" in dock.problem.text()
    assert session.config.stage2.batch_size == 3
    imports([trained / "stage1_model.pth"])
    assert dock.problem.isHidden() and session.cannot_start() is None
    imports([trained / "stage2_model.pth"])
    assert session.config.stage1_model is None, "it belongs to another training"
    assert "nothing to train" in dock.problem.text() and session.cannot_start() is not None
    choose(dock.start.choice, "scratch")
    assert dock.next_button.isEnabled() and session.cannot_start() is None


@pytest.mark.parametrize(
    ("box", "value", "said"), [("method", "n2v", "Only auto"), ("stages", "stage1", "Stage 1 is")]
)
def test_an_imported_stage_1_needs_a_stage_2(box, value, said, dock, session, trained, imports):
    imports([trained / "stage1_model.pth"])
    choose(dock.method if box == "method" else dock.stages.stages, value)
    assert said in dock.problem.text() and not dock.next_button.isEnabled()


def test_what_is_no_model_is_refused(dock, session, trained, imports, tmp_path):
    imports([trained / "stage1_model.pth"])
    before = session.config
    (tmp_path / "model.pth").write_bytes(b"PK\x03\x04 cut off")
    other = tmp_path / "config.json"
    other.write_text('{"mode": "2.5D"}')
    cases = {
        "damaged": [tmp_path / "model.pth"],
        "holds neither": [tmp_path],
        "No model was chosen": [trained / "config.json"],
        "both of one stage": [trained / "stage1_model.pth", trained / "stage1_model.pth"],
        "choose files of the same training": [trained / "stage1_model.pth", other],
    }
    for said, paths in cases.items():
        imports(paths)
        assert said in dock.start.model.problem() and session.config == before
        assert "Found stage 1 (" in dock.start.model.found(), "the one before stays"


def test_a_model_is_read_beside_the_window(open_dock, viewer, session, trained, slow_models, qtbot):
    viewer.add_image(noisy_lines((3, 64, 64)))
    dock = Configuration(viewer, session)
    dock.import_files([trained])
    assert session.tasks.state.is_importing and dock.start.model.problem() == "Loading the model"
    assert (
        not dock.start.model.files_button.isEnabled()
        and not dock.noise_check.inspect_button.isEnabled()
    )
    deleted(dock, qtbot)
    again = open_dock()
    assert not again.start.is_from_scratch and not again.start.model.cancel_button.isHidden()
    slow_models.set()
    qtbot.waitUntil(lambda: not session.tasks.state.is_running)
    assert (
        "Found stage 1 and stage 2" in again.start.model.found() and not again.start.model.problem()
    )
    assert session.config.stage1_model == trained / "stage1_model.pth"
    assert again.start.model.files_button.isEnabled() and again.start.model.cancel_button.isHidden()
    assert len(session.models_imported) == 1, "only the dock that is open listens"


def test_an_import_can_be_cancelled_at_once(dock, session, trained, imports, slow_models, qtbot):
    before = session.config
    dock.import_files([trained])
    dock.start.model.cancel_button.click()
    assert not session.tasks.state.is_running and not dock.start.model.problem()
    slow_models.set()
    imports([trained / "config.json"])  # what was cancelled has ended before this one
    assert session.config == before and session.models.at_hand is None


def test_from_scratch_means_that_no_import_is_waited_for(dock, session, trained, slow_models):
    dock.import_files([trained])
    choose(dock.start.choice, "scratch")
    assert not session.tasks.state.is_running and dock.start.is_from_scratch
    assert dock.start.model.isHidden() and session.cannot_start() is None


def test_a_complete_model_can_be_applied_at_once(dock, session, trained, imports, requested):
    imports([trained])
    dock.start.model.open_button.click()
    assert requested == [DockName.INFERENCE]


# --- noise


def measure(session, stacks):
    config = session.config
    session.noise.measure(stacks, "2D", config.stage2.extractor, config)


def test_inspecting_the_noise_recommends_a_method(dock, session, qtbot):
    choose(dock.method, "n2v")
    with qtbot.waitSignal(dock.noise_check.requested):
        dock.noise_check.inspect_button.click()
    assert session.tasks.state.is_measuring and not dock.noise_check.inspect_button.isEnabled()
    qtbot.waitUntil(lambda: not session.tasks.state.is_running)
    advice = session.document.advice
    label = {"n2v": "N2V", "autostructn2v": "autoStructN2V"}[advice.recommended_method]
    findings = dock.noise_check.findings
    assert findings.text().startswith(f"Recommended method: {label}\nNoise: standard deviation 0.")
    assert advice.about_noise[0] in findings.text()
    assert findings.text().endswith("Nothing has to be removed first.")
    assert not (findings.isHidden() or findings.spectrum.isHidden())
    assert findings.use_button.isEnabled() == (advice.recommended_method != "n2v")
    findings.use_button.click()
    assert session.config.method == advice.recommended_method
    assert not findings.use_button.isEnabled()
    assert "in use" in findings.use_button.toolTip()


def test_what_is_removed_first_is_said_and_follows_choices(dock, viewer, session, qtbot):
    noisy = noisy_lines((2, 64, 64), seed=4)
    viewer.add_image(noisy + 3 * np.sin(2 * np.pi * np.arange(64) / 6.4), name="wave")
    dock.chooser.set_layer(viewer.layers["wave"])
    findings = dock.noise_check.findings
    dock.noise_check.inspect_button.click()
    qtbot.waitUntil(lambda: "is removed first (period 6.4 px along x" in findings.text())
    assert session.patterns.removal.sentence in findings.spectrum.toolTip()
    session.patterns.toggle(session.patterns.patterns[0])
    dock.noise_check.inspect_button.click()
    qtbot.waitUntil(lambda: "left in the images: period 6.4 px" in findings.text())


def test_settings_to_be_used_train_both_stages(dock, session):
    """Also where stage 2 was switched off before; its kernel is what was recommended."""
    session.set_config(with_changes(session.config, {"run_stage2": False}))
    advice = Advice(True, "autostructn2v", ())
    dock.noise_check.findings.settings_chosen.emit(advice.settings)
    assert session.config.run_stage2 and session.config.method == "autostructn2v"


def test_advice_belongs_to_its_layer(dock, viewer, session, qtbot):
    dock.noise_check.inspect_button.click()
    qtbot.waitUntil(lambda: dock.noise_check.text() != "")
    dock.chooser.set_layer(viewer.add_image(noisy_lines((1, 64, 64), seed=3), name="other"))
    assert dock.noise_check.text() == ""


def test_advice_for_another_layer_is_not_shown(dock, viewer, session, qtbot):
    lines, other = viewer.layers[0], viewer.add_image(noisy_lines((1, 64, 64), seed=3))
    with qtbot.waitSignal(session.noise.measured):
        session.noise.measure(
            stacks_of(other), "2D", session.config.stage2.extractor, session.config
        )
    assert dock.chooser.layer() is lines and dock.noise_check.text() == ""
    session.choose_layer(other)
    assert "Recommended method" in dock.noise_check.text()
    dock.chooser.set_layer(lines)
    assert dock.noise_check.text() == ""


def test_advice_ends_with_the_pixels_that_were_measured(dock, viewer, session, open_dock, qtbot):
    dock.noise_check.inspect_button.click()
    qtbot.waitUntil(lambda: "Recommended method" in dock.noise_check.text())
    assert open_dock().noise_check.text() == dock.noise_check.text(), "another dock shows it too"
    viewer.layers[0].data = noisy_lines((3, 64, 64), seed=5)
    assert dock.noise_check.text() == "" and session.noise.measurement is None


def test_errors_of_denoising_or_of_another_layer_are_not_shown(dock, viewer, session, qtbot):
    failed = TaskState("denoise", error="The model does not fit.")
    session.tasks.set_state(failed)
    assert dock.noise_check.text() == "" and dock.noise_check.inspect_button.isEnabled()
    flat = viewer.add_image(np.ones((64, 64), np.float32), name="flat")
    measure(session, stacks_of(flat))
    qtbot.waitUntil(lambda: "flat" in (session.tasks.state.error or ""))
    assert dock.noise_check.text() == ""


def test_noise_that_cannot_be_measured_is_explained(dock, viewer, qtbot):
    dock.chooser.set_layer(viewer.add_image(np.ones((64, 64), np.float32), name="flat"))
    dock.noise_check.inspect_button.click()
    qtbot.waitUntil(lambda: "flat is constant" in dock.noise_check.text())


# --- closing, reopening, other docks


def test_a_reopened_dock_shows_what_the_session_holds(open_dock, viewer, session, qtbot):
    viewer.add_image(noisy_lines((3, 64, 64)))
    other = viewer.add_image(noisy_lines((2, 64, 64)), name="other")
    viewer.add_image(noisy_lines((2, 64, 64)))
    first = Configuration(viewer, session)
    first.chooser.set_layer(other)
    editor(first, "stage2", "batch_size").setValue(3)
    deleted(first, qtbot)
    session.set_config(with_changes(session.config, {"num_epochs": 2}))
    again = open_dock()
    assert again.chooser.layer() is other
    assert editor(again, "stage2", "batch_size").value() == 3
    assert editor(again, "", "num_epochs").value() == 2


def test_changes_made_elsewhere_are_shown(dock, viewer, session):
    other = viewer.add_image(noisy_lines((2, 64, 64)), name="other")
    session.choose_layer(other)
    session.set_config(validate_config({"method": "n2v", "num_epochs": 4}))
    assert dock.chooser.layer() is other
    assert dock.method.value() == "n2v" and editor(dock, "", "num_epochs").value() == 4
