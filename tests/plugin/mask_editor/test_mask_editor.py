"""The mask editor in a napari window: it shows the kernel of the session, and every control acts.

Training is real where a decision about it is tested; measuring is always real.
"""

from types import SimpleNamespace

import numpy as np
import pytest
from napari.layers import Image, Labels
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QFileDialog

from autoStructN2V.masking import ExtractorConfig, Kernel, propose_kernel
from autoStructN2V.pipeline import validate_config
from napari_autostructn2v.mask_editor.dock import MaskEditor
from napari_autostructn2v.mask_editor.grid import describe_cell
from napari_autostructn2v.session.docks import DockName
from napari_autostructn2v.session.session import session_for
from napari_autostructn2v.session.state import Phase, TaskState
from tests.plugin.conftest import choose_new_file, deleted, open_dock, small_config
from tests.plugin.session.documents.test_kernel_document import evidence

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def document(session):
    return session.document


@pytest.fixture
def editor(qtbot, viewer, session):
    return open_editor(qtbot, viewer, session)


def open_editor(qtbot, viewer, session):
    editor = MaskEditor(viewer, session)
    qtbot.addWidget(editor)
    editor.show()
    return editor


def propose(document, n_planes=1):
    document.set_proposal(
        propose_kernel(evidence(n_planes), document.extractor), document.extractor
    )


def click(qtbot, button):
    assert button.isEnabled()
    qtbot.mouseClick(button, LEFT)


# what is seen


def test_without_a_kernel_it_says_what_to_do(editor):
    assert "Inspect the noise of a layer" in editor.advice.text()
    assert not editor.measurement.measure_button.isEnabled()
    assert "no image layer" in editor.measurement.measure_button.toolTip()


def test_a_proposal_is_explained_and_counted(document, editor):
    propose(document)
    assert "Structured noise found" in editor.advice.text()
    assert "11 x 11" in editor.statistics.text()
    assert f"{document.kernel.n_hidden} hidden" in editor.statistics.text()
    assert "horizontal" in editor.statistics.text()
    document.toggle((0, 0, 0))
    assert "edited" in editor.statistics.text()
    assert document.statistics.sentence in editor.statistics.text()


def test_two_dimensional_kernels_need_no_tabs(document, editor):
    assert not editor.tabs.isVisible()
    document.set_mode("2.5D")
    assert editor.tabs.isVisible()
    assert editor.tabs.currentIndex() == 1


def test_tabs_show_which_slices_hide_pixels(document, editor):
    document.set_mode("2.5D")
    assert [editor.tabs.tabText(z) for z in range(3)] == [
        "Z-1 (above)",
        "Z (center) · 1 px",
        "Z+1 (below)",
    ]
    document.set_cells([(0, 5, 5), (0, 5, 7)], True)
    assert editor.tabs.tabText(0) == "Z-1 (above) · 2 px"
    assert editor.tabs.tabText(2) == "Z+1 (below) · 2 px"


def test_a_click_changes_the_slice_of_the_tab(qtbot, document, editor):
    document.set_mode("2.5D")
    editor.tabs.setCurrentIndex(2)
    qtbot.mouseClick(editor.grid, LEFT, pos=editor.grid.rect_of((2, 5, 8)).center())
    assert document.planes[2, 5, 8] and document.planes[0, 5, 2]
    assert document.planes[1].sum() == 1


def test_page_keys_change_the_tab(qtbot, document, editor):
    document.set_mode("2.5D")
    qtbot.keyClick(editor.grid, Qt.Key.Key_PageUp)
    assert editor.tabs.currentIndex() == 0
    assert editor.grid.z == 0


def test_the_cell_under_the_mouse_is_described(document, editor):
    propose(document)
    _, y, x = document.center
    editor.grid.cell_described.emit(describe_cell(document, (0, y, x + 2)))
    assert editor.cell_text.text() == "dy 0, dx +2: correlation 0.60, hidden"
    editor.grid.cell_described.emit("")
    assert "Click or drag" in editor.cell_text.text()


def test_nothing_jumps_to_and_fro_while_a_slider_moves(qtbot, document, editor):
    propose(document)
    extractor = document.extractor
    places = []
    for n_pixels in (5, 25):
        document.regenerate(extractor.model_copy(update={"max_true_pixels": n_pixels}))
        document.toggle((0, 1, 2))
        QApplication.processEvents()
        QApplication.processEvents()
        places.append([part.pos() for part in (editor.grid, editor.tools, editor.extractor)])
    assert places[0] == places[1]


@pytest.mark.usefixtures("windowed")
@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("mode", ["2D", "2.5D"])
def test_it_fits_into_a_narrow_dock(viewer, document, editor, theme, mode):
    viewer.theme = theme
    viewer.window.add_dock_widget(editor, area="right")
    document.set_mode(mode)
    document.resize(31, 31)
    QApplication.processEvents()
    assert editor.minimumSizeHint().width() <= 400
    for part in (editor.measurement, editor.tools, editor.extractor, editor.grid):
        assert part.minimumSizeHint().width() <= 370


# tools


def test_undo_and_redo_by_button_and_key(qtbot, document, editor):
    document.toggle((0, 0, 0))
    click(qtbot, editor.tools.undo_button)
    assert document.kernel.n_hidden == 1
    click(qtbot, editor.tools.redo_button)
    assert document.kernel.n_hidden == 3
    editor.window().activateWindow()
    editor.grid.setFocus()
    qtbot.waitUntil(editor.grid.hasFocus)
    control, shift = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
    qtbot.keyClick(editor.grid, Qt.Key.Key_Z, control)
    qtbot.waitUntil(lambda: document.kernel.n_hidden == 1)
    qtbot.keyClick(editor.grid, Qt.Key.Key_Z, control | shift)
    qtbot.waitUntil(lambda: document.kernel.n_hidden == 3)


def test_history_buttons_say_what_they_do(document, editor):
    assert not editor.tools.undo_button.isEnabled()
    document.toggle((0, 0, 0))
    assert "draw" in editor.tools.undo_button.toolTip()


@pytest.mark.parametrize(("shape", "n"), [("horizontal", 5), ("cross", 9), ("square", 25)])
def test_shapes_have_the_chosen_length(qtbot, document, editor, shape, n):
    editor.tools.length_box.setValue(5)
    click(qtbot, editor.tools.shape_buttons[shape])
    assert document.kernel.n_hidden == n


def test_shapes_are_drawn_into_the_slice_shown(qtbot, document, editor):
    document.set_mode("2.5D")
    editor.tabs.setCurrentIndex(0)
    click(qtbot, editor.tools.shape_buttons["vertical"])
    assert document.planes[0].sum() == document.planes[2].sum() == 7
    click(qtbot, editor.tools.clear_button)
    assert document.kernel.n_hidden == 1


def test_size_boxes_resize_and_follow(qtbot, document, editor):
    editor.tools.width_box.setValue(21)
    assert document.planes.shape == (1, 11, 21)
    document.resize(3, 5)
    assert (editor.tools.height_box.value(), editor.tools.width_box.value()) == (3, 5)


def test_an_even_size_that_is_typed_becomes_odd(qtbot, document, editor):
    box = editor.tools.height_box
    box.lineEdit().setText("8")
    qtbot.keyClick(box, Qt.Key.Key_Return)
    assert document.planes.shape == (1, 9, 11)


def test_mirrored_editing_can_be_turned_off(qtbot, document, editor):
    editor.tools.mirror_box.click()
    assert not document.is_mirrored
    document.is_mirrored = True
    assert editor.tools.mirror_box.isChecked()


def test_files_are_written_and_read(document, editor, tmp_path, monkeypatch):
    path = tmp_path / "kernel.npy"
    choose_new_file(monkeypatch, path)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
    document.add_shape("cross", 5)
    kernel = document.kernel
    editor.tools.save_button.click()
    document.clear()
    editor.tools.load_button.click()
    assert document.kernel == kernel
    assert editor.tools.saved_path() == path
    document.clear()
    assert editor.tools.saved_path() is None


def test_a_file_that_cannot_be_used_is_explained(document, editor, tmp_path):
    path = tmp_path / "no-kernel.npy"
    path.write_text("no kernel")
    editor.tools.load_from(path)
    assert editor.file_error.isVisible()
    assert "not a readable .npy file" in editor.file_error.text()
    editor.tools.save_to(tmp_path / "kernel.npy")
    assert not editor.file_error.isVisible()


# extractor


def test_controls_have_titles_ranges_and_help_of_the_configuration(editor):
    for name, slider in editor.extractor.sliders.items():
        field = ExtractorConfig.model_fields[name]
        at_least, at_most = field.metadata
        assert slider.box.minimum() == pytest.approx(at_least.ge)
        assert slider.box.maximum() == pytest.approx(at_most.le)
        assert slider.value() == field.default
        assert slider.slider.accessibleName() == field.title
        assert field.description.split(".")[0] in slider.slider.toolTip()


def test_a_slider_proposes_while_it_moves_and_is_undone_as_one_step(qtbot, document, editor):
    propose(document)
    n_before = document.kernel.n_hidden
    slider = editor.extractor.sliders["max_true_pixels"].slider
    for value in (15, 10, 5):
        slider.setValue(value)
        qtbot.waitUntil(lambda value=value: document.extractor.max_true_pixels == value)
    assert document.kernel.n_hidden < n_before
    document.history.undo()
    assert document.kernel.n_hidden == n_before
    assert slider.value() == 25


def test_sliders_leave_values_between_their_steps_alone(qtbot, document, editor):
    document.regenerate(ExtractorConfig(percentile_decay=1.1234))
    editor.extractor.sliders["max_true_pixels"].slider.setValue(30)
    qtbot.waitUntil(lambda: document.extractor.max_true_pixels == 30)
    assert document.extractor.percentile_decay == 1.1234
    assert editor.extractor.sliders["percentile_decay"].value() == 1.1234


def test_adaptive_thresholding_can_be_turned_off(document, editor):
    propose(document)
    editor.extractor.switch.click()
    assert not document.extractor.adapt_autocorr
    assert not editor.extractor.sliders["percentile_decay"].isEnabled()


def test_reset_brings_the_defaults_and_regenerate_the_proposal(qtbot, document, editor):
    assert not editor.extractor.reset_button.isEnabled()
    assert not editor.extractor.regenerate_button.isEnabled()
    document.regenerate(ExtractorConfig(base_percentile=70, center_size=13))
    propose(document)
    click(qtbot, editor.extractor.reset_button)
    assert document.extractor == ExtractorConfig(center_size=13)
    proposed = document.kernel
    document.toggle((0, 0, 0))
    click(qtbot, editor.extractor.regenerate_button)
    assert document.kernel == proposed


# measuring


def test_any_layer_can_be_measured_without_a_training(qtbot, viewer, session, editor, noisy):
    viewer.add_image(noisy, name="noisy")
    click(qtbot, editor.measurement.measure_button)
    assert editor.measurement.bar.isVisible()
    assert not editor.measurement.measure_button.isVisible()
    qtbot.waitUntil(lambda: not session.tasks.state.is_running)
    assert session.tasks.state.error is None
    assert session.document.statistics.pattern_type == "horizontal"
    assert "Structured noise found" in editor.advice.text()
    assert editor.legend.accessibleDescription() != "nothing measured"


def test_an_error_of_measuring_is_shown(qtbot, viewer, session, editor):
    viewer.add_image(np.ones((2, 64, 64), np.float32), name="constant")
    click(qtbot, editor.measurement.measure_button)
    qtbot.waitUntil(lambda: session.tasks.state.error is not None)
    assert session.tasks.state.error in editor.measurement.message.text()
    assert editor.measurement.measure_button.isEnabled()


def test_what_denoising_says_is_not_shown_here(session, editor):
    session.tasks.set_state(TaskState("denoise", messages=("Added layer lines - denoised.",)))
    assert editor.measurement.message.text() == ""
    session.tasks.set_state(TaskState("denoise", error="The model does not fit."))
    assert editor.measurement.message.text() == ""
    session.tasks.set_state(TaskState("measure", messages=("Cancelled.",)))
    assert editor.measurement.message.text() == "Cancelled."


def test_the_layer_chosen_for_training_is_suggested(qtbot, viewer, session, noisy):
    first = viewer.add_image(noisy, name="first")
    viewer.add_image(noisy, name="second")
    session.choose_layer(first)
    editor = open_editor(qtbot, viewer, session)
    assert editor.measurement.chooser.layer() is first


def test_the_mode_follows_configuration_until_there_is_a_kernel(session, document, editor):
    session.set_config(session.config.model_copy(update={"mode": "2.5D"}))
    assert document.mode == "2.5D"
    assert editor.measurement.mode_box.value() == "2.5D"
    document.toggle((0, 0, 0))
    session.set_config(session.config.model_copy(update={"mode": "2D"}))
    assert document.mode == "2.5D"
    editor.measurement.mode_box.setValue("2D")
    assert document.mode == "2D"


def test_the_extractor_follows_configuration_until_there_is_a_kernel(session, document, editor):
    config = session.config.model_dump()
    config["stage2"]["extractor"]["center_size"] = 15
    session.set_config(validate_config(config))
    assert document.extractor.center_size == 15
    assert document.is_untouched


# a training that waits


def test_without_a_training_approve_and_skip_say_why_not(editor):
    decision = editor.decision
    assert not decision.approve_button.isEnabled()
    assert not decision.skip_button.isEnabled()
    assert decision.text.text() == decision.approve_button.toolTip() != ""


@pytest.fixture
def waiting(qtbot, viewer, session, requested, editor, noisy):
    """A real training that waits for the kernel."""
    session.choose_layer(viewer.add_image(noisy, name="noisy"))
    session.start_training()
    qtbot.waitUntil(lambda: session.training.state.phase is Phase.REVIEW)
    return editor


def test_an_edited_kernel_is_approved(qtbot, session, waiting):
    assert not waiting.measurement.isVisible()
    assert not waiting.decision.use_button.isVisible()
    session.document.toggle((0, 4, 5))
    n_hidden = session.document.kernel.n_hidden
    click(qtbot, waiting.decision.approve_button)
    qtbot.waitUntil(lambda: not session.training.state.phase.is_running)
    assert session.training.state.phase is Phase.DONE
    assert np.load(next(session.training.state.folder.parent.rglob("mask.npy"))).sum() == n_hidden
    assert not waiting.decision.approve_button.isEnabled()


def test_a_kernel_of_the_wrong_mode_cannot_be_approved(session, waiting):
    session.document.set_mode("2.5D")
    assert not waiting.decision.approve_button.isEnabled()
    assert "2D" in waiting.decision.text.text()
    assert waiting.decision.skip_button.isEnabled()
    session.document.history.undo()
    assert waiting.decision.approve_button.isEnabled()


def test_a_kernel_for_another_grid_cannot_be_approved(session, waiting, tmp_path):
    path = Kernel(np.ones((1, 1, 3), bool), 0.5).save(tmp_path / "coarse.npy")
    waiting.tools.load_from(path)
    assert not waiting.decision.approve_button.isEnabled()
    assert "grid of 50%" in waiting.decision.text.text()
    session.approve()
    assert session.training.state.phase is Phase.REVIEW
    assert "grid of 50%" in session.training.state.messages[-1]
    session.document.history.undo()
    assert waiting.decision.approve_button.isEnabled()


def test_a_single_pixel_is_said_to_be_pointless(session, waiting):
    assert "skipped" not in waiting.decision.text.text()
    session.document.clear()
    assert "skipped" in waiting.decision.text.text()


def test_stage_two_is_skipped(qtbot, session, waiting):
    click(qtbot, waiting.decision.skip_button)
    qtbot.waitUntil(lambda: session.training.state.phase is Phase.DONE)


def test_a_kernel_is_kept_for_the_next_training(session, editor, tmp_path, monkeypatch):
    path = tmp_path / "mine.npy"
    choose_new_file(monkeypatch, path)
    session.set_config(small_config(tmp_path, method="n2v"))
    session.document.add_shape("vertical", 5)
    editor.decision.use_button.click()
    assert session.config.stage2.mask_source == "file"
    assert session.config.stage2.mask_file_path == path
    assert session.config.method == "autostructn2v"
    np.testing.assert_array_equal(np.load(path), session.document.kernel)


def test_a_kernel_of_a_coarser_grid_says_so_and_is_kept_for_it(session, editor, tmp_path):
    path = Kernel(np.ones((1, 1, 3), bool), 0.5).save(tmp_path / "coarse.npy")
    session.set_config(small_config(tmp_path, recorded_resolution=False))
    editor.tools.load_from(path)
    assert "1 pixel of the kernel is 2 pixels of the image" in editor.statistics.text()
    session.document.resize(7, 7)
    session.document.toggle((0, 0, 0))
    assert session.document.kernel.grid_share == 0.5, "edits keep the grid"
    assert "recorded resolution" in editor.decision.use_button.toolTip()
    session.document.save(tmp_path / "edited.npy")
    editor.tools.load_from(tmp_path / "edited.npy")
    editor.decision.use_button.click()
    assert session.config.recorded_resolution
    assert Kernel.load(session.config.stage2.mask_file_path).grid_share == 0.5


# the kernel on the image


def move_mouse(viewer, *position):
    for callback in list(viewer.mouse_move_callbacks):
        callback(viewer, SimpleNamespace(position=position))


def overlays(viewer):
    return [layer for layer in viewer.layers if isinstance(layer, Labels)]


@pytest.fixture
def placed(viewer):
    return place(viewer)


def place(viewer):
    """Add a stack that is scaled, turned and shifted."""
    rng = np.random.default_rng(0)
    return viewer.add_image(
        rng.random((5, 40, 50)), scale=(2, 0.5, 0.25), rotate=20, translate=(1, 7, -3)
    )


@pytest.mark.parametrize("share", [1.0, 0.5, 0.6])
@pytest.mark.parametrize("mode", ["2D", "2.5D"])
def test_the_overlay_covers_the_pixels_that_are_hidden(
    viewer, document, editor, placed, mode, share, tmp_path
):
    document.load(Kernel(np.eye(11, dtype=bool)[None], share).save(tmp_path / "kernel"))
    document.set_mode(mode)
    document.toggle((0, 4, 8))
    editor.overlay_button.click()
    pixel = (2, 20, 30)
    move_mouse(viewer, *placed.data_to_world(pixel))
    (overlay,) = overlays(viewer)
    center = document.center
    for cell in np.argwhere(document.planes):
        offset = (cell - center) / (1, share, share)
        np.testing.assert_allclose(
            overlay.data_to_world(cell), placed.data_to_world(pixel + offset), atol=1e-6
        )
        assert overlay.data[tuple(cell)] > 0
    assert (overlay.data > 0).sum() == document.kernel.n_hidden


def test_the_overlay_leaves_layers_and_selection_alone(viewer, editor, placed):
    before = placed.data.copy()
    editor.overlay_button.click()
    move_mouse(viewer, *placed.data_to_world((2, 20, 30)))
    assert viewer.layers.selection.active is placed
    np.testing.assert_array_equal(placed.data, before)
    (overlay,) = overlays(viewer)
    assert overlay.visible
    move_mouse(viewer, *placed.data_to_world((2, 500, 30)))
    assert not overlay.visible


def test_the_overlay_is_cut_at_the_first_slice(viewer, document, editor, placed):
    document.set_mode("2.5D")
    before = viewer.dims.range
    editor.overlay_button.click()
    move_mouse(viewer, *placed.data_to_world((0, 20, 30)))
    (overlay,) = overlays(viewer)
    assert overlay.data.shape == (2, 11, 11)
    assert viewer.dims.range[0] == before[0]


def test_the_overlay_follows_edits_layers_and_slices(viewer, document, editor, placed):
    editor.overlay_button.click()
    move_mouse(viewer, *placed.data_to_world((2, 20, 30)))
    document.toggle((0, 0, 0))
    assert (overlays(viewer)[0].data > 0).sum() == 3
    flat = viewer.add_image(np.zeros((30, 30)), translate=(500, 500))
    move_mouse(viewer, 0, *flat.data_to_world((3, 4)))
    (overlay,) = overlays(viewer)
    assert overlay.ndim == 2
    assert overlay.data_to_world((5, 5)) == pytest.approx((503, 504))


def test_the_overlay_goes_with_the_button_the_dock_and_the_layer(viewer, editor, placed):
    position = placed.data_to_world((2, 20, 30))
    n_callbacks = len(viewer.mouse_move_callbacks)
    for end in (editor.overlay_button.click, editor.hide):
        editor.show()
        if not editor.overlay_button.isChecked():
            editor.overlay_button.click()
        move_mouse(viewer, *position)
        assert len(overlays(viewer)) == 1
        end()
        assert overlays(viewer) == []
        assert len(viewer.mouse_move_callbacks) == n_callbacks
    editor.show()
    move_mouse(viewer, *position)
    viewer.layers.remove(overlays(viewer)[0])
    assert not editor.overlay_button.isChecked()
    assert len(viewer.mouse_move_callbacks) == n_callbacks


def test_the_overlay_is_taken_off_while_another_tab_is_in_front(windowed, qtbot):
    viewer, placed = windowed, place(windowed)
    editor = open_dock(viewer, DockName.MASK_EDITOR)
    editor.overlay_button.click()
    move_mouse(viewer, *placed.data_to_world((2, 20, 30)))
    assert len(overlays(viewer)) == 1
    session_for(viewer).dock_requested.emit(DockName.TRAINING)
    qtbot.waitUntil(lambda: overlays(viewer) == [])
    session_for(viewer).dock_requested.emit(DockName.MASK_EDITOR)
    qtbot.waitUntil(lambda: editor._overlay.is_on)
    move_mouse(viewer, *placed.data_to_world((2, 20, 30)))
    assert len(overlays(viewer)) == 1


def test_removing_the_image_under_the_overlay_is_harmless(viewer, document, editor, placed):
    editor.overlay_button.click()
    move_mouse(viewer, *placed.data_to_world((2, 20, 30)))
    viewer.layers.remove(placed)
    document.toggle((0, 0, 0))
    assert not overlays(viewer)[0].visible
    assert not any(isinstance(layer, Image) for layer in viewer.layers)


# closing


def test_closing_and_opening_again_loses_nothing(qtbot, viewer, session, document):
    editor = MaskEditor(viewer, session)
    editor.show()
    propose(document)
    document.toggle((0, 0, 0))
    kernel = document.kernel
    deleted(editor, qtbot)
    document.toggle((0, 0, 1))
    again = open_editor(qtbot, viewer, session)
    again.tools.undo_button.click()
    assert document.kernel == kernel
    assert "Structured noise found" in again.advice.text()
    assert "edited" in again.statistics.text()
