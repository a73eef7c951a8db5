"""Splitting: held-out pixels are never trained on, for one image as well as for many."""

import numpy as np
import pytest

from autoStructN2V.datasets import PatchRegion, split_patches

RATIO = (0.7, 0.15, 0.15)


def split(shapes, patch_size=16, ratio=RATIO, seed=0):
    return split_patches(dict(enumerate(shapes)), patch_size, ratio, np.random.default_rng(seed))


def pixels(region, shapes, patch_size):
    """Return which pixels patches of a region can have."""
    covered = [np.zeros(shape, bool) for shape in shapes]
    for z, y0, y1, x0, x1 in region.rectangles:
        assert y0 <= y1
        assert x0 <= x1
        covered[z][y0 : y1 + patch_size, x0 : x1 + patch_size] = True
        assert y1 + patch_size <= shapes[z][0]
        assert x1 + patch_size <= shapes[z][1]
    return np.concatenate([image.ravel() for image in covered])


CASES = [
    [(200, 100)],
    [(64, 256)],
    [(100, 200), (90, 333), (256, 256)],
    [(64, 64)] * 7,
    [(40, 50)] * 30,
    [(16, 16)] * 12,
]


@pytest.mark.parametrize("shapes", CASES, ids=lambda s: f"{len(s)} of {s[0]}")
def test_the_parts_share_no_pixel(shapes):
    parts = split(shapes)
    assert not parts.is_shared
    covered = [pixels(p, shapes, 16) for p in (parts.training, parts.validation, parts.test)]
    assert all(part.any() for part in covered)
    assert np.sum(covered, axis=0).max() == 1


@pytest.mark.parametrize("shapes", [CASES[0], CASES[2], CASES[4]], ids=lambda s: str(len(s)))
def test_the_shares_are_those_asked_for(shapes):
    parts = split(shapes)
    covered = [pixels(p, shapes, 16).mean() for p in (parts.training, parts.validation, parts.test)]
    assert covered[0] == pytest.approx(0.7, abs=0.05)
    assert covered[1] == pytest.approx(0.15, abs=0.05)
    assert covered[2] == pytest.approx(0.15, abs=0.05)


@pytest.mark.parametrize("shapes", [[(32, 32)], [(16, 16)] * 6, [(300, 300), (20, 20)]])
def test_images_too_small_to_hold_out_share_their_pixels(shapes):
    parts = split(shapes)
    assert parts.is_shared
    assert np.array_equal(parts.training.rectangles, parts.validation.rectangles)
    assert pixels(parts.training, shapes, 16).all()


@pytest.mark.parametrize("n_slices", range(1, 30))
@pytest.mark.parametrize("ratio", [RATIO, (0.01, 0.495, 0.495), (0.98, 0.01, 0.01)])
def test_no_part_is_ever_empty(n_slices, ratio):
    parts = split([(64, 48)] * n_slices, ratio=ratio)
    assert min(p.n_corners for p in (parts.training, parts.validation, parts.test)) > 0


def test_held_out_slices_are_random_but_repeat_with_the_seed():
    shapes = [(32, 32)] * 20
    held_out = [split(shapes, seed=seed).validation.rectangles[:, 0].tolist() for seed in (0, 0, 1)]
    assert held_out[0] == held_out[1] != held_out[2]


def test_slices_keep_their_numbers():
    parts = split_patches(
        dict.fromkeys(range(5, 25, 2), (32, 32)), 16, RATIO, np.random.default_rng(0)
    )
    chosen = [set(p.rectangles[:, 0]) for p in (parts.training, parts.validation, parts.test)]
    assert set.union(*chosen) == set(range(5, 25, 2))


def test_only_training_is_restricted_to_a_region_of_many_rectangles():
    parts = split([(200, 64)])
    allowed = PatchRegion(np.array([[0, 0, 3, 0, 10], [0, 50, 60, 5, 6], [0, 180, 184, 0, 9]]))
    restricted = parts.restricted(allowed)
    # rows 70 to 129 in the middle are held out; a patch has 16 rows
    expected = [[0, 0, 3, 0, 10], [0, 50, 54, 5, 6], [0, 180, 184, 0, 9]]
    assert restricted.training.rectangles.tolist() == expected
    assert restricted.validation is parts.validation
    assert restricted.test is parts.test


def test_a_region_outside_of_the_training_part_is_ignored():
    parts = split([(200, 64)])
    assert parts.restricted(PatchRegion(np.array([[0, 60, 120, 0, 0]]))) is parts
