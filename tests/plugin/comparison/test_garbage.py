"""What was there before a comparison is no garbage of it, and is looked at again afterward."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import numpy as np
import pytest
from qtpy.QtCore import QObject

from napari_autostructn2v.comparison import toggle_comparison
from napari_autostructn2v.comparison.garbage import EarlierObjects

if TYPE_CHECKING:
    from collections.abc import Iterator

    import napari
    from pytestqt.qtbot import QtBot


@pytest.fixture
def nothing_aside() -> Iterator[None]:
    """Nothing is set aside, as in a napari that somebody has started; the suite sets much aside."""
    gc.unfreeze()
    yield
    gc.freeze()


@pytest.mark.usefixtures("qapp", "nothing_aside")
class TestEarlierObjects:
    def test_they_are_aside_until_they_are_looked_at(self) -> None:
        owner = QObject()
        objects = EarlierObjects(owner)
        objects.pass_over()
        assert gc.get_freeze_count() > 0
        objects.look_at()
        assert gc.get_freeze_count() == 0

    def test_what_somebody_else_set_aside_stays_aside(self) -> None:
        owner = QObject()
        gc.freeze()
        n_aside = gc.get_freeze_count()
        objects = EarlierObjects(owner)
        objects.pass_over()
        objects.look_at()
        assert gc.get_freeze_count() == n_aside
        gc.unfreeze()

    def test_the_end_of_the_owner_ends_it(self, qtbot: QtBot) -> None:
        owner = QObject()
        EarlierObjects(owner).pass_over()
        owner.deleteLater()
        qtbot.waitUntil(lambda: gc.get_freeze_count() == 0)


@pytest.mark.usefixtures("nothing_aside")
class TestComparison:
    """Of two layers, begun and left as a person does."""

    @pytest.fixture
    def window_is_shown(self) -> bool:
        return False

    def test_garbage_is_looked_for_among_what_is_new_until_the_viewer_is_back(
        self, windowed: napari.Viewer, qtbot: QtBot
    ) -> None:
        layers = [windowed.add_image(np.zeros((32, 32)), name=name) for name in "ab"]
        windowed.layers.selection = set(layers)
        toggle_comparison(windowed)
        qtbot.waitUntil(lambda: len(windowed.layers) == 4)
        assert gc.get_freeze_count() > 0
        toggle_comparison(windowed)
        qtbot.waitUntil(lambda: len(windowed.layers) == 2 and gc.get_freeze_count() == 0)

    def test_a_layer_that_a_person_removes_meanwhile_is_collected_as_ever(
        self, windowed: napari.Viewer, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        layers = [windowed.add_image(np.zeros((32, 32)), name=name) for name in "ab"]
        other = windowed.add_image(np.zeros((32, 32)), name="other")
        windowed.layers.selection = set(layers)
        toggle_comparison(windowed)
        qtbot.waitUntil(lambda: len(windowed.layers) == 5)
        n_aside: list[int] = []
        monkeypatch.setattr(gc, "collect", lambda: n_aside.append(gc.get_freeze_count()))
        windowed.layers.remove(other)
        assert set(n_aside) == {0}, "napari collects when the layer goes"
        assert gc.get_freeze_count() == 0
        toggle_comparison(windowed)
        qtbot.waitUntil(lambda: len(windowed.layers) == 2)
