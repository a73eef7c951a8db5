"""Files in all formats, made by the writers of other programs."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import h5py
import mrcfile
import ngff_zarr
import numpy as np
import tifffile
import zarr

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

STACK = np.random.default_rng(0).integers(0, 1000, (5, 30, 40)).astype(np.uint16)
SCALE_UM = (2.0, 0.5, 0.25)


def write_tiff(path: Path, stack: NDArray[Any]) -> Path:
    tifffile.imwrite(path, stack, photometric="minisblack")
    return path


def write_mrc(path: Path, stack: NDArray[Any]) -> Path:
    with np.errstate(invalid="ignore"), warnings.catch_warnings(), mrcfile.new(path) as mrc:
        warnings.simplefilter("ignore")  # mean of what is not finite
        mrc.set_data(stack)
        mrc.voxel_size = tuple(1e4 * size for size in reversed(SCALE_UM))
    return path


def write_hdf5(path: Path, stack: NDArray[Any]) -> Path:
    with h5py.File(path, "w") as file:
        file.create_dataset("raw", data=stack, chunks=(2, *stack.shape[1:]), compression="gzip")
        file["raw"].attrs["element_size_um"] = SCALE_UM
    return path


def write_plain_zarr(path: Path, stack: NDArray[Any]) -> Path:
    zarr.create_array(str(path), data=stack, chunks=(2, *stack.shape[1:]))
    return path


def write_ome_zarr(
    path: Path, stack: NDArray[Any], dims: str = "zyx", version: str = "0.5", **stated: Any
) -> Path:
    sizes = dict(zip("zyx", SCALE_UM, strict=True))
    image = ngff_zarr.to_ngff_image(
        stack,
        dims=list(dims),
        scale={dim: sizes.get(dim, 1.0) for dim in dims if dim != "c"} | stated.pop("scale", {}),
        axes_units={dim: "micrometer" for dim in dims if dim in sizes} | stated.pop("units", {}),
        **{"name": "cells", **stated},
    )
    ngff_zarr.to_ngff_zarr(
        str(path), ngff_zarr.to_multiscales(image, scale_factors=[2]), version=version
    )
    return path


WRITERS: dict[str, Callable[[Path, NDArray[Any]], Path]] = {
    ".tif": write_tiff,
    ".mrc": write_mrc,
    ".h5": write_hdf5,
    ".zarr": write_plain_zarr,
    ".ome.zarr": write_ome_zarr,
}
"""By the ending of the file; a new format that can be written by a test joins here."""
