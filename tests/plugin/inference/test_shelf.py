"""Models on this computer are found, chosen, renamed, deleted and brought back by clicks."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import tifffile
from PIL import Image
from qtpy.QtCore import Qt
from qtpy.QtGui import QDesktopServices
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QLineEdit

from autoStructN2V.datasets.images.sources import ArraySource
from autoStructN2V.datasets.samples.synthetic import make_sample
from autoStructN2V.inference.trained_model import save_model
from autoStructN2V.masking import Kernel
from autoStructN2V.pipeline import label_model
from napari_autostructn2v.inference import shelf_items
from napari_autostructn2v.inference.dock import Inference
from napari_autostructn2v.inference.shelf_items import MODEL_ROLE
from napari_autostructn2v.session.docks import DockName
from napari_autostructn2v.session.work.shelf import ImagesToFit
from tests.plugin.conftest import PATIENCE, deleted, small_config
from tests.plugin.inference.test_inference import untrained

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray
    from pytestqt.qtbot import QtBot

    from autoStructN2V.pipeline import ShelvedModel
    from napari_autostructn2v.inference.shelf_view import ShelfView
    from napari_autostructn2v.session.session import Session

LINES = make_sample("horizontal_lines", shape=(1, 96, 96)).noisy
N_MODELS = 30
MOST_LOOPS = 5.0  # times yardstick(), in which the shelf opens: 0.3 s of a usual processor


def yardstick() -> float:
    """Return the seconds of the processor for a million turns of a loop, about 0.06 s."""
    start, total = time.process_time(), 0
    for i in range(1_000_000):
        total += i * i % 7
    return time.process_time() - start


def fill(root: Path, n: int) -> None:
    """Write models of two kinds, older and older."""
    lines, center = untrained(stage=2), untrained(stage=1)
    for number in range(n):
        model = center if number % 2 else replace(lines, stage=2)
        if number % 2:
            model = replace(model, method="n2v", kernel=Kernel.center_only())
        created = f"2026-{1 + number // 28:02d}-{1 + number % 28:02d}T10:00:00+00:00"
        made = {**model.provenance, "created": created, "images": [f"scan{number}.tif"]}
        folder = root / "exp" / "models" / "20260101" / f"20260101-{number:06d}"
        save_model(folder / f"stage{model.stage}_model.pth", replace(model, provenance=made))
        Image.new("L", (64, 32), number).save(folder / "before_after.png")


@pytest.fixture
def root(tmp_path: Path, session: Session) -> Path:
    """An output folder with a few models, that the session writes to."""
    fill(tmp_path / "models", 4)
    session.set_config(small_config(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture
def dock(root: Path, session: Session, qtbot: QtBot) -> Iterator[Inference]:
    """The dock, seen and high enough, with the models listed."""
    dock = Inference(session.viewer, session)
    dock.resize(500, 1000)
    dock.show()
    qtbot.waitExposed(dock)
    qtbot.waitUntil(lambda: not session.shelf.state.is_looking)
    yield dock
    deleted(dock, qtbot)


@pytest.fixture
def view(dock: Inference) -> ShelfView:
    """The list of models."""
    return dock.shelf.view


def rows(view: ShelfView) -> list[ShelvedModel]:
    """Return the models of the rows that are let through."""
    return [view.found.index(row, 0).data(MODEL_ROLE) for row in range(view.found.rowCount())]


def names(view: ShelfView) -> list[str]:
    return [model.name for model in rows(view)]


def click_row(view: ShelfView, row: int) -> None:
    place = view.list.visualRect(view.found.index(row, 0)).center()
    QTest.mouseClick(view.list.viewport(), Qt.MouseButton.LeftButton, pos=place)


def test_without_a_model_at_hand_it_is_open_and_the_newest_come_first(view: ShelfView) -> None:
    assert names(view) == ["scan3.tif", "scan2.tif", "scan1.tif", "scan0.tif"]
    assert view.summary.text() == "4 models, the newest comes first."
    assert "standard deviation" in view.words.text() or "Noise: about" in view.words.text()


def test_thirty_models_open_at_once_and_only_pictures_that_are_seen_are_read(
    dock: Inference,
    tmp_path: Path,
    session: Session,
    qtbot: QtBot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fill(tmp_path / "many", N_MODELS)
    session.set_config(small_config(tmp_path / "many"))
    view, shelf = dock.shelf.view, session.shelf
    qtbot.waitUntil(lambda: not shelf.state.is_looking)
    read: list[Path] = []
    picture_of = shelf_items.read_picture
    monkeypatch.setattr(
        shelf_items, "read_picture", lambda path: (read.append(path), picture_of(path))[1]
    )
    taken, loops = [], []
    for _ in range(3):  # the fastest is what the program needs, whatever else the computer does
        loops.append(yardstick())
        dock.shelf.collapse(animate=False)
        view.items.show_models(())
        shelf.state = replace(shelf.state, models=())
        start = time.process_time()
        dock.shelf.expand(animate=False)
        qtbot.waitUntil(lambda: len(names(view)) == N_MODELS)
        view.list.viewport().repaint()
        taken.append(time.process_time() - start)
        qtbot.waitUntil(lambda: not shelf.state.is_looking)
    assert min(taken) < MOST_LOOPS * min(loops)
    assert len(set(read)) < N_MODELS / 2


def test_what_a_click_opens_is_brought_into_view_with_its_buttons(
    dock: Inference, view: ShelfView, qtbot: QtBot
) -> None:
    dock.resize(500, 640)  # as on a small screen
    for _ in range(2):
        QTest.mouseClick(dock.shelf.toggleButton(), Qt.MouseButton.LeftButton)
    assert dock.shelf.isExpanded()
    for button in (view.train_button, view.delete_button):
        qtbot.waitUntil(lambda button=button: not button.visibleRegion().isEmpty())


def test_a_click_and_use_take_a_model_and_make_room(
    dock: Inference, view: ShelfView, session: Session, qtbot: QtBot
) -> None:
    click_row(view, 2)
    wanted = rows(view)[2]
    assert view.selected() == wanted
    with qtbot.waitSignal(view.use_requested):
        QTest.mouseClick(view.use_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: session.models.at_hand is not None)
    card = session.models.at_hand
    assert card is not None
    assert card.folder == wanted.folder
    qtbot.waitUntil(lambda: not dock.shelf.isExpanded())


def test_a_double_click_takes_a_model_too(view: ShelfView, session: Session, qtbot: QtBot) -> None:
    place = view.list.visualRect(view.found.index(0, 0)).center()
    QTest.mouseClick(view.list.viewport(), Qt.MouseButton.LeftButton, pos=place)
    QTest.mouseDClick(view.list.viewport(), Qt.MouseButton.LeftButton, pos=place)
    qtbot.waitUntil(lambda: session.models.at_hand is not None)


def test_words_find_models_in_all_that_is_said_of_them(view: ShelfView) -> None:
    view.search.setFocus()
    QTest.keyClicks(view.search, "n2v 2D SCAN1")
    assert names(view) == ["scan1.tif"]
    assert view.summary.text() == "1 of 4 models, the newest comes first."
    assert view.selected() == rows(view)[0]
    QTest.keyClicks(view.search, " nowhere")
    assert names(view) == []
    assert view.summary.text() == "None of the 4 models has these words."
    assert not view.use_button.isVisible()
    view.search.clear()
    assert len(names(view)) == 4


def test_a_name_is_edited_in_its_place(view: ShelfView, root: Path) -> None:
    click_row(view, 1)
    QTest.mouseClick(view.rename_button, Qt.MouseButton.LeftButton)
    editor = view.list.findChild(QLineEdit)
    assert editor is not None
    editor.selectAll()
    QTest.keyClicks(editor, "Lines, 20x")
    QTest.keyClick(editor, Qt.Key.Key_Return)
    QApplication.processEvents()
    assert names(view)[1] == "Lines, 20x"
    chosen = view.selected()
    assert chosen is not None
    assert chosen.name == "Lines, 20x"
    assert (chosen.folder / "label.json").is_file()


def test_a_note_is_kept_when_the_line_is_left(view: ShelfView) -> None:
    click_row(view, 0)
    view.note.setFocus()
    QTest.keyClicks(view.note, "used for figure 2")
    QTest.keyClick(view.note, Qt.Key.Key_Return)
    assert rows(view)[0].note == "used for figure 2"
    click_row(view, 1)
    assert view.note.text() == ""


def test_what_was_deleted_comes_back_with_undo(view: ShelfView) -> None:
    click_row(view, 1)
    folder = rows(view)[1].folder
    QTest.mouseClick(view.delete_button, Qt.MouseButton.LeftButton)
    assert names(view) == ["scan3.tif", "scan1.tif", "scan0.tif"]
    assert not folder.exists()
    assert view.deleted.text() == "Deleted scan2.tif."
    chosen = view.selected()
    assert chosen is not None
    assert chosen.name == "scan1.tif", "the next is selected"
    view.list.setFocus()
    QTest.keyClick(view.list, Qt.Key.Key_Delete)
    assert names(view) == ["scan3.tif", "scan0.tif"]
    for _ in range(2):
        QTest.mouseClick(view.undo_button, Qt.MouseButton.LeftButton)
    assert names(view) == ["scan3.tif", "scan2.tif", "scan1.tif", "scan0.tif"]
    assert folder.is_dir()
    assert not view.undo_button.isVisible()


def test_the_folder_is_shown(view: ShelfView, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toLocalFile()))
    QTest.mouseClick(view.folder_button, Qt.MouseButton.LeftButton)
    assert opened == [str(rows(view)[0].folder)]


def test_train_on_leads_to_configuration_with_the_model(
    view: ShelfView, session: Session, requested: list[DockName], qtbot: QtBot
) -> None:
    click_row(view, 0)
    QTest.mouseClick(view.train_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: session.imported is not None)
    assert requested == [DockName.CONFIGURATION]
    session.use_imported("fine_tune")
    assert session.config.start_as == "fine_tune"
    assert session.config.start_model == rows(view)[0].folder


def test_what_fits_the_layer_comes_first_with_the_reason(
    view: ShelfView, session: Session, qtbot: QtBot
) -> None:
    session.viewer.add_image(LINES, name="lines")
    qtbot.waitUntil(
        lambda: session.shelf.state.compared_with == "lines" and not session.shelf.state.is_looking
    )
    assert [model.method for model in rows(view)][:2] == ["autostructn2v"] * 2
    assert view.selected() == rows(view)[0], "nobody chose another one"
    assert view.summary.text() == "4 models, what fits lines best comes first."
    click_row(view, 3)
    assert "removes only the noise that every pixel has for itself" in view.words.text()


class SlowSource(ArraySource):
    """Images that are read when a test has done something meanwhile."""

    def __init__(self) -> None:
        super().__init__(LINES)
        self.is_read, self.go_on = threading.Event(), threading.Event()

    def read_stored(self, z: int) -> NDArray[np.generic]:
        self.is_read.set()
        assert self.go_on.wait(PATIENCE / 1000)
        return super().read_stored(z)


def test_what_is_done_while_models_are_compared_is_not_undone_by_what_comes_of_it(
    view: ShelfView, session: Session, qtbot: QtBot
) -> None:
    """The folders are found first, and told before and after the comparison."""
    shelf, images = session.shelf, SlowSource()
    shelf.delete(rows(view)[3])
    shelf.look(session.config.output_dir, ImagesToFit("lines", lambda: [images]))
    assert images.is_read.wait(PATIENCE / 1000)
    shelf.undo_delete()
    shelf.rename(rows(view)[0], "Lines, 20x")
    shelf.delete(rows(view)[1])
    shown: list[list[str]] = []
    shelf.changed.connect(lambda state: shown.append([model.name for model in state.models]))
    images.go_on.set()
    qtbot.waitUntil(lambda: not shelf.state.is_looking)
    assert {tuple(sorted(some)) for some in shown} == {("Lines, 20x", "scan0.tif", "scan1.tif")}
    assert all(model.misfit is not None for model in rows(view))


def test_one_that_comes_back_after_other_images_were_chosen_is_not_said_to_fit_best(
    view: ShelfView, session: Session, qtbot: QtBot
) -> None:
    shelf, images = session.shelf, ImagesToFit("lines", lambda: [ArraySource(LINES)])
    shelf.delete(rows(view)[0])
    shelf.look(session.config.output_dir, images)
    qtbot.waitUntil(lambda: not shelf.state.is_looking)
    shelf.undo_delete()
    assert rows(view)[-1].name == "scan3.tif"
    assert rows(view)[-1].reason == ""


def test_files_are_compared_once_their_name_is_whole(
    dock: Inference, view: ShelfView, session: Session, qtbot: QtBot, tmp_path: Path
) -> None:
    tifffile.imwrite(tmp_path / "lines.tif", LINES[0])
    dock.source.set_path(tmp_path / "lin")
    qtbot.waitUntil(lambda: not session.shelf.state.is_looking)
    assert (session.shelf.state.compared_with, view.problem.text()) == ("", "")
    dock.source.set_path(tmp_path / "lines.tif")
    qtbot.waitUntil(lambda: not session.shelf.state.is_looking)
    assert session.shelf.state.compared_with == "lines.tif"
    assert rows(view)[0].misfit is not None


def test_a_folder_without_models_says_so(
    tmp_path: Path, view: ShelfView, session: Session, qtbot: QtBot
) -> None:
    session.set_config(small_config(tmp_path / "nowhere"))
    qtbot.waitUntil(lambda: not session.shelf.state.is_looking)
    assert view.summary.text() == f"There are no models in {tmp_path / 'nowhere'} yet."
    assert not view.list.isVisible()
    assert not view.delete_button.isVisible()


def test_what_cannot_be_done_is_said(view: ShelfView, root: Path, session: Session) -> None:
    model = rows(view)[0]
    for file in model.folder.glob("*.pth"):
        file.unlink()
    session.shelf.delete(model)
    assert "holds neither stage1_model.pth" in view.problem.text()
    label_model(rows(view)[1].folder, name="other")
    session.shelf.rename(rows(view)[1], "mine")
    assert view.problem.text() == ""
