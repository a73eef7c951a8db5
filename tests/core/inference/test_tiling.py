"""Tiling: cores cover an image once, and tiled prediction equals untiled to float accuracy."""

import numpy as np
import pytest
import torch

from autoStructN2V.inference import plan_tiles
from autoStructN2V.models import NetworkConfig
from autoStructN2V.trainers import build_network

SHAPES = [(1, 1), (3, 200), (97, 101), (64, 64), (130, 33), (33, 130), (150, 151), (7, 9)]
UPSAMPLING = [
    {"upsampling_mode": "bilinear"},
    {"upsampling_mode": "nearest"},
    {"upsampling_mode": "bicubic"},
    {"use_resize_conv": False},
]


@pytest.mark.parametrize("shape", [*SHAPES, (1000, 50), (50, 1000), (2048, 2048)])
@pytest.mark.parametrize(("max_window", "halo", "stride"), [(1, 5, 2), (900, 9, 4), (9000, 30, 8)])
def test_cores_cover_the_image_once_with_context_around(shape, max_window, halo, stride):
    covered = np.zeros(shape, int)
    for tile in plan_tiles(shape, max_window, halo, stride):
        covered[tile.core] += 1
        spans = zip((tile.core_y, tile.core_x), (tile.window_y, tile.window_x), shape, strict=True)
        for core, window, length in spans:
            assert window[0] % stride == 0
            assert window[0] == 0 or window[0] <= core[0] - halo
            assert window[1] == length or window[1] >= core[1] + halo
        size = [s.stop - s.start for s in tile.core_in_window]
        assert size == list(covered[tile.core].shape)
    assert (covered == 1).all()


def test_windows_respect_the_limit_where_the_halo_permits():
    for tile in plan_tiles((3000, 2000), 200_000, 30, 4):
        height, width = (stop - start for start, stop in (tile.window_y, tile.window_x))
        assert height * width <= 1.1 * 200_000


def test_an_image_within_the_limit_is_one_tile():
    assert len(plan_tiles((100, 100), 10_000, 50, 4)) == 1


@pytest.mark.parametrize("upsampling", UPSAMPLING, ids=str)
@pytest.mark.parametrize("num_layers", [1, 2, 3, 4])
@pytest.mark.parametrize("in_channels", [1, 3])
def test_tiled_prediction_equals_untiled(num_layers, upsampling, in_channels):
    config = NetworkConfig(features=8, num_layers=num_layers, **upsampling)
    network = build_network(config, in_channels, seed=num_layers).eval()
    generator = torch.Generator().manual_seed(0)
    # the halo of a deep network is larger than small images: one larger shape has real tiles
    side = 2 * network.receptive_radius + 3 * network.stride + 1
    shapes = [(47, 33), (side, 21)] if num_layers > 2 else [*SHAPES, (side, side + 2)]
    for shape in shapes:
        image = torch.randn((1, in_channels, *shape), generator=generator)
        with torch.inference_mode():
            untiled = network(image)[0, 0]
            tiled = torch.full(shape, torch.nan)
            for tile in plan_tiles(shape, 1, network.receptive_radius, network.stride):
                window = network(image[(..., *tile.window)])[0, 0]
                tiled[tile.core] = window[tile.core_in_window]
        scale = untiled.abs().max()
        assert torch.allclose(tiled, untiled, rtol=0, atol=1e-5 * float(scale)), shape
