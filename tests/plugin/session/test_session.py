"""The session runs trainings and tasks, keeps what is finished, and ends with the viewer."""

from __future__ import annotations

import gc
import threading
import weakref
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from autoStructN2V.inference.trained_model import save_model
from napari_autostructn2v.layers.pixels import LazyStack
from napari_autostructn2v.layers.taking import stacks_of
from napari_autostructn2v.session.docks import DockName
from napari_autostructn2v.session.session import Session, session_for
from napari_autostructn2v.session.state import Part, Phase, Status
from tests.plugin.conftest import PATIENCE, small_config, stacking_threads

if TYPE_CHECKING:
    from pathlib import Path

    import napari
    from numpy.typing import NDArray
    from pytestqt.qtbot import QtBot


def start(session: Session, noisy: NDArray[np.float32]) -> None:
    layer = session.viewer.add_image(noisy, name="lines")
    session.choose_layer(layer)
    session.start_training()


def wait_for(qtbot: QtBot, session: Session, *phases: Phase) -> None:
    qtbot.waitUntil(lambda: session.training.state.phase in phases)


def test_every_proxy_of_a_viewer_has_the_same_session(windowed: napari.Viewer) -> None:
    from napari.utils._proxies import PublicOnlyProxy

    assert session_for(PublicOnlyProxy(windowed)) is session_for(windowed)


def test_both_stages_with_review_leave_layers_models_and_files(
    session: Session,
    noisy: NDArray[np.float32],
    qtbot: QtBot,
    tmp_path: Path,
    requested: list[DockName],
) -> None:
    n_followers = len(session.viewer.dims.events.current_step.callbacks)
    start(session, noisy)
    wait_for(qtbot, session, Phase.REVIEW, Phase.FAILED)
    assert session.training.state.error is None
    assert requested == [DockName.MASK_EDITOR]
    assert session.training.state.statuses[Part.KERNEL] is Status.AWAITING
    session.approve()
    wait_for(qtbot, session, Phase.DONE, Phase.FAILED)
    assert session.training.state.error is None
    assert set(session.training.state.statuses.values()) == {Status.COMPLETE}
    names = [layer.name for layer in session.viewer.layers]
    assert names == ["lines", "lines - stage 1", "lines - stage 2"]
    assert session.models.at_hand is not None
    assert sorted(session.models.at_hand.models) == [1, 2]
    assert session.models.at_hand.folder is not None
    assert (session.models.at_hand.folder / "stage2_model.pth").exists()
    assert len(list(tmp_path.rglob("*_stage?.tif"))) == 2
    assert len(session.training.state.history) == 4
    assert session.viewer.layers[2].data.shape == noisy.shape
    now = session.viewer.dims.events.current_step.callbacks
    assert len(now) == n_followers, "a run that is over follows the slider no more"


def test_an_edited_kernel_is_the_one_that_stage_2_is_trained_with(
    session: Session, noisy: NDArray[np.float32], qtbot: QtBot, requested: list[DockName]
) -> None:
    start(session, noisy)
    wait_for(qtbot, session, Phase.REVIEW)
    session.document.clear()
    session.document.add_shape("vertical", 5)
    session.approve()
    wait_for(qtbot, session, Phase.DONE)
    assert session.models.at_hand is not None
    assert session.models.at_hand.models[2].kernel.cells.shape == (1, 5, 1)


def test_the_results_of_a_series_are_put_together_beside_the_window(
    session: Session, noisy: NDArray[np.float32], qtbot: QtBot, tmp_path: Path, monkeypatch
) -> None:
    threads = stacking_threads(monkeypatch)
    session.set_config(small_config(tmp_path, method="n2v"))
    start(session, np.stack([noisy, noisy + 0.1]))
    wait_for(qtbot, session, Phase.DONE, Phase.FAILED)
    assert session.training.state.error is None
    assert threads and threading.main_thread() not in threads
    assert session.viewer.layers["lines - N2V"].data.shape == (2, *noisy.shape)


@pytest.mark.parametrize(("chosen", "expected"), [({}, 3), ({"T": 0}, 1)], ids=["all", "one"])
def test_the_preview_of_a_series_shows_the_stack_and_slice_in_view(
    session: Session, noisy, qtbot: QtBot, tmp_path: Path, chosen: dict[str, int], expected: int
) -> None:
    session.set_config(small_config(tmp_path, method="n2v", num_epochs=1000))
    series = session.viewer.add_image(np.stack([noisy, noisy + 10]), name="series")
    session.choose_layer(series, chosen)
    session.viewer.dims.current_step = (1, 1, 0, 0)
    session.start_training()
    assert session.training.results is not None
    previewed = []
    show_preview = session.training.results.show_preview
    session.training.results.show_preview = lambda event: (
        previewed.append(event),
        show_preview(event),
    )
    qtbot.waitUntil(lambda: bool(previewed))
    assert previewed[0].slice_index == expected
    preview = session.viewer.layers["series - preview of N2V"]
    assert preview.data.shape == (noisy.shape if chosen else series.data.shape)
    if not chosen:  # the second is brighter, as the network will have learned
        qtbot.waitUntil(lambda: bool(preview.data.mean() > noisy.mean() + 5))
    session.viewer.dims.current_step = (0, 0, 0, 0)
    qtbot.waitUntil(lambda: previewed[-1].slice_index == 0)
    assert preview.data.mean() < noisy.mean() + 5
    session.training.cancel()
    wait_for(qtbot, session, Phase.CANCELLED)


def test_skipping_stage_2_keeps_stage_1(
    session: Session, noisy: NDArray[np.float32], qtbot: QtBot, requested: list[DockName]
) -> None:
    start(session, noisy)
    wait_for(qtbot, session, Phase.REVIEW)
    session.training.skip_stage2()
    wait_for(qtbot, session, Phase.DONE)
    assert session.training.state.statuses[Part.STAGE2] is Status.SKIPPED
    assert session.training.state.statuses[Part.STAGE1] is Status.COMPLETE
    assert session.training.results is not None
    assert session.training.results.of_stage(1) is not None


def test_auto_approve_asks_nobody(
    session: Session, noisy: NDArray[np.float32], qtbot: QtBot, requested: list[DockName]
) -> None:
    session.training.set_auto_approve(True)
    start(session, noisy)
    wait_for(qtbot, session, Phase.DONE, Phase.FAILED)
    assert session.training.state.statuses[Part.STAGE2] is Status.COMPLETE
    assert not requested


def test_a_second_training_is_refused_while_one_runs(
    session: Session, noisy: NDArray[np.float32], qtbot: QtBot
) -> None:
    start(session, noisy)
    running = session.training.job
    session.start_training()
    assert session.training.job is running
    assert "only one can run" in (session.training.state.error or "")
    session.training.cancel()
    wait_for(qtbot, session, Phase.CANCELLED)


def test_cancelling_stage_1_ends_it_before_the_next_epoch_and_the_layer_stays(
    session: Session, noisy: NDArray[np.float32], qtbot: QtBot, tmp_path: Path
) -> None:
    session.set_config(small_config(tmp_path, num_epochs=500))
    start(session, noisy)
    qtbot.waitUntil(lambda: session.training.state.phase is Phase.STAGE1)
    n_epochs = len(session.training.state.history)
    session.training.cancel()
    assert session.training.state.is_stopping
    wait_for(qtbot, session, Phase.CANCELLED)
    # one may have been complete, and on its way to the window, when it was cancelled
    assert len(session.training.state.history) <= n_epochs + 1
    assert session.training.state.statuses[Part.STAGE1] is Status.CANCELLED
    assert [layer.name for layer in session.viewer.layers] == ["lines"]
    assert session.models.at_hand is not None  # the best weights so far


def test_the_source_layer_may_go_while_training(
    session: Session, noisy: NDArray[np.float32], qtbot: QtBot
) -> None:
    session.training.set_auto_approve(True)
    start(session, noisy)
    session.viewer.layers.clear()
    wait_for(qtbot, session, Phase.DONE, Phase.FAILED)
    assert session.training.state.error is None
    names = [layer.name for layer in session.viewer.layers]
    assert names == ["lines - stage 1", "lines - stage 2"]


def test_an_error_says_why_and_leaves_no_run(
    session: Session, noisy: NDArray[np.float32], qtbot: QtBot
) -> None:
    flawed = noisy.copy()
    flawed[0, 3, 4] = np.inf
    start(session, flawed)
    wait_for(qtbot, session, Phase.FAILED)
    assert "infinite" in (session.training.state.error or "")
    assert session.cannot_start() is None


def test_a_runtime_error_is_not_swallowed(
    session: Session, noisy: NDArray[np.float32], qtbot: QtBot, monkeypatch
) -> None:
    def explode(*args: object, **kwargs: object) -> object:
        raise RuntimeError("the device went away")
        yield

    monkeypatch.setattr("napari_autostructn2v.session.training_run.recorded_events", explode)
    start(session, noisy)
    wait_for(qtbot, session, Phase.FAILED)
    assert "the device went away" in (session.training.state.error or "")


def test_measuring_a_layer_proposes_the_kernel_that_was_drawn(
    session: Session, noisy: NDArray[np.float32], qtbot: QtBot
) -> None:
    stacks = stacks_of(session.viewer.add_image(noisy))
    with qtbot.waitSignal(session.noise.measured):
        session.noise.measure(stacks, "2D", session.config.stage2.extractor, session.config)
    rows = np.flatnonzero(session.document.kernel.middle.any(axis=1))
    assert session.document.kernel.n_hidden >= 5
    assert rows.tolist() == [len(session.document.kernel.middle) // 2]


@pytest.mark.parametrize("n_quick", [0, 41], ids=["while it checks", "while it measures"])
def test_a_measurement_ends_at_once_however_slowly_the_slices_come(
    session: Session, qtbot: QtBot, n_quick: int
) -> None:
    read: list[int] = []
    may_read = threading.Event()

    class Slow(LazyStack):
        def read_slice(self, z: int) -> NDArray[np.float32]:
            read.append(z)
            assert len(read) <= n_quick or may_read.wait(PATIENCE / 1000)
            return super().read_slice(z)

    layer = session.viewer.add_image(np.random.default_rng(0).random((40, 64, 64)))
    stacks = stacks_of(layer)
    slow = Slow(layer.data, "slow", stacks.sources[0].metadata)
    session.noise.measure(
        replace(stacks, sources=(slow,)), "2D", session.config.stage2.extractor, session.config
    )
    job = session.tasks.job
    assert job is not None
    qtbot.waitUntil(lambda: len(read) > n_quick)
    session.tasks.cancel()
    assert not session.tasks.state.is_running
    assert session.tasks.state.messages == ("Cancelled.",)
    may_read.set()
    qtbot.waitUntil(lambda: job.wait(0))
    assert len(read) == n_quick + 1, "what nobody waits for is not read"
    assert session.document.is_untouched
    session.noise.measure(stacks, "2D", session.config.stage2.extractor, session.config)
    qtbot.waitUntil(lambda: not session.tasks.state.is_running)
    assert session.tasks.state.error is None


def test_a_trained_model_denoises_another_layer(
    session: Session, noisy: NDArray[np.float32], qtbot: QtBot, tmp_path: Path
) -> None:
    session.set_config(small_config(tmp_path, method="n2v"))
    start(session, noisy)
    wait_for(qtbot, session, Phase.DONE)
    assert session.models.at_hand is not None
    assert session.models.at_hand.folder is not None
    before = session.models.at_hand
    with qtbot.waitSignal(session.models.changed):
        session.models.load(session.models.at_hand.folder)
    assert session.models.at_hand is not before
    other = session.viewer.add_image(noisy[:1] + 0.1, name="other", scale=(3, 2, 2))
    with qtbot.waitSignal(session.denoising.layer_denoised) as blocker:
        session.denoising.denoise_layer(stacks_of(other), [session.models.at_hand.models[1]])
    (layer,) = blocker.args
    assert layer.name == "other - denoised, N2V"
    np.testing.assert_array_equal(layer.scale, other.scale)
    assert layer.data.shape == (1, 96, 96)


def test_a_model_loaded_while_a_training_runs_stays_until_the_next_training(
    session: Session,
    noisy: NDArray[np.float32],
    qtbot: QtBot,
    tmp_path: Path,
    requested: list[DockName],
) -> None:
    start(session, noisy)
    wait_for(qtbot, session, Phase.REVIEW)
    assert session.models.at_hand is not None
    save_model(tmp_path / "mine.pth", session.models.at_hand.models[1])
    with qtbot.waitSignal(session.models.changed):
        session.models.load(tmp_path / "mine.pth")
    mine = session.models.at_hand
    session.approve()
    wait_for(qtbot, session, Phase.DONE)
    assert session.models.at_hand is mine
    assert session.models.newer is not None
    assert sorted(session.models.newer.models) == [1, 2]
    assert session.models.newer.folder is not None
    session.start_training()
    assert session.models.newer is None
    wait_for(qtbot, session, Phase.REVIEW)
    assert session.models.at_hand is not mine
    session.training.cancel()
    wait_for(qtbot, session, Phase.CANCELLED)


def test_closing_the_viewer_ends_the_training(qtbot: QtBot, noisy, tmp_path: Path) -> None:
    import napari

    viewer = napari.Viewer(show=True)
    session = session_for(viewer)
    # without the end of the viewer it would take hours
    session.set_config(small_config(tmp_path, num_epochs=1_000_000, early_stopping=False))
    start(session, noisy)
    wait_for(qtbot, session, Phase.STAGE1)
    training = session.training.job
    assert training is not None
    viewer.close()
    qtbot.waitUntil(lambda: training.wait(0))


def test_a_closed_viewer_is_forgotten(qtbot: QtBot, noisy: NDArray[np.float32]) -> None:
    import napari

    viewer = napari.Viewer(show=False)
    reference = weakref.ref(session_for(viewer))
    session_for(viewer).choose_layer(viewer.add_image(noisy))
    viewer.close()
    del viewer
    qtbot.waitUntil(lambda: bool(gc.collect()) or reference() is None)


def test_the_kernel_of_a_2d_file_is_refused_for_a_25d_run(
    session: Session, noisy: NDArray[np.float32], qtbot: QtBot, requested: list[DockName]
) -> None:
    start(session, noisy)
    wait_for(qtbot, session, Phase.REVIEW)
    session.document.set_mode("2.5D")
    assert session.document.kernel.n_slices == 3
    session.approve()
    assert session.training.state.phase is Phase.REVIEW
    assert "2D mode" in session.training.state.messages[-1]
    session.training.cancel()
    wait_for(qtbot, session, Phase.CANCELLED)


def test_a_viewer_closed_while_training_does_not_block_the_next_one(
    session: Session, windowed: napari.Viewer, noisy: NDArray[np.float32], tmp_path: Path
) -> None:
    session.set_config(small_config(tmp_path, num_epochs=500))
    start(session, noisy)
    import napari

    other = napari.Viewer(show=False)
    session_for(other).choose_layer(other.add_image(noisy))
    assert "another window" in (session_for(other).cannot_start() or "")
    session.close()
    assert session_for(other).cannot_start() is None
    other.close()
