"""A model for each channel in napari, with real clicks: trained, reviewed, shown, applied."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from qtpy.QtCore import Qt

from autoStructN2V.datasets.samples.synthetic import make_sample
from napari_autostructn2v.session.docks import DockName
from napari_autostructn2v.session.state import Phase
from tests.plugin.conftest import open_dock

if TYPE_CHECKING:
    import napari
    from pytestqt.qtbot import QtBot

    from napari_autostructn2v.session.session import Session

LABELS = ("z", "c", "y", "x")
SCALE = (2.0, 1.0, 0.5, 0.25)


@pytest.fixture
def layer(session: Session) -> napari.layers.Image:
    """Two channels, one a hundred times as bright as the other, between slices and rows."""
    stack = make_sample("horizontal_lines", shape=(2, 64, 64)).noisy
    data = np.stack([stack, 100.0 * stack[:, ::-1]], axis=1)
    return session.viewer.add_image(
        data, name="cells", axis_labels=LABELS, scale=SCALE, translate=(1, 2, 3, 4), rgb=False
    )


def click(button: object, qtbot: QtBot) -> None:
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_each_channel_is_trained_reviewed_and_applied_with_real_clicks(
    viewer: napari.Viewer, session: Session, layer: napari.layers.Image, qtbot: QtBot
) -> None:
    configuration = open_dock(viewer, DockName.CONFIGURATION)
    assert configuration.channels.isVisibleTo(configuration)
    click(configuration.channels.button("each"), qtbot)
    assert session.config.channels == "each" and session.n_models == 2
    click(configuration.next_button, qtbot)
    training = open_dock(viewer, DockName.TRAINING)
    assert "a model for each of 2 channels" in training.about.text()
    click(training.start_button, qtbot)
    for number in (0, 1):
        qtbot.waitUntil(lambda: session.training.state.phase is Phase.REVIEW)
        assert training.review.notice.text().startswith(
            f"Channel {number} ({number + 1} of 2): The"
        )
        click(training.review.approve_button, qtbot)
        qtbot.waitUntil(lambda: session.training.state.phase is not Phase.REVIEW)
    qtbot.waitUntil(lambda: session.training.state.phase is Phase.DONE)
    assert "a model for each of 2 channels" in training.outcome.done.text()
    results = [made for made in viewer.layers if made is not layer]
    assert [made.name for made in results] == ["cells - stage 1", "cells - stage 2"]
    for made in results:
        assert made.data.shape == layer.data.shape
        for name in ("scale", "translate", "units", "axis_labels"):
            assert tuple(getattr(made, name)) == tuple(getattr(layer, name))
    bright, dark = (results[1].data[:, channel].std() for channel in (1, 0))
    assert bright > 30 * dark

    click(training.outcome.use_button, qtbot)
    inference = open_dock(viewer, DockName.INFERENCE)
    assert "Channel 1" in inference.card.text()
    inference.source.chooser.set_layer(layer)
    click(inference.process_button, qtbot)
    qtbot.waitUntil(lambda: not session.tasks.state.is_running)
    denoised = viewer.layers[-1]
    np.testing.assert_allclose(denoised.data, results[1].data, rtol=1e-4, atol=1e-3)
    assert tuple(denoised.scale) == tuple(layer.scale)
    inference.source.chooser.set_chosen({"C": 1})
    assert "choose an image with as many, or the model of one" in inference.problem.text()
    inference.card.channel_box.setValue(1)
    assert inference.process_button.isEnabled()
    click(inference.process_button, qtbot)
    qtbot.waitUntil(lambda: not session.tasks.state.is_running)
    one = viewer.layers[-1]
    np.testing.assert_allclose(one.data, denoised.data[:, 1], rtol=1e-4, atol=1e-3)
    assert tuple(one.scale) == (2.0, 0.5, 0.25)


def test_a_cancelled_training_goes_on_with_the_channel_that_it_was_at(
    viewer: napari.Viewer, session: Session, layer: napari.layers.Image, qtbot: QtBot
) -> None:
    session.set_config(session.config.model_copy(update={"channels": "each", "method": "n2v"}))
    session.choose_layer(layer)
    training = open_dock(viewer, DockName.TRAINING)
    click(training.start_button, qtbot)
    qtbot.waitUntil(lambda: session.training.state.channel is not None)
    qtbot.waitUntil(lambda: session.training.state.channel.channel == 1)
    click(training.cancel_button, qtbot)
    qtbot.waitUntil(lambda: session.training.state.phase is Phase.CANCELLED)
    assert "1 of 2 channels finished" in training.interrupted.notice.text()
    click(training.interrupted.continue_button, qtbot)
    qtbot.waitUntil(lambda: session.training.state.phase is Phase.DONE)
    assert viewer.layers[-1].data.shape == layer.data.shape
    assert session.interruptions.found is None
    assert session.models.at_hand is not None and len(session.models.at_hand.channels) == 2
