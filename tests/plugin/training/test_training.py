"""The Training dock shows a run completely, at any time it is opened, and its buttons act."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from npe2 import PluginManager
from qtpy.QtCore import QEvent, QUrl
from qtpy.QtGui import QColor, QDesktopServices, QPalette
from qtpy.QtWidgets import QApplication, QMessageBox

from autoStructN2V.inference.noise_report import InputNoise, StageComparison, StageReport
from autoStructN2V.inference.verdict import GAUSSIAN, Verdict
from autoStructN2V.pipeline import recorded_events
from autoStructN2V.pipeline.configuration.of_preset import with_preset
from autoStructN2V.trainers.events import BatchFinished, EpochFinished
from napari_autostructn2v.layers.pixels import snapshot
from napari_autostructn2v.layers.taking import stacks_of
from napari_autostructn2v.session.config_edits import with_changes
from napari_autostructn2v.session.docks import COMPARE_COMMAND, DockName
from napari_autostructn2v.session.run_reducer import after, started
from napari_autostructn2v.session.state import Part, Phase, Progress, RunState, Status
from napari_autostructn2v.training.dock import Training
from napari_autostructn2v.training.loss_plot import LossPlot, loss_range
from napari_autostructn2v.widgets.run_text import bar_text, outcome_text
from napari_autostructn2v.widgets.status import StatusBadge, status_colors
from tests.plugin.conftest import deleted, small_config

if TYPE_CHECKING:
    from pathlib import Path

    import napari
    from numpy.typing import NDArray
    from pytestqt.qtbot import QtBot

    from napari_autostructn2v.session.session import Session

THEMES = {"dark": ("#23242b", "#f0f1f2"), "light": ("#ebe7e6", "#1e1e21")}


@pytest.fixture
def training(session: Session, qtbot: QtBot) -> Training:
    widget = Training(session.viewer, session)
    qtbot.addWidget(widget)
    widget.show()
    return widget


@pytest.fixture
def layer(session: Session, noisy: NDArray[np.float32]) -> napari.layers.Image:
    return session.viewer.add_image(noisy, name="lines")


def epoch(stage: int, number: int, train: float = 0.5, val: float = 0.4) -> EpochFinished:
    return EpochFinished(stage, number, 2, train, val, min(val, 0.4), 1e-3, 1.0, 1.0)


def report(left: float | None) -> StageReport:
    return StageReport(InputNoise(0.1, False, {}), 0.0995, {}, 0.1, 1, left)


def wait_for(qtbot: QtBot, session: Session, *phases: Phase) -> None:
    qtbot.waitUntil(lambda: session.training.state.phase in phases)


def luminance(color: QColor) -> float:
    """Relative luminance as WCAG defines it."""
    parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
             for c in color.getRgbF()[:3]]  # fmt: skip
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), parts, strict=True))


def test_without_a_layer_it_says_why_nothing_can_be_started(training: Training) -> None:
    assert not training.start_button.isEnabled()
    assert "No image layer is chosen" in training.reason.text()
    assert training.start_button.toolTip() == training.reason.text()


def test_it_tells_what_will_be_trained_and_follows_the_configuration(
    training: Training, session: Session, layer: napari.layers.Image, tmp_path: Path
) -> None:
    session.choose_layer(layer)
    assert training.about.text() == "lines, autoStructN2V, 2D, preset Fast (modified)"
    assert training.start_button.isEnabled()
    assert training.reason.isHidden()
    session.set_config(small_config(tmp_path, method="n2v"))
    assert training.about.text() == "lines, N2V, 2D, preset Fast (modified)"
    session.set_config(with_preset(session.config, "fast"))
    assert training.about.text() == "lines, N2V, 2D, preset Fast"
    hidden = [part for part, phase in training.phases.items() if phase.isHidden()]
    assert hidden == [Part.KERNEL, Part.STAGE2]
    assert training.auto_approve.isHidden()


def test_change_leads_to_configuration(
    training: Training, session: Session, requested: list[DockName]
) -> None:
    training.change_button.click()
    assert requested == [DockName.CONFIGURATION]


def test_a_whole_training_with_review_is_shown_and_can_be_used(
    training: Training,
    session: Session,
    layer: napari.layers.Image,
    qtbot: QtBot,
    requested: list[DockName],
) -> None:
    said: list[str] = []
    session.training.changed.connect(lambda run: said.append(training.progress.text.text()))
    session.choose_layer(layer)
    training.start_button.click()
    assert training.start_button.isHidden()
    assert not training.cancel_button.isHidden()
    wait_for(qtbot, session, Phase.REVIEW, Phase.FAILED)
    assert said[0] == "Reading the images"
    assert "Stage 1: Epoch 2 of 2, step 4 of 4" in said
    assert training.error.text() == ""
    assert training.phases[Part.KERNEL].badge.status is Status.AWAITING
    assert training.phases[Part.KERNEL].text.text().startswith("The kernel hides")
    assert not training.review.isHidden()
    training.review.review_button.click()
    assert requested == [DockName.MASK_EDITOR] * 2  # the session opens it by itself, too
    training.review.approve_button.click()
    assert training.review.isHidden()
    wait_for(qtbot, session, Phase.DONE, Phase.FAILED)
    assert {phase.badge.status for phase in training.phases.values()} == {Status.COMPLETE}
    assert "structured noise is left" in training.phases[Part.STAGE2].text.text()
    assert training.outcome.done.text().startswith("The training is complete.")
    assert training.outcome.isVisible()
    assert training.progress.isHidden()
    assert training.start_button.isHidden()
    for curve in training.plot.curves.values():
        assert len(curve.getData()[0]) == 2
    training.outcome.use_button.click()
    assert requested[-1] == DockName.INFERENCE


def test_a_reopened_dock_shows_everything(training: Training, session: Session) -> None:
    run = started(session.config, "lines")
    for event in (epoch(1, 1), epoch(1, 2), epoch(2, 1, 0.7, 0.6)):
        run = after(run, event)
    statuses = dict(zip(Part, (Status.COMPLETE, Status.COMPLETE, Status.TRAINING), strict=True))
    run = replace(run, phase=Phase.STAGE2, statuses=statuses, reports={1: report(0.8)})
    run = after(replace(run, messages=("The images are small.",)), BatchFinished(2, 2, 2, 1, 4, 35))
    session.training.set_state(run)
    reopened = Training(session.viewer, session)
    for dock in (training, reopened):
        assert [phase.badge.status for phase in dock.phases.values()] == list(statuses.values())
        assert all(phase.is_expanded for phase in dock.phases.values())
        assert dock.phases[Part.STAGE2].cards["val_loss"].value == "0.6000"
        assert "80" in dock.phases[Part.STAGE1].text.text()
        assert dock.notes.text() == "The images are small."
        assert dock.progress.text.text() == "Stage 2: Epoch 2 of 2, step 1 of 4"
        assert dock.progress.bar.text().endswith("40 s left")
        assert dock.plot.curves[1, "validation"].getData()[1].tolist() == [0.4, 0.4]
        assert dock.plot.curves[2, "training"].getData()[1].tolist() == [0.7]
    reopened.deleteLater()


def test_cancel_answers_at_once_and_offers_to_start_again(
    training: Training, session: Session, layer: napari.layers.Image, qtbot: QtBot, tmp_path: Path
) -> None:
    session.set_config(small_config(tmp_path, num_epochs=500))
    session.choose_layer(layer)
    training.start_button.click()
    wait_for(qtbot, session, Phase.STAGE1)
    training.cancel_button.click()
    assert training.cancel_button.text() == "Stopping..."
    assert not training.cancel_button.isEnabled()
    wait_for(qtbot, session, Phase.CANCELLED)
    assert training.start_button.text() == "Train again"
    assert training.start_button.isEnabled()
    assert "what was finished is kept" in training.outcome.cancelled.text()
    training.outcome.new_button.click()
    assert session.training.state.phase is Phase.IDLE
    assert training.start_button.text() == "Start training"
    assert training.outcome.isHidden()


def test_an_error_can_be_read_and_copied(training: Training, session: Session) -> None:
    session.training.set_state(RunState(phase=Phase.FAILED, error="The disk is full."))
    assert training.error.isVisible()
    assert training.error.text() == "The disk is full."
    assert training.error.textInteractionFlags()
    assert training.outcome.compare_button.isHidden()
    assert training.outcome.folder_button.isHidden()


def test_auto_approve_is_that_of_the_session(training: Training, session: Session) -> None:
    training.auto_approve.click()
    assert session.training.auto_approve
    session.training.set_auto_approve(False)
    assert not training.auto_approve.isChecked()


def test_results_can_be_compared_and_their_folder_and_report_opened(
    training: Training, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[QUrl] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", opened.append)
    commands: list[object] = []
    registry = PluginManager.instance().commands
    monkeypatch.setattr(registry, "execute", lambda *called: commands.append(called))
    run = RunState(Phase.DONE, config=session.config, reports={1: report(None)}, folder=tmp_path)
    session.training.set_state(run)
    assert training.outcome.report_button.isHidden()
    page = tmp_path / "report.html"
    session.training.set_state(replace(run, report=page))
    training.outcome.folder_button.click()
    training.outcome.report_button.click()
    training.outcome.compare_button.click()
    assert opened == [QUrl.fromLocalFile(str(path)) for path in (tmp_path, page)]
    assert commands == [(COMPARE_COMMAND, (session.viewer,))]


def test_progress_alone_repaints_nothing_else(
    training: Training, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = after(started(session.config, "lines"), epoch(1, 1))
    session.training.set_state(run)
    for name in ("_show_losses", "_show_controls", "_show_phases", "_on_plan"):
        monkeypatch.setattr(training, name, lambda *_: pytest.fail("repainted"))
    session.training.set_state(after(run, BatchFinished(1, 2, 2, 1, 4, 35)))
    assert training.progress.bar.value() == 625


def test_progress_paints_later_not_at_once(training: Training, session: Session) -> None:
    # a bar that may paint does so in setValue, and the canvas of the viewer with it
    bar, could_paint = training.progress.bar, []
    bar.valueChanged.connect(lambda value: could_paint.append(bar.updatesEnabled()))
    run = after(started(session.config, "lines"), epoch(1, 1))
    session.training.set_state(after(run, BatchFinished(1, 2, 2, 3, 4, 35)))
    assert could_paint == [False]
    assert bar.updatesEnabled()


def test_a_closed_dock_no_longer_listens(session: Session, qtbot: QtBot) -> None:
    widget = Training(session.viewer, session)
    n_before = len(session.training.changed)
    deleted(widget, qtbot)
    assert len(session.training.changed) == n_before - 1
    session.training.set_state(RunState(phase=Phase.FAILED, error="Nobody hears this."))


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("status", Status)
def test_badges_are_readable_in_every_theme(theme: str, status: Status) -> None:
    palette = QPalette()
    for role, name in zip(("Window", "WindowText"), THEMES[theme], strict=True):
        palette.setColor(QPalette.ColorRole[role], QColor(name))
    dark, light = sorted(map(luminance, status_colors(status, palette)))
    assert (light + 0.05) / (dark + 0.05) > 4.5


def test_a_badge_has_room_for_its_text_and_says_it_aloud(qtbot: QtBot) -> None:
    badge = StatusBadge("Stage 1")
    qtbot.addWidget(badge)
    for status in Status:
        badge.set_status(status)
        assert badge.minimumSizeHint().width() > badge.fontMetrics().horizontalAdvance(status)
        assert badge.accessibleDescription() == status


def test_the_plot_follows_the_theme(qtbot: QtBot) -> None:
    plot = LossPlot()
    qtbot.addWidget(plot)
    plot.show_history([epoch(1, 1), epoch(1, 2)], ("Stage 1", "Stage 2"))
    plot.show()
    for window, text in THEMES.values():
        plot.setStyleSheet(f"QWidget {{ background-color: {window}; color: {text}; }}")
        QApplication.sendEvent(plot, QEvent(QEvent.Type.StyleChange))
        assert plot.view.backgroundBrush().color().name() == window
        assert plot.view.getAxis("left").textPen().color().name() == text


def test_the_first_training_loss_does_not_flatten_the_curves() -> None:
    history = [epoch(1, 1, 9.0, 0.8), epoch(1, 2, 0.5, 0.4)]
    assert loss_range(history) == (0.4, 0.8)
    assert loss_range([]) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("losses", "is_logarithmic"),
    [((5.0, 0.4, 0.3), True), ((0.6, 0.4, 0.3), False), ((5.0, 0.4, -0.1), False), ((), False)],
)
def test_losses_that_the_first_epochs_dwarf_are_on_a_logarithmic_axis(
    qtbot: QtBot, losses: tuple[float, ...], is_logarithmic: bool
) -> None:
    plot = LossPlot()
    qtbot.addWidget(plot)
    history = [epoch(1, i, loss, loss) for i, loss in enumerate(losses, 2)]
    plot.show_history(history, ("Stage 1", "Stage 2"))
    axis = plot.view.getPlotItem().getAxis("left")
    assert axis.logMode is is_logarithmic
    if is_logarithmic:  # the others would lie on top of each other
        numbers = [10.0**at for _, places in axis.tickValues(-0.6, 0.2, 150) for at in places]
        assert sorted({round(number, 6) for number in numbers}) == [0.5, 1.0]
    if losses:
        low, high = plot.view.getPlotItem().viewRange()[1]
        expected = np.log10([0.3, 5.0]) if is_logarithmic else [min(losses), max(losses)]
        assert low <= expected[0] and high >= expected[1]
        assert high - low < 2 * np.ptp(expected)


def test_the_outcome_names_what_each_stage_left(session: Session) -> None:
    run = RunState(Phase.DONE, config=session.config, reports={1: report(0.8), 2: report(0.05)})
    text = outcome_text(run).replace("\N{NO-BREAK SPACE}", " ")
    assert "80 % after stage 1, 5 % after stage 2" in text


def test_a_stage_2_that_is_not_better_is_told_where_it_is_read(
    training: Training, session: Session
) -> None:
    comparison = StageComparison(0.5, 0.6, 9)
    run = RunState(Phase.DONE, config=session.config, comparison=comparison)
    session.training.set_state(replace(run, messages=("Something else.", comparison.sentence)))
    assert "prefer stage 1" in training.outcome.done.text()
    assert training.outcome.done.status is Status.AWAITING
    assert training.notes.text() == "Something else."


def test_a_result_that_loses_to_a_filter_is_not_shown_as_success(
    training: Training, session: Session
) -> None:
    good = Verdict({"stage 1": 0.1, GAUSSIAN: 0.2}, {"stage 1": 0.001, GAUSSIAN: 0.0}, 1.5)
    bad = replace(good, errors={"stage 1": 0.4, GAUSSIAN: 0.2})
    for verdict, status in ((bad, Status.AWAITING), (good, Status.COMPLETE)):
        run = RunState(Phase.DONE, config=session.config, verdict=verdict)
        session.training.set_state(run)
        assert verdict.sentence in training.outcome.done.text()
        assert training.outcome.done.status is status


def test_noise_that_the_result_keeps_is_told_where_it_is_read(
    training: Training, session: Session
) -> None:
    kept = replace(report(None), shared_noise="The result keeps a mesh.")
    run = RunState(Phase.DONE, config=session.config, reports={2: kept})
    session.training.set_state(
        replace(run, messages=("Something else.", "The result keeps a mesh."))
    )
    assert training.outcome.done.text().endswith("The result keeps a mesh.")
    assert training.notes.text() == "Something else."


def test_time_left_is_said_only_when_it_is_known() -> None:
    assert bar_text(Progress("", 0.5)) == "50\N{NO-BREAK SPACE}%"
    assert bar_text(Progress("", 0.5, 65)).endswith(", 60 s left")


# a training that was interrupted


def interrupted(session: Session, layer: napari.layers.Image) -> None:
    """Leave what a training of this layer leaves that is killed in its second epoch."""
    run = recorded_events(snapshot(stacks_of(layer).sources), session.config)
    while not (isinstance(event := next(run), EpochFinished) and event.epoch == 2):
        pass
    run.close()


def test_an_interrupted_training_goes_on_with_its_own_settings(
    qtbot: QtBot, training: Training, session: Session, layer: napari.layers.Image
) -> None:
    config = session.config
    interrupted(session, layer)
    changed = with_changes(config, {"num_epochs": 7})
    session.set_config(changed)  # looks into the folder
    session.clear_layer()
    text = training.interrupted.notice.text()
    assert text.startswith("An interrupted training was found: ")
    assert text.endswith("; lines; stage 1, epoch 1 of at most 2.")
    assert not training.interrupted.continue_button.isEnabled()
    assert "(lines)" in training.interrupted.reason.text()
    session.choose_layer(layer)
    training.interrupted.continue_button.click()
    assert session.config == config
    assert not training.interrupted.isVisibleTo(training)
    wait_for(qtbot, session, Phase.REVIEW, Phase.FAILED)
    assert session.training.state.error is None
    stage1 = [event.epoch for event in session.training.state.history]
    assert stage1 == [1, 2]
    training.cancel_button.click()
    wait_for(qtbot, session, Phase.CANCELLED)
    assert training.interrupted.isVisibleTo(training), "what was cancelled can go on as well"
    training.interrupted.continue_button.click()
    wait_for(qtbot, session, Phase.REVIEW)
    training.review.skip_button.click()
    wait_for(qtbot, session, Phase.DONE)
    assert not training.interrupted.isVisibleTo(training)
    training.outcome.new_button.click()
    assert not training.interrupted.isVisibleTo(training)


def test_another_image_is_refused_and_nothing_is_lost(
    qtbot: QtBot, training: Training, session: Session, layer: napari.layers.Image
) -> None:
    interrupted(session, layer)
    session.choose_layer(session.viewer.add_image(layer.data + 1, name="others"))
    session.training.set_state(RunState())  # looks into the folder
    training.interrupted.continue_button.click()
    wait_for(qtbot, session, Phase.FAILED)
    assert "the images have other pixels now" in training.error.text()
    assert training.interrupted.isVisibleTo(training)


def test_an_interrupted_training_is_discarded_when_that_is_confirmed(
    training: Training,
    session: Session,
    layer: napari.layers.Image,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    interrupted(session, layer)
    session.training.set_state(RunState())
    for answer in (QMessageBox.StandardButton.No, QMessageBox.StandardButton.Yes):
        assert training.interrupted.isVisibleTo(training)
        monkeypatch.setattr(QMessageBox, "question", lambda *_, answer=answer: answer)
        training.interrupted.discard_button.click()
    assert not training.interrupted.isVisibleTo(training)
    assert not list(session.config.output_dir.rglob("checkpoint"))


def test_train_longer_goes_on_with_what_was_trained(
    training: Training, session: Session, layer: napari.layers.Image, qtbot: QtBot
) -> None:
    session.set_config(with_changes(session.config, {"method": "n2v"}))
    session.choose_layer(layer)
    training.start_button.click()
    wait_for(qtbot, session, Phase.DONE)
    first = session.training.state.model_folder
    assert not training.outcome.longer_button.isHidden()
    training.outcome.longer_button.click()
    assert session.config.start_model == first
    assert training.about.text().startswith("lines, Continue, N2V")
    wait_for(qtbot, session, Phase.DONE)
    card = session.models.at_hand
    assert card is not None
    assert card.folder != first
    (ancestor,) = card.models[1].provenance["ancestors"]
    assert ancestor["went_on_as"] == "continue"
