"""Layers become stacks, and results lie where their source lies."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.layers import Image, Labels

from autoStructN2V.datasets.images.sources import read_stack
from autoStructN2V.errors import InputError
from napari_autostructn2v.layers.description import describe_layer, leading_axes
from napari_autostructn2v.layers.taking import stacks_of

SPACE: dict[int, dict[str, Any]] = {
    2: {"scale": (0.5, 0.25), "translate": (3, 4), "rotate": 30, "units": ("um", "um")},
    3: {
        "scale": (2, 0.5, 0.25),
        "translate": (2, 3, 4),
        "rotate": 20,
        "shear": (0, 0, 0.1),
        "affine": np.array([[1, 0, 0, 5], [0, 0.9, 0.1, 6], [0, -0.1, 0.9, 7], [0, 0, 0, 1]]),
        "units": ("um", "um", "um"),
        "axis_labels": ("z", "y", "x"),
    },
    4: {"scale": (1, 2, 0.5, 0.25), "axis_labels": ("t", "z", "y", "x")},
}
SHAPES = {2: (20, 24), 3: (5, 20, 24), 4: (3, 5, 20, 24)}


def layer_of(n_axes: int, **options: Any) -> Image:
    data = np.random.default_rng(0).random(SHAPES[n_axes], np.float32)
    return Image(data, name="cells", **{**SPACE[n_axes], **options})


@pytest.mark.parametrize("n_axes", [2, 3, 4])
def test_a_result_lies_where_its_source_lies(n_axes: int) -> None:
    layer = layer_of(n_axes)
    stacks = stacks_of(layer)
    denoised = [read_stack(source) for source in stacks.sources]
    result = stacks.result_layer(denoised, "stage 1", {"stage": 1})
    np.testing.assert_array_equal(result.data, layer.data)
    corner = np.array(layer.data.shape) - 1
    np.testing.assert_allclose(result.data_to_world(corner), layer.data_to_world(corner))
    assert result.units == layer.units
    assert result.axis_labels == layer.axis_labels
    assert result.name == "cells - stage 1"
    assert result.metadata["autoStructN2V"]["source"] == "cells"


@pytest.mark.parametrize("n_axes", [2, 3, 4])
def test_a_preview_lies_over_its_source(n_axes: int) -> None:
    layer = layer_of(n_axes)
    preview = stacks_of(layer).preview_layer(np.zeros((20, 24), np.float32), "preview")
    index = np.zeros(n_axes)
    index[-2:] = 7, 9
    np.testing.assert_allclose(preview.data_to_world(index), layer.data_to_world(index))
    assert preview.data.shape == layer.data.shape
    assert preview.data.base is not None  # one slice, however many there are


def test_one_timepoint_or_all_can_be_chosen() -> None:
    layer = layer_of(4)
    (axis,) = leading_axes(layer)
    assert (axis.letter, axis.name, axis.size) == ("T", "t", 3)
    assert stacks_of(layer).shapes == [(5, 20, 24)] * 3
    one = stacks_of(layer, {"T": 1})
    assert one.shapes == [(5, 20, 24)]
    np.testing.assert_array_equal(one.sources[0].read_slice(2), layer.data[1, 2])
    result = one.result_layer([read_stack(one.sources[0])], "stage 1", {})
    assert result.data.shape == (5, 20, 24)
    np.testing.assert_allclose(result.scale, (2, 0.5, 0.25))


def test_a_single_image_comes_back_as_a_single_image() -> None:
    stacks = stacks_of(layer_of(2))
    assert stacks.shapes == [(1, 20, 24)]
    assert stacks.layer_data([np.zeros((1, 20, 24), np.float32)]).shape == (20, 24)


def test_slices_that_are_computed_on_demand_are_not_read_at_once() -> None:
    class Counting:
        """An array-like that counts how often its slices are read."""

        shape, ndim, dtype = (6, 32, 32), 3, np.dtype("uint16")
        size = 6 * 32 * 32
        n_read = 0

        def __getitem__(self, key: Any) -> np.ndarray:
            self.n_read += 1
            return np.zeros(self.shape, self.dtype)[key]

        def __array__(self, *_: object, **__: object) -> np.ndarray:
            raise AssertionError("the whole stack was read")

    from autoStructN2V.datasets.images.metadata import ImageMetadata
    from napari_autostructn2v.layers.pixels import LazyStack

    data = Counting()
    source = LazyStack(data, "lazy", ImageMetadata())
    assert (source.shape, source.dtype) == ((6, 32, 32), np.dtype("uint16"))
    assert data.n_read == 0
    assert source.read_slice(2).dtype == np.float32
    assert data.n_read == 1


@pytest.mark.parametrize(
    ("layer", "said"),
    [
        (Labels(np.zeros((9, 9), int), name="cells"), "labels layer; choose an image layer"),
        (Image(np.zeros((9, 9, 4)), rgb=True, name="photo"), "color image with transparency"),
        (Image(np.zeros((2, 2, 2, 2, 9, 9)), name="movie"), "6 axes"),
        (
            Image(np.zeros((2, 2, 9, 9)), axis_labels=("t", "time", "y", "x")),
            "two axes of one kind",
        ),
        (Image(np.zeros((9, 9), bool), name="binary"), "bool"),
    ],
    ids=["labels", "rgba", "six axes", "two times", "boolean"],
)
def test_what_cannot_be_denoised_is_refused_with_the_reason(layer: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        stacks_of(layer)


def test_the_summary_says_size_type_and_whether_2_5d_is_possible() -> None:
    deep = Image(np.zeros((30, 512, 256), np.uint8))
    assert describe_layer(deep) == "30 slices, 512 x 256, uint8; 2.5D possible"
    assert describe_layer(layer_of(3)).endswith("2D only (2.5D needs 20 slices)")
    assert describe_layer(layer_of(4)).startswith("3 timepoints of 5 slices")
    pyramid = Image([np.zeros((64, 64)), np.zeros((32, 32))], multiscale=True)
    assert "full resolution" in describe_layer(pyramid)
    assert stacks_of(pyramid).shapes == [(1, 64, 64)]


def test_the_slice_in_view_follows_scale_and_translation() -> None:
    layer = layer_of(3, rotate=None, shear=None, affine=None)
    stacks = stacks_of(layer)
    assert stacks.slice_in_view((2 + 2 * 3, 0, 0)) == 3
    assert stacks.slice_in_view((500, 0, 0)) == 4
    assert stacks.slice_in_view((9, 2 + 2 * 3, 0, 0)) == 3  # a viewer with one axis more
    single = layer_of(2)
    assert stacks_of(single).slice_in_view((1, 0, 0)) == 0


def test_the_slice_in_view_is_counted_through_all_stacks_or_the_chosen_one() -> None:
    layer = layer_of(4)
    assert stacks_of(layer).slice_in_view((2, 2 * 3, 0, 0)) == 2 * 5 + 3
    assert stacks_of(layer).slice_in_view((9, -7, 0, 0)) == 2 * 5
    assert stacks_of(layer, {"T": 1}).slice_in_view((2, 2 * 3, 0, 0)) == 3
    images = Image(np.zeros((4, 1, 20, 24)))
    assert stacks_of(images).slice_in_view((3, 0, 0, 0)) == 3


def test_the_pixel_size_goes_into_files() -> None:
    metadata = stacks_of(layer_of(3)).sources[0].metadata
    assert metadata.pixel_size == (0.5, 0.25)
    assert (metadata.z_spacing, metadata.unit) == (2.0, "um")


def test_the_source_layer_is_not_kept_alive() -> None:
    layer = layer_of(3)
    stacks = stacks_of(layer)
    del layer
    import gc

    gc.collect()
    assert stacks.layer is None
    assert stacks.name == "cells"


def test_an_index_that_is_gone_is_refused() -> None:
    layer = layer_of(4)
    layer.data = layer.data[:2]
    with pytest.raises(InputError, match="has 2 stacks along t, and number 2 was chosen"):
        stacks_of(layer, {"T": 2})


def test_choosing_a_lazy_layer_with_a_leading_axis_reads_nothing() -> None:
    dask = pytest.importorskip("dask.array")
    read = []

    def note(block: np.ndarray) -> np.ndarray:
        read.append(block.shape)
        return block

    data = dask.zeros((3, 5, 20, 24), chunks=(1, 1, 20, 24), dtype=np.float32)
    layer = Image(data.map_blocks(note, dtype=np.float32), contrast_limits=(0, 1))
    read.clear()
    stacks = stacks_of(layer)
    assert stacks.shapes == [(5, 20, 24)] * 3
    assert read == []
    assert stacks.sources[1].read_slice(2).shape == (20, 24)
    assert read == [(1, 1, 20, 24)]
