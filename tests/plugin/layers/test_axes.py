"""Layers that do not name their axes: a person says what their few planes are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
from napari.layers import Image

from napari_autostructn2v.layers.axes import STATED, axes_of, is_ambiguous
from napari_autostructn2v.layers.description import describe_layer, leading_axes
from napari_autostructn2v.layers.files import layer_writer
from napari_autostructn2v.layers.taking import stacks_of
from napari_autostructn2v.session.docks import DockName
from napari_autostructn2v.session.session import session_for
from tests.plugin.conftest import open_dock

if TYPE_CHECKING:
    from pathlib import Path

    import napari
    from pytestqt.qtbot import QtBot


def planes(n: int = 3, **options: object) -> Image:
    data = np.random.default_rng(0).random((n, 40, 48), np.float32)
    return Image(data, rgb=False, scale=(7.0, 0.5, 0.25), **options)


def test_few_planes_without_a_name_are_a_stack_until_a_person_says_else() -> None:
    layer = planes()
    assert is_ambiguous(layer) and axes_of(layer) == "ZYX"
    assert stacks_of(layer).shapes == [(3, 40, 48)]
    STATED.set(layer, "CYX")
    stacks = stacks_of(layer)
    assert stacks.shapes == [(1, 40, 48)] * 3 and stacks.axes == "CYX"
    assert "3 channels of 1 image" in describe_layer(layer)
    np.testing.assert_array_equal(stacks.sources[1].read_slice(0), layer.data[1])
    result = stacks.result_layer([layer.data[i : i + 1] for i in range(3)], "denoised", {})
    assert result.data.shape == (3, 40, 48) and tuple(result.scale) == (7.0, 0.5, 0.25)
    one = stacks_of(layer, {"C": 2})
    assert (one.shape, one.axes) == ((40, 48), "YX")
    assert tuple(one.result_layer([layer.data[2:]], "denoised", {}).scale) == (0.5, 0.25)


def test_what_is_said_of_axes_during_a_run_is_for_the_next_one() -> None:
    layer = Image(np.random.default_rng(0).random((2, 3, 4, 8, 9), np.float32))
    STATED.set(layer, "TCZYX")
    stacks, one = stacks_of(layer), stacks_of(layer, {"C": 2})
    point = (1, 2, 3, 0, 0)
    assert (stacks.slice_in_view(point), one.slice_in_view(point)) == ((1 * 3 + 2) * 4 + 3, 7)
    STATED.set(layer, "ZTCYX")
    assert (stacks.slice_in_view(point), one.slice_in_view(point)) == ((1 * 3 + 2) * 4 + 3, 7)
    np.testing.assert_array_equal(one.part_of(layer.data), layer.data[:, 2])
    assert stacks_of(layer).slice_in_view(point) == (2 * 4 + 3) * 2 + 1
    layer.data = layer.data[0]
    assert stacks.slice_in_view(point) is None


@pytest.mark.parametrize(
    ("layer", "axes"),
    [
        (planes(axis_labels=("c", "y", "x")), "CYX"),
        (planes(axis_labels=("z", "y", "x")), "ZYX"),
        (planes(30), "ZYX"),
        (Image(np.zeros((40, 48))), "YX"),
    ],
)
def test_nobody_is_asked_where_names_or_numbers_tell(layer: Image, axes: str) -> None:
    assert not is_ambiguous(layer) and axes_of(layer) == axes
    assert bool(leading_axes(layer)) == (axes == "CYX")


@pytest.mark.parametrize("axes", ["ZYX", "CYX"])
def test_a_file_says_what_was_said(axes: str, tmp_path: Path) -> None:
    layer = planes()
    STATED.set(layer, axes)
    layer_writer(layer)(tmp_path / "saved.tif")
    with tifffile.TiffFile(tmp_path / "saved.tif") as tif:
        assert tif.series[0].axes == axes
        np.testing.assert_array_equal(tif.asarray(), layer.data)


def test_what_is_said_in_one_dock_holds_in_all(windowed: napari.Viewer, qtbot: QtBot) -> None:
    viewer = windowed
    layer = viewer.add_layer(planes())
    docks = [open_dock(viewer, name) for name in (DockName.CONFIGURATION, DockName.INFERENCE)]
    first, second = docks[0].chooser, docks[1].source.chooser
    session = session_for(viewer)
    assert session.source is not None and session.source.shapes == [(3, 40, 48)]
    first.axes_box.setValue("CYX")
    assert session.source.shapes == [(1, 40, 48)] * 3
    assert second.axes_box.value() == "CYX" and "channels of 1 image" in second.summary()
    first.set_chosen({"C": 1})
    assert session.source.shapes == [(1, 40, 48)] and session.source.chosen == {"C": 1}
    first.axes_box.setValue("ZYX")
    assert session.source.shapes == [(3, 40, 48)] and session.source.chosen == {}
    viewer.layers.remove(layer)
    viewer.add_image(np.zeros((9, 40, 48)))
    assert first.axes_box.isHidden() or not first.axes_box.isVisible()
