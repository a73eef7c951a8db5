"""The Inference dock applies models to layers and files, and says what came of it."""

from __future__ import annotations

import gc
import threading
import weakref
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
import torch
from qtpy.QtCore import QEvent, QMimeData, QPointF, Qt, QUrl
from qtpy.QtGui import QDesktopServices, QDragEnterEvent, QDropEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QMessageBox, QWidget

from autoStructN2V.datasets.normalization import Normalization
from autoStructN2V.inference.trained_model import TrainedModel, save_model
from autoStructN2V.masking import Kernel
from autoStructN2V.models.config import NetworkConfig
from autoStructN2V.models.unet import FlexibleUNet
from autoStructN2V.pipeline import export_model, package_details
from napari_autostructn2v.inference.choices import ask_for_tiff
from napari_autostructn2v.inference.dock import Inference
from napari_autostructn2v.inference.export_dialog import ExportDialog
from napari_autostructn2v.inference.model_card import NO_MODEL, describe_model
from napari_autostructn2v.layers.files import FileImage, layer_writer, open_for_layer
from napari_autostructn2v.session import models as _models
from napari_autostructn2v.session.state import ModelCard, TaskState
from tests.core.datasets.images.formats.files import SCALE_UM, write_mrc, write_ome_zarr
from tests.plugin.conftest import PATIENCE, choose_new_file, stacking_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray
    from pytestqt.qtbot import QtBot

    from autoStructN2V.pipeline import PackageDetails
    from napari_autostructn2v.session.session import Session

NETWORK = NetworkConfig(features=8, num_layers=1)
KERNEL = np.ones((1, 5), bool)


def untrained(
    stage: int = 2, mode: str = "2D", low: float = 0.0, high: float = 1.0
) -> TrainedModel:
    """Return a model that predicts something, at once."""
    torch.manual_seed(0)
    network = FlexibleUNet(NETWORK, 3 if mode == "2.5D" else 1)
    seen = Normalization(
        mean=0.5, std=0.2, low=low, high=high, median=0.5, mad=0.1, noise_level=0.1
    )
    kernel = Kernel.from_array([KERNEL] * 3 if mode == "2.5D" else KERNEL)
    made = {
        "created": "2026-11-21T10:00:00+00:00",
        "images": ["scan"],
        "shapes": [[30, 64, 48]],
        "epochs": 12,
        "preset": "fast",
        "is_modified": True,
        "is_stopped": False,
    }
    weights = network.state_dict()
    return TrainedModel(NETWORK, weights, seen, mode, "autostructn2v", stage, kernel, made)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model folder with both stages."""
    folder = tmp_path / "model"
    folder.mkdir()
    for stage in (1, 2):
        save_model(folder / f"stage{stage}_model.pth", untrained(stage))
    return folder


@pytest.fixture
def dock(session: Session) -> Iterator[Inference]:
    dock = Inference(session.viewer, session)
    yield dock
    end(dock)


def end(dock: Inference) -> None:
    """Delete a dock now, as closing it does."""
    dock.deleteLater()
    QApplication.sendPostedEvents(dock, QEvent.Type.DeferredDelete.value)


@pytest.fixture
def load(session: Session, qtbot: QtBot) -> Callable[[Inference, Path], None]:
    """Load a model and wait until it is there, or refused."""

    def load_model(dock: Inference, path: Path) -> None:
        dock.load_model(path)
        qtbot.waitUntil(lambda: not session.tasks.state.is_running)

    return load_model


@pytest.fixture
def loaded(dock: Inference, folder: Path, load: Callable[[Inference, Path], None]) -> Inference:
    load(dock, folder)
    return dock


@pytest.fixture
def finish(session: Session, qtbot: QtBot) -> Callable[[Inference], None]:
    def process(dock: Inference) -> None:
        assert dock.process_button.isEnabled(), dock.problem.text()
        dock.process_button.click()
        qtbot.waitUntil(lambda: not session.tasks.state.is_running)
        assert session.tasks.state.error is None
        assert dock.outcome.error.text() == ""

    return process


def image(shape: tuple[int, ...] = (2, 48, 40)) -> NDArray[np.float32]:
    return np.random.default_rng(0).random(shape, dtype=np.float32)


def test_without_a_model_it_says_what_to_do(dock: Inference) -> None:
    assert dock.card.text() == NO_MODEL
    assert not dock.process_button.isEnabled()
    assert "model" in dock.problem.text()


def test_a_loaded_folder_is_described_and_the_last_stage_chosen(loaded: Inference) -> None:
    text = loaded.card.text()
    for expected in (
        "2D, stages 1 and 2",
        "12 epochs, preset Fast (modified)",
        "scan (30 slices, 64 x 48)",
        "0.1",
    ):
        assert expected in text
    assert loaded.card.stage() == 2
    loaded.card.set_stage(1)
    model = loaded.card.model()
    assert model is not None
    assert model.stage == 1


def test_the_kernel_of_25d_is_described_whole() -> None:
    rows = dict(describe_model(ModelCard({2: untrained(mode="2.5D")}), 2))
    assert "2.5D" in rows["Method"]
    assert "in the slice above" in rows["Kernel"]


def test_a_file_that_is_no_model_is_refused_with_the_reason(
    loaded: Inference, load: Callable[[Inference, Path], None], tmp_path: Path
) -> None:
    wrong = tmp_path / "notes.pth"
    wrong.write_text("no model")
    load(loaded, wrong)
    assert "notes.pth" in loaded.card.problem.text()
    assert loaded.card.model() is not None  # the one before stays


def test_a_layer_becomes_a_layer_in_its_place(
    loaded: Inference, session: Session, finish: Callable[[Inference], None], tmp_path: Path
) -> None:
    source = session.viewer.add_image(image(), name="other", scale=(3, 2, 2), units="um")
    finish(loaded)
    result = session.viewer.layers[-1]
    assert result.name == "other - denoised, stage 2"
    np.testing.assert_array_equal(result.scale, source.scale)
    assert "Added layer" in loaded.outcome.done.text()
    assert not loaded.more_button.isHidden()
    loaded.more_button.click()
    assert loaded.outcome.done.text() == ""
    assert loaded.save_button.isHidden()


@pytest.mark.parametrize(
    ("entered", "expected"),
    [
        ("img", "img.tif"),
        ("img.tiff", "img.tiff"),
        ("IMG.TIF", "IMG.TIF"),
        ("cell 0.5um", "cell 0.5um.tif"),
        ("taken 0.5um", None),
    ],
)
def test_only_a_tiff_ending_counts_as_one(
    qtbot: QtBot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    entered: str,
    expected: str | None,
) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    (tmp_path / "taken 0.5um.tif").touch()
    asked = []
    monkeypatch.setattr(QMessageBox, "question", lambda *words: asked.append(words[2]))
    choose_new_file(monkeypatch, tmp_path / entered)
    answer = tmp_path / expected if expected is not None else None
    assert ask_for_tiff(parent, "a", tmp_path) == answer
    assert len(asked) == (expected is None), "the dialog asks about names as they are typed"


def test_the_new_layer_is_saved_with_pixels_axes_and_scale(
    loaded: Inference,
    session: Session,
    finish: Callable[[Inference], None],
    qtbot: QtBot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    session.viewer.add_image(image(), scale=(3, 2, 2), units="um")
    finish(loaded)
    choose_new_file(monkeypatch, tmp_path / "cell 0.5um")
    loaded.save_button.click()
    assert loaded.progress.text.text() == "Saving the layer" and not loaded.progress.isHidden()
    assert loaded.cancel_button.isHidden() and not loaded.process_button.isEnabled()
    assert not loaded.save_button.isEnabled() and "Added layer" in loaded.outcome.done.text()
    qtbot.waitUntil(lambda: not session.tasks.state.is_running)
    assert loaded.save_button.isEnabled() and "Added layer" in loaded.outcome.done.text()
    assert "cell 0.5um.tif" in loaded.outcome.done.text()
    reopened = FileImage.read(tmp_path / "cell 0.5um.tif").layer()
    np.testing.assert_array_equal(reopened.data, session.viewer.layers[-1].data)
    np.testing.assert_allclose(reopened.scale, (3, 2, 2))


def test_a_layer_goes_to_disk_in_the_type_of_the_input(
    loaded: Inference, session: Session, finish: Callable[[Inference], None], tmp_path: Path
) -> None:
    session.viewer.add_image((image() * 1000).astype(np.uint16), name="counts")
    loaded.result.set_folder(tmp_path / "out", output_dtype="input")
    finish(loaded)
    written = tifffile.imread(tmp_path / "out" / "counts_denoised_stage2.tif")
    assert written.dtype == np.uint16
    assert len(session.viewer.layers) == 1  # to disk, not into the viewer
    loaded.result.kind.button("layer").click()
    finish(loaded)
    shown = session.viewer.layers[-1].data
    np.testing.assert_array_equal(written, np.clip(np.rint(shown), 0, 65535))


def test_results_on_disk_say_what_they_are_and_replace_nothing(
    loaded: Inference, session: Session, finish: Callable[[Inference], None], tmp_path: Path
) -> None:
    session.viewer.add_image(image((2, 1, 48, 40)), name="group/vol.tif")
    out = tmp_path / "out"
    loaded.result.set_folder(out)
    for index, stage in ((0, 2), (1, 2), (1, 1), (1, 1), (-1, 1)):
        loaded.source.chooser.set_chosen({"T": index})
        loaded.card.set_stage(stage)
        finish(loaded)
    written = sorted(path.name for path in out.iterdir())
    assert written == sorted(
        [
            "group_vol.tif_0_denoised_stage2.tif",
            "group_vol.tif_1_denoised_stage2.tif",
            "group_vol.tif_1_denoised_stage1.tif",
            "group_vol.tif_1_denoised_stage1_2.tif",
            "group_vol.tif_denoised_stage1.tif",
        ]
    )
    with tifffile.TiffFile(out / "group_vol.tif_1_denoised_stage1.tif") as tif:
        said = str(tif.imagej_metadata or tif.pages[0].description)
    for expected in ("2026-11-21T10:00:00", "stage", "group/vol.tif"):
        assert expected in said


def test_a_second_run_over_files_keeps_the_first(
    loaded: Inference, finish: Callable[[Inference], None], tmp_path: Path
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", image())
    loaded.source.set_path(tmp_path / "a.tif")
    loaded.result.set_folder(tmp_path / "out")
    for _ in range(2):
        finish(loaded)
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["a_denoised_stage2.tif", "a_denoised_stage2_2.tif"]


def test_what_came_of_it_is_shown_when_the_dock_is_opened_again(
    loaded: Inference, session: Session, finish: Callable[[Inference], None], tmp_path: Path
) -> None:
    session.viewer.add_image(image(), name="counts")
    finish(loaded)
    again = Inference(session.viewer, session)
    assert "Added layer" in again.outcome.done.text()
    assert not again.save_button.isHidden()
    end(again)

    loaded.result.set_folder(tmp_path / "out")
    finish(loaded)
    session.tasks.set_state(TaskState("measure", messages=("Use N2V.",)))
    again = Inference(session.viewer, session)
    assert "Wrote" in again.outcome.done.text()
    assert "N2V" not in again.outcome.warnings.text()
    assert not again.open_button.isHidden()
    assert again.save_button.isHidden()
    again.more_button.click()
    assert again.open_button.isHidden()
    end(again)

    again = Inference(session.viewer, session)
    assert again.outcome.done.text() == ""
    assert again.open_button.isHidden()
    end(again)


def test_a_folder_is_denoised_to_disk_and_opened(
    loaded: Inference,
    session: Session,
    finish: Callable[[Inference], None],
    qtbot: QtBot,
    tmp_path: Path,
) -> None:
    (tmp_path / "in").mkdir()
    for name in "ab":
        tifffile.imwrite(tmp_path / "in" / f"{name}.tif", image())
    loaded.source.set_path(tmp_path / "in")
    loaded.result.set_folder(tmp_path / "out")
    finish(loaded)
    assert "Wrote 2 files" in loaded.outcome.done.text()
    assert len(session.viewer.layers) == 0
    loaded.open_button.click()
    assert loaded.progress.text.text() == "Opening the files" and not loaded.open_button.isEnabled()
    qtbot.waitUntil(lambda: not session.tasks.state.is_running)
    assert "Wrote 2 files" in loaded.outcome.done.text() and loaded.open_button.isEnabled()
    assert [layer.name for layer in session.viewer.layers] == [f"{n}_denoised_stage2" for n in "ab"]
    assert session.viewer.layers[0].data.shape == (2, 48, 40)


def test_images_of_several_formats_are_dropped_denoised_and_opened(
    loaded: Inference,
    session: Session,
    finish: Callable[[Inference], None],
    qtbot: QtBot,
    tmp_path: Path,
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    write_mrc(folder / "a.mrc", image())
    write_ome_zarr(folder / "b.ome.zarr", image())
    dropped = QMimeData()
    dropped.setUrls([QUrl.fromLocalFile(str(folder))])
    nothing, left = Qt.KeyboardModifier.NoModifier, Qt.MouseButton.LeftButton
    place = QPointF(loaded.source.rect().center())
    copy = Qt.DropAction.CopyAction
    for kind in (QDragEnterEvent, QDropEvent):
        at = place.toPoint() if kind is QDragEnterEvent else place
        event = kind(at, copy, dropped, left, nothing)
        QApplication.sendEvent(loaded.source, event)
        assert event.isAccepted()
    assert loaded.source.path() == folder
    loaded.result.set_folder(tmp_path / "out")
    finish(loaded)
    names = ["a_denoised_stage2.mrc", "b_denoised_stage2.ome.zarr"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names
    loaded.open_button.click()
    qtbot.waitUntil(lambda: not session.tasks.state.is_running)
    layers = session.viewer.layers
    assert [layer.name for layer in layers] == [f"{n}_denoised_stage2" for n in "ab"]
    assert [layer.data.shape for layer in layers] == [(2, 48, 40)] * 2
    assert layers[1].scale.tolist() == pytest.approx(SCALE_UM)


def test_a_file_that_cannot_be_opened_does_not_stop_the_others(
    loaded: Inference, session: Session, qtbot: QtBot, tmp_path: Path
) -> None:
    (tmp_path / "bad.tif").write_text("no image")
    tifffile.imwrite(tmp_path / "good.tif", image())
    session.denoising.open_files(
        [tmp_path / "bad.tif", tmp_path / "gone.tif", tmp_path / "good.tif"]
    )
    qtbot.waitUntil(lambda: not session.tasks.state.is_running)
    assert [layer.name for layer in session.viewer.layers] == ["good"]
    assert "bad.tif" in loaded.outcome.error.text() and "gone.tif" in loaded.outcome.error.text()


def test_a_file_becomes_a_layer_without_being_loaded_first(
    loaded: Inference, session: Session, finish: Callable[[Inference], None], tmp_path: Path
) -> None:
    path = tmp_path / "scan.tif"
    scale = {"axes": "ZYX", "unit": "um", "spacing": 3}
    tifffile.imwrite(path, image(), imagej=True, resolution=(2, 2), metadata=scale)
    loaded.source.set_path(path)
    finish(loaded)
    (layer,) = session.viewer.layers
    assert layer.name == "scan - denoised, stage 2"
    assert layer.data.shape == (2, 48, 40)
    np.testing.assert_allclose(layer.scale, (3, 0.5, 0.5))


GRAY = {"photometric": "minisblack"}


@pytest.mark.parametrize("is_to_disk", [False, True])
def test_axes_and_channel_of_a_file_are_said_where_it_does_not(
    loaded: Inference,
    session: Session,
    finish: Callable[[Inference], None],
    qtbot: QtBot,
    tmp_path: Path,
    is_to_disk: bool,
) -> None:
    path = tmp_path / "scan.tif"
    tifffile.imwrite(path, image((2, 3, 48, 40)), metadata={"axes": "CZYX"}, **GRAY)
    loaded.source.set_path(path)
    if is_to_disk:
        loaded.result.set_folder(tmp_path / "out")
    loaded.process_button.click()
    qtbot.waitUntil(lambda: not session.tasks.state.is_running)
    assert "channel" in loaded.outcome.error.text()
    loaded.source.axes_section.expand()
    axes = loaded.source.selection.editor("", "axes")
    qtbot.keyClicks(axes, "CZYX")
    loaded.source.selection.editor("", "channel").setValue(1)
    finish(loaded)
    if is_to_disk:
        assert [file.name for file in (tmp_path / "out").iterdir()] == [
            "scan_c1_denoised_stage2.tif"
        ]
    else:
        assert [layer.data.shape for layer in session.viewer.layers] == [(3, 48, 40)]


def test_a_folder_of_images_becomes_one_layer_if_they_are_alike(tmp_path: Path) -> None:
    for name in ("1", "2", "10"):
        tifffile.imwrite(tmp_path / f"{name}.tif", image((8, 9)))
    sources = open_for_layer(tmp_path, untrained())
    made = FileImage.made_of("scans", sources, [np.zeros((1, 8, 9), np.float32)] * 3)
    assert (made.data.shape, made.axes) == ((3, 8, 9), "TYX")
    tifffile.imwrite(tmp_path / "3.tif", image((9, 9)))
    with pytest.raises(ValueError, match="differ in size"):
        open_for_layer(tmp_path, untrained())


def test_files_that_cannot_be_read_are_a_sentence(
    loaded: Inference, session: Session, qtbot: QtBot, tmp_path: Path
) -> None:
    loaded.source.set_path(tmp_path / "missing.tif")
    loaded.process_button.click()
    qtbot.waitUntil(lambda: not session.tasks.state.is_running)
    assert "does not exist" in loaded.outcome.error.text()
    assert not loaded.more_button.isHidden()


def test_other_intensities_are_warned_about(
    loaded: Inference, session: Session, finish: Callable[[Inference], None]
) -> None:
    session.viewer.add_image(image() * 4000)
    finish(loaded)
    assert "intensities run from" in loaded.outcome.warnings.text()
    assert "Added layer" not in loaded.outcome.warnings.text()


def test_too_few_slices_for_25d_are_refused_before_anything_starts(
    dock: Inference, session: Session, load: Callable[[Inference, Path], None], tmp_path: Path
) -> None:
    save_model(tmp_path / "stage2_model.pth", untrained(mode="2.5D"))
    load(dock, tmp_path)
    session.viewer.add_image(image())
    assert "Insufficient Stack Depth" in dock.problem.text()
    assert not dock.process_button.isEnabled()


def test_cancelling_adds_nothing(loaded: Inference, session: Session, qtbot: QtBot) -> None:
    session.viewer.add_image(image((400, 64, 64)))
    loaded.process_button.click()
    assert not loaded.cancel_button.isHidden()
    loaded.cancel_button.click()
    qtbot.waitUntil(lambda: not session.tasks.state.is_running)
    assert len(session.viewer.layers) == 1
    assert "Cancelled" in loaded.outcome.done.text()
    assert loaded.cancel_button.isHidden()


def test_a_dock_opened_meanwhile_shows_the_progress_and_the_outcome(
    loaded: Inference, session: Session, qtbot: QtBot
) -> None:
    session.viewer.add_image(image((60, 64, 64)))
    loaded.process_button.click()
    second = Inference(session.viewer, session)
    assert not second.progress.isHidden()
    assert second.card.model() is not None
    qtbot.waitUntil(lambda: not session.tasks.state.is_running)
    assert "Added layer" in second.outcome.done.text()
    end(second)


def test_what_a_measurement_says_is_not_shown_here(loaded: Inference, session: Session) -> None:
    session.tasks.set_state(TaskState("measure", is_running=True))
    assert "being inspected" in loaded.problem.text()
    session.tasks.set_state(replace(session.tasks.state, is_running=False, messages=("Use N2V.",)))
    assert loaded.outcome.done.text() == ""


def test_a_time_series_is_saved_with_all_axes(session: Session, tmp_path: Path) -> None:
    layer = session.viewer.add_image(image((3, 2, 16, 17)))
    layer_writer(layer)(tmp_path / "series.tif")
    with tifffile.TiffFile(tmp_path / "series.tif") as tif:
        assert tif.series[0].axes == "TZYX"
    np.testing.assert_array_equal(FileImage.read(tmp_path / "series.tif").data, layer.data)


def test_a_layer_that_cannot_be_saved_is_explained_and_stays(
    loaded: Inference,
    session: Session,
    finish: Callable[[Inference], None],
    qtbot: QtBot,
    tmp_path: Path,
) -> None:
    session.viewer.add_image(image())
    finish(loaded)
    (tmp_path / "file").touch()
    loaded.save_to(tmp_path / "file" / "a.tif", session.viewer.layers[-1])
    qtbot.waitUntil(lambda: not session.tasks.state.is_running)
    assert "file is no folder, and a folder" in loaded.outcome.error.text()
    assert "Added layer" in loaded.outcome.done.text() and loaded.save_button.isEnabled()


@pytest.fixture
def slow_models(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Models whose files can be read only once this is set."""
    from napari_autostructn2v.session import model_cards as _model_tasks

    may_read, load_model = threading.Event(), _model_tasks.load_model

    def load_later(path: Path) -> TrainedModel:
        assert may_read.wait(PATIENCE / 1000)
        return load_model(path)

    monkeypatch.setattr(_model_tasks, "load_model", load_later)
    yield may_read
    may_read.set()


def test_a_model_is_loaded_beside_the_window_and_the_dock_may_go(
    loaded: Inference, session: Session, folder: Path, slow_models: threading.Event, qtbot: QtBot
) -> None:
    before = session.models.at_hand
    second = Inference(session.viewer, session)
    second.load_model(folder)
    assert second.progress.text.text() == "Loading the model" and not second.progress.isHidden()
    for button in (second.card.folder_button, second.card.file_button):
        assert not button.isEnabled()
    assert not second.process_button.isEnabled() and second.card.model() is not None
    reference = weakref.ref(second)
    end(second)
    del second, button
    qtbot.waitUntil(lambda: bool(gc.collect()) or reference() is None)
    slow_models.set()
    qtbot.waitUntil(lambda: not session.tasks.state.is_running)
    assert session.models.at_hand is not before
    assert loaded.card.model() is session.models.at_hand.models[2]
    assert loaded.progress.isHidden() and loaded.card.folder_button.isEnabled()


def test_loading_can_be_cancelled_at_once(
    loaded: Inference, session: Session, folder: Path, slow_models: threading.Event, qtbot: QtBot
) -> None:
    before = session.models.at_hand
    loaded.load_model(folder)
    loaded.cancel_button.click()
    assert not session.tasks.state.is_running and loaded.cancel_button.isHidden()
    slow_models.set()
    loaded.load_model(folder / "stage1_model.pth")
    qtbot.waitUntil(lambda: not session.tasks.state.is_running)
    assert before is not None and before.models.keys() == {1, 2}
    assert session.models.at_hand is not None and session.models.at_hand.models.keys() == {1}


def test_stacks_are_put_together_beside_the_window(
    loaded: Inference,
    session: Session,
    finish: Callable[[Inference], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads = stacking_threads(monkeypatch)
    source = session.viewer.add_image(image((3, 2, 48, 40)))
    finish(loaded)
    assert threads and threading.main_thread() not in threads
    assert session.viewer.layers[-1].data.shape == source.data.shape


def test_a_model_loaded_during_a_training_is_kept_until_it_is_given_up(
    loaded: Inference, session: Session
) -> None:
    session.models.await_training()  # a training begins
    stage1 = untrained(1)
    session.models.offer(ModelCard({1: stage1}))
    assert loaded.card.model() is stage1
    chosen = ModelCard({1: untrained(1), 2: untrained(2)})
    session.models.choose(chosen)
    loaded.card.set_stage(1)
    stage2 = untrained(2)
    session.models.offer(ModelCard({1: stage1, 2: stage2}))
    assert loaded.card.model() is chosen.models[1]
    assert "newer model: stage 2" in loaded.card.newer_notice.text()
    again = Inference(session.viewer, session)
    assert not again.card.newer_button.isHidden()
    end(again)
    loaded.card.newer_button.click()
    assert loaded.card.model() is stage2
    assert loaded.card.newer_notice.isHidden() and loaded.card.newer_button.isHidden()
    loaded.card.set_stage(1)
    session.models.offer(ModelCard({1: stage1, 2: stage2}, session.config.output_dir))
    assert loaded.card.model() is stage1, "the same models, now with their folder"


def test_a_closed_dock_is_forgotten(
    session: Session, folder: Path, load: Callable[[Inference, Path], None], qtbot: QtBot
) -> None:
    dock = Inference(session.viewer, session)
    load(dock, folder)
    reference = weakref.ref(dock)
    dock.deleteLater()
    del dock
    qtbot.waitUntil(lambda: bool(gc.collect()) or reference() is None)
    session.models.load(folder)


def test_the_report_of_a_training_can_be_opened(
    loaded: Inference, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[QUrl] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", opened.append)
    model = untrained()
    session.models.choose(ModelCard({2: model}, tmp_path))
    assert loaded.card.report_button.isHidden()
    page = tmp_path / "report.html"
    page.write_text("<!doctype html>")
    session.models.choose(ModelCard({2: model}, tmp_path))
    assert not loaded.card.report_button.isHidden()
    loaded.card.report_button.click()
    assert opened == [QUrl.fromLocalFile(str(page))]


def test_a_model_is_exported_with_what_a_person_says_of_it(
    loaded: Inference,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    qtbot: QtBot,
    session: Session,
) -> None:
    pytest.importorskip("bioimageio.spec", minversion="0.5.14")
    said: list[object] = []

    def fill(dialog: ExportDialog) -> int:
        said.append(dialog.name.text())
        dialog.export_button.click()
        assert "name at least one person" in dialog.problem.text()
        QTest.keyClicks(dialog.authors, "Ada Lovelace; Grace Hopper")
        assert not dialog.problem.text()
        dialog.export_button.click()
        said.append(dialog.details)
        return dialog.result()

    def exported(
        model: TrainedModel, details: PackageDetails, path: Path, folder: Path | None
    ) -> list[str]:
        export_model(model, details, path, folder)
        return ["Nothing is averaged."]  # an untrained model has nothing to say

    monkeypatch.setattr(_models, "export_model", exported)
    monkeypatch.setattr(ExportDialog, "exec", fill)
    choose_new_file(monkeypatch, tmp_path / "lines.zip")
    loaded.card.export_button.click()
    qtbot.waitUntil(lambda: not session.tasks.state.is_running, timeout=PATIENCE)
    authors = ("Ada Lovelace", "Grace Hopper")
    name = "Denoising of scan"
    assert said == [name, package_details(name=name, authors=authors)]
    assert loaded.outcome.done.text() == f"Wrote {tmp_path / 'lines.zip'}."
    assert loaded.outcome.warnings.text() == "In other programs: Nothing is averaged."
    session.models.load(tmp_path / "lines.zip")
    qtbot.waitUntil(lambda: not session.tasks.state.is_running, timeout=PATIENCE)
    assert session.models.at_hand is not None
    assert session.models.at_hand.folder == tmp_path
