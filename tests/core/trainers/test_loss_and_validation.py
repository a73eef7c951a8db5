"""The loss sees hidden centers alone, and validation is not won by copying the noise."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from autoStructN2V.datasets import ArraySource, PatchRegion, estimate_normalization, load_patch_bank
from autoStructN2V.masking.kernels.kernel import Kernel
from autoStructN2V.masking.noise.autocorrelation import Autocorrelation
from autoStructN2V.masking.placement import KernelPlacer, Placement
from autoStructN2V.masking.recorruption import NoiseSampler
from autoStructN2V.symmetry import SYMMETRIES
from autoStructN2V.trainers import StageConfig, masked_squared_error
from autoStructN2V.trainers.batches import BatchSource, MaskedBatch
from autoStructN2V.trainers.validation import MaskedValidation

CPU = torch.device("cpu")
CONFIG = StageConfig(patch_size=16, num_layers=1, features=8, mask_percentage=10)
PIXEL = Kernel.center_only()
LINE = Kernel.from_array(np.ones((1, 5), bool))


def bank_of(stack, mode="2D"):
    sources = [ArraySource(stack)]
    return load_patch_bank(sources, estimate_normalization(sources), mode, CPU, 2**30)


def whole(bank, patch_size=16):
    rows = [(i, 0, h - patch_size, 0, w - patch_size) for i, (h, w) in bank.shapes.items()]
    return PatchRegion(np.array(rows))


def batches(stack, kernel, seed=0, mode="2D", **fields):
    bank = bank_of(stack, mode)
    generator = torch.Generator().manual_seed(seed)
    config = CONFIG.model_copy(update=fields)
    return BatchSource(bank, whole(bank), kernel, config, generator)


def white(shape=(4, 64, 64), seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def test_the_loss_equals_brute_force():
    placement = KernelPlacer(LINE, 16, 20.0, CPU)(5, torch.Generator().manual_seed(0))
    prediction, noisy = torch.randn(5, 1, 16, 16), torch.randn(5, 1, 16, 16)
    batch = MaskedBatch(noisy, noisy, placement)
    squared = [
        float(prediction[b, 0].flatten()[t] - noisy[b, 0].flatten()[t]) ** 2
        for b in range(5)
        for t in placement.targets[b][placement.valid[b]]
    ]
    loss = masked_squared_error(prediction, batch)
    assert loss.item() == pytest.approx(np.mean(squared), rel=1e-5)


def test_only_targets_matter_to_the_loss():
    batch = batches(white(), LINE).draw(4)
    prediction = torch.randn(4, 1, 16, 16, requires_grad=True)
    masked_squared_error(prediction, batch).backward()
    touched = torch.nonzero(prediction.grad.flatten(1))
    expected = {
        (b, int(t)) for b in range(4) for t in batch.placement.targets[b][batch.placement.valid[b]]
    }
    assert {tuple(place) for place in touched.tolist()} == expected


def test_a_batch_without_targets_has_no_loss():
    nothing = Placement(
        torch.zeros((2, 3), dtype=torch.long),
        torch.zeros((2, 3), dtype=torch.bool),
        torch.zeros((2, 1, 8, 8), dtype=torch.bool),
    )
    image = torch.randn(2, 1, 8, 8)
    assert masked_squared_error(image + 1, MaskedBatch(image, image, nothing)).item() == 0


@pytest.mark.parametrize("strategy", [0, 1, 2])
def test_the_identity_loses_against_the_mean(strategy):
    """On white noise the best guess is the mean; a network that copies its input must lose."""
    bank = bank_of(white())
    config = CONFIG.model_copy(update={"masking_strategy": strategy, "patch_size": 32})
    validation = MaskedValidation(bank, whole(bank, 32), PIXEL, config, seed=0)

    class Mean(torch.nn.Module):
        def forward(self, x):
            return torch.zeros_like(x)

    of_identity, of_mean = validation.loss(torch.nn.Identity()), validation.loss(Mean())
    assert of_mean == pytest.approx(1, abs=0.15)
    if strategy == 1:  # hidden pixels are zero, so that copying them is guessing the mean
        assert of_identity == pytest.approx(of_mean)
    else:
        assert of_identity > 1.05 * of_mean


def test_with_a_kernel_copying_the_correlated_neighbors_does_not_win_either():
    """The left neighbor shares the noise of a line; the kernel hides it, a pixel does not."""
    noise = np.random.default_rng(0).normal(size=(6, 64, 64)).astype(np.float32)
    bank = bank_of(ndimage.uniform_filter1d(noise, 5, axis=2))  # correlation 0.8 at one pixel

    class LeftNeighbor(torch.nn.Module):
        def forward(self, x):
            return torch.roll(x, 1, dims=-1)

    under_pixel, under_line = (
        MaskedValidation(bank, whole(bank), kernel, CONFIG, seed=0).loss(LeftNeighbor())
        for kernel in (PIXEL, Kernel.from_array(np.ones((1, 11), bool)))
    )
    assert under_line > 2 * under_pixel


def test_the_noise_of_validated_pixels_is_that_at_their_brightness():
    """The left half is darker than the mean and validated: its noise counts."""
    images = np.where(np.arange(64) < 32, -1.0, 1.0) * np.ones((2, 64, 64))
    bank = bank_of(images.astype(np.float32))
    zeros = np.zeros((1, 5, 5))
    values = zeros.copy()
    values[0, 2, 2] = 1.0
    noise = Autocorrelation(values, zeros, values, 0.5, 100, 2.0, variance_slope=0.5)
    sampler = NoiseSampler(noise, None, (0.0, 1.0), 16, torch.device("cpu"))
    config = CONFIG.model_copy(update={"patch_size": 16})
    left = PatchRegion(np.array([(z, 0, 48, 0, 16) for z in range(2)]))
    validation = MaskedValidation(bank, left, PIXEL, config, seed=0)
    assert validation.noise_variance(sampler) == pytest.approx(2.0 * (1.0 - 0.5), rel=0.01)


def test_validation_is_fixed_and_depends_on_its_seed():
    bank = bank_of(white())
    network = torch.nn.Identity()
    losses = [
        MaskedValidation(bank, whole(bank), PIXEL, CONFIG, seed).loss(network) for seed in (1, 1, 2)
    ]
    assert losses[0] == losses[1] != losses[2]
    validation = MaskedValidation(bank, whole(bank), PIXEL, CONFIG, 1)
    assert validation.loss(network) == validation.loss(network)


def test_every_batch_has_new_patches_and_new_blind_spots():
    source = batches(white(), PIXEL)
    first, second = source.draw(4), source.draw(4)
    assert not torch.equal(first.noisy, second.noisy)
    patterns = {h.numpy().tobytes() for b in (first, second) for h in b.placement.hidden}
    assert len(patterns) == 8


@pytest.mark.parametrize("mode", ["2D", "2.5D"])
def test_hidden_pixels_differ_and_visible_ones_are_as_measured(mode):
    kernel = LINE if mode == "2D" else Kernel.from_array([LINE.middle] * 3)
    batch = batches(white(), kernel, mode=mode).draw(4)
    center = batch.seen.shape[1] // 2
    changed = batch.seen[:, center] != batch.noisy[:, 0]
    assert torch.equal(changed, batch.placement.hidden[:, center])


def test_parts_are_the_batch():
    batch = batches(white(), LINE).draw(5)
    parts = list(batch.parts(2))
    assert [len(part.seen) for part in parts] == [2, 2, 1]
    assert torch.equal(torch.cat([part.seen for part in parts]), batch.seen)
    assert torch.equal(
        torch.cat([part.placement.targets for part in parts]), batch.placement.targets
    )


def direction(patches):
    """Return how much stronger patches vary along y than along x."""
    along_y = patches.diff(dim=-2).square().mean()
    along_x = patches.diff(dim=-1).square().mean()
    return float(along_y / along_x)


def test_horizontal_noise_stays_under_a_horizontal_kernel():
    rng = np.random.default_rng(0)
    lines = np.repeat(rng.standard_normal((4, 64, 1)), 64, axis=2).astype(np.float32)
    lines += 0.1 * rng.standard_normal(lines.shape).astype(np.float32)
    source = batches(lines, LINE, use_augmentation=True)
    assert min(direction(source.draw(1).noisy) for _ in range(40)) > 10
    under_pixel = batches(lines, PIXEL, use_augmentation=True)
    directions = [direction(under_pixel.draw(1).noisy) for _ in range(40)]
    assert min(directions) < 0.1, "a single pixel allows all turns"
    assert max(directions) > 10


@pytest.mark.parametrize(
    ("kernel", "n_turns"),
    [(PIXEL, 8), (LINE, 4), (Kernel([np.eye(3)]), 4), (Kernel([[[0, 0, 1, 1, 1]]]), 2)],
)
@pytest.mark.parametrize("use_augmentation", [False, True])
def test_only_symmetries_of_the_kernel_turn_patches(kernel, n_turns, use_augmentation):
    image = white((1, 16, 16))
    source = batches(image, kernel, use_augmentation=use_augmentation)
    seen = {patch.numpy().tobytes() for patch in source.draw(200).noisy}
    original = bank_of(image).image(0)
    possible = {np.ascontiguousarray(s(original)).tobytes() for s in SYMMETRIES}
    assert seen <= possible
    assert len(seen) == (n_turns if use_augmentation else 1)
