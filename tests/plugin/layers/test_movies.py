"""Layers over time whose frames are what 2.5D sees next to each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from napari.layers import Image

from napari_autostructn2v.layers.description import describe_layer
from napari_autostructn2v.layers.taking import stacks_of
from napari_autostructn2v.session.docks import DockName
from tests.plugin.conftest import open_dock

if TYPE_CHECKING:
    import napari
    from pytestqt.qtbot import QtBot

    from napari_autostructn2v.session.session import Session


def movie(axes: str, *shape: int) -> Image:
    data = np.random.default_rng(0).random((*shape, 40, 48), np.float32)
    return Image(data, name="movie", axis_labels=tuple(axes.lower()), rgb=False)


def test_frames_of_every_slice_are_a_stack_of_their_own() -> None:
    layer = movie("TZYX", 25, 3)
    stacks = stacks_of(layer, along_time=True)
    assert stacks.shapes == [(25, 40, 48)] * 3 and stacks.along == "T"
    np.testing.assert_array_equal(stacks.sources[2].read_slice(7), layer.data[7, 2])
    assert stacks.locate((7, 2)) == (2, 7)
    made = [np.stack([s.read_slice(z) for z in range(25)]) for s in stacks.sources]
    np.testing.assert_array_equal(stacks.layer_data(made), layer.data)
    assert describe_layer(layer, along_time=True).startswith("3 stacks of 25 frames")
    assert stacks.slice_in_view((7, 2, 0, 0)) == 2 * 25 + 7


def test_a_movie_without_slices_is_a_stack_of_frames_which_may_not_be_taken_for_slices() -> None:
    stacks = stacks_of(movie("TYX", 25))
    assert stacks.shapes == [(25, 40, 48)] and stacks.along == "T"
    assert stacks.sources[0].metadata.axes == "TYX"
    assert stacks.misfit("2D", "z") == "" and stacks.misfit("2.5D", "time") == ""
    assert "25 frames in time" in stacks.misfit("2.5D", "z")
    slices = stacks_of(movie("ZYX", 25), along_time=True)
    assert "25 slices in z" in slices.misfit("2.5D", "time")
    unnamed = Image(np.zeros((25, 24, 24)))
    assert stacks_of(unnamed).misfit("2.5D", "time") == ""


@pytest.mark.parametrize("axes", ["TYX", "TZYX"])
def test_triplets_along_time_are_chosen_with_clicks_and_named(
    axes: str, windowed: napari.Viewer, session: Session, qtbot: QtBot
) -> None:
    windowed.add_layer(movie(axes, 25, *([3] if "Z" in axes else [])))
    dock = open_dock(windowed, DockName.CONFIGURATION)
    assert not dock.triplets_along.isVisibleTo(dock)
    dock.mode.button("2.5D").click()
    assert dock.triplets_along.isVisibleTo(dock)
    assert "along z" in dock.problem.text() or "Insufficient" in dock.problem.text()
    dock.triplets_along.button("time").click()
    assert session.config.is_along_time
    assert session.source is not None and session.source.along == "T"
    assert session.cannot_start() is None and dock.problem.text() == ""
    editor = open_dock(windowed, DockName.MASK_EDITOR)
    assert editor.tabs.tabText(0).startswith("T-1 (before)")
    training = open_dock(windowed, DockName.TRAINING)
    assert "2.5D along time" in training.about.text()
