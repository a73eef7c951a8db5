"""The spectrum in the mask editor: patterns are clicked off and on, and the result follows."""

import numpy as np
import pytest
from qtpy.QtCore import QPoint, QRectF, Qt
from qtpy.QtWidgets import QApplication

from autoStructN2V.datasets.images.sources import ArraySource, read_stack
from autoStructN2V.masking import find_patterns
from autoStructN2V.masking.patterns.fourier.choices import NO_EDITS, PatternEdits, Wave
from autoStructN2V.pipeline import validate_config
from autoStructN2V.pipeline.steps import training_data
from napari_autostructn2v.mask_editor.dock import MaskEditor
from napari_autostructn2v.session.documents.pattern_document import CLEANED, NOISY
from napari_autostructn2v.session.state import Phase
from tests.plugin.conftest import small_config

LEFT = Qt.MouseButton.LeftButton
CONTROL = Qt.KeyboardModifier.ControlModifier
SIDE = 96
Y, X = np.mgrid[:SIDE, :SIDE]
ANGLE = np.radians(40)
SINE = np.sin(2 * np.pi * (np.cos(ANGLE) * X + np.sin(ANGLE) * Y) / 6.4)


@pytest.fixture(scope="module")
def noise():
    return np.random.default_rng(0).standard_normal((2, SIDE, SIDE)).astype(np.float32)


@pytest.fixture(scope="module")
def removal(noise):
    return find_patterns([ArraySource(noise + SINE.astype(np.float32))])


@pytest.fixture
def editor(qtbot, viewer, session, noise):
    viewer.add_image(noise + SINE.astype(np.float32), name="sine")
    session.choose_layer(viewer.layers[0])
    editor = MaskEditor(viewer, session)
    qtbot.addWidget(editor)
    editor.resize(420, 700)
    editor.show()
    QApplication.processEvents()
    return editor


@pytest.fixture
def seen(qtbot, editor, session, removal):
    """The editor with the spectrum of images that have a sine wave."""
    qtbot.mouseClick(editor.evidence.button("spectrum"), LEFT)
    session.patterns.show(removal, "sine")
    QApplication.processEvents()
    return editor


def click(qtbot, view, frequency, off=(0, 0)):
    qtbot.mouseClick(view.viewport(), LEFT, pos=view.place_of(frequency).toPoint() + QPoint(*off))
    QApplication.processEvents()


def is_sine(pattern):
    return pattern.period_px == pytest.approx(6.4, rel=0.02)


def names_sine_only(choices):
    return len(choices) == 1 and is_sine(choices[0])


def share_of_sine(image):
    return float((image.mean(axis=0) * SINE).sum() / np.square(SINE).sum())


def idle(session):
    return lambda: not session.tasks.state.is_running


def test_without_images_it_says_what_to_do(qtbot, editor):
    qtbot.mouseClick(editor.evidence.button("spectrum"), LEFT)
    assert editor.spectrum.isVisible() and not editor.grid.isVisible()
    assert "to see its spectrum here" in editor.spectrum.welcome.text()
    assert not editor.spectrum.view.isVisible()
    qtbot.mouseClick(editor.evidence.button("autocorrelation"), LEFT)
    assert editor.grid.isVisible() and not editor.spectrum.isVisible()


@pytest.fixture
def learned(monkeypatch):
    """The stacks that trainings learn from, as they read them."""
    stacks, load = [], training_data.load_patch_bank

    def loaded(sources, *rest):
        stacks.extend(read_stack(source) for source in sources)
        return load(sources, *rest)

    monkeypatch.setattr(training_data, "load_patch_bank", loaded)
    return stacks


def test_a_sine_is_seen_clicked_off_and_on_and_the_result_follows(qtbot, editor, session, learned):
    """All by the mouse: the measured kernel, the configuration and a training follow."""
    qtbot.mouseClick(editor.evidence.button("spectrum"), LEFT)
    qtbot.mouseClick(editor.measurement.measure_button, LEFT)
    qtbot.waitUntil(idle(session))
    panel, patterns = editor.spectrum, session.patterns
    (wave,) = patterns.patterns
    assert is_sine(wave)
    assert list(patterns.spectra) == [NOISY, CLEANED]
    assert panel.list.item(0).checkState() == Qt.CheckState.Checked
    was_measured = session.noise.measurement

    click(qtbot, panel.view, wave.frequency, off=(2, -2))
    assert names_sine_only(session.config.pattern_edits.kept)
    assert panel.list.item(0).checkState() == Qt.CheckState.Unchecked
    qtbot.waitUntil(lambda: session.noise.measurement is not was_measured and idle(session)())
    assert "left in the images" in patterns.removal.sentence
    assert list(patterns.spectra) == [NOISY]
    train(qtbot, session)
    assert share_of_sine(learned[-1]) == pytest.approx(1.0, abs=0.1)
    assert session.models.at_hand.models[1].pattern_edits == session.config.pattern_edits

    fy, fx = wave.frequency
    click(qtbot, panel.view, (-fy, -fx))  # the same wave opposite of the middle
    assert session.config.pattern_edits == NO_EDITS
    train(qtbot, session)
    assert share_of_sine(learned[-1]) == pytest.approx(0.0, abs=0.1)


def train(qtbot, session):
    """Train to the end."""
    config = {**session.config.model_dump(), "method": "n2v"}
    session.set_config(validate_config(config))
    session.start_training()
    qtbot.waitUntil(lambda: not session.training.state.phase.is_running)
    assert session.training.state.phase is Phase.DONE, session.training.state.error


def test_a_training_shows_what_its_stage_removed(qtbot, seen, session):
    train(qtbot, session)
    kinds = [seen.spectrum.kind_box.itemText(i) for i in range(seen.spectrum.kind_box.count())]
    assert kinds == [NOISY, "Removed by N2V", "Result of N2V"]
    before = seen.spectrum.spectrum
    seen.spectrum.kind_box.setCurrentIndex(1)
    assert seen.spectrum.spectrum is session.patterns.spectra["Removed by N2V"] is not before


def test_a_place_without_a_mark_is_removed_and_undone(qtbot, seen, session):
    click(qtbot, seen.spectrum.view, (-0.3, 0.2))
    (wave,) = [p for p in session.patterns.patterns if not is_sine(p)]
    assert wave in session.patterns.removal.patterns
    assert np.hypot(*wave.frequency) == pytest.approx(np.hypot(0.3, 0.2), abs=0.03)
    assert session.config.also_remove == session.patterns.edits.fields["also_remove"] != ""
    qtbot.mouseClick(seen.spectrum.undo_button, LEFT)
    assert session.config.also_remove == ""
    seen.window().activateWindow()
    seen.spectrum.list.setFocus()
    qtbot.waitUntil(seen.spectrum.list.hasFocus)
    qtbot.keyClick(seen.spectrum.list, Qt.Key.Key_Z, CONTROL | Qt.KeyboardModifier.ShiftModifier)
    qtbot.waitUntil(lambda: session.config.also_remove != "")
    qtbot.keyClick(seen.spectrum.list, Qt.Key.Key_Z, CONTROL)
    qtbot.waitUntil(lambda: session.config.also_remove == "")


@pytest.mark.parametrize(("place", "lines"), [((0.001, 0.31), "columns"), ((-0.31, 0.001), "rows")])
def test_offsets_of_lines_are_added_and_taken_out(qtbot, seen, session, place, lines):
    click(qtbot, seen.spectrum.view, place)
    assert session.patterns.edits == PatternEdits(removed=(lines,))
    assert session.patterns.removal.patterns[-1].lines == lines
    click(qtbot, seen.spectrum.view, (-place[0], -place[1]))
    assert session.patterns.edits == NO_EDITS


def test_the_list_does_the_same_by_keys(qtbot, seen, session):
    listed = seen.spectrum.list
    listed.setFocus()
    listed.setCurrentRow(0)
    qtbot.keyClick(listed, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: names_sine_only(session.config.pattern_edits.kept))
    assert listed.item(0).checkState() == Qt.CheckState.Unchecked
    assert listed.currentRow() == 0
    qtbot.mouseClick(seen.spectrum.reset_button, LEFT)
    assert session.patterns.edits == NO_EDITS
    assert not seen.spectrum.reset_button.isEnabled()


def test_the_place_under_the_mouse_is_described(qtbot, seen, session):
    view, text = seen.spectrum.view, seen.spectrum.place_text
    (wave,) = session.patterns.patterns
    for frequency, words in [
        (wave.frequency, "Removed first: period 6.4 px at 40 degrees"),
        ((-0.3, 0.2), "times the power around. Click to remove it first."),
        ((0.0, 0.31), "Where offsets of columns would be."),
        ((0.0, 0.0), "which always stays"),
    ]:
        qtbot.mouseMove(view.viewport(), view.place_of(frequency).toPoint())
        qtbot.waitUntil(lambda words=words: words in text.text())
    session.patterns.toggle(wave)
    qtbot.mouseMove(view.viewport(), view.place_of(wave.frequency).toPoint())
    qtbot.waitUntil(lambda: "Stays: period 6.4 px" in text.text())


def test_a_drag_is_no_click(qtbot, seen, session):
    view = seen.spectrum.view.viewport()
    qtbot.mousePress(view, LEFT, pos=QPoint(150, 150))
    qtbot.mouseRelease(view, LEFT, pos=QPoint(190, 150))
    assert session.patterns.edits == NO_EDITS


def test_the_wheel_zooms_with_the_control_key_only(seen):
    view = seen.spectrum.view
    box = view.getPlotItem().getViewBox()

    def wheel(modifiers, delta):
        position = view.place_of((0.2, 0.2))
        event = FakeWheel(position, delta, modifiers)
        view.wheelEvent(event)
        return event.is_accepted, box.viewRect().width()

    is_accepted, whole = wheel(Qt.KeyboardModifier.NoModifier, 120)
    assert not is_accepted  # it scrolls the dock
    is_accepted, near = wheel(CONTROL, 120)
    assert is_accepted and near < whole
    for _ in range(3):
        _, far = wheel(CONTROL, -120)
    assert far == pytest.approx(whole)


class FakeWheel:
    """A turn of the wheel; synthetic events differ between bindings."""

    def __init__(self, position, delta, modifiers):
        self._values = position, QPoint(0, delta), modifiers
        self.is_accepted = None

    def position(self):
        return self._values[0]

    def angleDelta(self):  # noqa: N802 - name given by Qt
        return self._values[1]

    def modifiers(self):
        return self._values[2]

    def accept(self):
        self.is_accepted = True

    def ignore(self):
        self.is_accepted = False


def test_edits_come_from_the_configuration_too(seen, session):
    session.set_config(validate_config({**session.config.model_dump(), "also_remove": "9@0"}))
    assert session.patterns.edits == PatternEdits(removed=(Wave(9.0, 0.0),))
    assert len(session.patterns.removal.patterns) == 2
    session.patterns.history.undo()
    assert session.config.also_remove == ""


def test_a_kernel_that_was_edited_by_hand_stays(qtbot, editor, session):
    qtbot.mouseClick(editor.measurement.measure_button, LEFT)
    qtbot.waitUntil(idle(session))
    session.document.toggle((0, 1, 2))
    kernel, (wave,) = session.document.kernel, session.patterns.patterns
    started = []
    session.tasks.changed.connect(lambda: started.append(session.tasks.state.is_running))
    session.patterns.toggle(wave)
    qtbot.waitUntil(lambda: not editor.remeasuring.is_due)
    assert not any(started)
    assert session.document.kernel == kernel


@pytest.mark.usefixtures("windowed")
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_it_fits_into_a_narrow_dock(viewer, seen, theme):
    viewer.theme = theme
    viewer.window.add_dock_widget(seen, area="right")
    QApplication.processEvents()
    assert seen.minimumSizeHint().width() <= 400
    assert seen.spectrum.minimumSizeHint().width() <= 370
    view = seen.spectrum.view
    corners = [view.place_of(place) for place in ((-0.5, -0.5), (0.5, 0.5))]
    # the picture may end where the widget ends, so that no pixel of the widget is right of it
    assert all(QRectF(view.rect()).contains(corner) for corner in corners)
    sides = corners[1] - corners[0]
    assert sides.x() == pytest.approx(sides.y(), abs=2)


def test_images_that_are_too_small_have_no_spectrum(viewer, session, editor):
    tiny = find_patterns([ArraySource(np.zeros((1, 20, 20)))])
    session.patterns.show(tiny, "tiny")
    assert "too small for a spectrum" in editor.spectrum.welcome.text()
    assert small_config(session.config.output_dir).also_remove == ""
