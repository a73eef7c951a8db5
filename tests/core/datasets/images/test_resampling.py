"""The coarser grid keeps what it can show, exactly, and its results come back to full size."""

import numpy as np
import pytest

from autoStructN2V.datasets import ArraySource
from autoStructN2V.datasets.images.resampling import on_coarse_grid, resampled


def cosines(shape, n_periods):
    """A pattern of so many half periods along each axis, at the centers of the pixels."""
    y, x = ((np.arange(side) + 0.5) / side for side in shape)
    return 7.0 + np.outer(np.cos(np.pi * n_periods[0] * y), np.cos(np.pi * n_periods[1] * x))


@pytest.mark.parametrize("shape", [(50, 61), (64, 64), (120, 33)])
def test_what_both_grids_can_show_is_the_same_on_both(shape):
    fine = cosines((120, 90), (9, 14))
    np.testing.assert_allclose(resampled(fine, shape), cosines(shape, (9, 14)), atol=1e-4)


def test_there_and_back_leaves_out_only_what_is_too_fast():
    slow, fast = cosines((96, 96), (11, 20)), cosines((96, 96), (70, 3)) - 7.0
    there = resampled(slow + fast, (48, 48))
    np.testing.assert_allclose(resampled(there, (96, 96)), slow, atol=1e-4)


def test_a_coarse_stack_says_its_size_and_keeps_intensities():
    stack = np.random.default_rng(0).normal(1000.0, 5.0, (3, 40, 60)).astype(np.float32)
    (coarse,) = on_coarse_grid([ArraySource(stack)], 0.5)
    assert coarse.shape == (3, 20, 30)
    assert coarse.read_slice(1).shape == (20, 30)
    assert coarse.read_slice(1).mean() == pytest.approx(stack[1].mean(), rel=1e-6)


def test_the_grid_of_the_images_changes_nothing():
    source = ArraySource(np.zeros((1, 8, 8), np.float32))
    assert on_coarse_grid([source], 1.0) == [source]
