"""Replacement: hidden pixels say nothing about themselves, visible ones stay as they are."""

import numpy as np
import pytest
import torch

from autoStructN2V.masking.kernels.kernel import Kernel
from autoStructN2V.masking.placement import KernelPlacer
from autoStructN2V.masking.replacement import (
    LOCAL_MEAN,
    RANDOM_VALUE,
    ZERO,
    fill_radius,
    replace_hidden,
)
from autoStructN2V.models import NetworkConfig
from autoStructN2V.trainers import build_network

CPU = torch.device("cpu")
STRATEGIES = pytest.mark.parametrize("strategy", [LOCAL_MEAN, ZERO, RANDOM_VALUE])
CROSS = np.zeros((1, 5, 5), bool)
CROSS[:, 2] = CROSS[:, :, 2] = True
KERNELS = [
    Kernel(cells)
    for cells in (
        np.ones((1, 1, 1), bool),
        np.ones((1, 1, 9), bool),
        np.ones((1, 5, 5), bool),
        CROSS,
        np.ones((3, 1, 5), bool),
    )
]


def masked(kernel, seed=0, size=24, n=3):
    generator = torch.Generator().manual_seed(seed)
    placement = KernelPlacer(kernel, size, 15.0, CPU)(n, generator)
    patches = torch.randn((n, kernel.n_slices, size, size), generator=generator)
    return patches, placement


def replaced(patches, hidden, strategy, kernel, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return replace_hidden(patches, hidden, strategy, fill_radius(kernel), generator)


@STRATEGIES
@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
def test_exactly_the_hidden_pixels_change(kernel, strategy):
    patches, placement = masked(kernel)
    before = patches.clone()
    seen = replaced(patches, placement.hidden, strategy, kernel)
    assert torch.equal(seen != patches, placement.hidden)
    assert torch.equal(patches, before), "the input was modified"
    assert seen.isfinite().all()


@STRATEGIES
@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
def test_nothing_leaks_from_hidden_pixels(kernel, strategy):
    patches, placement = masked(kernel)
    changed = torch.where(placement.hidden, 100 * torch.randn(patches.shape), patches)
    first = replaced(patches, placement.hidden, strategy, kernel)
    second = replaced(changed, placement.hidden, strategy, kernel)
    assert torch.equal(first, second)


@STRATEGIES
@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
def test_a_prediction_at_a_target_does_not_depend_on_what_its_kernel_hides(kernel, strategy):
    patches, placement = masked(kernel, n=1)
    patches.requires_grad_()
    network = build_network(NetworkConfig(features=8), kernel.n_slices, seed=0)
    prediction = network(replaced(patches, placement.hidden, strategy, kernel))
    placement.at_targets(prediction).square().sum().backward()
    assert (patches.grad[placement.hidden] == 0).all()
    assert (patches.grad[~placement.hidden] != 0).any()


@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
def test_the_local_mean_equals_brute_force(kernel):
    patches, placement = masked(kernel, size=16, n=2)
    radius = fill_radius(kernel)
    seen = replaced(patches, placement.hidden, LOCAL_MEAN, kernel)
    for b, c, y, x in torch.nonzero(placement.hidden).tolist():
        rows = slice(max(0, y - radius), y + radius + 1)
        columns = slice(max(0, x - radius), x + radius + 1)
        visible = patches[b, c, rows, columns][~placement.hidden[b, c, rows, columns]]
        assert len(visible) > 0
        assert seen[b, c, y, x].item() == pytest.approx(visible.mean().item(), abs=1e-5)


@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
def test_random_values_come_from_visible_pixels_of_the_same_slice(kernel):
    patches, placement = masked(kernel)
    seen = replaced(patches, placement.hidden, RANDOM_VALUE, kernel)
    for b, c in np.ndindex(patches.shape[:2]):
        hidden = placement.hidden[b, c]
        assert torch.isin(seen[b, c][hidden], patches[b, c][~hidden]).all()


def test_random_values_take_every_visible_pixel_equally_often():
    patches = torch.arange(16.0).view(1, 1, 4, 4)
    hidden = patches < 8
    generator = torch.Generator().manual_seed(0)
    drawn = torch.cat(
        [replace_hidden(patches, hidden, RANDOM_VALUE, 1, generator)[hidden] for _ in range(1000)]
    )
    counts = torch.bincount(drawn.long(), minlength=16)
    assert (counts[:8] == 0).all()
    assert counts[8:].min() > 850
    assert counts[8:].max() < 1150


def test_zero_is_zero():
    patches, placement = masked(KERNELS[1])
    seen = replaced(patches, placement.hidden, ZERO, KERNELS[1])
    assert (seen[placement.hidden] == 0).all()


@STRATEGIES
def test_a_patch_without_any_visible_pixel_becomes_zero(strategy):
    patches = torch.randn(2, 1, 8, 8)
    hidden = torch.ones_like(patches, dtype=torch.bool)
    kernel = Kernel.center_only(size=31)
    assert (replaced(patches, hidden, strategy, kernel) == 0).all()


@pytest.mark.parametrize(
    ("shape", "radius"), [((1, 1, 1), 1), ((1, 1, 9), 1), ((1, 3, 3), 2), ((1, 5, 7), 3)]
)
def test_the_window_is_just_large_enough(shape, radius):
    assert fill_radius(Kernel(np.ones(shape, bool))) == radius
