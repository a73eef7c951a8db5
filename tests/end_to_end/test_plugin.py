"""A person works with the plugin in a real napari window: with the mouse, the keyboard, and doubts.

Buttons are found by what is written on them and clicked where they are seen. Trainings are real, of
networks that learn in seconds.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QAbstractButton, QAbstractSpinBox, QApplication, QFileDialog, QWidget

from autoStructN2V.masking import Kernel
from napari_autostructn2v.comparison.viewer_parts import grid_of
from napari_autostructn2v.session.docks import PLUGIN, DockName, title_of
from napari_autostructn2v.session.session import Session, session_for
from napari_autostructn2v.session.state import Part, Phase, Status
from napari_autostructn2v.session.work.jobs import jobs_alive
from tests.plugin.conftest import PATIENCE, open_dock, small_config, window_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import napari
    from napari.layers import Image
    from pytestqt.qtbot import QtBot

LEFT = Qt.MouseButton.LeftButton


class Person:
    """Uses the window as a person does."""

    def __init__(self, viewer: napari.Viewer, qtbot: QtBot) -> None:
        self.viewer = viewer
        self.qtbot = qtbot

    @property
    def session(self) -> Session:
        return session_for(self.viewer)

    def open(self, name: DockName) -> QWidget:
        """Open a dock as the Plugins menu does."""
        widget: QWidget = open_dock(self.viewer, name)
        return widget

    def raised(self, name: DockName) -> QWidget:
        """Return the widget of a dock that has opened itself and can be seen."""
        docks, title = self.viewer.window.dock_widgets, title_of(name)
        self.qtbot.waitUntil(lambda: title in docks and self._is_seen(docks[title]))
        widget: QWidget = docks[title].content
        return widget

    def close(self, name: DockName) -> None:
        """Close a dock with its button."""
        self.viewer.window.dock_widgets[title_of(name)].parent().destroyOnClose()
        QApplication.processEvents()

    def button(self, inside: QWidget, text: str) -> QAbstractButton:
        """Return the one button with this text that can be seen."""
        found = [
            button
            for button in inside.findChildren(QAbstractButton)
            if button.text().replace("&&", "&") == text and button.isVisible()
        ]
        assert len(found) == 1, (text, [b.text() for b in inside.findChildren(QAbstractButton)])
        return found[0]

    def click(self, inside: QWidget, text: str) -> None:
        """Click on a button."""
        button = self.button(inside, text)
        assert button.isEnabled(), (text, button.toolTip())
        self.qtbot.mouseClick(button, LEFT)
        QApplication.processEvents()

    def type_number(self, box: QAbstractSpinBox, text: str) -> None:
        """Type a number over the one in a box."""
        box.setFocus()
        box.selectAll()
        self.qtbot.keyClicks(box, text)
        self.qtbot.keyClick(box, Qt.Key.Key_Return)

    def click_cell(self, editor: Any, cell: tuple[int, int, int]) -> None:
        """Click on a cell of the kernel."""
        place: QPoint = editor.grid.rect_of(cell).center()
        self.qtbot.mouseMove(editor.grid, place)
        self.qtbot.mouseClick(editor.grid, LEFT, pos=place)

    def wait_for(self, *phases: Phase) -> None:
        """Wait until the training gets somewhere; it must not fail on the way."""
        wanted = {*phases, Phase.FAILED}
        self.qtbot.waitUntil(lambda: self.session.training.state.phase in wanted)
        assert self.session.training.state.error is None or Phase.FAILED in phases, (
            self.session.training.state.error
        )

    def _is_seen(self, dock: QWidget) -> bool:
        return dock.isVisible() and not dock.visibleRegion().isEmpty()


@pytest.fixture
def person(viewer: napari.Viewer, qtbot: QtBot, tmp_path: Path) -> Person:
    person = Person(viewer, qtbot)
    person.session.set_config(small_config(tmp_path))
    return person


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    yield
    QApplication.processEvents()
    assert not any(thread.name.startswith("torch") for thread in threading.enumerate())
    assert all(job.wait(PATIENCE / 1000) for job in jobs_alive())


def open_sample(person: Person, key: str, n_slices: int = 8) -> Image:
    """Open a sample; keep a part of it, so that a network learns it in seconds."""
    person.viewer.open_sample(PLUGIN, key)
    layer = person.viewer.layers[-1]
    for each in person.viewer.layers:
        each.data = each.data[..., :96, :96][-n_slices:]
    person.viewer.layers.selection = {layer}
    QApplication.processEvents()
    return layer


def start_training(person: Person) -> QWidget:
    """From Configuration to a training that runs."""
    configuration = person.open(DockName.CONFIGURATION)
    person.click(configuration, "Next: Training")
    training = person.raised(DockName.TRAINING)
    person.click(training, "Start training")
    assert person.session.training.state.phase.is_running
    return training


def test_from_a_sample_to_a_saved_result(
    person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sample, configure, train, edit two pixels, approve, stage 2, compare, denoise, save."""
    session, viewer = person.session, person.viewer
    layer = open_sample(person, "horizontal_lines")
    original = layer.data.copy()

    configuration = person.open(DockName.CONFIGURATION)
    epochs = next(
        box
        for box in configuration.findChildren(QAbstractSpinBox)
        if box.isVisible() and "num_epochs" in box.toolTip()
    )
    person.type_number(epochs, "3")
    assert session.config.num_epochs == 3
    training = start_training(person)

    person.wait_for(Phase.REVIEW)
    editor: Any = person.raised(DockName.MASK_EDITOR)
    proposed = session.document.kernel
    _, middle, _ = session.document.center
    for cell in ((0, middle - 2, middle + 1), (0, middle - 3, middle + 1)):
        assert not proposed.cells[cell]
        person.click_cell(editor, cell)
    edited = session.document.kernel
    assert edited.n_hidden == proposed.n_hidden + 4  # two clicks, each mirrored
    person.click(editor, "Approve & continue to stage 2")

    person.wait_for(Phase.DONE)
    assert set(session.training.state.statuses.values()) == {Status.COMPLETE}
    assert len(session.training.state.history) == 6
    assert session.models.at_hand is not None and session.models.at_hand.folder is not None
    kernel = Kernel.load(session.models.at_hand.folder / "mask.npy")
    assert kernel == edited
    result = viewer.layers[f"{layer.name} - stage 2"]
    assert result.data.shape == layer.data.shape
    np.testing.assert_array_equal(layer.data, original)

    training = person.open(DockName.TRAINING)
    training.window().raise_()
    person.click(training, "Compare")
    person.qtbot.waitUntil(lambda: grid_of(viewer).enabled)
    person.click(window_of(viewer), "Leave comparison")
    person.qtbot.waitUntil(lambda: not grid_of(viewer).enabled)

    person.click(training, "Use model: Inference")
    inference = person.raised(DockName.INFERENCE)
    other = viewer.add_image(original[:2] + 0.05, name="other", scale=(2, 0.5, 0.5))
    viewer.layers.selection = {other}
    _choose_layer(inference, "other")
    person.click(inference, "Process")
    person.qtbot.waitUntil(lambda: "other - denoised, stage 2" in viewer.layers)
    denoised = viewer.layers["other - denoised, stage 2"]
    np.testing.assert_array_equal(denoised.scale, other.scale)

    path = tmp_path / "saved.tif"
    monkeypatch.setattr(QFileDialog, "exec", lambda _: 1)
    monkeypatch.setattr(QFileDialog, "selectedFiles", lambda _: [str(path)])
    person.click(inference, "Save layer as TIFF…")
    person.qtbot.waitUntil(path.exists)
    np.testing.assert_array_equal(tifffile.imread(path), denoised.data)


def test_two_and_a_half_dimensions_with_three_tabs(person: Person, tmp_path: Path) -> None:
    session = person.session
    session.set_config(small_config(tmp_path, mode="2.5D"))
    layer = open_sample(person, "stack_noise", n_slices=22)
    start_training(person)
    person.wait_for(Phase.REVIEW)
    editor: Any = person.raised(DockName.MASK_EDITOR)
    assert editor.tabs.count() == 3
    before = session.document.planes
    assert len(before) == 3
    tab = editor.tabs.tabRect(0).center()
    person.qtbot.mouseClick(editor.tabs, LEFT, pos=tab)
    person.click_cell(editor, (0, 0, 0))
    after = session.document.planes
    assert after[0, 0, 0] != before[0, 0, 0]
    assert after[2, -1, -1] == after[0, 0, 0]  # the mirrored cell lies in the slice below
    assert editor.tabs.tabText(0) == f"Z-1 (above) · {after[0].sum()} px"
    person.click(editor, "Approve & continue to stage 2")
    person.wait_for(Phase.DONE)
    assert person.viewer.layers[f"{layer.name} - stage 2"].data.shape == layer.data.shape
    assert session.models.at_hand is not None
    assert session.models.at_hand.models[2].kernel.n_slices == 3


def test_stage_2_can_be_skipped(person: Person) -> None:
    open_sample(person, "random_noise")
    start_training(person)
    person.wait_for(Phase.REVIEW)
    editor = person.raised(DockName.MASK_EDITOR)
    person.click(editor, "Skip stage 2")
    person.wait_for(Phase.DONE)
    assert person.session.training.state.statuses[Part.STAGE2] is Status.SKIPPED
    names = [layer.name for layer in person.viewer.layers]
    assert names[-1].endswith("- stage 1")
    assert not any("preview" in name for name in names)


@pytest.mark.parametrize("phase", [Phase.PREPARING, Phase.STAGE1, Phase.REVIEW, Phase.STAGE2])
def test_cancel_in_every_phase_keeps_what_is_finished(
    person: Person, tmp_path: Path, phase: Phase
) -> None:
    is_late = phase is Phase.STAGE2
    long = {"num_epochs": 1000} if phase is Phase.STAGE1 else {}
    session = person.session
    session.set_config(small_config(tmp_path, **long))
    layer = open_sample(person, "horizontal_lines")
    training = start_training(person)
    person.wait_for(*((Phase.REVIEW,) if is_late else (phase, Phase.DONE)))
    if is_late:
        training.window().raise_()
        session.approve()
        person.wait_for(Phase.STAGE2)
    training = person.open(DockName.TRAINING)
    n_epochs = len(session.training.state.history)
    person.click(training, "Cancel")
    person.qtbot.waitUntil(lambda: not session.training.state.phase.is_running)
    assert session.training.state.phase is Phase.CANCELLED
    assert len(session.training.state.history) <= n_epochs + 1, "it ends within an epoch"
    has_stage1 = f"{layer.name} - stage 1" in person.viewer.layers
    assert has_stage1 is (phase in (Phase.REVIEW, Phase.STAGE2))
    assert session.cannot_start() is None
    assert not any("preview" in each.name for each in person.viewer.layers)


def test_docks_come_and_go_and_the_layer_goes_while_a_training_runs(
    person: Person, tmp_path: Path
) -> None:
    session = person.session
    session.set_config(small_config(tmp_path, num_epochs=8))
    layer = open_sample(person, "horizontal_lines")
    start_training(person)
    # before the first preview: with OpenGL in software, napari 0.9 crashes when an image is removed
    # that lies below another one
    person.viewer.layers.remove(layer)
    person.qtbot.waitUntil(lambda: len(session.training.state.history) > 1)
    person.close(DockName.TRAINING)
    person.close(DockName.CONFIGURATION)
    person.qtbot.waitUntil(lambda: len(session.training.state.history) > 3)
    person.open(DockName.TRAINING)
    person.wait_for(Phase.REVIEW)
    editor: Any = person.raised(DockName.MASK_EDITOR)
    person.click_cell(editor, (0, 0, 0))
    edited = session.document.kernel
    person.close(DockName.MASK_EDITOR)
    editor = person.open(DockName.MASK_EDITOR)
    assert session.document.kernel == edited
    person.click(editor, "Approve & continue to stage 2")
    person.wait_for(Phase.DONE)
    assert len(session.training.state.history) == 16
    names = [each.name for each in person.viewer.layers]
    assert f"{layer.name} - stage 1" in names
    assert f"{layer.name} - stage 2" in names


def test_the_viewer_closes_while_a_training_runs(qtbot: QtBot, tmp_path: Path) -> None:
    import napari

    viewer = napari.Viewer()
    person = Person(viewer, qtbot)
    # without the end of the viewer it would take hours
    long = {"num_epochs": 1_000_000, "early_stopping": False}
    person.session.set_config(small_config(tmp_path, **long))
    open_sample(person, "horizontal_lines")
    start_training(person)
    person.wait_for(Phase.STAGE1)
    job = person.session.training.job
    assert job is not None
    viewer.close()
    qtbot.waitUntil(lambda: job.wait(0))
    assert list(tmp_path.rglob("*.tmp*")) == []


def _choose_layer(widget: QWidget, name: str) -> None:
    """Choose a layer in the box that lists them."""
    from qtpy.QtWidgets import QComboBox

    box = next(box for box in widget.findChildren(QComboBox) if box.findText(name) >= 0)
    box.setCurrentIndex(box.findText(name))
