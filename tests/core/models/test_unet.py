"""The network: any image size, a true bound on how far it sees, and reproducible weights."""

import pytest
import torch

from autoStructN2V.models import FlexibleUNet, NetworkConfig
from autoStructN2V.trainers import build_network

UPSAMPLING = [
    {"upsampling_mode": "bilinear"},
    {"upsampling_mode": "nearest"},
    {"upsampling_mode": "bicubic"},
    {"use_resize_conv": False},
]


def network(num_layers=2, in_channels=1, **config):
    settings = NetworkConfig(features=8, num_layers=num_layers, **config)
    return build_network(settings, in_channels, seed=0).eval()


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (7, 5), (16, 16), (33, 17), (64, 31)])
@pytest.mark.parametrize("in_channels", [1, 3])
def test_any_size_comes_out_as_it_went_in(size, in_channels):
    with torch.inference_mode():
        prediction = network(3, in_channels)(torch.randn(2, in_channels, *size))
    assert prediction.shape == (2, 1, *size)
    assert prediction.isfinite().all()


@pytest.mark.parametrize("upsampling", UPSAMPLING, ids=str)
@pytest.mark.parametrize("num_layers", [1, 2])
def test_no_pixel_beyond_the_receptive_radius_matters(num_layers, upsampling):
    net = network(num_layers, **upsampling).double()
    size = 2 * net.receptive_radius + 2 * net.stride
    farthest = 0
    for offset in range(net.stride):  # the reach differs with the place on the coarse grid
        image = torch.randn(1, 1, size, size, dtype=torch.double, requires_grad=True)
        center = size // 2 + offset
        net(image)[0, 0, center, center].backward()
        distances = (torch.nonzero(image.grad[0, 0]) - center).abs()
        farthest = max(farthest, int(distances.max()))
    assert net.receptive_radius >= farthest
    assert net.receptive_radius <= 1.4 * farthest + 2, "the halo wastes time"


@pytest.mark.parametrize("upsampling", UPSAMPLING, ids=str)
@pytest.mark.parametrize("num_layers", [3, 4, 5])
def test_the_radius_also_bounds_deeper_networks(num_layers, upsampling):
    """On a strip of one coarse cell, because a whole image of this size would take long."""
    net = network(num_layers, **upsampling)
    length = 2 * net.receptive_radius + 4 * net.stride
    strip = torch.randn(1, 1, net.stride, length)
    for changed_at in (length // 2, length // 2 + net.stride // 2, length // 2 + net.stride - 1):
        changed = strip.clone()
        changed[..., changed_at] += 100
        with torch.inference_mode():
            difference = (net(strip) - net(changed)).abs().amax((0, 1, 2))
        reached = torch.nonzero(difference > 0).flatten() - changed_at
        assert reached.abs().max() <= net.receptive_radius


def test_neighboring_slices_are_seen_in_2_5d():
    net = network(1, in_channels=3)
    slices = torch.randn(1, 3, 16, 16, requires_grad=True)
    net(slices).sum().backward()
    assert (slices.grad.abs().sum((0, 2, 3)) > 0).all()


def test_only_one_or_three_slices_are_possible():
    with pytest.raises(ValueError, match="in_channels is 2"):
        FlexibleUNet(NetworkConfig(features=8), in_channels=2)


def test_same_seed_same_weights_without_touching_global_randomness():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first, second, other = (
        build_network(NetworkConfig(features=8), 1, seed).state_dict() for seed in (1, 1, 2)
    )
    assert torch.equal(torch.rand(3), expected)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_resize_convolution_equals_enlarging_first():
    """A 1 x 1 convolution commutes with the interpolation: the cheap order loses nothing."""
    net = network(1)
    up = net.upsampling[0]
    x = torch.randn(1, up.conv.in_channels, 6, 7)
    enlarged = torch.nn.functional.interpolate(x, scale_factor=2, mode="bilinear")
    with torch.inference_mode():
        assert torch.allclose(up(x), up.conv(enlarged), atol=1e-5)
