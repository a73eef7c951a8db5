"""Whether a file is the finished result of an image, whatever its format."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

from autoStructN2V.datasets.images.formats.location import Location
from autoStructN2V.datasets.images.formats.mrc.writing import history_label
from autoStructN2V.datasets.images.formats.ome_zarr.writing import made_by
from autoStructN2V.datasets.images.formats.opening import Choices
from autoStructN2V.datasets.images.formats.registry import MRC, ZARR, result_format
from autoStructN2V.datasets.images.tiff.history import told_by_tiff
from autoStructN2V.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from autoStructN2V.datasets.images.formats.file_source import FileSource
    from autoStructN2V.datasets.images.sources import ImageSource


def is_result_of(path: Path, source: ImageSource, history: dict[str, object]) -> bool:
    """Tell whether a file is the result of an image, made as a history says.

    A result appears under its name when it is complete, so one that says so of itself is finished.

    Parameters
    ----------
    path : Path
        Any file.
    source : ImageSource
        Image whose result it would be.
    history : dict
        How the result would be made, as :class:`StackWriter` writes it.
    """
    format_ = result_format(path)
    n_pixels = math.prod(source.shape)
    wanted = json.loads(json.dumps(history, default=str))
    if format_ not in (ZARR, MRC):
        n_stored, told = told_by_tiff(path)
        return n_stored == n_pixels and wanted in told
    try:
        result = format_.open(Location(path), Choices("2D"))
    except InputError:
        return False
    is_told = _is_zarr(result, wanted) if format_ is ZARR else _is_mrc(result, history)
    return is_told and math.prod(result.shape) == n_pixels


def _is_zarr(result: FileSource, wanted: dict[str, object]) -> bool:
    found = made_by(result.path)
    return {k: v for k, v in found.items() if k != "version"} == {
        k: v for k, v in wanted.items() if k != "version"
    }


def _is_mrc(result: FileSource, history: dict[str, object]) -> bool:
    header = result.metadata.own["header"]
    return history_label(history) in bytes(header["label"].tobytes())  # type: ignore[index]
