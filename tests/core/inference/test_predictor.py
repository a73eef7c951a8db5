"""Prediction of stacks: every slice, in input units, in bounded memory, however small that is."""

import weakref

import numpy as np
import pytest
import torch

from autoStructN2V.datasets import ArraySource, Normalization
from autoStructN2V.errors import DeviceError
from autoStructN2V.inference import Predictor, Previewer, SliceFinished, TileFinished
from autoStructN2V.inference.predictor import _SMALLEST_WINDOW
from autoStructN2V.masking import SYMMETRIES
from autoStructN2V.models import NetworkConfig
from autoStructN2V.trainers import build_network
from tests.core.conftest import threads

STATISTICS = Normalization(1000, 50, 900, 1100, 1000, 30, 10)
OUT_OF_MEMORY = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes"),
    RuntimeError("MPS backend out of memory (MPS allocated: 17 GB)"),
]


class CountingSource(ArraySource):
    """A stack that counts how often each slice is read."""

    def __init__(self, stack):
        super().__init__(stack)
        self.n_reads = [0] * len(stack)

    def read_slice(self, z):
        self.n_reads[z] += 1
        return super().read_slice(z)


def stack(n_slices=4, shape=(40, 37)):
    rng = np.random.default_rng(0)
    return (1000 + 50 * rng.standard_normal((n_slices, *shape))).astype(np.float32)


def network(mode="2D", num_layers=1):
    return build_network(
        NetworkConfig(features=8, num_layers=num_layers), 3 if mode == "2.5D" else 1, 0
    ).eval()


def denoised(predictor, source):
    images = [e for e in predictor.denoise(source) if isinstance(e, SliceFinished)]
    assert [e.index for e in images] == list(range(source.shape[0]))
    return np.stack([e.image for e in images])


def untiled(net, noisy, mode):
    """Return what the formula says, without any of the code under test."""
    normal = torch.from_numpy((noisy - 1000) / 50)
    last = len(normal) - 1
    with torch.inference_mode():
        slices = []
        for z in range(len(normal)):
            below, above = (1 if z == 0 else z - 1), (last - 1 if z == last else z + 1)
            seen = [below, z, above] if mode == "2.5D" else [z]
            slices.append(net(normal[seen][None])[0, 0].numpy() * 50 + 1000)
    return np.stack(slices)


@pytest.mark.parametrize("mode", ["2D", "2.5D"])
@pytest.mark.parametrize("n_slices", [2, 3, 6])
@pytest.mark.parametrize("max_window", [None, 1])
def test_every_slice_comes_out_in_input_units(mode, n_slices, max_window):
    net, noisy = network(mode), stack(n_slices)
    result = denoised(Predictor(net, STATISTICS, mode, max_window), ArraySource(noisy))
    assert result.dtype == np.float32
    assert np.allclose(result, untiled(net, noisy, mode), rtol=1e-5)


@pytest.mark.parametrize("mode", ["2D", "2.5D"])
def test_slices_are_read_once_and_few_are_held(mode):
    source = CountingSource(stack(9))
    predictor = Predictor(network(mode), STATISTICS, mode)
    for event in predictor.denoise(source):
        if isinstance(event, SliceFinished):
            assert sum(source.n_reads) <= event.index + 2
    assert source.n_reads == [1] * 9


@pytest.mark.parametrize(("mode", "n_held"), [("2D", 1), ("2.5D", 3)])
def test_no_more_slices_than_the_network_sees_are_held(mode, n_held, monkeypatch):
    held, convert = weakref.WeakSet(), torch.from_numpy

    def tracked(array):
        tensor = convert(array)
        held.add(tensor)
        return tensor

    monkeypatch.setattr(torch, "from_numpy", tracked)
    events = Predictor(network(mode), STATISTICS, mode).denoise(ArraySource(stack(9)))
    assert max(len(held) for event in events if isinstance(event, TileFinished)) == n_held


def test_progress_counts_every_tile():
    source = ArraySource(stack(3, (90, 90)))
    predictor = Predictor(network(), STATISTICS, "2D", max_window=2000)
    tiles = [e for e in predictor.denoise(source) if isinstance(e, TileFinished)]
    assert [e.n_done for e in tiles] == list(range(1, predictor.n_tiles(source) + 1))
    assert {e.n_tiles for e in tiles} == {predictor.n_tiles(source)}
    assert predictor.n_tiles(source) > 3


@pytest.mark.parametrize("mode", ["2D", "2.5D"])
@pytest.mark.parametrize("max_window", [None, 1])
def test_orientations_are_averaged(mode, max_window):
    net, noisy = network(mode), stack(3, (40, 28))
    source = ArraySource(noisy)
    predictor = Predictor(net, STATISTICS, mode, max_window, symmetries=SYMMETRIES)
    each = [s.undo(untiled(net, s(noisy).copy(), mode)) for s in SYMMETRIES]
    assert np.allclose(denoised(predictor, source), np.mean(each, axis=0), rtol=1e-5)
    assert not np.allclose(each[0], each[1], rtol=1e-5)


def test_progress_counts_the_tiles_of_every_orientation():
    source = ArraySource(stack(2, (90, 170)))
    predictor = Predictor(network(), STATISTICS, "2D", max_window=2000, symmetries=SYMMETRIES)
    tiles = [e for e in predictor.denoise(source) if isinstance(e, TileFinished)]
    assert [e.n_done for e in tiles] == list(range(1, predictor.n_tiles(source) + 1))


@pytest.mark.parametrize("after", [0, 1, 5])
def test_stop_ends_the_work_at_once(after):
    seen = []
    predictor = Predictor(network(), STATISTICS, "2D", max_window=2000)
    source = ArraySource(stack(3, (90, 90)))
    for event in predictor.denoise(source, lambda: len(seen) >= after):
        seen.append(event)
    assert len(seen) == after


def limited(net, limit, error):
    """Let a network run out of memory on windows of ``limit`` pixels or more."""
    calls = []

    def forward(x):
        calls.append(x.shape[-1] * x.shape[-2])
        if calls[-1] >= limit:
            raise error
        return type(net).forward(net, x)

    net.forward = forward
    return calls


@pytest.mark.parametrize(
    ("error", "limit"),
    [
        *((error, 60_000) for error in OUT_OF_MEMORY),
        *((OUT_OF_MEMORY[0], n) for n in (30_000, 18_000)),
    ],
)
def test_out_of_memory_shrinks_the_tiles_and_changes_nothing_else(error, limit):
    net, noisy = network(num_layers=2), stack(2, (300, 280))
    expected = untiled(net, noisy, "2D")
    calls = limited(net, limit, error)
    predictor = Predictor(net, STATISTICS, "2D")
    source = ArraySource(noisy)
    events = list(predictor.denoise(source))
    result = np.stack([e.image for e in events if isinstance(e, SliceFinished)])
    assert np.allclose(result, expected, rtol=1e-5)
    tiles = [e for e in events if isinstance(e, TileFinished)]
    assert [e.n_done for e in tiles] == list(range(1, tiles[-1].n_tiles + 1)), "progress went wrong"
    failures = [size for size in calls if size >= limit]
    assert len(failures) <= 4, "it should remember what is too large"


def test_tiles_planned_before_the_shortage_are_split_one_by_one():
    """With many tiles per slice each one is too large; the limit must not shrink with each."""
    net, noisy = network(), stack(1, (600, 600))
    expected = untiled(net, noisy, "2D")
    limited(net, 40_000, OUT_OF_MEMORY[0])
    predictor = Predictor(net, STATISTICS, "2D", max_window=70_000)
    assert len(predictor.tiles((600, 600))) > 4
    assert np.allclose(denoised(predictor, ArraySource(noisy)), expected, rtol=1e-5)


def test_hopeless_shortage_is_one_sentence():
    net = network()
    limited(net, 1, OUT_OF_MEMORY[0])
    with pytest.raises(DeviceError, match="does not suffice to denoise even small tiles; close"):
        denoised(Predictor(net, STATISTICS, "2D"), ArraySource(stack(1, (300, 300))))


def test_the_smallest_window_is_reached_before_giving_up():
    net = network()
    calls = limited(net, 1, OUT_OF_MEMORY[0])
    with pytest.raises(DeviceError):
        denoised(Predictor(net, STATISTICS, "2D"), ArraySource(stack(1, (400, 400))))
    assert min(calls) <= _SMALLEST_WINDOW


def test_other_errors_are_not_mistaken_for_a_shortage():
    net = network()
    limited(net, 1, RuntimeError("something else"))
    with pytest.raises(RuntimeError, match="something else"):
        denoised(Predictor(net, STATISTICS, "2D"), ArraySource(stack(1)))


@pytest.mark.parametrize("mode", ["2D", "2.5D"])
def test_a_preview_is_the_denoised_slice(mode):
    net, noisy = network(mode), stack(5)
    source = ArraySource(noisy)
    expected = untiled(net, noisy, mode)
    for asked, shown in ((0, 0), (3, 3), (99, 4), (-5, 0)):
        index, image = Previewer([source], STATISTICS, mode, lambda z=asked: z).denoise(net)
        assert index == shown
        assert np.allclose(image, expected[shown], rtol=1e-5)


@pytest.mark.parametrize("mode", ["2D", "2.5D"])
def test_a_preview_counts_slices_through_all_stacks(mode):
    net, first, second = network(mode), stack(5), stack(4)[::-1] + 1
    sources = [ArraySource(first), ArraySource(second)]
    expected = [*untiled(net, first, mode), *untiled(net, second, mode)]
    for asked, shown in ((4, 4), (5, 5), (99, 8)):
        index, image = Previewer(sources, STATISTICS, mode, lambda z=asked: z).denoise(net)
        assert index == shown
        assert np.allclose(image, expected[shown], rtol=1e-5)


@pytest.mark.parametrize("mode", ["2D", "2.5D"])
def test_the_number_of_threads_changes_no_pixel(mode):
    source = ArraySource(stack(5, (150, 140)))
    predictor = Predictor(network(mode), STATISTICS, mode, 100**2, symmetries=SYMMETRIES)
    results = []
    for n_threads in (1, 2, 3):
        with threads(n_threads):
            results.append(denoised(predictor, source))
    assert all(np.array_equal(result, results[0]) for result in results)


def test_a_stop_inside_a_tile_ends_it_and_leaves_no_hook_behind():
    net = network()
    asked = iter([False] * 3)
    predictor = Predictor(net, STATISTICS, "2D")
    source = ArraySource(stack(1, (64, 64)))
    events = list(predictor.denoise(source, lambda: next(asked, True)))
    assert events == []
    assert not any(module._forward_pre_hooks for module in net.modules())
    assert predictor.denoise_slice(source, 0, lambda: True) is None
    assert predictor.denoise_slice(source, 0).shape == (64, 64)
