"""Layers with channels and time: taken apart into stacks, and put together as they were."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
from napari.layers import Image

from autoStructN2V.datasets.images.sources import read_stack, read_stored_stack
from napari_autostructn2v.layers.axes import STATED, axes_of, is_ambiguous
from napari_autostructn2v.layers.channels import channels_of, in_order, joined
from napari_autostructn2v.layers.description import describe_layer
from napari_autostructn2v.layers.files import FileImage, layer_writer
from napari_autostructn2v.layers.taking import stacks_of

if TYPE_CHECKING:
    from napari_autostructn2v.layers.stacks import LayerStacks

SIZES = {"T": 2, "C": 3, "Z": 4, "Y": 8, "X": 9}
ORDERS = ["".join(order) + "YX" for order in permutations("TCZ")]


def layer_of(axes: str, **options: Any) -> Image:
    shape = [SIZES[letter] for letter in axes]
    data = np.random.default_rng(0).random(shape, np.float32)
    scale = [{"Z": 2.0, "Y": 0.5, "X": 0.25}.get(letter, 1.0) for letter in axes]
    given = {"axis_labels": tuple(axes.lower()), "scale": scale, "translate": range(len(axes))}
    return Image(data, name="cells", rgb=False, **{**given, **options})


def arrays_of(stacks: LayerStacks) -> list[np.ndarray]:
    return [read_stack(source) for source in stacks.sources]


@pytest.mark.parametrize("axes", [*ORDERS, "CZYX", "ZCYX", "TCYX", "CYX"])
def test_a_layer_comes_back_as_it_was_whatever_its_axes(axes: str) -> None:
    layer = layer_of(axes, units=["um" if k in "ZYX" else "pixel" for k in axes])
    stacks = stacks_of(layer)
    assert stacks.axes == axes and stacks.n_channels == 3
    result = stacks.result_layer(arrays_of(stacks), "stage 1", {})
    np.testing.assert_array_equal(result.data, layer.data)
    for name in ("scale", "translate", "units", "axis_labels"):
        assert tuple(getattr(result, name)) == tuple(getattr(layer, name))
    for where in np.ndindex(*layer.data.shape[:-2]):
        stack, z = stacks.locate(where)
        np.testing.assert_array_equal(stacks.sources[stack].read_slice(z), layer.data[where])


@pytest.mark.parametrize("axes", [*ORDERS, "CYX"])
def test_the_stacks_of_each_channel_are_of_it_alone_and_join_again(axes: str) -> None:
    layer = layer_of(axes)
    stacks = stacks_of(layer)
    channels = channels_of(stacks)
    for number, channel in enumerate(channels):
        wanted = np.take(layer.data, number, axis=axes.index("C"))
        found = np.concatenate([read_stack(source) for source in channel.sources])
        assert sorted(found.ravel()) == sorted(wanted.ravel())
    parts = [[read_stack(source) for source in channel.sources] for channel in channels]
    np.testing.assert_array_equal(stacks.layer_data(in_order(stacks, parts)), layer.data)
    whole = joined(stacks, [channel.sources for channel in channels])
    assert whole.original_axes_shape == (axes, layer.data.shape)
    np.testing.assert_array_equal(read_stack(whole).reshape(layer.data.shape), layer.data)


def test_one_channel_or_timepoint_between_other_axes_can_be_chosen() -> None:
    layer = layer_of("TZCYX")
    stacks = stacks_of(layer, {"C": 2})
    assert (stacks.axes, stacks.shape) == ("TZYX", (2, 4, 8, 9))
    np.testing.assert_array_equal(stacks.layer_data(arrays_of(stacks)), layer.data[:, :, 2])
    result = stacks.result_layer(arrays_of(stacks), "stage 1", {})
    assert tuple(result.scale) == (1.0, 2.0, 0.5, 0.25)
    assert tuple(result.translate) == (0.0, 1.0, 3.0, 4.0)
    both = stacks_of(layer, {"C": 1, "T": 1})
    np.testing.assert_array_equal(both.layer_data(arrays_of(both)), layer.data[1, :, 1])


def test_the_slice_in_view_of_a_channel_is_counted_through_its_stacks_alone() -> None:
    stacks = stacks_of(layer := layer_of("TZCYX", translate=None))
    assert stacks.slice_in_view((1, 2 * 3, 2, 0, 0)) == (1 * 3 + 2) * 4 + 3
    assert stacks.slice_in_view((1, 2 * 3, 2, 0, 0), of_channel=True) == 1 * 4 + 3
    assert describe_layer(layer).startswith("2 timepoints of 3 channels of 4 slices, 8 x 9")


def test_axes_without_names_are_asked_for_and_guessed_as_napari_orders_them() -> None:
    layer = layer_of("TCZYX", axis_labels=None)
    assert axes_of(layer) == "TCZYX" and is_ambiguous(layer)
    STATED.set(layer, "TZCYX")
    assert stacks_of(layer).n_slices == 3
    assert axes_of(layer_of("CZYX", axis_labels=("c", "axis 1", "y", "x"))) == "CZYX"
    assert axes_of(layer_of("ZCYX", axis_labels=("axis 0", "channel", "y", "x"))) == "ZCYX"


def test_lazy_and_multiscale_layers_with_all_axes_read_the_slice_that_is_asked_for() -> None:
    dask = pytest.importorskip("dask.array")
    data = np.random.default_rng(0).random((2, 3, 4, 16, 18), np.float32)
    read = []

    def note(block: np.ndarray) -> np.ndarray:
        read.append(block.shape)
        return block

    lazy = dask.from_array(data, chunks=(1, 1, 1, 16, 18)).map_blocks(note, dtype=np.float32)
    layer = Image([lazy, lazy[..., ::2, ::2]], multiscale=True, contrast_limits=(0, 1))
    STATED.set(layer, "TCZYX")
    read.clear()
    stacks = stacks_of(layer)
    assert len(stacks.sources) == 6 and read == []
    np.testing.assert_array_equal(stacks.sources[4].read_slice(2), data[1, 1, 2])
    assert read == [(1, 1, 1, 16, 18)]


def test_colors_are_three_channels_and_come_back_as_colors() -> None:
    data = np.random.default_rng(0).integers(0, 255, (4, 8, 9, 3), np.uint8)
    layer = Image(data, rgb=True, name="photo", scale=(2.0, 0.5, 0.25))
    stacks = stacks_of(layer)
    assert stacks.shapes == [(4, 8, 9)] * 3 and stacks.n_channels == 3
    np.testing.assert_array_equal(stacks.sources[1].read_slice(2), data[2, ..., 1])
    made = [array + 0.4 for array in arrays_of(stacks)]
    made[0][0, 0, 0] = 300.0
    result = stacks.result_layer(made, "stage 1", {})
    assert result.rgb and result.data.dtype == np.uint8
    assert result.data[0, 0, 0, 0] == 255
    np.testing.assert_array_equal(result.data[1:], data[1:])
    assert tuple(result.scale) == (2.0, 0.5, 0.25)
    preview = stacks.preview_layer(np.zeros((8, 9), np.float32), "preview")
    assert preview.data.shape == (4, 8, 9) and not preview.rgb
    green = stacks_of(layer, {"C": 1})
    assert not green.is_color and green.shape == (4, 8, 9)


def test_a_file_of_a_color_layer_has_channels(tmp_path: Any) -> None:
    data = np.random.default_rng(0).integers(0, 255, (8, 9, 3), np.uint8)
    layer_writer(Image(data, rgb=True))(tmp_path / "a.tif")
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        assert tif.series[0].axes == "CYX"
        np.testing.assert_array_equal(tif.asarray(), np.moveaxis(data, -1, 0))


@pytest.mark.parametrize(("dtype", "offset"), [("float64", 1e5), ("int32", 2**30)])
def test_pixels_that_float32_cannot_hold_are_saved_and_joined_as_they_are(
    dtype: str, offset: float, tmp_path: Any
) -> None:
    noise = 100 * np.random.default_rng(0).random((3, 4, 8, 9))
    layer = Image((offset + noise).astype(dtype), axis_labels=("c", "z", "y", "x"))
    layer_writer(layer)(tmp_path / "a.tif")
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tif"), layer.data)
    stacks = stacks_of(layer)
    parts = [channel.sources for channel in channels_of(stacks)]
    planes = read_stored_stack(joined(stacks, parts))
    np.testing.assert_array_equal(planes.reshape(layer.data.shape), layer.data)


@pytest.mark.parametrize("axes", ["TZCYX", "CYX"])
def test_a_file_with_channels_opens_with_all_of_them_and_named_axes(
    axes: str, tmp_path: Any
) -> None:
    layer = layer_of(axes, units=["um" if k in "ZYX" else "pixel" for k in axes])
    layer_writer(layer)(tmp_path / "a.tif")
    opened = FileImage.read(tmp_path / "a.tif").layer()
    np.testing.assert_array_equal(opened.data, layer.data)
    assert axes_of(opened) == axes
    assert tuple(opened.scale) == tuple(layer.scale)
    assert not is_ambiguous(opened)
