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
from autoStructN2V.datasets.images.tiff.history import is_result_of as is_tiff_result_of
from autoStructN2V.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from autoStructN2V.datasets.images.sources import FileSource, ImageSource


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
    if format_ not in (ZARR, MRC):
        return is_tiff_result_of(path, source, history)
    try:
        result = format_.open(Location(path), Choices("2D"))
    except InputError:
        return False
    is_like = math.prod(result.shape) == math.prod(source.shape)
    return is_like and (_is_zarr if format_ is ZARR else _is_mrc)(result, history)


def _is_zarr(result: FileSource, history: dict[str, object]) -> bool:
    wanted = json.loads(json.dumps(history, default=str))
    found = made_by(result.path)
    return {k: v for k, v in found.items() if k != "version"} == {
        k: v for k, v in wanted.items() if k != "version"
    }


def _is_mrc(result: FileSource, history: dict[str, object]) -> bool:
    header = result.metadata.own["header"]
    return history_label(history) in bytes(header["label"].tobytes())  # type: ignore[index]
