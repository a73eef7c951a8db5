"""Images of any size are got to know in a bounded number of their slices."""

import numpy as np
import pytest
import torch

from autoStructN2V import memory, sampling
from autoStructN2V.datasets import ArraySource
from autoStructN2V.datasets.images.checks import check_each
from autoStructN2V.datasets.normalization import estimate_normalization
from autoStructN2V.datasets.patches import load_patch_bank
from autoStructN2V.datasets.values import require_finite
from autoStructN2V.errors import InputError
from autoStructN2V.masking.invalid.finding import only_signal
from autoStructN2V.pipeline import validate_config
from autoStructN2V.pipeline.files.fingerprint import ImageFingerprint
from autoStructN2V.pipeline.steps.training_data import bank_bytes

CPU = torch.device("cpu")


class _Counted(ArraySource):
    """A stack that counts what is read of it."""

    def __init__(self, array):
        super().__init__(array)
        self.read = []

    def read_slice(self, z):
        self.read.append(z)
        return super().read_slice(z)


@pytest.fixture
def _small_budget(monkeypatch):
    """Let what is read to get to know images be 20 slices of 16 x 16 pixels."""
    for module in ("sampling", "datasets.images.checks"):
        monkeypatch.setattr(f"autoStructN2V.{module}.MOST_PIXELS", 20 * 16 * 16)


def _noise(n_slices, seed=0):
    return np.random.default_rng(seed).normal(100, 10, (n_slices, 16, 16)).astype(np.float32)


@pytest.mark.usefixtures("_small_budget")
@pytest.mark.parametrize("n_slices", [200, 1000])
def test_what_is_read_before_a_training_does_not_grow_with_the_images(n_slices):
    source = _Counted(_noise(n_slices))
    known = only_signal([source])
    check_each(known)
    normalization = estimate_normalization(known)
    ImageFingerprint.of([source])
    load_patch_bank(known, normalization, "2D", CPU, max_bytes=20 * 16 * 16 * 4)
    assert len(set(source.read)) <= 5 * 20
    assert {0, n_slices - 1} <= set(source.read), "spread over the whole"


@pytest.mark.usefixtures("_small_budget")
def test_every_image_of_a_folder_is_looked_at():
    images = [_noise(3, seed) for seed in range(40)]
    images[33][0, 2, 3] = np.inf
    _, refused = check_each([ArraySource(image) for image in images])
    assert list(refused) == [33]


@pytest.mark.usefixtures("_small_budget")
def test_of_constant_slices_it_is_told_how_many_were_looked_at():
    stack = _noise(100)
    stack[40:60] = 7.0
    notes, _ = check_each([ArraySource(stack)])
    assert any("4 of 20 slices of image that were looked at are constant" in n for n in notes)


def test_what_was_not_looked_at_is_refused_where_it_is_used():
    image = _noise(1)[0]
    assert require_finite(image, "cells", 5) is image
    image[3, 4] = np.inf
    with pytest.raises(InputError, match="cells has 1 infinite values, the first in slice 5"):
        require_finite(image, "cells", 5)


def test_the_memory_for_pixels_is_a_share_of_what_is_free(monkeypatch):
    place = "autoStructN2V.pipeline.steps.training_data.free_bytes"
    for free, wanted in ((2**40, 2**30), (2**31, 2**29), (2**31 - 1, 2**28), (0, 2**26)):
        monkeypatch.setattr(place, lambda free=free: free)
        assert bank_bytes(validate_config({}), CPU) == wanted
    assert bank_bytes(validate_config({"pixel_memory": 3}), CPU) == 3 * 2**30


def test_of_machine_and_job_the_lower_limit_counts(monkeypatch, tmp_path):
    monkeypatch.setattr(memory, "_INFO", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "_GROUPS", tmp_path)
    monkeypatch.setattr(memory, "_OWN_GROUPS", tmp_path / "own")
    (tmp_path / "own").write_text("0::/\n")
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:    8000 kB\n")
    assert memory.free_bytes() == 8000 * 1024
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("1000\n")
    assert memory.free_bytes() == 8000 * 1024
    (tmp_path / "memory.max").write_text("5000\n")
    assert memory.free_bytes() == 4000


def test_as_many_slices_as_can_be_afforded():
    assert sampling.affordable(32, (100, 64, 64)) == 32
    assert sampling.affordable(32, (100, 4096, 4096)) == 8
    assert sampling.affordable(32, (100, 40960, 40960)) == 4
