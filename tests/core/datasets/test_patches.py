"""Patches: cut out as written, turned as promised, drawn from allowed places alone."""

import numpy as np
import pytest
import torch

from autoStructN2V.datasets import ArraySource, Normalization, PatchBank, PatchRegion
from autoStructN2V.datasets.patches import load_patch_bank, neighbor_slices
from autoStructN2V.symmetry import SYMMETRIES

CPU = torch.device("cpu")
AS_IT_IS = Normalization(mean=0, std=1, low=0, high=1, median=0.5, mad=0.2, noise_level=0.1)


def random_stacks(*shapes):
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape).astype(np.float32) for shape in shapes]


def bank_of(*stacks, mode="2D", max_bytes=2**30):
    return load_patch_bank([ArraySource(s) for s in stacks], AS_IT_IS, mode, CPU, max_bytes)


def test_patches_equal_slices_of_the_images():
    stacks = random_stacks((3, 20, 31), (1, 16, 9), (2, 40, 12))
    bank, slices = bank_of(*stacks), [image for stack in stacks for image in stack]
    assert bank.shapes == {i: image.shape for i, image in enumerate(slices)}
    rng = np.random.default_rng(1)
    corners = [
        (i, rng.integers(image.shape[0] - 7), rng.integers(image.shape[1] - 7))
        for i, image in enumerate(slices)
        for _ in range(5)
    ]
    cut = bank.cut(torch.tensor(corners), 8)
    expected = [slices[i][y : y + 8, x : x + 8] for i, y, x in corners]
    assert np.array_equal(cut[:, 0].numpy(), np.stack(expected))


def test_a_stored_slice_can_be_had_back():
    stacks = random_stacks((2, 9, 11), (1, 5, 30))
    bank = bank_of(*stacks)
    assert np.array_equal(bank.image(1), stacks[0][1])
    assert np.array_equal(bank.image(2), stacks[1][0])


def test_the_pixels_are_normalized():
    (stack,) = random_stacks((2, 16, 16))
    statistics = Normalization(3.0, 2.0, 0, 1, 0.5, 0.2, 0.1)
    bank = load_patch_bank([ArraySource(stack)], statistics, "2D", CPU, 2**30)
    assert np.allclose(bank.image(0), (stack[0] - 3) / 2)


@pytest.mark.parametrize("index", range(8))
@pytest.mark.parametrize("mode", ["2D", "2.5D"])
def test_turned_patches_equal_turned_images(index, mode):
    (stack,) = random_stacks((4, 12, 15))
    bank = bank_of(stack, mode=mode)
    corners = torch.tensor([(2, 3, 4), (1, 0, 7)])
    straight = bank.cut(corners, 8)
    turned = bank.cut(corners, 8, torch.full((2,), index))
    assert np.array_equal(turned.numpy(), SYMMETRIES[index](straight.numpy()))


def test_each_patch_of_a_batch_has_its_own_turn():
    (stack,) = random_stacks((1, 8, 8))
    corners = torch.zeros((8, 3), dtype=torch.long)
    turned = bank_of(stack).cut(corners, 8, torch.arange(8)).numpy()
    assert len({patch.tobytes() for patch in turned}) == 8


def test_in_2_5d_a_patch_is_its_slice_between_its_neighbors():
    first, second = random_stacks((4, 10, 10), (3, 12, 9))
    bank = bank_of(first, second, mode="2.5D")
    cut = bank.cut(torch.tensor([(i, 1, 0) for i in range(7)]), 8).numpy()
    triplets = [
        *(first[[1, 0, 1]], first[[0, 1, 2]], first[[1, 2, 3]], first[[2, 3, 2]]),
        *(second[[1, 0, 1]], second[[0, 1, 2]], second[[1, 2, 1]]),
    ]
    for patch, triplet in zip(cut, triplets, strict=True):
        assert np.array_equal(patch, triplet[:, 1:9, 0:8])


@pytest.mark.parametrize("n_slices", [2, 3, 20])
def test_boundary_slices_have_a_mirrored_neighbor(n_slices):
    neighbors = neighbor_slices(n_slices, "2.5D")
    assert neighbors.shape == (n_slices, 3)
    assert neighbors[:, 1].tolist() == list(range(n_slices))
    assert neighbors[0].tolist() == [1, 0, 1]
    assert neighbors[-1].tolist() == [n_slices - 2, n_slices - 1, n_slices - 2]


@pytest.mark.parametrize("mode", ["2D", "2.5D"])
@pytest.mark.parametrize("shapes", [[(60, 16, 16)], [(1, 16, 16)] * 60, [(7, 16, 16)] * 9])
def test_memory_is_bounded_by_leaving_out_slices(shapes, mode):
    if mode == "2.5D" and shapes[0][0] == 1:
        shapes = [(4, 16, 16)] * 15
    stacks = random_stacks(*shapes)
    n_bytes = sum(stack.nbytes for stack in stacks)
    bank = bank_of(*stacks, mode=mode, max_bytes=n_bytes // 3)
    assert bank.pixels.nbytes <= n_bytes // 3 + 1024
    assert bank.pixels.nbytes > n_bytes // 12
    originals = {
        image.tobytes(): (s, z) for s, st in enumerate(stacks) for z, image in enumerate(st)
    }
    kept = [originals[bank.image(i).tobytes()] for i in bank.shapes]
    assert kept == sorted(kept)
    for i, (s, z) in zip(bank.shapes, kept, strict=True):
        around = neighbor_slices(len(stacks[s]), mode)[z]
        patch = bank.cut(torch.tensor([(i, 0, 0)]), 16)[0]
        assert np.array_equal(patch.numpy(), stacks[s][around])


def test_thinned_slices_are_spread_over_the_stack():
    (stack,) = random_stacks((100, 8, 8))
    bank = bank_of(stack, max_bytes=stack.nbytes // 10)
    kept = [int(np.argmax([np.array_equal(bank.image(i), s) for s in stack])) for i in bank.shapes]
    assert len(kept) == 10
    assert kept[0] == 0
    assert kept[-1] == 99
    assert max(np.diff(kept)) <= 12


def test_at_least_one_slice_is_kept():
    stacks = random_stacks((3, 16, 16), (3, 16, 16))
    assert len(bank_of(*stacks, max_bytes=1).shapes) == 1


REGION = PatchRegion(
    np.array([[0, 0, 3, 0, 4], [2, 5, 5, 1, 10], [2, 0, 1, 0, 1], [7, 9, 9, 9, 9]])
)


def test_corners_are_drawn_inside_and_equally_often():
    allowed = {
        (z, y, x)
        for z, y0, y1, x0, x1 in REGION.rectangles.tolist()
        for y in range(y0, y1 + 1)
        for x in range(x0, x1 + 1)
    }
    assert REGION.n_corners == len(allowed) == 35
    drawn = REGION.sample(35_000, torch.Generator().manual_seed(0), CPU)
    places, counts = np.unique(drawn.numpy(), axis=0, return_counts=True)
    assert {tuple(place) for place in places.tolist()} == allowed
    assert counts.min() > 850
    assert counts.max() < 1150


def test_drawing_repeats_with_the_seed_and_only_then():
    draws = [REGION.sample(50, torch.Generator().manual_seed(s), CPU) for s in (1, 1, 2)]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[0], draws[2])


def test_clipping_keeps_what_lies_in_both():
    whole = PatchRegion(np.array([[0, 0, 10, 0, 10], [2, 0, 5, 0, 5]]))
    clipped = REGION.clipped(whole)
    assert clipped.rectangles.tolist() == [[0, 0, 3, 0, 4], [2, 5, 5, 1, 5], [2, 0, 1, 0, 1]]
    nothing = REGION.clipped(PatchRegion(np.array([[5, 0, 1, 0, 1]])))
    assert nothing.n_corners == 0


def test_a_bank_is_made_of_plain_tensors_too():
    pixels = torch.arange(50.0)
    bank = PatchBank(pixels, [(5, 10)], torch.tensor([[0]]), [0])
    assert bank.cut(torch.tensor([(0, 1, 2)]), 2).flatten().tolist() == [12, 13, 22, 23]
