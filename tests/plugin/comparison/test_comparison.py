"""The comparison shows what it says, and the viewer is afterwards what it was before."""

from __future__ import annotations

import inspect
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from napari._app_model import get_app_model
from napari.components import ViewerModel
from qtpy.QtWidgets import QAbstractButton, QApplication, QDockWidget

from autoStructN2V.errors import InputError
from autoStructN2V.pipeline.events import StageFinished
from napari_autostructn2v.comparison import command as comparison
from napari_autostructn2v.comparison import doubt as doubt_module
from napari_autostructn2v.comparison import side_by_side as _side_by_side
from napari_autostructn2v.comparison.bar import ComparisonBar
from napari_autostructn2v.comparison.command import toggle_comparison
from napari_autostructn2v.comparison.doubt import DoubtImage
from napari_autostructn2v.comparison.layout import best_columns
from napari_autostructn2v.comparison.side_by_side import Comparison, running_comparison
from napari_autostructn2v.comparison.viewer_parts import camera_of, grid_of
from napari_autostructn2v.comparison.viewer_state import ViewerState
from napari_autostructn2v.layers.results import ResultLayers
from napari_autostructn2v.layers.taking import stacks_of
from tests.plugin.conftest import PATIENCE, window_of

if TYPE_CHECKING:
    import napari
    from napari.layers import Image
    from numpy.typing import NDArray
    from pytestqt.qtbot import QtBot

    from napari_autostructn2v.session.session import Session

STAGES = ["Noisy", "Stage 1", "Stage 2"]
SHOWN = pytest.mark.parametrize("window_is_shown", [True])
DIFFERENCES = ["Stage 1 - Stage 2", "Noisy - Stage 1", "Noisy - Stage 2"]


@pytest.fixture
def window_is_shown() -> bool:
    """What is compared is read from the viewer, but for those tests that are ``SHOWN``."""
    return False


@pytest.fixture
def viewer(windowed: napari.Viewer) -> napari.Viewer:
    """A napari window: what is compared lies in its grid."""
    return windowed


@pytest.fixture
def trained(session: Session, noisy: NDArray[np.float32]) -> napari.Viewer:
    """A viewer with the layers that a training of both stages leaves."""
    viewer = session.viewer
    window_of(viewer).resize(700, 500)  # many panels are slow to draw without a GPU
    add_results(session, viewer.add_image(noisy, name="lines", scale=(3, 2, 2)), 1, 2)
    return viewer


def add_results(session: Session, layer: Image, *stages: int) -> None:
    session.choose_layer(layer)
    assert session.source is not None
    stacks = replace(session.source, sources=())  # as a training keeps them
    session.training.results = ResultLayers(session.viewer, stacks, session.config)
    for stage in stages:
        add_result(session, stage, np.asarray(layer.data, np.float32) * (1 - stage / 4))


def add_result(session: Session, stage: int, denoised: NDArray[np.float32]) -> None:
    assert session.training.results is not None
    model: Any = SimpleNamespace(provenance={})
    session.training.results.add_result(StageFinished(stage, model, [denoised], None, False))


class Maps:
    """Stands for maps of doubt: each is ten times what was removed."""

    def prepared(self, source: Any) -> Any:
        return source

    def of_slice(self, prepared: Any, z: int, denoised: NDArray[np.float32]) -> Any:
        return 10 * (prepared.read_slice(z) - denoised)


def give_doubt(session: Session) -> None:
    maps: Any = Maps()
    assert session.training.results is not None
    session.training.results.doubt = maps


def visible(viewer: napari.Viewer) -> list[str]:
    return [layer.name for layer in viewer.layers if layer.visible]


def rows_of(viewer: napari.Viewer) -> list[list[str]]:
    """Return what is seen in each row of the grid."""
    grid = grid_of(viewer)
    takes_layers = "layers" in inspect.signature(grid.actual_shape).parameters  # since napari 0.9
    known = viewer.layers if takes_layers else len(viewer.layers)
    n_rows, n_columns = grid.actual_shape(known)
    places = [[grid.contents_at((y, x), known) for x in range(n_columns)] for y in range(n_rows)]
    shown = {i: layer.name for i, layer in enumerate(viewer.layers) if layer.visible}
    return [[shown[i] for cell in row for i in cell if i in shown] for row in places]


def bar_of(viewer: napari.Viewer) -> ComparisonBar | None:
    bars = [dock.widget() for dock in window_of(viewer).findChildren(QDockWidget)]
    return next((bar for bar in bars if isinstance(bar, ComparisonBar)), None)


def settle(viewer: napari.Viewer) -> None:
    """Let the interface run until all panels are there that are to come."""
    end = time.monotonic() + PATIENCE / 1000
    while (running := running_comparison(viewer)) is not None and running.is_busy:
        assert time.monotonic() < end
        QApplication.processEvents()


def toggled(viewer: napari.Viewer) -> None:
    """Enter or leave the comparison, and wait until all of it is there."""
    toggle_comparison(viewer)
    settle(viewer)


def button(bar: ComparisonBar | None, text: str) -> QAbstractButton:
    assert bar is not None
    return next(b for b in bar.findChildren(QAbstractButton) if b.text() == text)


@SHOWN
def test_noisy_and_stages_lie_side_by_side_under_their_names(trained: napari.Viewer) -> None:
    toggled(trained)
    assert visible(trained) == STAGES
    assert grid_of(trained).enabled
    assert rows_of(trained) == [STAGES]
    assert all(trained.layers[name].name_overlay.visible for name in STAGES)


def test_the_pixels_are_shared_and_lie_where_they_were(trained: napari.Viewer) -> None:
    toggled(trained)
    assert trained.layers["Noisy"].data is trained.layers["lines"].data
    np.testing.assert_array_equal(trained.layers["Stage 2"].scale, (3, 2, 2))


@SHOWN
def test_leaving_restores_the_viewer_exactly(
    trained: napari.Viewer, noisy: NDArray[np.float32]
) -> None:
    labels = trained.add_labels(np.zeros(noisy.shape, int), scale=(3, 2, 2))
    trained.layers.move(2, 0)
    trained.layers["lines"].visible = False
    trained.layers["lines - stage 1"].contrast_limits = (0.2, 0.7)
    grid_of(trained).enabled, grid_of(trained).stride = True, 2
    grid_of(trained).shape, grid_of(trained).spacing = (2, 2), 10
    trained.dims.set_current_step(0, 1)
    trained.dims.order = (1, 0, 2)
    trained.dims.ndisplay = 3
    camera_of(trained).angles = (5, 20, 40)
    camera_of(trained).zoom, camera_of(trained).center = 3.7, (1, 20, 30)
    trained.layers.selection = {labels, trained.layers["lines"]}
    before, names = ViewerState.from_viewer(trained), list(trained.layers)
    toggled(trained)
    assert ViewerState.from_viewer(trained) != before
    trained.layers.move(0, 2)
    trained.dims.set_current_step(1, 0)
    comparison = running_comparison(trained)
    assert comparison is not None
    comparison.set_removed_shown(True)
    settle(trained)
    toggled(trained)
    assert ViewerState.from_viewer(trained) == before
    assert list(trained.layers) == names
    assert running_comparison(trained) is None


def test_changing_the_contrast_of_one_changes_all_until_it_is_unmatched(
    trained: napari.Viewer,
) -> None:
    toggled(trained)
    first, *others = (trained.layers[name] for name in STAGES)
    first.contrast_limits = (0.1, 0.4)
    assert all(tuple(layer.contrast_limits) == (0.1, 0.4) for layer in others)
    box = button(bar_of(trained), "Match contrast")
    box.setChecked(False)
    others[0].contrast_limits = (0.3, 0.5)
    assert tuple(first.contrast_limits) != (0.3, 0.5)
    box.setChecked(True)
    assert len({tuple(layer.contrast_limits) for layer in (first, *others)}) == 1


def test_what_was_removed_lies_below_each_result(trained: napari.Viewer) -> None:
    toggled(trained)
    button(bar_of(trained), "Show what was removed").setChecked(True)
    settle(trained)
    assert visible(trained) == [*STAGES, *DIFFERENCES]
    assert rows_of(trained) == [STAGES, DIFFERENCES]
    noisy = trained.layers["lines"].data
    for stage in (1, 2):
        removed = trained.layers[f"Noisy - Stage {stage}"]
        np.testing.assert_allclose(np.asarray(removed.data), noisy * stage / 4, rtol=1e-5)
        low, high = removed.contrast_limits
        assert low == -high
    button(bar_of(trained), "Show what was removed").setChecked(False)
    settle(trained)
    assert visible(trained) == STAGES


def test_the_clean_truth_of_a_sample_is_compared_too(session: Session) -> None:
    layers = session.viewer.open_sample("napari-autostructn2v", "random_noise")
    add_results(session, layers[1], 1)
    toggled(session.viewer)
    assert visible(session.viewer) == ["Noisy", "Stage 1", "Clean truth"]
    assert session.viewer.layers["Clean truth"].data is layers[0].data


def test_one_time_point_is_compared_with_itself(session: Session) -> None:
    data = np.random.default_rng(0).random((2, 3, 32, 32), dtype=np.float32)
    layer = session.viewer.add_image(data)
    session.choose_layer(layer, {"T": 1})
    assert session.source is not None
    session.training.results = ResultLayers(session.viewer, session.source, session.config)
    add_result(session, 1, data[1])
    toggled(session.viewer)
    np.testing.assert_array_equal(session.viewer.layers["Noisy"].data, data[1])


@pytest.mark.parametrize("gap", [np.nan, np.inf])
def test_a_gap_in_the_middle_is_no_obstacle(session: Session, gap: float) -> None:
    viewer, rng = session.viewer, np.random.default_rng(0)
    data = rng.random((3, 8, 9)) * 1000
    data[1] = gap
    first = viewer.add_image(data, name="a", contrast_limits=(0, 1000))
    second = viewer.add_image(data / 2, name="b", contrast_limits=(0, 1000))
    viewer.layers.selection = {first, second}
    toggled(viewer)
    button(bar_of(viewer), "Show what was removed").setChecked(True)
    settle(viewer)
    assert visible(viewer) == ["1: a", "2: b", "1 - 2"]
    assert tuple(viewer.layers["1 - 2"].contrast_limits) == (-1000, 1000)


def test_panels_that_cannot_be_shown_are_taken_out(
    trained: napari.Viewer, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> None:
        raise ValueError("cannot be linked")

    toggled(trained)
    running = running_comparison(trained)
    assert running is not None
    monkeypatch.setattr(_side_by_side, "link_layers", fail)
    with qtbot.captureExceptions() as errors:
        running.set_removed_shown(True)
        settle(trained)
    assert ["cannot be linked"] == [str(error) for _, error, _ in errors]
    assert visible(trained) == STAGES
    assert not running.is_removed_shown
    assert len(trained.layers) == 6
    toggled(trained)
    before = ViewerState.from_viewer(trained)
    with qtbot.captureExceptions() as errors:
        toggled(trained)
    assert ["cannot be linked"] == [str(error) for _, error, _ in errors]
    assert running_comparison(trained) is None
    assert ViewerState.from_viewer(trained) == before


def test_layers_that_arrive_meanwhile_are_shown_afterward(trained: napari.Viewer) -> None:
    toggled(trained)
    arrived = trained.add_image(np.zeros((2, 96, 96)), name="preview")
    hidden = trained.add_image(np.zeros((2, 96, 96)), name="hidden", visible=False)
    gone = trained.add_image(np.zeros((2, 96, 96)), name="gone")
    assert visible(trained) == STAGES
    trained.layers.remove(gone)
    assert rows_of(trained) == [STAGES]
    toggled(trained)
    assert arrived.visible
    assert not hidden.visible
    assert "preview" in visible(trained)
    assert not set(STAGES) & set(visible(trained))


def test_without_results_the_selected_layers_are_compared(session: Session) -> None:
    viewer, rng = session.viewer, np.random.default_rng(0)
    first, second = (viewer.add_image(rng.random((8, 9)), name=name) for name in "ab")
    viewer.add_image(rng.random((5, 5)), name="other size")
    viewer.layers.selection = {first, second}
    toggled(viewer)
    assert visible(viewer) == ["1: a", "2: b"]
    button(bar_of(viewer), "Show what was removed").setChecked(True)
    settle(viewer)
    assert visible(viewer) == ["1: a", "2: b", "1 - 2"]


def test_images_with_several_scales_are_compared_at_full_resolution(session: Session) -> None:
    viewer, rng = session.viewer, np.random.default_rng(0)
    data = rng.random((64, 64), dtype=np.float32)
    pyramid = viewer.add_image([data, data[::2, ::2]], multiscale=True, name="pyramid")
    flat = viewer.add_image(np.zeros_like(data), name="flat")
    viewer.layers.selection = {pyramid, flat}
    toggled(viewer)
    button(bar_of(viewer), "Show what was removed").setChecked(True)
    settle(viewer)
    np.testing.assert_array_equal(np.asarray(viewer.layers["1 - 2"].data), data)


def test_with_nothing_to_compare_a_sentence_says_so(
    viewer: napari.Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(comparison, "show_info", said.append)
    viewer.layers.selection = {viewer.add_image(np.zeros((8, 8))), viewer.add_points([[1, 1]])}
    toggled(viewer)
    assert len(said) == 1
    assert "nothing to compare" in said[0]
    assert not grid_of(viewer).enabled
    assert running_comparison(viewer) is None


@SHOWN
def test_a_panel_or_the_source_may_be_deleted(trained: napari.Viewer, qtbot: QtBot) -> None:
    toggled(trained)
    trained.layers.remove("lines")
    trained.layers.remove("Stage 1")
    assert visible(trained) == ["Noisy", "Stage 2"]
    trained.layers.remove("Noisy")
    qtbot.waitUntil(lambda: running_comparison(trained) is None)
    assert visible(trained) == ["lines - stage 1", "lines - stage 2"]
    assert not grid_of(trained).enabled


def test_all_layers_may_be_deleted(trained: napari.Viewer, qtbot: QtBot) -> None:
    toggled(trained)
    trained.layers.clear()
    qtbot.waitUntil(lambda: running_comparison(trained) is None)
    assert bar_of(trained) is None


def test_the_button_leaves_and_takes_the_bar_away(trained: napari.Viewer, qtbot: QtBot) -> None:
    toggled(trained)
    button(bar_of(trained), "Leave comparison").click()
    qtbot.waitUntil(lambda: bar_of(trained) is None)
    assert running_comparison(trained) is None
    assert len(trained.layers) == 3


def test_closing_the_dock_leaves(trained: napari.Viewer) -> None:
    toggled(trained)
    bar = bar_of(trained)
    assert bar is not None
    bar.parentWidget().destroyOnClose()
    settle(trained)
    assert running_comparison(trained) is None
    assert len(trained.layers) == 3


def test_leaving_again_while_it_is_left_changes_nothing(trained: napari.Viewer) -> None:
    before = ViewerState.from_viewer(trained)
    toggled(trained)
    toggle_comparison(trained)
    running = running_comparison(trained)
    assert running is not None and running.is_busy, "the viewer comes back in a later turn"
    toggle_comparison(trained)
    settle(trained)
    assert running_comparison(trained) is None
    assert ViewerState.from_viewer(trained) == before


def test_turning_the_grid_off_leaves(trained: napari.Viewer, qtbot: QtBot) -> None:
    toggled(trained)
    grid_of(trained).enabled = False
    qtbot.waitUntil(lambda: running_comparison(trained) is None)
    assert len(trained.layers) == 3


def begun(viewer: napari.Viewer, n_panels: int) -> Comparison:
    """Begin to enter the comparison, and let the interface run until so many panels were added."""
    toggle_comparison(viewer)
    running = running_comparison(viewer)
    assert running is not None
    n_before = len(viewer.layers)
    while len(viewer.layers) < n_before + n_panels:
        assert running.is_busy
        QApplication.processEvents()
    return running


def test_until_all_panels_are_there_the_viewer_shows_what_it_showed(
    trained: napari.Viewer,
) -> None:
    shown = visible(trained)
    running = begun(trained, n_panels=2)
    assert running.is_busy
    assert len(trained.layers) == 5, "two of three panels"
    assert visible(trained) == shown
    assert not grid_of(trained).enabled
    settle(trained)
    assert visible(trained) == STAGES


Act = Callable[["napari.Viewer"], object]


def press_again(viewer: napari.Viewer) -> None:
    toggle_comparison(viewer)


def close_dock(viewer: napari.Viewer) -> None:
    bar = bar_of(viewer)
    assert bar is not None
    bar.parentWidget().destroyOnClose()


def delete_a_panel(viewer: napari.Viewer) -> None:
    viewer.layers.remove("Noisy")


@SHOWN
@pytest.mark.parametrize("act", [press_again, close_dock, delete_a_panel])
@pytest.mark.parametrize("n_panels", [1, 2])
def test_who_leaves_before_all_panels_are_there_finds_the_viewer_as_before(
    trained: napari.Viewer, act: Act, n_panels: int, qtbot: QtBot
) -> None:
    before, layers = ViewerState.from_viewer(trained), list(trained.layers)
    begun(trained, n_panels)
    act(trained)
    qtbot.waitUntil(lambda: running_comparison(trained) is None)
    assert ViewerState.from_viewer(trained) == before
    assert list(trained.layers) == layers
    qtbot.waitUntil(lambda: bar_of(trained) is None)


def test_who_asks_for_more_while_leaving_finds_the_viewer_as_before(
    trained: napari.Viewer, qtbot: QtBot
) -> None:
    before = ViewerState.from_viewer(trained)
    running = begun(trained, n_panels=3)
    settle(trained)
    toggle_comparison(trained)
    running.set_removed_shown(True)
    qtbot.waitUntil(lambda: running_comparison(trained) is None)
    assert ViewerState.from_viewer(trained) == before


@pytest.mark.parametrize("act", [press_again, close_dock])
def test_who_leaves_before_any_panel_is_there_finds_the_viewer_as_before(
    trained: napari.Viewer, act: Act, qtbot: QtBot
) -> None:
    before = ViewerState.from_viewer(trained)
    begun(trained, n_panels=0)
    act(trained)
    qtbot.waitUntil(lambda: running_comparison(trained) is None)
    assert ViewerState.from_viewer(trained) == before
    qtbot.waitUntil(lambda: bar_of(trained) is None)


@SHOWN
def test_who_leaves_before_all_panels_are_seen_finds_the_viewer_as_before(
    trained: napari.Viewer, qtbot: QtBot
) -> None:
    before, layers = ViewerState.from_viewer(trained), list(trained.layers)
    begun(trained, n_panels=3)
    qtbot.waitUntil(lambda: grid_of(trained).enabled)
    assert len(visible(trained)) < 3
    toggle_comparison(trained)
    qtbot.waitUntil(lambda: running_comparison(trained) is None)
    assert ViewerState.from_viewer(trained) == before
    assert list(trained.layers) == layers


def test_the_source_may_be_deleted_while_panels_come(trained: napari.Viewer) -> None:
    begun(trained, n_panels=2)
    trained.layers.remove("lines")
    settle(trained)
    assert visible(trained) == STAGES
    toggled(trained)
    assert visible(trained) == ["lines - stage 1", "lines - stage 2"]


def test_all_layers_may_be_deleted_while_panels_come(trained: napari.Viewer, qtbot: QtBot) -> None:
    begun(trained, n_panels=2)
    trained.layers.clear()
    qtbot.waitUntil(lambda: running_comparison(trained) is None)
    assert len(trained.layers) == 0
    qtbot.waitUntil(lambda: bar_of(trained) is None)


def test_a_layer_that_arrives_while_panels_come_is_shown_afterward(trained: napari.Viewer) -> None:
    begun(trained, n_panels=2)
    trained.add_image(np.zeros((2, 96, 96)), name="preview")
    settle(trained)
    assert visible(trained) == STAGES
    toggled(trained)
    assert "preview" in visible(trained)


def test_choices_made_while_panels_come_hold(trained: napari.Viewer) -> None:
    begun(trained, n_panels=2)
    button(bar_of(trained), "Match contrast").setChecked(False)
    button(bar_of(trained), "Show what was removed").setChecked(True)
    settle(trained)
    assert visible(trained) == [*STAGES, *DIFFERENCES]
    trained.layers["Stage 1"].contrast_limits = (0.3, 0.5)
    assert tuple(trained.layers["Noisy"].contrast_limits) != (0.3, 0.5)


def test_who_changes_their_mind_while_panels_come_finds_none_of_them(
    trained: napari.Viewer,
) -> None:
    toggled(trained)
    n_layers = len(trained.layers)
    box = button(bar_of(trained), "Show what was removed")
    box.setChecked(True)
    assert len(trained.layers) == n_layers + 1
    box.setChecked(False)
    settle(trained)
    assert visible(trained) == STAGES
    assert len(trained.layers) == n_layers
    box.setChecked(True)
    toggled(trained)
    assert len(trained.layers) == 3


def test_the_viewer_may_be_closed_between_two_turns(qtbot: QtBot) -> None:
    import napari

    viewer = napari.Viewer(show=False)
    viewer.layers.selection = {viewer.add_image(np.eye(8)), viewer.add_image(np.eye(8))}
    toggle_comparison(viewer)
    running = running_comparison(viewer)
    assert running is not None and running.is_busy
    viewer.close()
    for _ in range(3):  # what was to be done in them would fail
        QApplication.processEvents()
    assert len(viewer.layers) == 0


def test_a_region_that_was_zoomed_into_stays_in_view(trained: napari.Viewer) -> None:
    trained.fit_to_view()
    camera_of(trained).zoom *= 4
    camera_of(trained).center = (0, 40, 60)
    toggled(trained)
    assert tuple(camera_of(trained).center)[-2:] == (40, 60)
    close = camera_of(trained).zoom
    trained.fit_to_view()
    assert close == pytest.approx(4 * camera_of(trained).zoom, rel=0.01)


def test_the_bar_says_how_much_structured_noise_is_left(
    trained: napari.Viewer, session: Session
) -> None:
    reports = {1: SimpleNamespace(structured_noise_left=0.92, doubtful_area=0.03)}
    reports[2] = SimpleNamespace(structured_noise_left=0.074, doubtful_area=None)
    session.training.state = replace(session.training.state, reports=reports)
    toggled(trained)
    bar = bar_of(trained)
    assert bar is not None
    text = bar.text.text().replace("\N{NO-BREAK SPACE}", " ")
    assert "Structured noise left: 92 % after stage 1, 7 % after stage 2." in text


def test_the_menu_command_enters_and_leaves(trained: napari.Viewer) -> None:
    for is_entered in (True, False):
        get_app_model().commands.execute_command("napari-autostructn2v.compare").result()
        settle(trained)
        assert (running_comparison(trained) is not None) is is_entered


def test_the_viewer_may_be_closed_while_comparing(qtbot: QtBot) -> None:
    import napari

    viewer = napari.Viewer(show=False)
    viewer.layers.selection = {viewer.add_image(np.eye(8)), viewer.add_image(np.eye(8))}
    toggled(viewer)
    viewer.close()


@pytest.mark.parametrize(
    ("n_panels", "canvas", "columns"),
    [(3, (500, 680), 3), (4, (600, 680), 2), (4, (500, 1900), 4), (6, (700, 1000), 3)],
)
def test_columns_make_panels_large(n_panels: int, canvas: tuple[int, int], columns: int) -> None:
    assert best_columns(n_panels, canvas, (256.0, 256.0), n_panels) == columns


def test_differences_lie_below_their_images_unless_panels_would_be_stamps() -> None:
    assert best_columns(6, (700, 700), (256.0, 256.0), 3) == 3
    assert best_columns(6, (700, 700), (128.0, 640.0), 3) == 1


def test_wide_images_and_what_was_removed_lie_one_below_the_other(
    session: Session, noisy: NDArray[np.float32]
) -> None:
    window_of(session.viewer).resize(700, 500)
    wide = np.tile(noisy[:, :24], (1, 1, 2))[:, :, :120]
    add_results(session, session.viewer.add_image(wide, name="wide"), 1, 2)
    toggled(session.viewer)
    button(bar_of(session.viewer), "Show what was removed").click()
    settle(session.viewer)
    assert visible(session.viewer) == [*STAGES, *DIFFERENCES]
    assert rows_of(session.viewer) == [[name] for name in (*STAGES, *DIFFERENCES)]


def test_where_to_doubt_lies_below_the_results_in_place_of_what_was_removed(
    trained: napari.Viewer, session: Session
) -> None:
    give_doubt(session)
    toggled(trained)
    bar = bar_of(trained)
    button(bar, "Show what was removed").click()
    settle(trained)
    assert visible(trained) == [*STAGES, *DIFFERENCES]
    button(bar, "Show where to doubt").click()
    settle(trained)
    below = ["Noisy - Stage 2", "Doubt: Stage 1", "Doubt: Stage 2"]
    assert visible(trained) == [*STAGES, *below]
    assert not button(bar, "Show what was removed").isChecked()
    assert rows_of(trained) == [STAGES, below]
    shown = np.asarray(trained.layers["Doubt: Stage 2"].data)
    noisy = np.asarray(trained.layers["lines"].data, np.float32)
    np.testing.assert_allclose(shown, 5 * noisy, rtol=1e-5)  # half of it was removed
    button(bar, "Show where to doubt").click()
    settle(trained)
    assert visible(trained) == STAGES


def test_beside_a_clean_truth_each_map_of_doubt_lies_below_its_result(session: Session) -> None:
    layers = session.viewer.open_sample("napari-autostructn2v", "random_noise")
    add_results(session, layers[1], 1, 2)
    give_doubt(session)
    toggled(session.viewer)
    button(bar_of(session.viewer), "Show where to doubt").click()
    settle(session.viewer)
    below = ["Clean truth", "Doubt: Stage 1", "Doubt: Stage 2"]
    assert visible(session.viewer) == [*STAGES, *below]
    assert rows_of(session.viewer) == [STAGES, below]


def test_doubt_is_not_offered_where_it_is_not_known(trained: napari.Viewer) -> None:
    toggled(trained)
    assert not button(bar_of(trained), "Show where to doubt").isEnabled()


@pytest.mark.parametrize("is_cropped", [True, False], ids=["cropped", "removed"])
def test_doubt_is_not_offered_when_the_noisy_pixels_are_gone(
    trained: napari.Viewer, session: Session, is_cropped: bool
) -> None:
    give_doubt(session)
    layer = trained.layers["lines"]
    if is_cropped:
        layer.data = layer.data[:1]
    else:
        trained.layers.remove(layer)
    toggled(trained)
    assert "Stage 2" in visible(trained)
    assert not button(bar_of(trained), "Show where to doubt").isEnabled()


def test_a_map_of_doubt_is_sliced_like_an_array(qapp: QApplication) -> None:
    generator = np.random.default_rng(0)
    noisy = generator.random((2, 3, 16, 20), np.float32)
    layer = ViewerModel().add_image(noisy)
    maps: Any = Maps()
    doubt = DoubtImage(maps, stacks_of(layer), 0.5 * noisy)
    whole = 5 * noisy
    for key in (..., 1, (1, 2), (0, 1, slice(3, 9)), (slice(None), 0, 4), (1, ..., 7), (..., 2, 5)):
        np.testing.assert_allclose(doubt[key], whole[key], rtol=1e-5)
    image = DoubtImage(maps, stacks_of(ViewerModel().add_image(noisy[0, 0])), 0.5 * noisy[0, 0])
    np.testing.assert_allclose(image[2:4], whole[0, 0, 2:4], rtol=1e-5)


def test_maps_of_large_images_are_made_beside_the_interface(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doubt_module, "_MOST_AT_ONCE", 10)
    noisy = np.random.default_rng(0).random((4, 16, 20), np.float32)
    threads = []

    class Noting(Maps):
        def of_slice(self, prepared: Any, z: int, denoised: NDArray[np.float32]) -> Any:
            threads.append(threading.current_thread())
            return super().of_slice(prepared, z, denoised)

    maps: Any = Noting()
    doubt = DoubtImage(maps, stacks_of(ViewerModel().add_image(noisy)), 0.5 * noisy)
    told: list[object] = []
    doubt.arrived.connect(lambda: told.append(1))
    assert np.isnan(doubt[0]).all() and np.isnan(doubt[1]).all() and np.isnan(doubt[2]).all()
    qtbot.waitUntil(lambda: np.isfinite(doubt[2]).all())
    assert len(told) == 2
    np.testing.assert_allclose(doubt[2], 5 * noisy[2], rtol=1e-5)
    assert np.isnan(doubt[1]).all(), "it was not looked at any more"
    assert threading.main_thread() not in threads
    np.testing.assert_allclose(np.asarray(doubt), 5 * noisy, rtol=1e-5)


def test_why_no_map_was_made_is_told(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doubt_module, "_MOST_AT_ONCE", 10)
    told: list[str] = []
    monkeypatch.setattr(doubt_module, "show_info", told.append)
    noisy = np.zeros((2, 16, 20), np.float32)

    class Failing(Maps):
        def of_slice(self, prepared: Any, z: int, denoised: NDArray[np.float32]) -> Any:
            raise InputError("scan.tif cannot be read.")

    maps: Any = Failing()
    doubt = DoubtImage(maps, stacks_of(ViewerModel().add_image(noisy)), noisy)
    assert np.isnan(doubt[0]).all()
    qtbot.waitUntil(lambda: bool(told))
    assert told == ["No map of doubt was made: scan.tif cannot be read."]
    assert np.isnan(doubt[0]).all(), "it is not tried again and again"
