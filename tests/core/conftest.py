"""Small noisy images and configurations that train in a second, shared by the tests."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
import torch

from autoStructN2V.datasets.normalization import estimate_normalization
from autoStructN2V.inference.trained_model import TrainedModel
from autoStructN2V.masking.kernels.kernel import Kernel
from autoStructN2V.masking.noise import measuring
from autoStructN2V.models.config import NetworkConfig
from autoStructN2V.pipeline.configuration.presets import merged
from autoStructN2V.trainers.trainer import build_network

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

# every stage as small as its bounds allow
TINY_STAGE: dict[str, Any] = {
    "features": 8,
    "num_layers": 1,
    "patch_size": 16,
    "batch_size": 2,
    "steps_per_epoch": 2,
    "learning_rate": 1e-3,
}
TINY: dict[str, Any] = {
    "preset": "documented",
    "num_epochs": 1,
    "device": "cpu",
    "n2v": TINY_STAGE,
    "stage1": {**TINY_STAGE, "use_roi": False},
    "stage2": TINY_STAGE,
}
TINY_WORDS = [
    *("--device", "cpu", "--preset", "documented", "--set", "num_epochs=1"),
    *(
        word
        for stage in ("n2v", "stage1", "stage2")
        for name, value in TINY_STAGE.items()
        for word in ("--set", f"{stage}.{name}={value}")
    ),
]


@contextmanager
def threads(n: int) -> Iterator[None]:
    """Let PyTorch use ``n`` threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(n)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Networks this small are slower on more threads."""
    with threads(1):
        yield


MEASURED: dict[bytes, Any] = {}
"""Noise measurements of this session by their input; clear it to have them made anew."""


@pytest.fixture(autouse=True)
def _measure_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same images are measured in many tests, at a second or more each."""
    measure = measuring.measure_cleaned

    def remembered(stacks: Sequence[NDArray[Any]], patterns: Any, **options: Any) -> Any:
        shapes = [array.shape for array in stacks]
        key = hashlib.sha256(repr((shapes, tuple(patterns), sorted(options.items()))).encode())
        for array in stacks:
            key.update(np.ascontiguousarray(array).tobytes())
        if key.digest() not in MEASURED:
            MEASURED[key.digest()] = measure(stacks, patterns, **options)
        return MEASURED[key.digest()]

    monkeypatch.setattr(measuring, "measure_cleaned", remembered)


def tiny(over: Mapping[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """Return a configuration that trains in a second, changed by ``over`` and ``fields``."""
    return merged(merged(TINY, over or {}), fields)


def noisy_lines(
    shape: tuple[int, int, int] = (3, 48, 48), seed: int = 0, spread: int = 5
) -> NDArray[np.float32]:
    """Return smooth waves with white noise and noise that is shared along lines, (z, y, x)."""
    rng = np.random.default_rng(seed)
    z, y, x = np.indices(shape)
    clean = np.sin(x / 9 + 0.1 * z) + np.cos(y / 7)
    white = rng.normal(0, 0.2, shape)
    wide = rng.normal(0, 1, (*shape[:2], shape[2] + spread - 1))
    windows = np.lib.stride_tricks.sliding_window_view(wide, spread, axis=2)
    return (clean + white + 0.3 * windows.mean(axis=-1) * spread**0.5).astype(np.float32)


def horizontal(length: int = 5) -> Kernel:
    """Return a kernel of one horizontal line."""
    return Kernel.from_array(np.ones((1, length), bool))


def untrained(source: Any, mode: str = "2D") -> TrainedModel:
    """Return a model of random weights, which changes images nevertheless."""
    settings = NetworkConfig(features=8, num_layers=1)
    n_channels = 3 if mode == "2.5D" else 1
    weights = build_network(settings, n_channels, seed=0).state_dict()
    kernel = Kernel.center_only(n_channels) if mode == "2.5D" else Kernel.center_only()
    seen = estimate_normalization([source])
    told = {"remove_periodic": True, "repair_outliers": True, "align_rows": True}
    return TrainedModel(settings, weights, seen, mode, "n2v", 1, kernel, told)


def write_tiff(path: Path, image: NDArray[Any], axes: str | None = None, **options: Any) -> Path:
    """Write a TIFF, as ImageJ does unless told otherwise, and return its path."""
    metadata = {"axes": axes or "ZYX"[-image.ndim :]}
    tifffile.imwrite(path, image, imagej=options.pop("imagej", True), metadata=metadata, **options)
    return path


def written_files(folder: Path) -> dict[Path, bytes]:
    """Return all files below a folder, hidden ones too, with their content."""
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def lines_tiff(tmp_path: Path) -> Path:
    """Return a float32 stack of three slices with horizontal noise, as a file."""
    return write_tiff(tmp_path / "noisy.tif", noisy_lines())
