"""Placement: kernels never touch, all places are equally likely, the wanted share is hit."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from autoStructN2V.masking.kernels.kernel import Kernel
from autoStructN2V.masking.placement import KernelPlacer, conflicts

CPU = torch.device("cpu")


def _cross(reach):
    kernel = np.zeros((2 * reach + 1, 2 * reach + 1), bool)
    kernel[reach] = kernel[:, reach] = True
    return kernel


def _irregular(seed, shape):
    kernel = np.random.default_rng(seed).random(shape) < 0.3
    kernel[tuple(n // 2 for n in shape)] = True
    return kernel


def _three(middle, outer):
    return np.stack([outer, middle, outer])


CELLS = {
    "pixel": np.ones((1, 1, 1), bool),
    "square": np.ones((1, 3, 3), bool),
    "horizontal": np.ones((1, 1, 9), bool),
    "vertical": np.ones((1, 7, 1), bool),
    "diagonal": np.eye(7, dtype=bool)[None],
    "antidiagonal": np.eye(5, dtype=bool)[None, :, ::-1],
    "cross": _cross(3)[None],
    "blob": ndimage.binary_dilation(_cross(1), iterations=1)[None],
    "irregular": _irregular(1, (1, 9, 7)),
    "scattered": _irregular(2, (1, 5, 11)),
    "one sided": np.array([[[0, 0, 1, 1, 1]]], bool),
    "three slices": _three(np.ones((1, 5), bool), np.array([[0, 1, 1, 1, 0]], bool)),
    "empty neighbors": _three(np.ones((3, 3), bool), np.zeros((3, 3), bool)),
    "wider neighbors": _three(_cross(1), np.ones((3, 3), bool)),
    "off-center neighbors": _three(_cross(1), np.array([[1, 0, 0], [0, 0, 0], [0, 0, 0]], bool)),
}
KERNELS = {name: Kernel(cells) for name, cells in CELLS.items()}
ALL = pytest.mark.parametrize("kernel", KERNELS.values(), ids=KERNELS.keys())


def place(kernel, n=8, size=32, percentage=10.0, seed=0):
    placer = KernelPlacer(kernel, size, percentage, CPU)
    return placer(n, torch.Generator().manual_seed(seed))


def copies(kernel, targets, size):
    """Return for each target the pixels (N, C, H, W) that its own kernel covers."""
    height, width = kernel.middle.shape
    half = height // 2, width // 2
    for target in targets:
        y, x = divmod(int(target), size)
        canvas = np.zeros((kernel.n_slices, size + 2 * half[0], size + 2 * half[1]), bool)
        canvas[:, y : y + height, x : x + width] = kernel.cells
        yield canvas[:, half[0] : half[0] + size, half[1] : half[1] + size]


@ALL
@pytest.mark.parametrize("percentage", [1.0, 10.0, 50.0])
def test_no_two_kernels_touch_and_hidden_is_their_union(kernel, percentage):
    placement = place(kernel, percentage=percentage)
    around = np.ones((1, 3, 3), bool)
    for b in range(len(placement.targets)):
        targets = placement.targets[b][placement.valid[b]].numpy()
        assert len(set(targets)) == len(targets) > 0
        count = np.zeros(placement.hidden.shape[1:], int)
        grown = np.zeros_like(count)
        for own in copies(kernel, targets, 32):
            count += own
            grown += ndimage.binary_dilation(own, around)
        assert count.max() == 1, "two kernels overlap"
        assert (grown[count > 0] == 1).all(), "two kernels touch"
        assert np.array_equal(placement.hidden[b].numpy(), count > 0)


@ALL
def test_targets_are_hidden_in_the_central_slice(kernel):
    placement = place(kernel)
    central = placement.hidden[:, kernel.n_slices // 2].float()[:, None]
    assert (placement.at_targets(central)[placement.valid] == 1).all()


@ALL
@pytest.mark.parametrize(("percentage", "size"), [(2.0, 64), (5.0, 64), (10.0, 64), (5.0, 32)])
def test_the_wanted_share_is_hidden(kernel, percentage, size):
    placement = place(kernel, n=64, size=size, percentage=percentage)
    share = 100 * placement.hidden[:, kernel.n_slices // 2].float().mean().item()
    one_kernel = 100 * kernel.middle.sum() / size**2
    assert share == pytest.approx(percentage, abs=max(0.1 * percentage, one_kernel / 2))


@pytest.mark.parametrize("percentage", [15.0, 25.0])
def test_single_pixels_reach_noise2voids_share_and_never_more_than_possible(percentage):
    placement = place(KERNELS["pixel"], n=32, size=64, percentage=percentage)
    share = 100 * placement.hidden.float().mean().item()
    assert 0.6 * percentage < share <= percentage + 0.1


def test_an_unreachable_share_is_approached_and_the_missing_are_marked():
    placement = place(KERNELS["square"], percentage=50.0)
    assert not placement.valid.all()
    assert placement.valid.any(1).all()
    assert 0.15 < placement.hidden.float().mean() < 0.5


@pytest.mark.parametrize(("percentage", "size"), [(15.0, 64), (50.0, 32)])
def test_the_fast_way_for_dense_kernels_places_them_as_the_general_one(percentage, size):
    fast, general = (KernelPlacer(KERNELS["pixel"], size, percentage, CPU) for _ in range(2))
    assert fast._looks_at_pixels
    general._looks_at_pixels = False
    generators = [torch.Generator().manual_seed(5) for _ in range(2)]
    for _ in range(20):
        one, other = fast(4, generators[0]), general(4, generators[1])
        assert torch.equal(one.hidden, other.hidden)


@ALL
def test_every_call_and_every_patch_is_new_but_a_seed_repeats(kernel):
    placer = KernelPlacer(kernel, 32, 10.0, CPU)
    generator = torch.Generator().manual_seed(3)
    first, second = placer(6, generator), placer(6, generator)
    again = placer(6, torch.Generator().manual_seed(3))
    assert torch.equal(first.hidden, again.hidden)
    assert torch.equal(first.targets, again.targets)
    patterns = {hidden.numpy().tobytes() for hidden in (*first.hidden, *second.hidden)}
    assert len(patterns) == 12


@pytest.mark.parametrize("name", ["pixel", "horizontal", "square", "cross", "three slices"])
@pytest.mark.parametrize("percentage", [3.0, 12.0])
def test_every_position_is_equally_likely(name, percentage):
    size, counts = 32, np.zeros(32 * 32)
    placer = KernelPlacer(KERNELS[name], size, percentage, CPU)
    generator = torch.Generator().manual_seed(0)
    for _ in range(8):
        placement = placer(500, generator)
        np.add.at(counts, placement.targets[placement.valid].numpy(), 1)
    counts = counts.reshape(size, size) / counts.mean()
    for profile in (counts.mean(0), counts.mean(1)):
        assert profile.min() > 0.78
        assert profile.max() < 1.22
    corners = [counts[y : y + 4, x : x + 4].mean() for y in (0, 28) for x in (0, 28)]
    assert np.mean(corners) == pytest.approx(1, abs=0.2)


@ALL
def test_every_patch_has_a_target(kernel):
    assert place(kernel, n=200, size=8, percentage=1.0).valid.any(1).all()


@pytest.mark.parametrize("shape", [(1, 31, 31), (1, 1, 31), (3, 31, 1)])
@pytest.mark.parametrize("size", [8, 16])
def test_kernels_larger_than_the_patch_are_cut_at_its_edge(shape, size):
    kernel = Kernel(np.ones(shape, bool))
    placement = place(kernel, n=32, size=size)
    for b in range(32):
        targets = placement.targets[b][placement.valid[b]].numpy()
        union = np.zeros((shape[0], size, size), bool)
        for own in copies(kernel, targets, size):
            union |= own
        assert np.array_equal(placement.hidden[b].numpy(), union)
    assert placement.valid.any()


def test_conflicts_equal_brute_force():
    kernel = Kernel(_irregular(5, (1, 3, 5)))
    offsets = np.argwhere(kernel.middle)
    found = conflicts(kernel)
    center = np.array(found.shape) // 2
    for displacement in np.argwhere(np.ones((15, 19), bool)) - (7, 9):
        distance = np.abs(offsets[:, None] + displacement - offsets[None]).max(-1)
        index = center + displacement
        is_inside = bool(((index >= 0) & (index < found.shape)).all())
        assert (distance.min() <= 1) == (is_inside and bool(found[tuple(index)]))
