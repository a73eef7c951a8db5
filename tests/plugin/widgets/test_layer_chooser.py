# The layer chooser must always agree with the layer list of the viewer: a stale entry would train
# on the wrong image.

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.utils._proxies import PublicOnlyProxy

from napari_autostructn2v import METADATA_KEY
from napari_autostructn2v.widgets.layer_chooser import LayerChooser
from tests.plugin.conftest import deleted


@pytest.fixture
def viewer():
    return ViewerModel()


@pytest.fixture
def chooser(viewer, qtbot):
    widget = LayerChooser(viewer)
    qtbot.addWidget(widget)
    return widget


def names(chooser):
    return [chooser.layer_box.itemText(i) for i in range(chooser.layer_box.count())]


def stack(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def test_without_layers_it_says_what_to_do(chooser):
    assert chooser.layer() is None and chooser.stacks() is None
    assert "Open Sample" in chooser.problem() == chooser.summary()


def test_the_first_image_is_chosen_and_described(viewer, chooser, qtbot):
    with qtbot.waitSignal(chooser.changed):
        layer = viewer.add_image(stack(30, 16, 24), name="cells")
    assert chooser.layer() is layer
    assert chooser.summary() == "30 slices, 16 x 24, float32; 2.5D possible"
    assert chooser.stacks().shapes == [(30, 16, 24)] and chooser.problem() == ""


def test_it_follows_the_layer_list_and_keeps_the_choice(viewer, chooser, qtbot):
    first = viewer.add_image(stack(16, 16), name="a")
    viewer.add_image(stack(16, 16), name="b")
    viewer.add_labels(np.zeros((16, 16), int), name="no image")
    with qtbot.assertNotEmitted(chooser.changed):
        viewer.add_image(stack(16, 16), name="c")
        viewer.layers.move(0, 3)
        first.name = "renamed"
    assert chooser.layer() is first
    assert sorted(names(chooser)) == ["b", "c", "renamed"]
    assert chooser.layer_box.currentText() == "renamed"
    with qtbot.waitSignal(chooser.changed):
        viewer.layers.remove(first)
    assert chooser.layer() is not first and chooser.layer() in viewer.layers
    first.name = "gone"
    assert "gone" not in names(chooser)


def test_what_cannot_be_denoised_is_refused_in_a_sentence(viewer, chooser):
    viewer.add_image(np.zeros((16, 16, 4), np.uint8), name="photo", rgb=True)
    assert chooser.stacks() is None
    assert "photo is a color image" in chooser.problem() == chooser.summary()


def test_a_leading_axis_needs_a_choice(viewer, chooser, qtbot):
    layer = viewer.add_image(stack(3, 5, 16, 16), axis_labels=("time", "z", "y", "x"))
    assert chooser.chosen() == {}
    assert len(chooser.stacks().sources) == 3
    with qtbot.waitSignal(chooser.changed):
        chooser.set_chosen({"T": 1})
    np.testing.assert_array_equal(chooser.stacks().sources[0].read_slice(2), layer.data[1, 2])
    viewer.add_image(stack(16, 16))
    assert chooser.chosen() == {"T": 1}, "another layer in the list must not change the index"


def test_new_pixels_of_the_layer_are_noticed(viewer, chooser, qtbot):
    layer = viewer.add_image(stack(16, 16))
    with qtbot.waitSignal(chooser.changed):
        layer.data = stack(25, 8, 8)
    assert chooser.summary().startswith("25 slices, 8 x 8")


@pytest.mark.parametrize(("n_left", "kept"), [(3, {"T": 2}), (2, {})])
def test_new_pixels_keep_the_index_if_it_is_still_there(n_left, kept, viewer, chooser, qtbot):
    layer = viewer.add_image(stack(3, 5, 16, 16))
    chooser.set_chosen({"T": 2})
    heard = []
    chooser.changed.connect(lambda: heard.append(chooser.chosen()))
    layer.data = stack(n_left, 4, 16, 16)
    assert heard == [kept]


def test_a_closed_chooser_no_longer_listens(viewer, qtbot):
    widget = LayerChooser(viewer)
    layer = viewer.add_image(stack(16, 16))
    deleted(widget, qtbot)
    layer.name = "renamed"
    viewer.add_image(stack(16, 16))
    viewer.layers.clear()


def test_what_a_model_made_is_not_chosen_by_itself_and_panels_are_not_listed(qtbot):
    viewer = ViewerModel()
    noisy = viewer.add_image(np.zeros((32, 32)), name="cells")
    viewer.add_image(np.zeros((32, 32)), metadata={METADATA_KEY: {"result": "stage 1"}})
    viewer.add_image(np.zeros((32, 32)), metadata={METADATA_KEY: {"panel": "Noisy"}})
    chooser = LayerChooser(viewer)
    qtbot.addWidget(chooser)
    assert chooser.layer() is noisy
    with qtbot.waitSignal(chooser.changed):
        viewer.layers.remove(noisy)
    assert chooser.layer() is None and chooser.stacks() is None
    assert "Choose an image layer" in chooser.problem() == chooser.summary()
    chooser.layer_box.setCurrentIndex(0)
    assert chooser.layer() is viewer.layers[0], "a person may choose a result"
    viewer.add_image(np.zeros((32, 32)), metadata={METADATA_KEY: {"result": "stage 2"}})
    assert chooser.layer() is viewer.layers[0]


def test_a_selected_result_is_not_chosen_by_itself(viewer, qtbot):
    viewer.add_image(np.zeros((32, 32)), metadata={METADATA_KEY: {"result": "stage 1"}})
    chooser = LayerChooser(viewer)
    qtbot.addWidget(chooser)
    assert viewer.layers.selection.active is viewer.layers[0] and chooser.layer() is None
    noisy = viewer.add_image(np.zeros((32, 32)))
    assert chooser.layer() is noisy


def test_the_selected_layer_is_chosen_also_in_a_dock_which_sees_the_viewer_through_a_proxy(qtbot):
    viewer = ViewerModel()
    lower = viewer.add_image(stack(16, 16), name="lower")
    viewer.add_image(stack(16, 16), name="upper")
    viewer.layers.selection.active = lower
    chooser = LayerChooser(PublicOnlyProxy(viewer))
    qtbot.addWidget(chooser)
    assert chooser.layer() is lower
    with qtbot.waitSignal(chooser.changed):
        lower.data = stack(8, 8)
    assert "8 x 8" in chooser.summary()
