"""Region of interest: structure is found whatever its brightness and the noise upon it."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch

from autoStructN2V.datasets.region_of_interest import region_of_interest, structure_map
from autoStructN2V.datasets.samples.synthetic import make_sample

OPTIONS = {"patch_size": 32, "roi_threshold": 0.5, "scale_factor": 0.25}


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def _corner_map(region, shape, number=0):
    """Draw the allowed corners of one slice."""
    allowed = np.zeros(shape, int)
    for index, y0, y1, x0, x1 in region.rectangles:
        if index == number:
            allowed[y0 : y1 + 1, x0 : x1 + 1] += 1
    return allowed


def _half_textured(rng, brightness: float, noise: float) -> np.ndarray:
    """Texture in the left half, nothing in the right one; both of the same brightness."""
    image = np.full((256, 256), brightness)
    blobs = rng.normal(0, 1, (32, 16)).repeat(8, axis=0).repeat(8, axis=1)
    image[:, :128] += 0.3 * blobs
    return (image + rng.normal(0, noise, image.shape)).astype(np.float32)


def _share_on_the_right(image: np.ndarray, **changes) -> float:
    region = region_of_interest([(0, image)], **({"select_background": True} | OPTIONS | changes))
    corners = region.sample(2000, torch.Generator().manual_seed(0), torch.device("cpu"))
    assert (corners >= 0).all() and (corners[:, 1:] <= 256 - 32).all()
    return float((corners[:, 2] > 112).float().mean())


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("noise", [0.05, 0.5])
def test_background_is_what_has_little_structure(rng, sign, noise):
    image = sign * _half_textured(rng, 5.0, noise)
    assert _share_on_the_right(image) > 0.85
    assert _share_on_the_right(image, select_background=False) < 0.15


@pytest.mark.parametrize("brighter", ["left", "right"])
def test_brightness_itself_does_not_count(rng, brighter):
    image = _half_textured(rng, 5.0, 0.3)
    image[:, slice(0, 128) if brighter == "left" else slice(128, 256)] += 100
    # Patches on the step between the halves see the step as structure.
    assert _share_on_the_right(image, roi_threshold=0.3) > 0.85


def test_stronger_noise_is_not_structure(rng):
    image = _half_textured(rng, 5.0, 0.1)
    image[:, 128:] += rng.normal(0, 1.0, (256, 128))
    assert _share_on_the_right(image) > 0.8


@pytest.mark.parametrize("kind", ["random", "horizontal_lines", "shot_noise_lines"])
def test_background_holds_less_signal_than_structures(kind):
    sample = make_sample(kind, shape=(4, 256, 256))
    variance = {}
    for select_background in (True, False):
        region = region_of_interest(
            enumerate(sample.noisy), select_background=select_background, **OPTIONS
        )
        corners = region.sample(300, torch.Generator().manual_seed(0), torch.device("cpu"))
        patches = [sample.clean[z, y : y + 32, x : x + 32] for z, y, x in corners.tolist()]
        variance[select_background] = np.mean([patch.var() for patch in patches])
    assert variance[False] > 1.5 * variance[True]


@pytest.mark.parametrize("threshold", [0.0, 0.2, 0.5, 0.8, 1.0])
def test_the_threshold_is_the_share_of_background(rng, threshold):
    images = [rng.normal(0, 1 + z, (128, 160)).astype(np.float32) for z in range(3)]
    n_all = 3 * (128 - 31) * (160 - 31)
    shares = {}
    for select_background in (True, False):
        region = region_of_interest(
            enumerate(images),
            select_background=select_background,
            **(OPTIONS | {"roi_threshold": threshold}),
        )
        assert region.n_corners > 0
        shares[select_background] = region.n_corners / n_all
    assert shares[True] == pytest.approx(threshold, abs=0.06)
    assert shares[False] == pytest.approx(1 - threshold, abs=0.06)


@pytest.mark.parametrize("scale_factor", [1.0, 0.5, 0.25, 0.1, 0.01])
@pytest.mark.parametrize("shape", [(32, 32), (33, 47), (40, 200), (101, 64)])
def test_every_shape_and_scale(rng, shape, scale_factor):
    image = rng.normal(0, 1, shape).astype(np.float32)
    options = OPTIONS | {"scale_factor": scale_factor}
    n_corners = (shape[0] - 31, shape[1] - 31)
    maps = [
        _corner_map(region_of_interest([(0, image)], select_background=one, **options), n_corners)
        for one in (True, False)
    ]
    assert all(one.max() == 1 for one in maps)
    assert ((maps[0] + maps[1]) >= 1).all()
    reduced = structure_map(image, scale_factor)
    assert reduced.dtype == np.float32
    assert min(reduced.shape) >= 1
    assert np.isfinite(reduced).all()


@pytest.mark.parametrize("select_background", [True, False])
def test_in_flat_images_everything_is_allowed(select_background):
    images = [(number, np.full((64, 64), 3.0, np.float32)) for number in (2, 5)]
    region = region_of_interest(images, select_background=select_background, **OPTIONS)
    assert region.n_corners == 2 * 33 * 33
    assert set(region.rectangles[:, 0]) == {2, 5}


def test_slices_smaller_than_a_patch_have_no_place(rng):
    images = [(0, rng.normal(0, 1, (20, 64))), (1, rng.normal(0, 1, (64, 64)))]
    region = region_of_interest(images, select_background=True, **OPTIONS)
    assert set(region.rectangles[:, 0]) == {1}
    assert region_of_interest(images[:1], select_background=True, **OPTIONS).n_corners == 0


def test_a_stack_takes_seconds_at_most(rng):
    stack = rng.normal(0, 1, (30, 512, 512)).astype(np.float32)
    start = time.perf_counter()
    region_of_interest(enumerate(stack), select_background=True, **OPTIONS)
    assert time.perf_counter() - start < 10
