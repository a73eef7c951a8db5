"""Results that are too large for the memory are stores on disk, and layers that read from there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile

from napari_autostructn2v.layers import large
from napari_autostructn2v.layers.taking import stacks_of
from napari_autostructn2v.session.state import ModelCard, Phase
from tests.plugin.conftest import small_config
from tests.plugin.inference.test_inference import untrained

if TYPE_CHECKING:
    from pathlib import Path

    import napari
    from pytestqt.qtbot import QtBot

    from napari_autostructn2v.session.session import Session

SHAPE = (2, 3, 2, 40, 48)


@pytest.fixture(autouse=True)
def _small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large, "LARGEST_IN_MEMORY", 1000)


@pytest.fixture
def layer(session: Session) -> napari.layers.Image:
    """Time, slices and channels, in an order that is not that of a store."""
    data = np.random.default_rng(0).random(SHAPE, np.float32)
    labels, scale = ("t", "z", "c", "y", "x"), (1, 2.0, 1, 0.5, 0.25)
    return session.viewer.add_image(data, name="cells", axis_labels=labels, scale=scale, rgb=False)


def lazily_equal(shown: napari.layers.Image, wanted: np.ndarray) -> bool:
    data = shown.data[0] if shown.multiscale else shown.data
    assert not isinstance(data, np.ndarray)
    return bool(np.allclose(np.asarray(data), wanted, rtol=1e-5))


@pytest.mark.parametrize("is_each", [False, True])
def test_a_large_result_of_inference_is_a_store_that_the_layer_reads(
    is_each: bool,
    session: Session,
    layer: napari.layers.Image,
    qtbot: QtBot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    models = [untrained(), untrained(high=2.0)] if is_each else [untrained()]
    folder = tmp_path / "denoised"
    for limit in (1000, 10**9):
        monkeypatch.setattr(large, "LARGEST_IN_MEMORY", limit)
        session.denoising.denoise_layer(stacks_of(layer), models, "cpu", None, folder)
        qtbot.waitUntil(lambda: not session.tasks.state.is_running)
        assert session.tasks.state.error is None
        if limit == 1000:
            assert any(str(folder) in text for text in session.tasks.state.messages)
    stored, in_memory = session.viewer.layers[-2:]
    assert lazily_equal(stored, in_memory.data)
    assert [path.name for path in folder.iterdir()] == ["cells_denoised_stage2.ome.zarr"]
    for name in ("scale", "units", "axis_labels"):
        assert tuple(getattr(stored, name)) == tuple(getattr(layer, name))


@pytest.mark.parametrize("is_each", [False, True])
def test_a_large_file_becomes_a_layer_that_reads_from_a_store(
    is_each: bool, session: Session, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shape, axes = ((3, 2, 40, 48), "ZCYX") if is_each else ((3, 40, 48), "ZYX")
    pixels = np.random.default_rng(0).random(shape, np.float32)
    tifffile.imwrite(tmp_path / "a.tif", pixels, imagej=True, metadata={"axes": axes})
    models = [untrained(), untrained(high=2.0)] if is_each else [untrained()]
    for limit in (1000, 10**9):
        monkeypatch.setattr(large, "LARGEST_IN_MEMORY", limit)
        session.denoising.denoise_files_as_layer(
            tmp_path / "a.tif", models, "cpu", tmp_path / "denoised"
        )
        qtbot.waitUntil(lambda: not session.tasks.state.is_running)
        assert session.tasks.state.error is None
    stored, in_memory = session.viewer.layers[-2:]
    assert stored.name.split(" [")[0] == in_memory.name.split(" [")[0] == "a - denoised, stage 2"
    if is_each:  # a store has channels before slices
        assert lazily_equal(stored, in_memory.data.swapaxes(0, 1))
    else:
        assert lazily_equal(stored, in_memory.data)
    assert len(list((tmp_path / "denoised").iterdir())) == 1


@pytest.mark.parametrize("channels", ["one", "each"])
def test_a_large_result_of_a_training_is_read_from_what_it_wrote(
    channels: str, session: Session, layer: napari.layers.Image, qtbot: QtBot, tmp_path: Path
) -> None:
    config = small_config(tmp_path, method="n2v", num_epochs=1, channels=channels)
    session.set_config(config)
    session.choose_layer(layer)
    session.start_training()
    qtbot.waitUntil(lambda: not session.training.state.phase.is_running)
    state = session.training.state
    assert state.phase is Phase.DONE, state.error
    assert any("written to" in text and str(tmp_path) in text for text in state.messages)
    shown = session.viewer.layers[-1]
    assert shown.name == "cells - N2V"
    card = session.models.at_hand
    assert isinstance(card, ModelCard)
    models = [one.models[1] for one in card.channels] or [card.models[1]]
    large.LARGEST_IN_MEMORY = 10**9  # put back by the fixture
    session.denoising.denoise_layer(stacks_of(layer), models, "cpu")
    qtbot.waitUntil(lambda: not session.tasks.state.is_running)
    assert lazily_equal(shown, session.viewer.layers[-1].data)
