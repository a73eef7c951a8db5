"""Patches come from where there is signal."""

import numpy as np
import torch

from autoStructN2V.datasets.patches import PatchBank, PatchRegion
from autoStructN2V.datasets.splitting import Split
from autoStructN2V.datasets.valid_patches import mostly_valid

P = 8


def bank(invalid):
    height, width = invalid.shape
    pixels = torch.arange(invalid.size, dtype=torch.float32)
    valid = torch.from_numpy(~invalid).flatten()
    return PatchBank(pixels, [(height, width)], torch.zeros((1, 1), dtype=torch.int64), [0], valid)


def corners_of(region, shape):
    found = np.zeros(shape, int)
    for _, y0, y1, x0, x1 in region.rectangles:
        found[y0 : y1 + 1, x0 : x1 + 1] += 1
    return found


def test_a_patch_is_taken_if_half_of_it_is_signal():
    invalid = np.random.default_rng(0).random((30, 40)) < 0.5
    invalid[:10] = True
    region = mostly_valid(bank(invalid), P)
    found = corners_of(region, (30 - P + 1, 40 - P + 1))
    for y in range(30 - P + 1):
        for x in range(40 - P + 1):
            expected = invalid[y : y + P, x : x + P].mean() <= 0.5
            assert found[y, x] == expected, (y, x)


def test_nothing_is_restricted_where_outliers_lie_here_and_there():
    invalid = np.zeros((30, 40), bool)
    invalid[5, 7] = True
    assert mostly_valid(bank(invalid), P) is None


def test_a_part_without_any_signal_stays_as_it_is():
    top, bottom = (PatchRegion(np.array([[0, y, y, 0, 9]])) for y in (0, 5))
    split = Split(top, bottom, bottom, is_shared=False)
    limited = split.limited_to(PatchRegion(np.array([[0, 0, 2, 3, 9]])))
    assert limited.training.rectangles.tolist() == [[0, 0, 0, 3, 9]]
    assert limited.validation is bottom
    assert split.limited_to(None) is split


def test_validity_is_turned_with_the_patch():
    invalid = np.random.default_rng(1).random((30, 40)) < 0.5
    of_bank = bank(invalid)
    corners = torch.tensor([[0, 3, 4]] * 8)
    turns = torch.arange(8)
    values = of_bank.cut(corners, P, turns).long()
    expected = of_bank.valid[values[:, 0]]
    assert torch.equal(of_bank.cut_valid(corners, P, turns)[:, 0], expected)
