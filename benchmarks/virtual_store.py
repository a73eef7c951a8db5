"""Stores of any size that take little room, and a model to apply to them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr

from autoStructN2V.datasets import make_sample, open_images
from autoStructN2V.datasets.normalization import estimate_normalization
from autoStructN2V.masking.kernels.kernel import Kernel
from autoStructN2V.models.config import NetworkConfig
from autoStructN2V.trainers import TrainedModel, build_network, save_model

if TYPE_CHECKING:
    from pathlib import Path

N_PICTURES = 12
BYTES_OF_PIXEL = 2


def make_store(path: Path, n_slices: int, side: int) -> Path:
    """Make a store (z, y, x) of uint16 that repeats a dozen noisy slices.

    Chunks are not compressed, and those that repeat are further names of the same files: to whoever
    reads it, it has its full size.

    Parameters
    ----------
    path : Path
        Folder to make.
    n_slices, side : int
        Slices, and pixels along the rows and columns of each.
    """
    array: Any = zarr.create_array(
        store=str(path),
        shape=(n_slices, side, side),
        chunks=(1, side, side),
        dtype="uint16",
        compressors=None,
        dimension_names=["z", "y", "x"],
    )
    small = make_sample("horizontal_lines", shape=(N_PICTURES, 256, 256), seed=0).noisy
    small = 1000.0 + 200.0 * (small - small.mean()) / small.std()
    rng = np.random.default_rng(0)
    n_tiles = -(-side // 256)
    for z in range(min(N_PICTURES, n_slices)):
        whole = np.tile(small[z], (n_tiles, n_tiles))[:side, :side]
        array[z] = (whole + rng.normal(0, 40, whole.shape)).clip(0).astype(np.uint16)
    for z in range(N_PICTURES, n_slices):
        chunk = path / "c" / str(z) / "0" / "0"
        chunk.parent.mkdir(parents=True)
        os.link(path / "c" / str(z % N_PICTURES) / "0" / "0", chunk)
    return path


def slices_of(gigabytes: float, side: int) -> int:
    """Return how many slices such a store has."""
    return max(1, round(gigabytes * 1e9 / (BYTES_OF_PIXEL * side * side)))


def make_model(path: Path, store: Path, features: int = 8, num_layers: int = 1) -> Path:
    """Write a model with random weights: as fast as a trained one, and as large."""
    config = NetworkConfig(features=features, num_layers=num_layers)
    (source,) = open_images(store, mode="2D")
    statistics = estimate_normalization([source])
    weights = build_network(config, 1, seed=0).state_dict()
    kernel = Kernel.center_only()
    save_model(path, TrainedModel(config, weights, statistics, "2D", "n2v", 1, kernel))
    return path
